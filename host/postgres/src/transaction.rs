//! The one transaction of a migration. PostgreSQL answers the COMMIT of a transaction that an error has ended with a
//! ROLLBACK and no error, and a COMMIT without a transaction with a warning. So each commit is preceded by a check that
//! the transaction is alive and is the one that `begin` opened.
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

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgConnection;

use super::PostgresDatabase;
use super::error::{ABORTED, READ_ONLY, lost};
use super::formats::Formats;
use super::reconnect::Left;
use super::record::ours;
use super::scope::{SAVEPOINT, Voice, backend_of, end, rows, simple, text_of};
use super::search_path::OURS;
use super::settings::{ENCODING, prologue_of};
use super::tool_tables::Fingerprint;
use super::watch::Watch;
use runner_database::{DatabaseError, DatabaseErrorKind, Part, Role};
use runner_sql::Isolation;

/// How long a rollback may take before the connection is considered lost; the server rolls back a lost connection by
/// itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the transaction's id without assigning one.
const WHICH: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text";

/// A transaction that `begin` opened.
pub(super) struct Transaction {
    /// Its id.
    pub(super) xid: String,
    /// The first error that the server returned in it; the transaction accepts no more statements after that.
    pub(super) failed: Option<String>,
    /// The savepoint before the guest's last statement is still set.
    pub(super) savepoint: bool,
    /// The search path is ours, and that of the migration is noted.
    pub(super) pinned: bool,
    /// SQL to run before the next statement, in the same message as what surrounds that statement.
    pub(super) later: String,
    /// Whose statement may have changed settings of the session since the host made them its own.
    pub(super) touched: Option<Role>,
    /// Whose formats it has.
    pub formats: Formats,
    /// The script's timeouts are in force, and the last statement may have been a script's.
    pub(super) script_speaks: bool,
    /// A script has run statements.
    pub(super) had_script: bool,
    /// A component has, which sets nothing for the session that is meant to last.
    pub(super) had_component: bool,
    /// The state of the tool's tables when the script's role began.
    pub(super) before: Option<Fingerprint>,
    /// A script has changed the tool's tables.
    pub(super) tampered: Option<DatabaseError>,
    /// The statements with which a script has set something for its session, which lasts if the transaction commits.
    pub(super) settings: Vec<String>,
}

impl Transaction {
    /// Returns a transaction that has just begun.
    pub(super) fn new(xid: String) -> Self {
        Self {
            xid,
            failed: None,
            savepoint: false,
            pinned: false,
            later: String::new(),
            touched: None,
            formats: Formats::Fixed,
            script_speaks: false,
            had_script: false,
            had_component: false,
            before: None,
            tampered: None,
            settings: Vec::new(),
        }
    }

    /// Returns the statement that releases the savepoint before the guest's last statement, if it is still set.
    pub(super) fn release(&self) -> String {
        if self.savepoint { format!("RELEASE SAVEPOINT {SAVEPOINT}; ") } else { String::new() }
    }

    /// Whether the last to speak was a guest of this role.
    pub(super) fn is_touched_by(&self, role: Role) -> bool {
        self.touched == Some(role)
    }

    /// Records who speaks next. What a component has set remains until the host speaks.
    pub(super) fn note(&mut self, voice: Voice, role: Role) {
        self.had_component |= role == Role::Component;
        match voice {
            Voice::Host => self.touched = None,
            Voice::Guest if self.is_touched_by(Role::Component) => {}
            Voice::Guest => self.touched = Some(role),
        }
    }

    /// Records that another role runs statements from here on, and the current state of the tool's tables.
    pub(super) fn turn(&mut self, is_script: bool, now: Fingerprint) {
        self.compare(&now);
        self.script_speaks = is_script;
        self.had_script |= is_script;
        self.before = is_script.then_some(now);
    }

    fn compare(&mut self, now: &Fingerprint) {
        if let Some(before) = self.before.take()
            && let Err(error) = before.compare(now)
        {
            self.tampered.get_or_insert(error);
        }
    }
}

impl PostgresDatabase {
    pub(super) async fn begin_now(
        &mut self,
        part: Option<Part>,
        isolation: Option<Isolation>,
    ) -> Result<(), DatabaseError> {
        self.check_begin_now().await?;
        // Assigning a transaction id requires a transaction that may write.
        let also = self.at_work("pg_catalog.pg_current_xact_id()::pg_catalog.text");
        let xid = self.open(&prologue_of(part, isolation, (&self.own, Formats::Fixed), ["", &also])).await?;
        match xid {
            Some(xid) => {
                self.transaction = Some(Transaction::new(xid));
                self.types.unguard();
                Ok(())
            }
            None => {
                self.roll_back().await;
                Err(lost("the server does not say which transaction it began"))
            }
        }
    }

    /// Fails if no transaction can be opened: one is open already, the connection is lost, or the run is to stop.
    pub(super) fn check_free(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.check_usable()?;
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Opens a transaction with a text of [`settings`](super::settings). Returns what the text asks for in addition to
    /// the server process.
    pub(super) async fn open(&mut self, prologue: &str) -> Result<Option<String>, DatabaseError> {
        self.busy = true;
        let begun = rows(&mut self.connection, prologue).await;
        self.note_loss(&begun);
        match begun {
            Ok(rows) => {
                self.busy = false;
                self.backend = backend_of(&rows).unwrap_or(self.backend);
                Ok(rows.last().and_then(|row| text_of(row, 1)))
            }
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    pub(super) async fn commit_now(&mut self) -> Result<(), DatabaseError> {
        let Some(transaction) = self.transaction.take() else {
            return Err(DatabaseError::no_transaction("commit"));
        };
        self.forget_statements();
        self.check_usable()?;
        let xid = transaction.xid.clone();
        let (had_script, had_component) = (transaction.had_script, transaction.had_component);
        // In the message of the commit, so that nothing waits for a process that is stopped in between.
        let fence = self.fence()?;
        self.busy = true;
        if let Err(error) = self.prove(transaction).await {
            self.note_loss::<()>(&Err(error.clone()));
            self.roll_back().await;
            return Err(error);
        }
        let committed = match had_script {
            true => self.commit_guest(&fence, had_component).await,
            false => simple(&mut self.connection, &format!("{fence}COMMIT")).await.map_err(|error| ours(error, None)),
        };
        self.leave_committed(committed, xid).await
    }

    /// Commits what a guest did, after these statements of the host.
    pub(super) async fn commit_guest(&mut self, before: &str, is_component: bool) -> Result<(), DatabaseError> {
        let reset = if is_component { self.after_guest(false) } else { String::new() };
        let committed = self.commit_and_reset(&format!("{before}{COMMIT}{reset}")).await;
        committed.map_err(|error| wrote_late(ours(error, None)))
    }

    /// Notes the outcome of a commit. Before its COMMIT, the message may have met the statement timeout of the
    /// migration, or the end of the lease: then the transaction is still open, and is rolled back.
    pub(super) async fn leave_committed(
        &mut self,
        committed: Result<(), DatabaseError>,
        xid: String,
    ) -> Result<(), DatabaseError> {
        self.note_loss(&committed);
        if committed.is_err() && !self.lost {
            self.roll_back().await;
        }
        self.busy = false;
        if self.lost {
            self.left = Some(Left { backend: self.backend, xid: Some(xid) });
        }
        committed
    }

    /// Fails unless the open transaction is the one that `begin` opened, is alive, and can be committed.
    async fn prove(&mut self, mut transaction: Transaction) -> Result<(), DatabaseError> {
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        self.drop_prepared().await?;
        let text = if transaction.had_script {
            // What a script has deferred until the commit must not touch the tool's tables either.
            format!(
                "{ENCODING}{}{}{WHICH}; {3}; {4}{3}; {2}",
                transaction.later,
                transaction.release(),
                self.holds_lock(),
                self.endpoint.place().fingerprint,
                self.run_deferred()
            )
        } else {
            WHICH.to_owned()
        };
        let rows = match rows(&mut self.connection, &text).await {
            Err(error) if error.code == ABORTED => return Err(explain_aborted("an earlier statement failed")),
            other => other.map_err(|error| ours(error, None))?,
        };
        if rows.first().and_then(|row| text_of(row, 0)).as_ref() != Some(&transaction.xid) {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                "the transaction that runner began is over, and nothing more of it can be committed",
            )
            .hint(
                "remove `COMMIT`, `ROLLBACK` and similar statements: runner itself begins and ends the transaction",
            ));
        }
        if let [_, before, after, ..] = &rows[..] {
            let before = Fingerprint::of(Some(before));
            transaction.compare(&before);
            before.compare(&Fingerprint::of(Some(after)))?;
        }
        transaction.tampered.map_or(Ok(()), Err)
    }

    /// Checks the deferred constraints as a commit would, and then undoes the check: they are still deferred
    /// afterwards.
    pub(super) async fn check_constraints_now(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_none() {
            return Err(DatabaseError::no_transaction("check"));
        }
        let rights = std::mem::replace(&mut self.rights, Role::Host);
        let scope = self.enter(None).await;
        self.rights = rights;
        let scope = scope?;
        let watch = self.watch();
        let checked = self.check_deferred(&watch).await;
        let back =
            simple(&mut self.connection, "ROLLBACK TO SAVEPOINT runner_check; RELEASE SAVEPOINT runner_check").await;
        // The error of a failed check has not ended the transaction, because of the savepoint.
        self.leave(scope, back).await.and(checked)
    }

    async fn check_deferred(&mut self, watch: &Watch) -> Result<(), DatabaseError> {
        simple(&mut self.connection, "SAVEPOINT runner_check").await?;
        if self.is_gated() {
            // Until then the gate refuses every end of the transaction, of which this is a trial.
            self.seal_for_now().await?;
        }
        watch.run(simple(&mut self.connection, "SET CONSTRAINTS ALL IMMEDIATE")).await
    }

    pub(super) async fn rollback_now(&mut self) -> Result<(), DatabaseError> {
        self.forget_statements();
        if let Some(transaction) = self.transaction.take() {
            self.busy = true;
            self.roll_back().await;
            if self.lost {
                self.left.get_or_insert(Left { backend: self.backend, xid: Some(transaction.xid) });
            }
            if self.ended.load(Ordering::Acquire) {
                // Where that fails, every further statement says so.
                let _ = self.reconnect_now().await;
            }
        }
        Ok(())
    }

    /// Rolls back. If that fails, gives up the connection, so that the server rolls back by itself.
    pub(super) async fn roll_back(&mut self) {
        if self.check_usable_but_busy().is_err() {
            return;
        }
        let ended = tokio::time::timeout(PATIENCE, async {
            self.drop_prepared().await?;
            end(&mut self.connection).await
        })
        .await;
        self.busy = false;
        self.lost |= !matches!(ended, Ok(Ok(())));
    }

    /// Fails if not even a `ROLLBACK` can be sent.
    fn check_usable_but_busy(&self) -> Result<(), DatabaseError> {
        if self.lost { Err(lost("the connection to the server is lost")) } else { Ok(()) }
    }

    pub(super) async fn in_transaction_now(&mut self) -> Result<bool, DatabaseError> {
        let Some(transaction) = &self.transaction else { return Ok(false) };
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        let xid = transaction.xid.clone();
        self.check_usable()?;
        self.busy = true;
        let found = rows(&mut self.connection, WHICH).await;
        self.busy = false;
        self.note_loss(&found);
        Ok(found?.first().and_then(|row| text_of(row, 0)) == Some(xid))
    }

    pub(super) async fn check_tool_tables_now(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_none() {
            return Ok(());
        }
        let rights = std::mem::replace(&mut self.rights, Role::Host);
        let scope = self.enter(None).await;
        self.rights = rights;
        // Entering as the host checks the tables.
        self.leave(scope?, Ok(())).await?;
        match &self.transaction {
            Some(Transaction { tampered: Some(error), .. }) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// Commits after the last check. What runs in the commit itself, such as a trigger that has deferred itself again or the query
/// of a cursor that outlives the transaction, can read but not write any more: a transaction that has become read-only stays so.
/// A savepoint must not be set any more, since what is set after it would end with it, before the commit.
pub(super) const COMMIT: &str = "SET TRANSACTION READ ONLY; COMMIT";

/// Sends [`COMMIT`], after these statements of the host.
pub(super) async fn commit(connection: &mut PgConnection, before: &str) -> Result<(), DatabaseError> {
    simple(connection, &format!("{before}{COMMIT}")).await.map_err(|error| wrote_late(ours(error, None)))
}

/// Begins the answer of [`NOTHING_PENDING`].
pub(super) const PENDING: &str = "runner:pending";

/// Fails where code of a guest is still to run in the commit: a trigger that has deferred itself again, or the query of a cursor that
/// outlives the transaction. Before PostgreSQL 16, such code could make a read-only transaction write again, by
/// `set_config('transaction_read_only', NULL, true)`.
///
/// Only the server says that triggers are pending, when a table is altered; the column does not exist, so nothing is.
/// What is deferred has run before, so nothing is pending in an honest migration. Foreign keys are left out: their
/// checks lock rows, which a read-only transaction refuses before it calls anything.
const NOTHING_PENDING: &str = "DO $$ DECLARE late pg_catalog.text; BEGIN \
    FOR late IN SELECT DISTINCT l.relation::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_locks l \
            JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) l.relation \
        WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND t.tgdeferrable \
            AND l.mode OPERATOR(pg_catalog.<>) ALL (ARRAY['AccessShareLock', 'RowShareLock']) \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k \
                WHERE k.oid OPERATOR(pg_catalog.=) t.tgconstraint AND k.contype OPERATOR(pg_catalog.=) 'f') \
    LOOP BEGIN EXECUTE pg_catalog.format('ALTER TABLE %s ALTER \"runner:none\" SET STATISTICS -1', late); \
        EXCEPTION WHEN undefined_column THEN NULL; \
            WHEN object_in_use OR insufficient_privilege THEN \
                RAISE '%', pg_catalog.concat('runner:pending', pg_catalog.chr(1), 'the table `', late, '`'); \
        END; END LOOP; \
    IF EXISTS (SELECT FROM pg_catalog.pg_cursors c WHERE c.is_holdable \
            AND c.creation_time OPERATOR(pg_catalog.>=) pg_catalog.now()) \
        THEN RAISE '%', pg_catalog.concat('runner:pending', pg_catalog.chr(1), 'a cursor `WITH HOLD`'); END IF; END $$; ";

impl PostgresDatabase {
    /// Statements that run what a guest has deferred, as the commit would. After them, the session has our role and path.
    pub(super) fn run_deferred(&self) -> String {
        let major = self.facts.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        // A component with a login of its own has no rights to the tool's tables.
        let is_asked = major.is_some_and(|major| major < 16) && !self.is_gated();
        let pending = if is_asked { NOTHING_PENDING } else { "" };
        format!("SET CONSTRAINTS ALL IMMEDIATE; {OURS}{pending}")
    }
}

/// The error for what [`NOTHING_PENDING`] has found.
pub(super) fn pending(what: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("the migration would go on while its transaction commits, after the last check, because of {what}"),
    )
    .hint(
        "let deferred triggers end their work when they run, without `SET CONSTRAINTS … DEFERRED` in their functions; close each cursor \
         `WITH HOLD`; and be the owner of each table whose triggers can be deferred, or a member of the owner's role: before PostgreSQL 16, \
         only the owner can find out whether they are pending",
    )
}

/// Explains the error of a migration that would write in the commit.
pub(super) fn wrote_late(error: DatabaseError) -> DatabaseError {
    if error.code != READ_ONLY {
        return error;
    }
    DatabaseError::new(DatabaseErrorKind::Denied, "the migration would write while its transaction commits, after the last check")
        .detail(error.message)
        .hint(
            "let deferred triggers end their work when they run: without `SET CONSTRAINTS … DEFERRED` in their functions; and let \
             no cursor `WITH HOLD` call a function that writes",
        )
}

/// Explains why a transaction that an error has ended accepts no more statements.
pub(super) fn explain_aborted(first: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Other,
        "the transaction takes no more statements, because an earlier one failed in it",
    )
    .code(ABORTED)
    .detail(first)
    .hint("look at the first error: PostgreSQL ends a transaction with it, and nothing of it remains")
}

pub(super) fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only").code("25006").hint(
        "the server is a standby, or `default_transaction_read_only` is on for the role or the database: connect to the \
         primary server as a role that may write",
    )
}
