//! The one transaction of a migration, with a savepoint that proves that it is still the same transaction.
//!
//! `RELEASE SAVEPOINT` only finds the name while the transaction of `begin` exists; `COMMIT AND CHAIN` does not fool
//! it. It is checked at the commit, after every statement that could have ended the transaction (`CALL`, `EXECUTE`,
//! `DO`, `SET`), and after every failure, since a deadlock ends it too. Outside of a transaction such statements are
//! followed by `COMMIT` and `SET autocommit = 1`, so that nothing that they left open captures the journal. There are
//! no deferred constraints; what `foreign_key_checks = 0` lets pass is never checked again.

use crate::commit::{ROLLBACK_TEXT, as_one};
use crate::error::{NOT_UNDONE, Result};
use crate::host_sql::{HostExecutor as _, text};
use crate::link::Link;
use crate::link::galera::run_patiently;
use runner_base::random;
use runner_database::message::TAKES_PART;
use runner_database::{DatabaseError, DatabaseErrorKind, Meaning};
use runner_sql::Isolation;

/// The transaction, if one is open.
#[derive(Default)]
pub(crate) struct Transaction {
    open: Option<Open>,
}

struct Open {
    /// The savepoint that lasts as long as the transaction; its name cannot be guessed.
    savepoint: String,
    /// How it was found to be over, for example after a deadlock: further statements would autocommit.
    over: Option<Over>,
    /// Each statement sees what was committed before it.
    is_by_statement: bool,
}

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The server has rolled it back, because of a conflict or with its session.
    RolledBack,
    /// A statement ended it, which may have committed.
    Unknown,
}

/// A server's answer if there is no savepoint with that name.
pub(crate) const NO_SAVEPOINT: &str = "1305";

/// A server's answer if a lock is not free in time.
const LOCK_TIMEOUT: &str = "1205";

impl Open {
    /// How it ended, if it is known to have.
    fn over(&self, link: &Link) -> Option<Over> {
        self.over.or(link.watch.has_ended().then_some(Over::RolledBack))
    }
}

impl Transaction {
    /// Whether one is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether all statements of the open transaction see the same.
    pub fn is_consistent(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.is_by_statement)
    }

    /// Fails if one is open.
    pub fn check_none(&self) -> Result<()> {
        if self.is_open() { Err(DatabaseError::in_transaction()) } else { Ok(()) }
    }

    /// Begins one with a savepoint. `prologue`: statements that precede it, each followed by `; `. `isolation`: the session's own level is
    /// `REPEATABLE READ`.
    pub async fn begin(&mut self, link: &mut Link, prologue: &str, isolation: Option<Isolation>) -> Result<()> {
        let savepoint = random_name();
        let level = isolation.map_or_else(String::new, |it| format!("SET TRANSACTION ISOLATION LEVEL {}; ", it.name()));
        // What the session of a component says apart from transactions of the run is read-only.
        let access = if link.endpoint().is_of_login() { " READ WRITE" } else { "" };
        let begin = format!("{prologue}{level}START TRANSACTION{access}; SAVEPOINT {savepoint}");
        run_patiently(&mut link.work, &begin).await?;
        let is_by_statement = isolation.is_some_and(Isolation::is_by_statement);
        self.open = Some(Open { savepoint, over: None, is_by_statement });
        Ok(())
    }

    /// Fails if it was found to be over.
    pub fn check(&self, link: &Link) -> Result<()> {
        self.open.as_ref().and_then(|open| open.over(link)).map_or(Ok(()), |over| Err(ended(over)))
    }

    /// The savepoint of the open transaction, which is about to be committed.
    pub fn savepoint(&self, link: &Link) -> Result<&str> {
        let Some(open) = &self.open else { return Err(DatabaseError::no_transaction("commit")) };
        match open.over(link) {
            None => Ok(&open.savepoint),
            Some(Over::Unknown) => Err(DatabaseError::ended_by_migration()),
            Some(Over::RolledBack) => Err(ended(Over::RolledBack)),
        }
    }

    /// Records that it is over: the server has ended it, or with it the session.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Records that it was found to be over; the caller still rolls back.
    pub fn note_over(&mut self, over: Over) {
        if let Some(open) = &mut self.open {
            open.over = Some(over);
        }
    }

    /// Rolls back; does nothing without a transaction.
    pub async fn rollback(&mut self, link: &mut Link) -> Result<()> {
        if self.open.take().is_none() || link.watch.has_ended() {
            // The server rolls back the transaction of a session that is over.
            return Ok(());
        }
        match link.work.all(format!("{ROLLBACK_TEXT}; SHOW WARNINGS")).await {
            Ok(warnings) if warnings.iter().any(|row| text(row, 1) == NOT_UNDONE) => {
                // The list of warnings stays until a statement reads a table. If this fails, so does the next
                // statement.
                let _ = link.work.all("SELECT 1 FROM information_schema.ENGINES LIMIT 0").await;
                Err(DatabaseError::new(
                    DatabaseErrorKind::Other,
                    "some tables keep what was written to them: their storage engine knows no transactions",
                )
                .code(NOT_UNDONE)
                .means(Meaning::NotUndone)
                .hint(TAKES_PART))
            }
            // A cluster has rolled it back already.
            Err(error) if error.is_transient() => Ok(()),
            // The server rolls back the transaction of a lost connection.
            Err(error) if error.kind == DatabaseErrorKind::Connection => {
                link.replace_later();
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    /// Whether the savepoint of `begin` still exists. It is released and set again under a new name.
    pub async fn is_ours(&mut self, link: &mut Link) -> Result<bool> {
        let Some((renew, next)) = self.renewal(link) else { return Ok(false) };
        let renewed = link.work.run(renew).await;
        self.renewed(next, renewed).map(|renewed| renewed.is_some())
    }

    /// The statements that do so, and the new name.
    pub fn renewal(&self, link: &Link) -> Option<(String, String)> {
        let open = self.open.as_ref().filter(|open| open.over.is_none())?;
        let next = random_name();
        let renew = format!("RELEASE SAVEPOINT {}; SAVEPOINT {next}", open.savepoint);
        Some((if link.server().node.is_some() { as_one(&renew) } else { renew }, next))
    }

    /// What an answer to these statements means; `None` if the savepoint is gone.
    pub fn renewed<T>(&mut self, next: String, answer: Result<T>) -> Result<Option<T>> {
        let Some(open) = &mut self.open else { return Ok(None) };
        match answer {
            Ok(rows) => {
                open.savepoint = next;
                Ok(Some(rows))
            }
            Err(error) if error.code == NO_SAVEPOINT => {
                open.over = Some(Over::Unknown);
                Ok(None)
            }
            Err(error) => {
                // A conflict within a cluster: the transaction is rolled back.
                open.over = error.is_transient().then_some(Over::RolledBack);
                Err(error)
            }
        }
    }

    /// After the failure of a statement that ends no transaction, checks whether the server has rolled it back, as it does on deadlocks.
    pub async fn check_after_failure<T>(&mut self, link: &mut Link, answer: Result<T>) -> Result<T> {
        let says_nothing = [DatabaseErrorKind::Connection, DatabaseErrorKind::InvalidArgument];
        let failed = answer.as_ref().is_err_and(|error| !says_nothing.contains(&error.kind));
        if failed && self.is_open() && !link.watch.has_ended() {
            match self.is_ours(link).await {
                Ok(true) => {}
                Ok(false) => self.note_over(Over::RolledBack),
                Err(lost) if lost.is_transient() => return Err(lost),
                // So does whatever comes next.
                Err(_) => {}
            }
        }
        answer
    }
}

/// The error of a statement after which the transaction is no longer ours. `cause` is its own error, if it had one.
pub(crate) fn ended_by(cause: Option<DatabaseError>) -> DatabaseError {
    let Some(cause) = cause else { return ended(Over::Unknown) };
    // A timeout of a lock ends the statement alone; where the transaction is gone, another statement of a procedure has committed it.
    let is_rolled_back = cause.is_transient() && cause.code != LOCK_TIMEOUT;
    ended(if is_rolled_back { Over::RolledBack } else { Over::Unknown }).detail(cause.to_string())
}

/// The error of a transaction that is no longer ours.
fn ended(over: Over) -> DatabaseError {
    let (message, meaning, hint) = match over {
        Over::RolledBack => (
            "the server has rolled back the transaction of the migration, after an error or with its session",
            Meaning::Ran,
            "run the migration again; code that handles errors should return that of a conflict instead of continuing",
        ),
        Over::Unknown => (
            "the transaction of the migration is over: a statement ended it, or the server gave it up after an error",
            Meaning::EndedTransaction,
            "check in the database what was committed; statements that change the schema commit, and so may procedures \
             and `EXECUTE`: set `mode = \"stepwise\"` for such a migration",
        ),
    };
    DatabaseError::new(DatabaseErrorKind::Denied, message).means(meaning).hint(hint)
}

/// A name that cannot be guessed.
fn random_name() -> String {
    format!("runner_{:016x}{:016x}", random::bits(), random::bits())
}
