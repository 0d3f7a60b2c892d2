//! Errors of a database, told apart as far as a caller may decide upon them.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// What kind of failure a database error is; more than the WIT contract tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseErrorKind {
    /// Not allowed to this role.
    Denied,
    /// Not valid SQL, or names what does not exist.
    Syntax,
    /// A constraint refused the change.
    Constraint,
    /// A value cannot cross without loss.
    Conversion,
    /// A batch or a target is malformed.
    InvalidArgument,
    /// A statement took longer than allowed.
    Timeout,
    /// Another transaction or run holds what is needed.
    Busy,
    /// A limit is exhausted.
    Limit,
    /// The connection is gone.
    Connection,
    /// The database does not exist.
    NotFound,
    /// The database URL asks for what there is not.
    Configuration,
    /// The database cannot be written: read-only file, missing rights.
    ReadOnly,
    /// No room left.
    Full,
    /// The file is damaged or no database.
    Corrupt,
    /// Ended by the stop signal.
    Interrupted,
    /// Anything else.
    Other,
}

/// An error that a database answered, or that the host made in its name.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseError {
    /// What kind of failure it is.
    pub kind: DatabaseErrorKind,
    /// The database's own code; empty if it had no part in it.
    pub code: String,
    /// What happened, without a final period.
    pub message: String,
    /// Table, column, row key, the database's own detail.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The statement that failed, where it is not the caller's own. Boxed: an error travels in every result.
    pub statement: Option<Box<str>>,
}

impl DatabaseError {
    /// An error without a code.
    pub fn new(kind: DatabaseErrorKind, message: impl Into<String>) -> Self {
        Self { kind, code: String::new(), message: message.into(), detail: None, hint: None, statement: None }
    }

    /// Whether the same may succeed if the whole transaction is tried again: another held a lock for too long, two
    /// transactions stood in each other's way, or they could not be put in an order.
    pub fn is_transient(&self) -> bool {
        TRANSIENT.contains(&self.code.as_str())
    }

    /// Whether it is said of a rollback that could not take everything back.
    pub fn is_not_undone(&self) -> bool {
        self.code == NOT_UNDONE
    }

    /// The error of a malformed argument.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(DatabaseErrorKind::InvalidArgument, message)
    }

    /// The error of what the stop signal ended.
    pub fn stopped() -> Self {
        Self::new(DatabaseErrorKind::Interrupted, "stopped by the stop signal")
    }

    /// The error of a text without a statement.
    pub fn no_statement() -> Self {
        Self::new(DatabaseErrorKind::Syntax, "there is no statement in this text")
    }

    /// The error of a second `begin`.
    pub fn in_transaction() -> Self {
        Self::invalid("a transaction is open already")
    }

    /// The error of what needs a transaction: to `commit` or `check` it.
    pub fn no_transaction(verb: &str) -> Self {
        Self::invalid(format!("there is no transaction to {verb}"))
    }

    /// The error for a `cursor` or `writer` that is not open.
    pub fn closed(what: &str) -> Self {
        Self::invalid(format!(
            "this {what} is closed: it has failed, was ended, or belonged to a transaction that is over"
        ))
    }

    /// With the database's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// With more about where.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The warning of MySQL and MariaDB after a rollback: tables such as those of MyISAM keep their changes.
pub const NOT_UNDONE: &str = "1196";

/// PostgreSQL's `lock_not_available`, `deadlock_detected` and `serialization_failure`; the timeout of a lock and the deadlock
/// of MySQL and MariaDB, and MariaDB's row that was changed since the transaction began.
const TRANSIENT: [&str; 6] = ["55P03", "40P01", "40001", "1205", "1213", "1020"];

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

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        let kind = match error.kind {
            DatabaseErrorKind::Busy => ErrorKind::LockTimeout,
            // The time that a statement may take is a limit like others.
            DatabaseErrorKind::Denied | DatabaseErrorKind::Limit | DatabaseErrorKind::Timeout => ErrorKind::Denied,
            DatabaseErrorKind::NotFound | DatabaseErrorKind::Configuration => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        let mut message = error.to_string();
        if !error.code.is_empty() {
            message.push_str(&format!(" [{}]", error.code));
        }
        let mut converted = Self::new(kind, message);
        if let Some(statement) = &error.statement {
            converted = converted.at("statement", statement.to_string());
        }
        match error.hint {
            Some(hint) => converted.hint(hint),
            None => converted,
        }
    }
}
