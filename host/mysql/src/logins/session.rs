//! The session of a component's own login: its transactions, and how the host writes in them through the gate.

use std::collections::HashSet;

use super::super::MysqlDatabase;
use super::super::error::NOT_PREPARABLE;
use super::super::lock::gone;
use super::super::record::{COMMIT, OUT_OF_RANGE};
use super::super::session::{self, LITERALS};
use super::super::transaction::{NO_SAVEPOINT, Transaction, isolate, random_name};
use super::gate::{GATE, named};
use runner_data::{RowSet, Value};
use runner_database::logins::Secret;
use runner_database::logins::refusals::{cannot_run, check_statement, of_gate};
use runner_database::{Claims, DatabaseError, Part, QueryLimits, Role, ToolChange};
use runner_sql::Isolation;

/// What makes a session one of a component's own login.
pub(crate) struct Gated {
    /// What the gate knows the session by.
    token: Secret,
    /// The user lock that lasts as long as the session.
    pub(super) lock: String,
    /// Statements that the server has found to be queries or changes of rows.
    known: HashSet<String>,
}

/// What a component under grants may say. The server is asked too; this only gives the better error.
const MAY_SAY: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "VALUES", "WITH"];

/// How many statements are remembered.
const KNOWN: usize = 256;

/// The server could not read a text.
const UNREADABLE: &str = "1064";

impl Gated {
    pub(super) fn new(token: Secret, lock: String) -> Self {
        Self { token, lock, known: HashSet::new() }
    }
}

impl MysqlDatabase {
    /// Whether this is the session of a component's own login.
    pub(crate) fn is_gated(&self) -> bool {
        self.gated.is_some()
    }

    /// Whether a statement of the host goes through the gate.
    pub(crate) fn passes_gate(&self, statement: &str) -> bool {
        self.is_gated() && self.guard.rights() == Role::Host && super::super::tool_tables::names_tool_table(statement)
    }

    /// Refuses a statement of a component under grants that is neither a query nor a change of rows. The server
    /// decides: it explains nothing else, and reads the whole text before it does anything. A `HANDLER` would return
    /// columns that are not granted, and a change of the schema would commit even where it is refused.
    pub(crate) async fn check_granted(&mut self, statement: &str) -> Result<(), DatabaseError> {
        check_statement(statement, self.server.facts.dialect, &MAY_SAY)?;
        if self.gated.as_ref().is_some_and(|gated| gated.known.contains(statement)) {
            return Ok(());
        }
        let explain = format!("EXPLAIN FORMAT=JSON {statement}");
        if let Err(error) = self.describe_only(&explain).await {
            if [UNREADABLE, NOT_PREPARABLE].contains(&error.code.as_str()) {
                // Its own error, if it is not a statement at all.
                return self.describe_only(statement).await.and_then(|()| Err(cannot_run(statement)));
            }
            if error.code.is_empty() {
                return Err(error);
            }
            // It is one, and fails when it runs.
        }
        if let Some(gated) = &mut self.gated {
            if gated.known.len() >= KNOWN {
                gated.known.clear();
            }
            gated.known.insert(statement.to_owned());
        }
        Ok(())
    }

    /// Begins a transaction of the component. That of a chunk can claim the next one, as in `begin_part_now`: the frontier is read
    /// and moved through the gate, and the key at which the next chunk ends is one that the component may read.
    pub(super) async fn begin_gated_now(
        &mut self,
        part: Option<Part>,
        isolation: Option<Isolation>,
    ) -> Result<Claims, DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.watch.check_stop()?;
        let (isolation, claims) = match part {
            Some(Part::Chunk | Part::LockedChunk) if isolation.is_none() && !self.server.logs_statements => {
                (Some(Isolation::ReadCommitted), self.claims())
            }
            _ => (isolation, Claims::Apart),
        };
        let proof = random_name();
        let text = format!("{}START TRANSACTION READ WRITE; SAVEPOINT {proof}", isolate(isolation));
        session::run(&mut self.connection, text).await?;
        self.transaction = Some(Transaction::new(proof, isolation));
        Ok(claims)
    }

    /// Proves that the open transaction is the one that was begun, and commits it. `proof_of_lock`: a statement that fails unless
    /// the run still holds its lock.
    pub(super) async fn commit_gated_now(&mut self, proof_of_lock: &str) -> Result<(), DatabaseError> {
        self.close_statements();
        let proof = match &self.transaction {
            None => return Err(DatabaseError::no_transaction("commit")),
            Some(transaction) if transaction.is_over || self.watch.has_ended() => {
                return Err(DatabaseError::ended_by_migration());
            }
            Some(transaction) => transaction.proof.clone(),
        };
        // Released first: it exists only while the transaction is the one that was begun.
        let text = self.on_node(format!("RELEASE SAVEPOINT {proof}; {proof_of_lock}{COMMIT}"));
        let watch = self.watch.clone();
        let connection = &mut self.connection;
        match watch.over(async { session::run(connection, text).await }).await {
            Err(error) if error.code == NO_SAVEPOINT => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.is_over = true;
                }
                Err(DatabaseError::ended_by_migration())
            }
            Err(error) if error.code == OUT_OF_RANGE => Err(gone()),
            ended => {
                self.transaction = None;
                ended.map(drop)
            }
        }
    }

    /// Makes changes to the tool's tables in the open transaction.
    pub(super) async fn change_gated_now(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        for change in changes {
            let text = change.spelled(&self.server.facts, &LITERALS)?;
            change.check(self.pass(text).await?)?;
        }
        Ok(())
    }

    /// Runs a statement of the host about its own tables.
    pub(crate) async fn execute_gated(&mut self, statement: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let text = LITERALS.fill(statement, values)?;
        self.pass(text).await
    }

    /// Reads the tool's own tables.
    pub(crate) async fn query_gated(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let text = LITERALS.fill(statement, values)?;
        self.check_transaction()?;
        let (call, values) = self.call(text)?;
        let found = self.query_text(&call, &values, limits).await.map_err(of_gate);
        self.check_after_failure(found).await
    }

    /// Runs a text as the owner of the gate. The token is a bound parameter, and so is the text.
    async fn pass(&mut self, text: String) -> Result<u64, DatabaseError> {
        self.check_transaction()?;
        if text.len() + 1024 > self.server.max_allowed_packet {
            return Err(DatabaseError::new(
                runner_database::DatabaseErrorKind::Limit,
                format!("a record of {} bytes does not fit into a packet of the server", text.len()),
            )
            .hint("raise `max_allowed_packet` on the server"));
        }
        let (call, values) = self.call(text)?;
        let passed = self.execute_text(&call, &values).await.map_err(of_gate);
        self.check_after_failure(passed).await
    }

    fn call(&self, text: String) -> Result<(String, [Value; 2]), DatabaseError> {
        let Some(gated) = &self.gated else { return Err(DatabaseError::invalid("this session has no gate")) };
        let call = format!("CALL {}(?, ?)", named(self.endpoint.database(), GATE));
        Ok((call, [Value::Text(gated.token.reveal().to_owned()), Value::Text(text)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_so_that_they_cannot_end_early() {
        let values = [Value::Text("it's \\ ?".to_owned()), Value::Int64(-1), Value::Bytes(vec![0, 39]), Value::Null];
        let text = LITERALS.fill("UPDATE t SET a = ?, b = 1 -?, c = ?, d = ?, e = '?'", &values).expect("a text");
        assert_eq!(text, "UPDATE t SET a = _utf8mb4 X'69742773205c203f', b = 1 -(-1), c = x'0027', d = NULL, e = '?'");
        assert!(LITERALS.fill("SELECT ?, ?", &values[..1]).is_err(), "a value is missing");
        assert!(LITERALS.fill("SELECT ?", &values[..2]).is_err(), "a value is left");
        assert!(LITERALS.fill("SELECT 1; SELECT 2", &[]).is_err());
    }
}
