//! Database errors, classified as far as callers need to decide what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unset;
use runner_base::error::{Error, ErrorKind, Hint};

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

/// What an error says about the work that failed, as far as callers decide by it. It is set where the error is made: no code or text
/// is compared for it later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing beyond its kind.
    #[default]
    Failed,
    /// Another session was in the way: a lock was held for too long, or two transactions deadlocked.
    Conflict,
    /// As [`Meaning::Conflict`]: a row has changed since the transaction began, which sees the database as it was then.
    Outdated,
    /// The server does not do this with an object of this kind, or not for this user.
    Refused,
    /// A right is missing that a `GRANT` gives, as the hint says.
    NotGranted,
    /// The server could not parse or prepare a text: that of the statement, or of one that it runs.
    NotParsed,
    /// The statement has not begun, although the error is the server's.
    NotBegun,
    /// The statement ran, and was then found to have done what it may not do.
    Ran,
    /// The statement's session was ended before it answered: it may have taken effect.
    Unanswered,
    /// An answer was too large to be received, so its connection was closed.
    TooLarge,
    /// A statement of the migration ended the transaction: what was done in it may stay.
    EndedTransaction,
    /// A rollback did not undo every change, or is not proven to have done so.
    NotUndone,
    /// Another run has taken the lease of this one.
    LeaseLost,
    /// The connection that holds the lock is lost, not the one that works.
    LockLost,
    /// A change of the tool's own tables affected another number of rows than it must.
    UnexpectedRows,
}

/// An error that the database reported, or that the host raised on its behalf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseError {
    /// The kind of failure.
    pub kind: DatabaseErrorKind,
    /// What it says about the work. Not stored: an answer from an earlier run is given again as it was, and no work depends on it.
    #[serde(skip)]
    pub meaning: Meaning,
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
        let (meaning, code) = Default::default();
        Self { kind, meaning, code, message: message.into(), detail: None, hint: None, statement: None }
    }

    /// Returns whether the same work may succeed if the whole transaction is retried: a lock was held for too long, two
    /// transactions deadlocked, or they could not be serialised.
    pub fn is_transient(&self) -> bool {
        matches!(self.meaning, Meaning::Conflict | Meaning::Outdated)
    }

    /// Returns the error of a rollback of which it is not proven that it undid every change.
    pub fn not_undone(why: impl fmt::Display) -> Self {
        Self::new(DatabaseErrorKind::Other, format!("it is not certain that everything was rolled back: {why}"))
            .means(Meaning::NotUndone)
    }

    /// Returns whether the error means that a rollback could not undo every change, or that it is not proven to have done so.
    pub fn is_not_undone(&self) -> bool {
        self.meaning == Meaning::NotUndone
    }

    /// Returns whether the run has lost its lock to another, so that nothing it could do next would be kept.
    pub fn is_lease_lost(&self) -> bool {
        self.meaning == Meaning::LeaseLost
    }

    /// Returns whether a statement ran before it was refused.
    pub fn has_run(&self) -> bool {
        matches!(self.meaning, Meaning::Ran | Meaning::EndedTransaction)
    }

    /// Returns whether its session was ended before a statement answered, so that it may have taken effect.
    pub fn is_unanswered(&self) -> bool {
        self.meaning == Meaning::Unanswered
    }

    /// Returns whether its connection was closed because an answer was too large.
    pub fn is_too_large(&self) -> bool {
        self.meaning == Meaning::TooLarge
    }

    /// Returns whether a statement of the migration ended its transaction, so that a rollback comes too late.
    pub fn has_ended_transaction(&self) -> bool {
        self.meaning == Meaning::EndedTransaction
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

    /// Sets what it says about the work.
    #[must_use]
    pub fn means(self, meaning: Meaning) -> Self {
        Self { meaning, ..self }
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
        self.advice().into_iter().fold(error, Error::hint)
    }

    /// Its hint, as an error for users has it.
    pub fn advice(&self) -> Option<Hint> {
        self.hint.clone().map(if self.meaning == Meaning::NotGranted { Hint::Grant } else { Hint::Text })
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
        if !error.code.is_empty() {
            message.push_str(&format!(" [{}]", error.code));
        }
        let mut converted = Self { is_transient: error.is_transient(), ..Self::new(kind, message) };
        if let Some(statement) = &error.statement {
            converted = converted.at("statement", statement.to_string());
        }
        error.advice().into_iter().fold(converted, Error::hint)
    }
}
