//! Errors of SQLite.

use std::ffi::c_int;

use rusqlite::ffi;

use super::bounds::{self, Exceeded};
use super::values::text;

/// An error of SQLite.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The extended result code.
    pub code: c_int,
    /// SQLite's message.
    pub message: String,
    /// The byte offset of the error in the statement.
    pub offset: Option<usize>,
    /// What helps, where the code does not say it.
    pub hint: Option<&'static str>,
}

impl Failure {
    pub(super) fn new(code: c_int, message: &str) -> Self {
        Self { code, message: message.to_owned(), offset: None, hint: None }
    }

    /// The failure of the present call, if it exceeded the stack or the memory that it may use. SQLite reports those as what
    /// stopped it there: a refusal, or memory that it did not get.
    pub(crate) fn exceeded() -> Option<Self> {
        let (code, message, hint) = match bounds::take_exceeded()? {
            Exceeded::Stack => (
                ffi::SQLITE_TOOBIG,
                "the statement nests too deeply: subqueries, views, triggers and actions of foreign keys within each other are \
                 limited"
                    .to_owned(),
                "split the statement, or shorten the chain of views, triggers or foreign keys that it goes through",
            ),
            Exceeded::Memory(most) => (
                ffi::SQLITE_NOMEM,
                format!(
                    "the statement needs more memory than the {} MiB that SQLite may take for a component",
                    most.div_euclid(1 << 20)
                ),
                "use fewer or smaller values at once, or batches; `?cache_size=` in the database URL raises the limit, and a \
                 migration in SQL has none",
            ),
        };
        Some(Self { hint: Some(hint), ..Self::new(code, &message) })
    }

    /// The last error of a connection, if `code` is its code.
    ///
    /// # Safety
    /// `database` is an open connection.
    pub(super) unsafe fn last(database: *mut ffi::sqlite3, code: c_int) -> Self {
        // SAFETY: as above; the message is copied before SQLite is called again.
        unsafe {
            let extended = ffi::sqlite3_extended_errcode(database);
            let known = extended & 0xff == code & 0xff;
            let message = if known { ffi::sqlite3_errmsg(database) } else { ffi::sqlite3_errstr(code) };
            let message = text(message).unwrap_or_else(|| "unknown error".to_owned());
            let offset = usize::try_from(ffi::sqlite3_error_offset(database)).ok();
            Self { code: if known { extended } else { code }, message, offset, hint: None }
        }
    }

    /// A result code by itself, with SQLite's general message for it.
    pub(crate) fn of_code(code: c_int) -> Self {
        Self::new(code, ffi::code_to_str(code))
    }

    pub(super) fn nul_byte() -> Self {
        Self::new(ffi::SQLITE_ERROR, "the statement contains a NUL byte")
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if let Some(exceeded) = Self::exceeded() {
            return exceeded;
        }
        match error {
            rusqlite::Error::SqliteFailure(error, message) => {
                let message = message.unwrap_or_else(|| ffi::code_to_str(error.extended_code).to_owned());
                Self { code: error.extended_code, message, offset: None, hint: None }
            }
            rusqlite::Error::SqlInputError { error, msg, offset, .. } => {
                Self { code: error.extended_code, message: msg, offset: usize::try_from(offset).ok(), hint: None }
            }
            other => Self { code: ffi::SQLITE_ERROR, message: other.to_string(), offset: None, hint: None },
        }
    }
}
