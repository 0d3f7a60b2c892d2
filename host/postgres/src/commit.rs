//! The one place that sends COMMIT, and says what became of it.
//!
//! # Nothing runs after the last check
//!
//! After the last check and the last write the transaction becomes read-only, and then commits. PostgreSQL 16 never
//! lets one that has taken a snapshot go back, so a deferred trigger that defers itself again, or the query of a cursor
//! `WITH HOLD`, fails in the commit if it writes, and the commit with it. Earlier versions do go back, by `set_config`.
//! So there, no work of a guest may be pending: the tables that were written to and have deferrable triggers are
//! altered in a way that changes nothing, which the server refuses while any are. The lock is proven in the message of
//! the commit, since a migration may end the session that holds it; and each transaction of a run has a second, shared
//! key, by which the next run finds it after it was renamed.
//!
//! A statement without a transaction commits by itself and can run code, such as an index over a function that lies
//! about being immutable. What it did to the tool's tables is compared and reported, not prevented; so nothing runs
//! this way that could run otherwise.
//!
//! Rejected: `SET CONSTRAINTS ALL IMMEDIATE` until nothing changes, since a trigger can count the rounds; a guard
//! trigger on the history, since we do not control the order in which triggers fire; running a `CALL` again without a
//! transaction after `2D000`, which would give every procedure the weaker protection.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection};

use crate::error::{CANCELED, READ_ONLY, Result, denied, from_sqlx, is_lost, lost, of_pooler};
use crate::host_sql::{answers, simple, text_of};
use crate::settings::OURS;
use crate::verdict::{Verdict, explain};
use runner_database::{Committed, DatabaseError};

/// How long a rollback may take before the connection is considered lost; the server rolls back a lost connection by
/// itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often what has to end or reset a session is tried against a statement timeout of the migration, which may be a millisecond.
pub(crate) const ATTEMPTS: u32 = 10;

/// The row that shows that the transaction before is committed.
const COMMITTED: &str = "runner:committed";

/// What one message does and commits.
pub(crate) struct Unit {
    statements: String,
    by_guest: bool,
    reset: String,
}

/// What became of a [`Unit`].
pub(crate) enum Outcome {
    /// The server has committed it.
    Committed(Answers),
    /// The server did not reach the COMMIT, and has rolled back.
    RolledBack(DatabaseError),
    /// Whether it is committed is unknown, or the session can no longer be used: only another one can find out.
    Unanswered(DatabaseError),
}

/// What the server has answered to a unit that is committed.
pub(crate) struct Answers {
    /// The rows of each of its statements.
    pub(crate) rows: Vec<Vec<PgRow>>,
    /// What was to be reset after the commit is.
    pub(crate) is_reset: bool,
}

impl Unit {
    /// Statements of the host, each followed by `; `: what opens the transaction, if it is not open yet, changes, and what fails where
    /// they must not be committed.
    pub(crate) fn new(statements: impl Into<String>) -> Self {
        Self { statements: statements.into(), by_guest: false, reset: String::new() }
    }

    /// Statements after which code of a guest may run in the commit itself: such as a trigger that has deferred itself again, or the
    /// query of a cursor that outlives the transaction. It can read but not write any more: a transaction that has become read-only
    /// stays so. A savepoint must not be set any more, since what is set after it would end with it, before the commit.
    pub(crate) fn of_guest(statements: impl Into<String>) -> Self {
        Self { by_guest: true, ..Self::new(statements) }
    }

    /// The same, with statements that reset the session in a transaction after the commit: what a guest has set for it is gone before
    /// anything else runs there.
    pub(crate) fn then(self, reset: String) -> Self {
        Self { reset, ..self }
    }

    /// The message.
    pub(crate) fn text(&self) -> String {
        let Self { statements, by_guest, reset } = self;
        let seal = if *by_guest { "SET TRANSACTION READ ONLY; " } else { "" };
        let ended = |text: String| text + "COMMIT";
        let reset = match reset.as_str() {
            "" => String::new(),
            reset => ended(format!("; BEGIN; SELECT '{COMMITTED}'; {reset}; ")),
        };
        ended(format!("{statements}{seal}")) + &reset
    }

    /// Sends it; an error may leave the transaction open.
    pub(crate) async fn send(&self, connection: &mut PgConnection) -> Result<Answers> {
        let (rows, done) = answers(connection, &self.text()).await;
        let is_committed = || rows.iter().flatten().any(|row: &PgRow| text_of(row, 0).as_deref() == Some(COMMITTED));
        match done {
            Err(error) if self.reset.is_empty() || !is_committed() => Err(self.explain(explain(error))),
            done => Ok(Answers { rows, is_reset: done.is_ok() }),
        }
    }

    /// Sends it, and rolls back what the server does not commit.
    pub(crate) async fn commit(&self, connection: &mut PgConnection) -> Outcome {
        let sent = self.send(connection).await;
        outcome(connection, sent).await
    }

    /// Explains the error of a migration that would write in the commit.
    fn explain(&self, error: DatabaseError) -> DatabaseError {
        if !self.by_guest || error.code != READ_ONLY {
            return error;
        }
        denied("the migration would write while its transaction commits, after the last check")
            .detail(error.message)
            .hint(
                "let deferred triggers end their work when they run: without `SET CONSTRAINTS … DEFERRED` in their functions; and let \
                 no cursor `WITH HOLD` call a function that writes",
            )
    }
}

/// What became of a unit that was sent, after a rollback of what was not committed: before its COMMIT, the message may have met the
/// statement timeout of the migration, or the end of the lease.
pub(crate) async fn outcome(connection: &mut PgConnection, sent: Result<Answers>) -> Outcome {
    match sent {
        Ok(answers) => Outcome::Committed(answers),
        Err(error) if is_lost(&error) => Outcome::Unanswered(error),
        Err(error) => match roll_back(connection).await {
            Ok(()) => Outcome::RolledBack(error),
            // A pooler that cannot serve may say so only now.
            Err(back) if of_pooler(&back.code, &back.message).is_some() => Outcome::Unanswered(back),
            Err(_) => Outcome::Unanswered(error),
        },
    }
}

impl Answers {
    /// The last row of all.
    pub(crate) fn last(&self) -> Option<&PgRow> {
        self.rows.iter().flatten().last()
    }
}

impl From<Outcome> for Committed {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Committed(_) => Self::Yes,
            Outcome::RolledBack(error) => Self::No(error),
            Outcome::Unanswered(error) => Self::Unanswered(error),
        }
    }
}

impl Outcome {
    /// The answers of a unit that is committed.
    pub(crate) fn committed(self) -> Result<Answers> {
        match self {
            Self::Committed(answers) => Ok(answers),
            Self::RolledBack(error) | Self::Unanswered(error) => Err(error),
        }
    }
}

/// Rolls back; an error says that the server may not have done so. The statement timeout of a migration counts for this, too, until the session is reset:
/// what it cancels is tried again.
pub(crate) async fn roll_back(connection: &mut PgConnection) -> Result<()> {
    let ended = tokio::time::timeout(PATIENCE, async {
        drop_prepared(connection).await?;
        let mut more = 1..ATTEMPTS;
        loop {
            match simple(connection, "ROLLBACK").await {
                Err(error) if error.code == CANCELED && more.next().is_some() => {}
                ended => return ended,
            }
        }
    });
    ended.await.unwrap_or_else(|_| Err(lost("the server does not answer a ROLLBACK")))
}

/// Closes the statements that sqlx has prepared: behind a pooler, the session may be a different one after the
/// transaction.
pub(crate) async fn drop_prepared(connection: &mut PgConnection) -> Result<()> {
    if connection.cached_statements_size() == 0 {
        return Ok(());
    }
    connection.clear_cached_statements().await.map_err(|error| from_sqlx(&error, None))
}

/// Statements that run what a guest has deferred, as the commit would. After them, the session has our role and path. `asks`: whether
/// they fail where code of a guest is still to run.
pub(crate) fn run_deferred(asks: bool) -> String {
    format!("SET CONSTRAINTS ALL IMMEDIATE; {OURS}{}", if asks { nothing_pending() } else { String::new() })
}

/// Fails where code of a guest is still to run in the commit: a trigger that has deferred itself again, or the query of a cursor that
/// outlives the transaction. Before PostgreSQL 16, such code could make a read-only transaction write again, by
/// `set_config('transaction_read_only', NULL, true)`.
///
/// Only the server says that triggers are pending, when a table is altered; the column does not exist, so nothing is.
/// What is deferred has run before, so nothing is pending in an honest migration. Foreign keys are left out: their
/// checks lock rows, which a read-only transaction refuses before it calls anything.
fn nothing_pending() -> String {
    let table = Verdict::Pending.answer(&["pg_catalog.concat('the table `', late, '`')"]);
    let cursor = Verdict::Pending.answer(&["'a cursor `WITH HOLD`'"]);
    format!(
        "DO $$ DECLARE late pg_catalog.text; BEGIN \
    FOR late IN SELECT DISTINCT l.relation::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_locks l \
            JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) l.relation \
        WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND t.tgdeferrable \
            AND l.mode OPERATOR(pg_catalog.<>) ALL (ARRAY['AccessShareLock', 'RowShareLock']) \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k \
                WHERE k.oid OPERATOR(pg_catalog.=) t.tgconstraint AND k.contype OPERATOR(pg_catalog.=) 'f') \
    LOOP BEGIN EXECUTE pg_catalog.format('ALTER TABLE %s ALTER \"runner:none\" SET STATISTICS -1', late); \
        EXCEPTION WHEN undefined_column THEN NULL; \
            WHEN object_in_use OR insufficient_privilege THEN RAISE '%', {table}; \
        END; END LOOP; \
    IF EXISTS (SELECT FROM pg_catalog.pg_cursors c WHERE c.is_holdable \
            AND c.creation_time OPERATOR(pg_catalog.>=) pg_catalog.now()) \
        THEN RAISE '%', {cursor}; END IF; END $$; "
    )
}
