//! The one transaction of a migration, with a savepoint that proves it is still the same transaction; and the
//! session, which is replaced after each migration.
//!
//! `RELEASE SAVEPOINT` only finds the name while the transaction of `begin` exists; `COMMIT AND CHAIN` does not fool
//! it. It is checked at the commit, after every statement that could have ended the transaction (`CALL`, `EXECUTE`,
//! `DO`, `SET`), and after every failure, since a deadlock ends it too. Outside of a transaction such statements are
//! followed by `COMMIT` and `SET autocommit = 1`, so that nothing that they left open captures the journal. There are
//! no deferred constraints; what `foreign_key_checks = 0` lets pass is never checked again.

use super::lease::is_of_lease;
use super::lock::Lost;
use super::node::run_patiently;
use super::record::COMMIT;
use super::tool_tables::Picture;
use super::{MysqlDatabase, session};
use runner_base::random;
use runner_database::error::{ENDED, NOT_UNDONE, RAN};
use runner_database::lease::lost;
use runner_database::message::TAKES_PART;
use runner_database::{Claims, DatabaseError, DatabaseErrorKind, Part, TransactionOptions};
use runner_sql::Isolation;

/// A transaction that `begin` opened.
pub(super) struct Transaction {
    /// The savepoint that lasts as long as the transaction; its name cannot be guessed.
    pub proof: String,
    /// The tool tables before the first statement of a script, or after the host's last statement.
    pub tool_tables: Option<Picture>,
    /// The transaction was found to be over, for example after a deadlock: further statements would autocommit.
    pub is_over: bool,
    /// Each statement sees what was committed before it.
    pub is_by_statement: bool,
}

impl Transaction {
    /// A transaction that was just begun with this savepoint, and with this isolation or the session's.
    pub fn new(proof: String, isolation: Option<Isolation>) -> Self {
        let is_by_statement = isolation.is_some_and(Isolation::is_by_statement);
        Self { proof, tool_tables: None, is_over: false, is_by_statement }
    }
}

/// Before the statement that begins a transaction; the session's own level is `REPEATABLE READ`.
pub(super) fn isolate(isolation: Option<Isolation>) -> String {
    isolation.map_or_else(String::new, |level| format!("SET TRANSACTION ISOLATION LEVEL {}; ", level.name()))
}

/// Begins a transaction with a savepoint.
pub(super) fn begin(proof: &str) -> String {
    format!("START TRANSACTION; SAVEPOINT {proof}")
}

/// A server's answer if there is no savepoint with that name.
pub(super) const NO_SAVEPOINT: &str = "1305";

impl MysqlDatabase {
    pub(super) async fn begin_now(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        // Where the tool's tables are watched, the view of them stays the same: what is stricter than asked for serves as well.
        let is_loose = options.isolation.is_some_and(Isolation::is_by_statement);
        if is_loose && self.programs_reach_tool_tables().await? {
            return self.begin_at(None).await;
        }
        self.begin_at(options.isolation).await
    }

    /// A chunk locks the rows that it reads. If its transaction also locked the gaps between them, as it does by
    /// default, it would wait for the worker of the next chunk. But a statement-based binary log requires exactly
    /// that; and where anything names the tool tables, they are watched, which needs a consistent view of them.
    pub(super) async fn begin_part_now(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.renew_if_due().await?;
        let is_watched = part != Part::Claim && self.programs_reach_tool_tables().await?;
        if self.server.logs_statements || is_watched {
            self.begin_at(None).await?;
            return Ok(Claims::Apart);
        }
        self.begin_at(Some(Isolation::ReadCommitted)).await?;
        Ok(self.claims())
    }

    /// Whether a chunk's transaction that sees what others have committed meanwhile claims the next one: only where it need not
    /// wait for another worker's claim, since it holds its own chunk.
    pub(super) fn claims(&self) -> Claims {
        if self.server.facts.skips_locked { Claims::Within } else { Claims::Apart }
    }

    async fn begin_at(&mut self, isolation: Option<Isolation>) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.check_writable()?;
        self.renew_if_due().await?;
        let proof = random_name();
        let clean = self.guard.take_cleaning();
        let held = self.proof_of_lock() + &self.proof_of_lease();
        let begun = format!("{clean}{held}{}{}", isolate(isolation), begin(&proof));
        if let Err(error) = run_patiently(&mut self.connection, &begun).await {
            return Err(self.unheld(error).await);
        }
        self.transaction = Some(Transaction::new(proof, isolation));
        Ok(())
    }

    /// Fails where no transaction that writes can be opened.
    pub(super) fn check_writable(&self) -> Result<(), DatabaseError> {
        self.watch.check_stop()?;
        if !self.server.facts.read_only {
            return Ok(());
        }
        Err(DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            "the server does not take changes: it, or the session, is read-only",
        )
        .hint("give the URL of the primary server, or look at `read_only` and `transaction_read_only` on this one"))
    }

    pub(super) async fn commit_now(&mut self) -> Result<(), DatabaseError> {
        self.close_statements();
        let Some(Transaction { proof, is_over, .. }) = self.transaction.take() else {
            return Err(DatabaseError::no_transaction("commit"));
        };
        if is_over {
            return Err(ended(None));
        }
        if let Err(error) = self.commit_fenced(&proof).await {
            if error.kind != DatabaseErrorKind::Connection {
                // For example, a cluster found a conflict: none of the changes are kept, and no transaction may stay
                // open.
                let _ = session::run(&mut self.connection, "ROLLBACK AND NO CHAIN NO RELEASE".to_owned()).await;
            }
            return Err(if error.code == NO_SAVEPOINT { ended(None) } else { error });
        }
        Ok(())
    }

    /// The proof of the transaction and the fence are in the message of the commit, so that nothing waits for a process that is stopped
    /// in between.
    async fn commit_fenced(&mut self, proof: &str) -> Result<(), DatabaseError> {
        let fence = self.fence()?;
        let commit = self.on_node(format!("RELEASE SAVEPOINT {proof}; {fence}{COMMIT}"));
        let committed = session::all(&mut self.connection, commit).await;
        committed.map(drop).map_err(|error| if is_of_lease(&error) { lost() } else { error })
    }

    /// MySQL and MariaDB check each row at once; nothing is deferred to the commit.
    pub(super) async fn check_constraints_now(&mut self) -> Result<(), DatabaseError> {
        match self.transaction {
            Some(_) => Ok(()),
            None => Err(DatabaseError::no_transaction("check")),
        }
    }

    pub(super) async fn rollback_now(&mut self) -> Result<(), DatabaseError> {
        self.close_statements();
        if self.transaction.take().is_none() || self.watch.has_ended() {
            // The server rolls back the transaction of a session that is over.
            return Ok(());
        }
        let rollback = "ROLLBACK AND NO CHAIN NO RELEASE; SHOW WARNINGS";
        match session::all(&mut self.connection, rollback).await {
            Ok(warnings) if warnings.iter().any(|row| session::text(row, 1) == NOT_UNDONE) => {
                // The list of warnings stays until a statement reads a table. If this fails, so does the next
                // statement.
                let _ = session::all(&mut self.connection, "SELECT 1 FROM information_schema.ENGINES LIMIT 0").await;
                Err(DatabaseError::new(
                    DatabaseErrorKind::Other,
                    "some tables keep what was written to them: their storage engine knows no transactions",
                )
                .code(NOT_UNDONE)
                .hint(TAKES_PART))
            }
            // A cluster has rolled it back already.
            Err(error) if error.is_transient() => Ok(()),
            // The server rolls back the transaction of a lost connection.
            Err(error) if error.kind == DatabaseErrorKind::Connection => {
                self.guard.must_renew = true;
                Ok(())
            }
            answer => answer.map(|_| ()),
        }
    }

    /// Whether the savepoint of `begin` still exists. It is released and set again under a new name.
    pub(super) async fn in_transaction_now(&mut self) -> Result<bool, DatabaseError> {
        let Some((renew, next)) = self.renewal() else { return Ok(false) };
        let renewed = session::run(&mut self.connection, renew).await;
        self.renewed(next, renewed).map(|renewed| renewed.is_some())
    }

    /// The statements that do so, and the new name.
    pub(super) fn renewal(&self) -> Option<(String, String)> {
        let transaction = self.transaction.as_ref().filter(|transaction| !transaction.is_over)?;
        let next = random_name();
        Some((self.on_node(format!("RELEASE SAVEPOINT {}; SAVEPOINT {next}", transaction.proof)), next))
    }

    /// What an answer to these statements means; `None` if the savepoint is gone.
    pub(super) fn renewed<T>(
        &mut self,
        next: String,
        answer: Result<T, DatabaseError>,
    ) -> Result<Option<T>, DatabaseError> {
        let Some(transaction) = &mut self.transaction else { return Ok(None) };
        match answer {
            Ok(rows) => {
                transaction.proof = next;
                Ok(Some(rows))
            }
            Err(error) if error.code == NO_SAVEPOINT => {
                transaction.is_over = true;
                Ok(None)
            }
            Err(error) => {
                // A conflict within a cluster: the transaction is rolled back.
                transaction.is_over = error.is_transient();
                Err(error)
            }
        }
    }

    /// Fails if the transaction was found to be over.
    pub(super) fn check_transaction(&self) -> Result<(), DatabaseError> {
        let is_over = |transaction: &Transaction| transaction.is_over || self.watch.has_ended();
        if self.transaction.as_ref().is_some_and(is_over) { Err(ended(None)) } else { Ok(()) }
    }

    /// After a failure, checks whether the server has rolled back the transaction, as it does on deadlocks.
    pub(super) async fn check_after_failure<T>(
        &mut self,
        answer: Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let says_nothing = [DatabaseErrorKind::Connection, DatabaseErrorKind::InvalidArgument];
        let failed = answer.as_ref().is_err_and(|error| !says_nothing.contains(&error.kind));
        if failed && self.transaction.is_some() && !self.watch.has_ended() {
            // If even that fails for another reason, so does whatever comes next.
            if let Err(lost) = self.in_transaction_now().await
                && lost.is_transient()
            {
                return Err(lost);
            }
        }
        answer
    }

    /// Outside a transaction, a new session replaces the old one before the next statement. Inside one, temporary
    /// tables are dropped as far as their names are known, and the session is replaced after the transaction.
    pub(super) async fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        self.close_statements();
        if self.is_gated() {
            return Ok(()); // Its login has none, and the session ends with the component.
        }
        self.guard.end_migration();
        let temporary = std::mem::take(&mut self.guard.temporary);
        if self.transaction.is_some() && !temporary.is_empty() {
            let statement = format!("DROP TEMPORARY TABLE IF EXISTS {}", temporary.join(", "));
            session::run(&mut self.connection, statement).await?;
        }
        self.connection.forget();
        Ok(())
    }

    /// Replaces the session if that is due and would not lose a transaction.
    pub(super) async fn renew_if_due(&mut self) -> Result<(), DatabaseError> {
        let is_due = self.guard.must_renew || self.watch.has_ended();
        if is_due && self.is_gated() {
            // Another session takes its place, with a ticket of its own.
            return Err(super::error::lost("the session of the component has ended"));
        }
        if is_due && self.transaction.is_none() { self.renew(Lost::Refused).await } else { Ok(()) }
    }

    pub(super) async fn reconnect_now(&mut self) -> Result<(), DatabaseError> {
        if self.is_gated() {
            return Err(super::error::lost("the session of the component is lost"));
        }
        if self.is_alive().await {
            return self.prove_lease().await;
        }
        self.close_statements();
        self.transaction = None;
        self.renew(Lost::TakenAgain).await
    }

    async fn is_alive(&mut self) -> bool {
        !self.guard.must_renew
            && !self.watch.has_ended()
            && session::one(&mut self.connection, "SELECT 1").await.is_ok()
    }
}

/// The error of a transaction that is no longer ours. `cause` is the statement's own error, if it had one.
pub(super) fn ended(cause: Option<DatabaseError>) -> DatabaseError {
    let error = DatabaseError::new(
        DatabaseErrorKind::Denied,
        "the transaction of the migration is over: a statement ended it, or the server gave it up after an error",
    )
    // A server that gave it up has rolled it back.
    .code(if cause.as_ref().is_some_and(DatabaseError::is_transient) { RAN } else { ENDED })
    .hint(
        "look into the database for what was committed; statements that change the schema commit, and so may procedures \
         and `EXECUTE`: set `mode = \"stepwise\"` for such a migration",
    );
    match cause {
        Some(cause) => error.detail(cause.to_string()),
        None => error,
    }
}

/// A name that cannot be guessed.
pub(super) fn random_name() -> String {
    format!("runner_{:016x}{:016x}", random::bits(), random::bits())
}
