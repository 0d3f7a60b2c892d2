//! The one transaction of a migration. PostgreSQL answers the COMMIT of a transaction that an error has ended with a
//! ROLLBACK and no error, and a COMMIT without a transaction with a warning: so each commit proves before that the
//! transaction lives, and that it is the one that `begin` opened.

use std::time::Duration;

use super::PostgresDatabase;
use super::error::{ABORTED, lost};
use super::lock::lock_lost;
use super::reconnect::Left;
use super::scope::{backend_of, rows, simple, text_of};
use super::settings::prologue_of;
use super::tool_tables::{FINGERPRINT, Fingerprint};
use crate::database::{DatabaseError, DatabaseErrorKind, Part, Role};

/// How long a server may take to roll back before it is taken for lost; it rolls back what it lost by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the transaction's number without making one.
const WHICH: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text";

/// A transaction that `begin` opened.
pub(super) struct Transaction {
    /// Its number.
    pub(super) xid: String,
    /// The first error that the server answered in it, after which it takes nothing more.
    pub(super) failed: Option<String>,
    /// The savepoint of the last statement of a guest is still there.
    pub(super) savepoint: bool,
    /// What goes before the next statement, in one message with what stands around that.
    pub(super) later: String,
    /// The timeouts are those of a script, and the last statement may have been one's.
    pub(super) script_speaks: bool,
    /// A script has spoken.
    had_script: bool,
    /// The tool's tables when the script began to speak.
    before: Option<Fingerprint>,
    /// A script has changed them.
    tampered: Option<DatabaseError>,
}

impl Transaction {
    /// One that has just begun.
    pub(super) fn new(xid: String) -> Self {
        Self {
            xid,
            failed: None,
            savepoint: false,
            later: String::new(),
            script_speaks: false,
            had_script: false,
            before: None,
            tampered: None,
        }
    }

    /// Another role speaks from here on, and this is what the tool's tables are.
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
    pub(super) async fn begin_now(&mut self, part: Option<Part>) -> Result<(), DatabaseError> {
        self.check_free()?;
        if self.facts.read_only {
            return Err(read_only());
        }
        match (&mut self.lock, &self.locked_for) {
            (Some(lock), _) => lock.check().await?,
            (None, Some(_)) => return Err(lock_lost()),
            (None, None) => {}
        }
        // A number of its own means the right to write.
        let xid = self.open(&prologue_of(part, &self.own, "pg_catalog.pg_current_xact_id()::text")).await?;
        match xid {
            Some(xid) => {
                self.transaction = Some(Transaction::new(xid));
                Ok(())
            }
            None => {
                self.roll_back().await;
                Err(lost("the server does not say which transaction it began"))
            }
        }
    }

    /// Fails where no transaction can be opened: one is open, the connection is lost, or the run is to stop.
    pub(super) fn check_free(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.check_usable()?;
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Opens a transaction by a text of [`settings`](super::settings). Answers what that asks besides the server's process.
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
        self.busy = true;
        if let Err(error) = self.prove(transaction).await {
            self.note_loss::<()>(&Err(error.clone()));
            self.roll_back().await;
            return Err(error);
        }
        let committed = simple(&mut self.connection, "COMMIT").await;
        self.busy = false;
        self.note_loss(&committed);
        if self.lost {
            self.left = Some(Left { backend: self.backend, xid: Some(xid) });
        }
        committed
    }

    /// Fails unless the open transaction is the one that `begin` opened, lives, and can be committed.
    async fn prove(&mut self, mut transaction: Transaction) -> Result<(), DatabaseError> {
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        self.drop_prepared().await?;
        let text = if transaction.had_script {
            // What a script has put off until the commit must not touch the tool's tables either.
            format!("{WHICH}; {0}; SET CONSTRAINTS ALL IMMEDIATE; {0}", *FINGERPRINT)
        } else {
            WHICH.to_owned()
        };
        let rows = match rows(&mut self.connection, &text).await {
            Err(error) if error.code == ABORTED => return Err(explain_aborted("an earlier statement failed")),
            other => other?,
        };
        if rows.first().and_then(|row| text_of(row, 0)).as_ref() != Some(&transaction.xid) {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                "the transaction that runner began is over, and nothing more of it can be committed",
            )
            .hint("take `COMMIT`, `ROLLBACK` and the like out: runner itself begins and ends the transaction"));
        }
        if let [_, before, after] = &rows[..] {
            let before = Fingerprint::of(Some(before));
            transaction.compare(&before);
            before.compare(&Fingerprint::of(Some(after)))?;
        }
        transaction.tampered.map_or(Ok(()), Err)
    }

    /// Tries what a commit would do to the deferred constraints, and takes that back: they are deferred still.
    pub(super) async fn check_constraints_now(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_none() {
            return Err(DatabaseError::no_transaction("check"));
        }
        let rights = std::mem::replace(&mut self.rights, Role::Host);
        let scope = self.enter(None).await;
        self.rights = rights;
        let scope = scope?;
        let watch = self.watch();
        let checked =
            watch.run(simple(&mut self.connection, "SAVEPOINT runner_check; SET CONSTRAINTS ALL IMMEDIATE")).await;
        let back =
            simple(&mut self.connection, "ROLLBACK TO SAVEPOINT runner_check; RELEASE SAVEPOINT runner_check").await;
        // The error of a check has not ended the transaction, since the savepoint was there.
        self.leave(scope, back).await.and(checked)
    }

    pub(super) async fn rollback_now(&mut self) -> Result<(), DatabaseError> {
        self.forget_statements();
        if let Some(transaction) = self.transaction.take() {
            self.roll_back().await;
            if self.lost {
                self.left.get_or_insert(Left { backend: self.backend, xid: Some(transaction.xid) });
            }
        }
        Ok(())
    }

    /// Rolls back, or gives the connection up, with which the server rolls back by itself.
    pub(super) async fn roll_back(&mut self) {
        if self.check_usable_but_busy().is_err() {
            return;
        }
        let ended = tokio::time::timeout(PATIENCE, async {
            self.drop_prepared().await?;
            simple(&mut self.connection, "ROLLBACK").await
        })
        .await;
        self.busy = false;
        self.lost |= !matches!(ended, Ok(Ok(())));
    }

    /// Fails where even a `ROLLBACK` cannot be sent.
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
        // Entering as the host is what looks at the tables.
        self.leave(scope?, Ok(())).await?;
        match &self.transaction {
            Some(Transaction { tampered: Some(error), .. }) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// Why nothing more goes in a transaction that an error has ended.
pub(super) fn explain_aborted(first: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Other,
        "the transaction takes no more statements, because an earlier one failed in it",
    )
    .code(ABORTED)
    .detail(first)
    .hint("look at the first error: PostgreSQL ends a transaction with it, and nothing of it remains")
}

fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only").code("25006").hint(
        "the server is a standby, or `default_transaction_read_only` is on for the role or the database: connect to the \
         primary server as a role that may write",
    )
}
