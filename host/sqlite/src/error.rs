//! SQLite's result codes as errors, with hints.

use std::ffi::c_int;

use rusqlite::ffi;

use super::raw::Failure;
use runner_database::message::place_in;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};
use runner_sql::leading_words;

/// Ends SQLite's message where a statement of the same connection is not at its end.
const IN_PROGRESS: &str = "SQL statements in progress";

/// The name and number of an extended result code, such as `SQLITE_CONSTRAINT_FOREIGNKEY (787)`.
pub(super) fn code_name(code: c_int) -> String {
    match NAMES.iter().find(|(number, _)| *number == code).or_else(|| primary(code)) {
        Some((number, name)) if *number == code => format!("SQLITE_{name} ({code})"),
        Some((_, name)) => format!("SQLITE_{name} ({code})"),
        None => format!("SQLITE {code}"),
    }
}

fn primary(code: c_int) -> Option<&'static (c_int, &'static str)> {
    NAMES.iter().find(|(number, _)| *number == code & 0xff)
}

/// What a failure means.
pub(super) fn kind(code: c_int) -> DatabaseErrorKind {
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
pub(super) fn from_failure(failure: &Failure) -> DatabaseError {
    if failure.code & 0xff == ffi::SQLITE_BUSY && failure.message.contains(IN_PROGRESS) {
        // Not the lock of another connection, which ends: it is not worth another try.
        return DatabaseError::new(DatabaseErrorKind::Other, failure.message.trim())
            .code(code_name(failure.code))
            .hint("a query of the same connection is still being read: read it to its end, or close it, before");
    }
    let mut error = DatabaseError::new(kind(failure.code), message(failure)).code(code_name(failure.code));
    error.hint = failure.hint.or_else(|| hint(failure.code)).map(str::to_owned);
    error
}

/// A failure of a statement, with the position in its text.
pub(super) fn from_statement(failure: &Failure, statement: &str) -> DatabaseError {
    let mut error = from_failure(failure);
    error.hint = of_attached(failure, statement).map(str::to_owned).or(error.hint);
    match failure.offset.and_then(|offset| place_in(statement, offset)) {
        Some(place) => error.detail(place),
        None => error,
    }
}

/// The way out where another database cannot be attached or detached.
fn of_attached(failure: &Failure, statement: &str) -> Option<&'static str> {
    let first = leading_words(statement, Dialect::Sqlite).into_iter().next()?;
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

/// Text that may be NULL, and that may not be UTF-8 in a file that another program wrote.
pub(super) fn text_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null()?.unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

const NAMES: &[(c_int, &str)] = &[
    (ffi::SQLITE_ERROR, "ERROR"),
    (ffi::SQLITE_INTERNAL, "INTERNAL"),
    (ffi::SQLITE_PERM, "PERM"),
    (ffi::SQLITE_ABORT, "ABORT"),
    (ffi::SQLITE_ABORT_ROLLBACK, "ABORT_ROLLBACK"),
    (ffi::SQLITE_BUSY, "BUSY"),
    (ffi::SQLITE_BUSY_RECOVERY, "BUSY_RECOVERY"),
    (ffi::SQLITE_BUSY_SNAPSHOT, "BUSY_SNAPSHOT"),
    (ffi::SQLITE_BUSY_TIMEOUT, "BUSY_TIMEOUT"),
    (ffi::SQLITE_LOCKED, "LOCKED"),
    (ffi::SQLITE_LOCKED_SHAREDCACHE, "LOCKED_SHAREDCACHE"),
    (ffi::SQLITE_NOMEM, "NOMEM"),
    (ffi::SQLITE_READONLY, "READONLY"),
    (ffi::SQLITE_READONLY_RECOVERY, "READONLY_RECOVERY"),
    (ffi::SQLITE_READONLY_CANTLOCK, "READONLY_CANTLOCK"),
    (ffi::SQLITE_READONLY_ROLLBACK, "READONLY_ROLLBACK"),
    (ffi::SQLITE_READONLY_DBMOVED, "READONLY_DBMOVED"),
    (ffi::SQLITE_READONLY_CANTINIT, "READONLY_CANTINIT"),
    (ffi::SQLITE_READONLY_DIRECTORY, "READONLY_DIRECTORY"),
    (ffi::SQLITE_INTERRUPT, "INTERRUPT"),
    (ffi::SQLITE_IOERR, "IOERR"),
    (ffi::SQLITE_IOERR_READ, "IOERR_READ"),
    (ffi::SQLITE_IOERR_SHORT_READ, "IOERR_SHORT_READ"),
    (ffi::SQLITE_IOERR_WRITE, "IOERR_WRITE"),
    (ffi::SQLITE_IOERR_FSYNC, "IOERR_FSYNC"),
    (ffi::SQLITE_IOERR_TRUNCATE, "IOERR_TRUNCATE"),
    (ffi::SQLITE_CORRUPT, "CORRUPT"),
    (ffi::SQLITE_CORRUPT_VTAB, "CORRUPT_VTAB"),
    (ffi::SQLITE_CORRUPT_INDEX, "CORRUPT_INDEX"),
    (ffi::SQLITE_NOTFOUND, "NOTFOUND"),
    (ffi::SQLITE_FULL, "FULL"),
    (ffi::SQLITE_CANTOPEN, "CANTOPEN"),
    (ffi::SQLITE_CANTOPEN_ISDIR, "CANTOPEN_ISDIR"),
    (ffi::SQLITE_PROTOCOL, "PROTOCOL"),
    (ffi::SQLITE_SCHEMA, "SCHEMA"),
    (ffi::SQLITE_TOOBIG, "TOOBIG"),
    (ffi::SQLITE_CONSTRAINT, "CONSTRAINT"),
    (ffi::SQLITE_CONSTRAINT_CHECK, "CONSTRAINT_CHECK"),
    (ffi::SQLITE_CONSTRAINT_COMMITHOOK, "CONSTRAINT_COMMITHOOK"),
    (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "CONSTRAINT_FOREIGNKEY"),
    (ffi::SQLITE_CONSTRAINT_NOTNULL, "CONSTRAINT_NOTNULL"),
    (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "CONSTRAINT_PRIMARYKEY"),
    (ffi::SQLITE_CONSTRAINT_TRIGGER, "CONSTRAINT_TRIGGER"),
    (ffi::SQLITE_CONSTRAINT_UNIQUE, "CONSTRAINT_UNIQUE"),
    (ffi::SQLITE_CONSTRAINT_ROWID, "CONSTRAINT_ROWID"),
    (ffi::SQLITE_CONSTRAINT_DATATYPE, "CONSTRAINT_DATATYPE"),
    (ffi::SQLITE_MISMATCH, "MISMATCH"),
    (ffi::SQLITE_MISUSE, "MISUSE"),
    (ffi::SQLITE_AUTH, "AUTH"),
    (ffi::SQLITE_FORMAT, "FORMAT"),
    (ffi::SQLITE_RANGE, "RANGE"),
    (ffi::SQLITE_NOTADB, "NOTADB"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lock_of_another_connection_is_worth_another_try() {
        for (code, message, is_transient) in [
            (ffi::SQLITE_BUSY, "database is locked", true),
            (ffi::SQLITE_BUSY_SNAPSHOT, "database is locked", true),
            (ffi::SQLITE_BUSY, "cannot commit transaction - SQL statements in progress", false),
            (ffi::SQLITE_LOCKED, "database table is locked", false),
        ] {
            let error = from_failure(&Failure { code, message: message.to_owned(), offset: None, hint: None });
            assert_eq!(error.is_transient(), is_transient, "{message}: {error}");
            assert!(error.hint.is_some(), "{message}");
        }
    }
}
