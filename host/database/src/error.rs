//! Database errors, classified as far as callers need to decide what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unset;
use runner_base::error::{Error, ErrorKind};

/// The kind of a database error; finer than the WIT contract distinguishes. Stored by position: append further cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatabaseErrorKind {
    /// The role is not allowed to do this.
    Denied,
    /// The statement is invalid SQL or names an unknown object.
    Syntax,
    /// A constraint refused the change.
    Constraint,
    /// A value cannot be converted without loss.
    Conversion,
    /// A batch or a target is malformed.
    InvalidArgument,
    /// A statement took longer than allowed.
    Timeout,
    /// Another transaction or run holds a resource that is needed.
    Busy,
    /// A limit is exhausted.
    Limit,
    /// The connection is lost.
    Connection,
    /// The database does not exist.
    NotFound,
    /// The database URL requests something that does not exist.
    Configuration,
    /// The database is not writable: a read-only file or missing privileges.
    ReadOnly,
    /// The disk or the database is full.
    Full,
    /// The file is damaged or is not a database.
    Corrupt,
    /// The stop signal ended the operation.
    Interrupted,
    /// Anything else.
    Other,
}

/// An error that the database reported, or that the host raised on its behalf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseError {
    /// The kind of failure.
    pub kind: DatabaseErrorKind,
    /// The database's own code; empty if the error did not come from the database.
    pub code: String,
    /// What happened, without a final period.
    pub message: String,
    /// Table, column, row key, and the database's own detail.
    pub detail: Option<String>,
    /// How to resolve it.
    pub hint: Option<String>,
    /// The statement that failed, if it is not the caller's own. Boxed because every result carries an error.
    pub statement: Option<Box<str>>,
}

impl DatabaseError {
    /// Creates an error without a code.
    pub fn new(kind: DatabaseErrorKind, message: impl Into<String>) -> Self {
        Self { kind, code: String::new(), message: message.into(), detail: None, hint: None, statement: None }
    }

    /// Returns whether the same work may succeed if the whole transaction is retried: a lock was held for too long, two
    /// transactions deadlocked, or they could not be serialised.
    pub fn is_transient(&self) -> bool {
        let is_busy = self.kind == DatabaseErrorKind::Busy && self.code.starts_with(SQLITE_BUSY);
        TRANSIENT.contains(&self.code.as_str()) || is_busy
    }

    /// Returns whether a transaction that sees the database as it was when it began was to write a row that has changed since. Another
    /// one may meet the next change.
    pub fn is_outdated(&self) -> bool {
        self.code == OUTDATED
    }

    /// Returns the error of a rollback of which it is not proven that it undid every change.
    pub fn not_undone(why: impl fmt::Display) -> Self {
        Self::new(DatabaseErrorKind::Other, format!("it is not certain that everything was rolled back: {why}"))
            .code(UNPROVEN)
    }

    /// Returns whether the error means that a rollback could not undo every change, or that it is not proven to have done so.
    pub fn is_not_undone(&self) -> bool {
        self.code == NOT_UNDONE || self.code == UNPROVEN
    }

    /// Returns whether the run has lost its lock to another, so that nothing it could do next would be kept.
    pub fn is_lease_lost(&self) -> bool {
        self.code == LEASE_LOST
    }

    /// Returns whether a statement ran before it was refused.
    pub fn has_run(&self) -> bool {
        self.code == RAN || self.code == ENDED
    }

    /// Returns whether its session was ended before a statement answered, so that it may have taken effect.
    pub fn is_unanswered(&self) -> bool {
        self.code == UNANSWERED
    }

    /// Returns whether its connection was closed because an answer was too large.
    pub fn is_too_large(&self) -> bool {
        self.code == TOO_LARGE
    }

    /// Returns whether a statement of the migration ended its transaction, so that a rollback comes too late.
    pub fn has_ended_transaction(&self) -> bool {
        self.code == ENDED
    }

    /// Returns the error for a malformed argument.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(DatabaseErrorKind::InvalidArgument, message)
    }

    /// Returns the error for work that the stop signal ended.
    pub fn stopped() -> Self {
        Self::new(DatabaseErrorKind::Interrupted, "stopped by the stop signal")
    }

    /// Returns the error for a statement of a migration that exceeded `statement_timeout`.
    pub fn too_long(limit: std::time::Duration) -> Self {
        Self::new(
            DatabaseErrorKind::Timeout,
            format!("the statement took longer than the {} s that it may", limit.as_secs_f64()),
        )
        .hint("raise `statement_timeout`")
    }

    /// Returns the error for a text without a statement.
    pub fn no_statement() -> Self {
        Self::new(DatabaseErrorKind::Syntax, "there is no statement in this text")
    }

    /// Returns the error for an index that a table does not have.
    pub fn no_index(table: &super::TableName, index: &str) -> Self {
        Self::new(DatabaseErrorKind::Syntax, format!("`{table}` has no index `{index}`"))
    }

    /// Returns the error for a `USE` of another database than the one that is migrated.
    pub fn uses_another(database: &str) -> Self {
        let shown: String = database.chars().take(64).collect();
        let message = format!("a migration may not run `USE {shown}`: what follows would change another database");
        Self::new(DatabaseErrorKind::Denied, message).hint(
            "remove it: names without a database are those of the one that runner migrates; `mariadb-dump` without \
             `--databases` does not write it",
        )
    }

    /// Returns the error for an address of which something is not set.
    pub fn unset(unset: &Unset) -> Self {
        let error = |message: &str| Self::new(DatabaseErrorKind::Configuration, message);
        match unset {
            Unset::Variable(name) => error(&format!("the variable `{name}` is not set"))
                .hint(format!("set `{name}` in the environment or in `.env`")),
            Unset::Url => error("no database URL is set").hint(
                "set `DATABASE_URL`, or add `url = \"sqlite://runner.db\"`, or another URL, to `[database]` in `runner.toml`",
            ),
        }
    }

    /// Returns the error for a second `begin`.
    pub fn in_transaction() -> Self {
        Self::invalid("a transaction is open already")
    }

    /// Returns the error for an operation that requires a transaction, such as `commit` or `check`.
    pub fn no_transaction(verb: &str) -> Self {
        Self::invalid(format!("there is no transaction to {verb}"))
    }

    /// Returns the error for a `cursor` or `writer` that is not open.
    pub fn closed(what: &str) -> Self {
        Self::invalid(format!(
            "this {what} is closed: it has failed, was ended, or belonged to a transaction that is over"
        ))
    }

    /// Sets the database's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Adds detail about where it happened.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Stands for the code of an error about a statement that ran, and was then found to have done what it may not do. One that
/// is refused before it runs has no code.
pub const RAN: &str = "runner:ran";

/// Stands for the code of an error about a statement whose session was ended before it answered: it may have taken effect.
pub const UNANSWERED: &str = "runner:unanswered";

/// Stands for the code of an error about an answer that is too large to be received, whose connection was closed.
pub const TOO_LARGE: &str = "runner:too-large";

/// Stands for the code of an error about a transaction that a statement of the migration ended: what was done in it may stay.
pub const ENDED: &str = "runner:ended";

/// The code of a run whose lease another run has taken.
pub const LEASE_LOST: &str = "runner:lease";

/// The warning of MySQL and MariaDB after a rollback: tables such as those of MyISAM keep their changes.
pub const NOT_UNDONE: &str = "1196";

/// Stands for the code of an error about a rollback of which it is not proven that it undid every change.
const UNPROVEN: &str = "runner:unproven";

/// PostgreSQL's `serialization_failure`.
const OUTDATED: &str = "40001";

/// PostgreSQL's `lock_not_available`, `deadlock_detected` and `serialization_failure`; the lock timeout and deadlock of
/// MySQL and MariaDB; and MariaDB's error for a row that was changed since the transaction began.
const TRANSIENT: [&str; 6] = ["55P03", "40P01", OUTDATED, "1205", "1213", "1020"];

/// How the codes of SQLite begin where another connection has the file: `SQLITE_BUSY (5)`, `SQLITE_BUSY_SNAPSHOT (517)`.
const SQLITE_BUSY: &str = "SQLITE_BUSY";

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl std::error::Error for DatabaseError {}

impl DatabaseError {
    /// Adds this to an error that was being dealt with when it was met: as a cause, with its hint.
    pub fn added_to(self, first: impl Into<Error>) -> Error {
        let error = first.into().cause(&self);
        self.hint.into_iter().fold(error, Error::hint)
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        let kind = match error.kind {
            _ if error.is_too_large() => ErrorKind::Denied,
            _ if error.is_not_undone() => ErrorKind::Partial,
            DatabaseErrorKind::Busy => ErrorKind::LockTimeout,
            // To a caller, the statement timeout is a limit like any other.
            DatabaseErrorKind::Denied | DatabaseErrorKind::Limit | DatabaseErrorKind::Timeout => ErrorKind::Denied,
            DatabaseErrorKind::NotFound | DatabaseErrorKind::Configuration => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        let mut message = error.to_string();
        let is_ours = error.has_run() || error.is_unanswered() || error.is_too_large() || error.code == UNPROVEN;
        if !error.code.is_empty() && !is_ours {
            message.push_str(&format!(" [{}]", error.code));
        }
        let mut converted = Self { is_transient: error.is_transient(), ..Self::new(kind, message) };
        if let Some(statement) = &error.statement {
            converted = converted.at("statement", statement.to_string());
        }
        match error.hint {
            Some(hint) => converted.hint(hint),
            None => converted,
        }
    }
}
