//! SQLite's result codes as errors, with hints.

use std::ffi::c_int;

use rusqlite::ffi;

use crate::raw::Failure;
use runner_database::dialect_sql::UnknownName;
use runner_database::message::{REBUILD, place_in};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning};
use runner_sql::{Tokens, leading_words};

/// Ends SQLite's message where a statement of the same connection is not at its end.
const IN_PROGRESS: &str = "SQL statements in progress";

/// The name and number of an extended result code, such as `SQLITE_CONSTRAINT_FOREIGNKEY (787)`.
fn code_name(code: c_int) -> String {
    let name_of = |code| NAMES.iter().find(|(number, _)| *number == code);
    match name_of(code).or_else(|| name_of(code & 0xff)) {
        Some((_, name)) => format!("{name} ({code})"),
        None => format!("SQLITE {code}"),
    }
}

/// What a failure means.
fn kind(code: c_int) -> DatabaseErrorKind {
    match code & 0xff {
        ffi::SQLITE_ERROR | ffi::SQLITE_SCHEMA | ffi::SQLITE_RANGE => DatabaseErrorKind::Syntax,
        ffi::SQLITE_CONSTRAINT => DatabaseErrorKind::Constraint,
        ffi::SQLITE_MISMATCH => DatabaseErrorKind::Conversion,
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => DatabaseErrorKind::Busy,
        ffi::SQLITE_READONLY => DatabaseErrorKind::ReadOnly,
        ffi::SQLITE_FULL => DatabaseErrorKind::Full,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_FORMAT => DatabaseErrorKind::Corrupt,
        ffi::SQLITE_INTERRUPT => DatabaseErrorKind::Interrupted,
        ffi::SQLITE_AUTH | ffi::SQLITE_PERM => DatabaseErrorKind::Denied,
        ffi::SQLITE_CANTOPEN => DatabaseErrorKind::NotFound,
        ffi::SQLITE_TOOBIG | ffi::SQLITE_NOMEM => DatabaseErrorKind::Limit,
        ffi::SQLITE_IOERR => DatabaseErrorKind::Connection,
        _ => DatabaseErrorKind::Other,
    }
}

fn hint(code: c_int) -> Option<&'static str> {
    Some(match code {
        ffi::SQLITE_BUSY_SNAPSHOT => "another connection wrote since this transaction began; run it again",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "a row refers to one that does not exist, or is still referred to",
        ffi::SQLITE_READONLY_DIRECTORY => "the directory of the database must be writable too, for its journal",
        _ => match code & 0xff {
            ffi::SQLITE_BUSY => {
                "another program is using the database: wait for it, or raise `table_lock_timeout`, which takes precedence over \
                 `busy_timeout` in the URL"
            }
            ffi::SQLITE_LOCKED => "another statement of this connection still uses the table",
            ffi::SQLITE_READONLY => "check the permissions of the file and its directory, and `?mode=` in the URL",
            ffi::SQLITE_FULL => "free space on the disk of the database and its journal",
            ffi::SQLITE_NOTADB => "the file is not a SQLite database, or is encrypted",
            ffi::SQLITE_CORRUPT => "restore a backup, or try `.recover` of the sqlite3 shell on a copy",
            ffi::SQLITE_CANTOPEN => "check the path, and the permissions of its directory",
            _ => return None,
        },
    })
}

/// A failure without a statement.
impl From<Failure> for DatabaseError {
    fn from(failure: Failure) -> Self {
        if failure.code & 0xff == ffi::SQLITE_BUSY && failure.message.contains(IN_PROGRESS) {
            // Not the lock of another connection, which ends: it is not worth another try.
            return Self::new(DatabaseErrorKind::Other, failure.message.trim())
                .code(code_name(failure.code))
                .hint("a query of the same connection is still being read: read it to its end, or close it, before");
        }
        let mut error = Self::new(kind(failure.code), message(&failure)).code(code_name(failure.code));
        if failure.code & 0xff == ffi::SQLITE_BUSY {
            error.meaning = Meaning::Conflict;
        }
        error.hint = failure.hint.or_else(|| hint(failure.code)).map(str::to_owned);
        error
    }
}

/// A failure of a statement, with the position in its text.
pub(crate) fn of_statement(failure: Failure, statement: &str) -> DatabaseError {
    let place = failure.offset.and_then(|offset| place_in(statement, offset));
    let hint = of_attached(&failure, statement);
    let mut error = DatabaseError::from(failure);
    error.hint = hint.map(str::to_owned).or(error.hint);
    match place {
        Some(place) => error.detail(place),
        None => error,
    }
}

/// The way out where another database cannot be attached or detached.
fn of_attached(failure: &Failure, statement: &str) -> Option<&'static str> {
    let first = leading_words(&Tokens::new(statement, Dialect::Sqlite)).into_iter().next()?;
    match first.as_str() {
        "ATTACH" if failure.code & 0xff == ffi::SQLITE_CANTOPEN => Some(
            "the file has to exist; a relative path starts at the directory in which the command was started, not at the project: write \
             the whole path",
        ),
        "DETACH" if failure.message.ends_with(" is locked") => Some(
            "a transaction that has used a database cannot detach it: leave the DETACH out, since the connection ends with the run, or add \
             the directive `-- runner:no-transaction` at the top of the file",
        ),
        _ => None,
    }
}

fn message(failure: &Failure) -> String {
    let text = failure.message.trim();
    match failure.code & 0xff {
        ffi::SQLITE_BUSY => "the database is locked by another connection".to_owned(),
        ffi::SQLITE_FULL => "the disk is full".to_owned(),
        ffi::SQLITE_NOTADB => "the file is not a SQLite database".to_owned(),
        ffi::SQLITE_READONLY => "the database is read-only".to_owned(),
        ffi::SQLITE_INTERRUPT => "the statement was stopped".to_owned(),
        ffi::SQLITE_IOERR => format!("reading or writing the database file failed: {text}"),
        ffi::SQLITE_CORRUPT => format!("the database file is damaged: {text}"),
        _ if text.is_empty() => "SQLite failed".to_owned(),
        _ => text.to_owned(),
    }
}

/// What to change in a migration in SQL. Most failures of a statement have the same code, so SQLite's words distinguish them.
pub(crate) fn advice(error: &DatabaseError) -> Option<&'static str> {
    let message = error.message.as_str();
    let begins = |with: &[&str]| with.iter().any(|with| message.starts_with(with));
    Some(if error.hint.is_none() && message.contains("from within a transaction") {
        "add the directive `-- runner:no-transaction` at the top of the file"
    } else if error.code == code_name(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) || begins(&["foreign key mismatch"]) {
        REBUILD
    } else if begins(&["error in view ", "error in trigger "]) {
        // `ALTER TABLE … RENAME` reads all views and triggers.
        "drop what the message names before the table that it uses is dropped, and create it again at the end"
    } else if begins(&["object name reserved for internal use"]) {
        "leave it out: SQLite makes this table by itself. `.schema` of `sqlite3` prints such tables; the guide on adopting a database has a \
         query that does not"
    } else {
        return None;
    })
}

/// The name in "no such column: u.emial".
pub(crate) fn unknown_name(message: &str) -> Option<UnknownName<'_>> {
    let column = message.strip_prefix("no such column: ").map(UnknownName::Column);
    column.or_else(|| message.strip_prefix("no such table: ").map(UnknownName::Table))
}

/// Text that may be NULL, and that may not be UTF-8 in a file that another program wrote.
pub(crate) fn text_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null()?.unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

macro_rules! names {
    ($($name:ident)*) => { [$((ffi::$name, stringify!($name))),*] };
}

/// Result codes with their names.
const NAMES: [(c_int, &str); 52] = names! {
    SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_ABORT_ROLLBACK SQLITE_BUSY SQLITE_BUSY_RECOVERY
    SQLITE_BUSY_SNAPSHOT SQLITE_BUSY_TIMEOUT SQLITE_LOCKED SQLITE_LOCKED_SHAREDCACHE SQLITE_NOMEM SQLITE_READONLY
    SQLITE_READONLY_RECOVERY SQLITE_READONLY_CANTLOCK SQLITE_READONLY_ROLLBACK SQLITE_READONLY_DBMOVED
    SQLITE_READONLY_CANTINIT SQLITE_READONLY_DIRECTORY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_IOERR_READ
    SQLITE_IOERR_SHORT_READ SQLITE_IOERR_WRITE SQLITE_IOERR_FSYNC SQLITE_IOERR_TRUNCATE SQLITE_CORRUPT
    SQLITE_CORRUPT_VTAB SQLITE_CORRUPT_INDEX SQLITE_NOTFOUND SQLITE_FULL SQLITE_CANTOPEN SQLITE_CANTOPEN_ISDIR
    SQLITE_PROTOCOL SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT SQLITE_CONSTRAINT_CHECK
    SQLITE_CONSTRAINT_COMMITHOOK SQLITE_CONSTRAINT_FOREIGNKEY SQLITE_CONSTRAINT_NOTNULL SQLITE_CONSTRAINT_PRIMARYKEY
    SQLITE_CONSTRAINT_TRIGGER SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_ROWID SQLITE_CONSTRAINT_DATATYPE
    SQLITE_MISMATCH SQLITE_MISUSE SQLITE_AUTH SQLITE_FORMAT SQLITE_RANGE SQLITE_NOTADB
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_name_is_read_from_the_message() {
        for (message, expected) in [
            ("no such column: u.emial", Some(UnknownName::Column("u.emial"))),
            ("no such table: main.usr", Some(UnknownName::Table("main.usr"))),
            ("near \".\": syntax error", None),
        ] {
            assert_eq!(unknown_name(message), expected, "{message}");
        }
    }

    #[test]
    fn only_the_lock_of_another_connection_is_worth_another_try() {
        for (code, message, is_transient) in [
            (ffi::SQLITE_BUSY, "database is locked", true),
            (ffi::SQLITE_BUSY_SNAPSHOT, "database is locked", true),
            (ffi::SQLITE_BUSY, "cannot commit transaction - SQL statements in progress", false),
            (ffi::SQLITE_LOCKED, "database table is locked", false),
        ] {
            let failure = Failure { code, message: message.to_owned(), offset: None, hint: None };
            let error = DatabaseError::from(failure);
            assert_eq!(error.is_transient(), is_transient, "{message}: {error}");
            assert!(error.hint.is_some(), "{message}");
        }
    }
}
