//! The session of a component's own login: its transactions, and how the host writes in them through the gate.

use std::sync::Arc;

use sqlx::{Executor as _, Row as _};

use super::super::PostgresDatabase;
use super::super::error::from_sqlx;
use super::super::formats::Formats;
use super::super::record::{LITERALS, is_ours};
use super::super::rights::check_propagation;
use super::super::schema::literal;
use super::super::scope::{rows, simple, text_of};
use super::super::settings::{anew, in_new_settings, prologue_of};
pub(super) use super::super::speech::without_place as without_the_gate;
use super::super::tool_tables::Fingerprint;
use super::super::transaction::{Transaction, commit, explain_aborted};
use super::wanted::{quote, rights_on_new};
use runner_data::{RowSet, Value};
use runner_database::logins::Secret;
use runner_database::logins::refusals::{check_statement, of_gate};
use runner_database::{DatabaseError, Dialect, Grants, Part, QueryLimits, SchemaChange, ToolChange};
use runner_sql::Isolation;
use runner_sql::classify::{StatementClass, classify, identifiers};

/// What makes a session one of a component's own login.
pub(crate) struct Gated {
    /// What the gate knows the session by.
    token: Secret,
    /// The schemas in which the host looks names up.
    search_path: String,
    /// The cursors through which the host has read.
    reads: u64,
    /// The login.
    pub(super) login: String,
    /// What its component is granted.
    pub(super) grants: Arc<Grants>,
}

const OPEN: &str = "SELECT runner_gate.open($1)";
// Bound texts are in the encoding of the session as well; bytes are in none.
const WRITE: &str = "SELECT runner_gate.write($1, pg_catalog.convert_from($2, 'UTF8'))";
const READ: &str =
    "SELECT runner_gate.read($1, pg_catalog.convert_from($2, 'UTF8'), pg_catalog.convert_from($3, 'UTF8'))";
const SEAL: &str = "SELECT runner_gate.seal($1)";
const FINISH: &str = "SELECT runner_gate.finish($1)";

/// What a component under grants may say. The login may do no more; this gives the better error, and leaves out what
/// the connection could not continue after, such as `COPY`.
const MAY_SAY: [&str; 10] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH", "EXPLAIN", "SHOW"];

/// Refuses a statement of a component under grants that is neither a query nor a change of rows; otherwise returns its class. Which rows is
/// for the rights of its login.
pub(crate) fn check(statement: &str) -> Result<StatementClass, DatabaseError> {
    check_statement(statement, Dialect::Postgres, &MAY_SAY).map_err(|error| {
        error.hint("it may read and change rows; tables and indexes change by calls of `schema`, and everything else by a migration in SQL")
    })?;
    check_propagation(&identifiers(statement, Dialect::Postgres))?;
    Ok(classify(statement, Dialect::Postgres))
}

impl Gated {
    pub(super) fn new(token: Secret, search_path: String, login: String, grants: Arc<Grants>) -> Self {
        Self { token, search_path, reads: 0, login, grants }
    }

    /// The expression that sets the search path of a transaction.
    pub(crate) fn set_path(&self) -> String {
        format!("pg_catalog.set_config('search_path', {}, true)", literal(&self.search_path))
    }
}

impl PostgresDatabase {
    /// Whether this is the session of a component's own login.
    pub(crate) fn is_gated(&self) -> bool {
        self.gated.is_some()
    }

    /// Opens a transaction, and the gate in it.
    pub(super) async fn begin_gated_now(
        &mut self,
        part: Option<Part>,
        isolation: Option<Isolation>,
    ) -> Result<(), DatabaseError> {
        self.check_free()?;
        let path = self.gated.as_ref().map_or_else(|| "NULL".to_owned(), Gated::set_path);
        let also = self.at_work(&format!("pg_catalog.pg_current_xact_id()::pg_catalog.text, {path}"));
        let begin = prologue_of(part, isolation, (&self.own, Formats::Fixed), ["", &also]);
        let Some(xid) = self.open(&in_new_settings(&begin, self.locked_for.as_ref())).await? else {
            self.roll_back().await;
            return Err(super::super::error::lost("the server does not say which transaction it began"));
        };
        self.transaction = Some(Transaction::new(xid));
        self.types.unguard();
        self.busy = true;
        let opened = self.pass(OPEN, &[]).await;
        self.busy = false;
        self.note_loss(&opened);
        if let Err(error) = opened {
            self.transaction = None;
            self.roll_back().await;
            return Err(error);
        }
        Ok(())
    }

    /// Proves that the open transaction is the one that was begun, and commits it. `proof`: a statement that fails unless the run
    /// still holds its lock.
    pub(super) async fn commit_gated_now(&mut self, proof: &str) -> Result<(), DatabaseError> {
        let Some(transaction) = self.transaction.take() else { return Err(DatabaseError::no_transaction("commit")) };
        self.forget_statements();
        self.check_usable()?;
        self.busy = true;
        let xid = transaction.xid.clone();
        let sealed = self.seal(transaction, proof).await;
        if let Err(error) = sealed {
            self.note_loss::<()>(&Err(error.clone()));
            self.roll_back().await;
            return Err(super::super::record::ours(error, None));
        }
        let committed = commit(&mut self.connection, "").await;
        self.leave_committed(committed, xid).await
    }

    async fn seal(&mut self, mut transaction: Transaction, proof: &str) -> Result<(), DatabaseError> {
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        self.drop_prepared().await?;
        let ours = is_ours(&transaction.xid);
        let path = self.gated.as_ref().map_or_else(|| "NULL".to_owned(), Gated::set_path);
        let anew = anew(&self.own, self.locked_for.as_ref());
        let (later, release) = (&transaction.later, transaction.release());
        let look = if transaction.script_speaks { self.endpoint.place().fingerprint.as_str() } else { "" };
        let text = format!("{ours}{later}{release}{anew}SELECT {path}; {look}");
        let now = rows(&mut self.connection, &text).await?;
        if transaction.script_speaks {
            transaction.turn(false, Fingerprint::of(now.last()));
        }
        self.pass(SEAL, &[]).await?;
        // Deferred triggers of the application run with the rights of the login or of their owners, before the last check.
        let text = format!("{0}; SET CONSTRAINTS ALL IMMEDIATE; {proof}{ours}{0}", self.endpoint.place().fingerprint);
        let now = rows(&mut self.connection, &text).await?;
        transaction.tampered.map_or(Ok(()), Err)?;
        Fingerprint::of(now.first()).compare(&Fingerprint::of(now.last()))?;
        self.pass(FINISH, &[]).await.map(drop)
    }

    /// Makes changes to the tool's tables in the open transaction.
    pub(super) async fn change_gated_now(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        let text = self.text_of(changes)?;
        self.write_text(&text).await.map(drop).map_err(|error| super::super::record::ours(error, None))
    }

    /// Runs a statement of the host about its own tables.
    pub(crate) async fn execute_gated(&mut self, statement: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let text = LITERALS.fill(statement, values)?;
        self.write_text(&text).await
    }

    /// Changes the schema as the owner of the gate, who then owns what is created, and gives the login the rights that its
    /// component is granted there.
    pub(crate) async fn change_schema_gated(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        let Some((grants, login)) = self.gated.as_ref().map(|gated| (Arc::clone(&gated.grants), gated.login.clone()))
        else {
            return Err(DatabaseError::invalid("this session has no gate"));
        };
        grants.check_change(change, &self.facts)?;
        let schema = self.schema_of_names();
        // The functions of the gate look names up nowhere.
        let change = change.in_schema(&schema);
        let statement = change.statement(Dialect::Postgres)?;
        self.check_index(&change).await?;
        let rights = rights_on_new(&grants, &change, &schema);
        let role = quote(&login);
        let mut text = statement.clone();
        rights.iter().for_each(|right| text.push_str(&format!("; GRANT {right} TO {role}")));
        let scope = self.enter_for().await?;
        let (watch, limit) = (self.watch(), self.own.limit(self.rights, self.endpoint.settings()));
        let done = watch.run_within(limit, self.pass(WRITE, &[&text])).await;
        let settled = self.settle(&scope, &statement).await;
        self.leave(scope, done.map_err(without_the_gate).and(settled)).await
    }

    /// Runs a text as the owner of the gate.
    pub(crate) async fn write_text(&mut self, text: &str) -> Result<u64, DatabaseError> {
        let scope = self.enter_for().await?;
        let written = self.pass(WRITE, &[text]).await;
        self.leave(scope, written).await
    }

    /// Reads the tool's own tables: the gate opens a cursor as their owner.
    pub(crate) async fn query_gated(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let text = LITERALS.fill(statement, values)?;
        let number = self.gated.as_mut().map_or(0, |gated| {
            gated.reads += 1;
            gated.reads
        });
        let cursor = format!("runner_read_{number}");
        let scope = self.enter_for().await?;
        let read = async {
            self.pass(READ, &[&cursor, &text]).await?;
            let fetch = format!("FETCH ALL FROM {cursor}");
            let (connection, types) = ((&mut self.connection, &self.meter), &mut self.types);
            let found = super::super::statement::query(connection, types, &fetch, &[], limits).await?;
            simple(&mut self.connection, &format!("CLOSE {cursor}")).await.map(|()| found)
        };
        let read = read.await;
        self.leave(scope, read).await
    }

    /// Proves that the component has left nothing behind, without an end of the transaction: what the proof changes has to be rolled
    /// back to a savepoint.
    pub(crate) async fn seal_for_now(&mut self) -> Result<(), DatabaseError> {
        self.pass(SEAL, &[]).await.map(drop)
    }

    /// Calls a function of the gate. The token is a bound parameter, and so are the bytes of the texts.
    async fn pass(&mut self, call: &'static str, texts: &[&str]) -> Result<u64, DatabaseError> {
        let Some(gated) = &self.gated else { return Err(DatabaseError::invalid("this session has no gate")) };
        let mut query = sqlx::query(call).persistent(false).bind(gated.token.reveal());
        for text in texts {
            query = query.bind(text.as_bytes());
        }
        let row = self.connection.fetch_one(query).await.map_err(|error| of_gate(from_sqlx(&error, None)))?;
        let count = if call == WRITE { row.try_get::<i64, _>(0).unwrap_or_default() } else { 0 };
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Locks the table of a transform against writers, as the owner of the gate, if the login may change rows of it. `ask`: the query for
    /// what there is to hold, with qualified names, and whether it may.
    pub(crate) async fn hold_gated(&mut self, ask: &str) -> Result<(), DatabaseError> {
        let scope = self.enter(None).await?;
        let found = rows(&mut self.connection, ask).await;
        let found = self.leave(scope, found).await?;
        let may_change = |row: &&sqlx::postgres::PgRow| text_of(row, 2).as_deref() == Some("t");
        let tables: Vec<String> = found.iter().filter(may_change).filter_map(|row| text_of(row, 1)).collect();
        if tables.is_empty() {
            return Ok(());
        }
        self.write_text(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_are_read_and_changed() {
        for fine in
            ["SELECT 1", "/* a */ (SELECT 1)", "with x AS (SELECT 1) SELECT * FROM x", "merge INTO t USING s ON true"]
        {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for denied in [
            "CREATE TABLE t ()",
            "DO $$ BEGIN END $$",
            "-- a\nCOMMIT",
            "ALTER ROLE a",
            "",
            "COPY t TO STDOUT",
            "NOTIFY a",
        ] {
            assert!(check(denied).is_err(), "{denied}");
        }
    }

    #[test]
    fn values_are_spelled_so_that_they_cannot_end_early() {
        let values = [Value::Text("it's \\".to_owned()), Value::Int64(-1), Value::Bytes(vec![0, 39]), Value::Null];
        let text = LITERALS.fill("UPDATE t SET a = $1, b = 1 -$2, c = $3, d = $4, e = '$1'", &values).expect("a text");
        assert_eq!(
            text,
            "UPDATE t SET a = pg_catalog.convert_from(pg_catalog.decode('69742773205c', 'hex'), \
             'UTF8'::pg_catalog.text::pg_catalog.name), b = 1 -(-1), c = pg_catalog.decode('0027', 'hex'), d = NULL, e = '$1'"
        );
        assert!(LITERALS.fill("SELECT $2", &values[..1]).is_err());
        assert!(LITERALS.fill("SELECT 1; SELECT 2", &[]).is_err());
    }
}
