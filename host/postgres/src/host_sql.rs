//! The statements of the host on a session. Every text of the host goes through this module.
//!
//! A guest can leave a session in any state: with another `client_encoding`, in which the bytes of a name swallow the
//! backslash that follows, with other rules for escapes, with another path. So a text of the host is plain: ASCII
//! without a backslash, which means the same in every encoding and under all rules. What comes from elsewhere is sent
//! as hexadecimal and becomes a value inside the server ([`literal`]), or a statement there, where names and texts are
//! in the server's own encoding ([`in_server`], or a bound parameter of the gate). Anything else is not sent.
//!
//! What a guest says itself is none of this: its statements are sent by the modules that prepare them, after `enter` has proven that the
//! server reads them as we did.
//!
//! * Data becomes `convert_from(decode('…', 'hex'), 'UTF8')`: a text only inside the server. The name of the encoding
//!   is cast from `text`; as a `name` it has the collation `C`, which the value would pass on. What has only letters,
//!   digits and plain punctuation stays as it is.
//! * Settings are reset, not compared. When the host speaks in a transaction after a component did, its message begins
//!   with the proof that the transaction is ours, `RESET SESSION AUTHORIZATION`, `RESET ROLE`, `RESET ALL` and the
//!   settings that it pins. That needs no list of what a component may have set, takes microseconds, and no message of
//!   its own. A migration in SQL keeps its settings.
//! * A component's statement fails unless `client_encoding` is `UTF8` and `standard_conforming_strings` is on: it is
//!   judged by its words, so they must be those that the server reads.
//!
//! Rejected: `U&'…'`, an error where `standard_conforming_strings` is off; `E'…'` after `SET client_encoding` in one
//! message, all of which the server has read before it runs the first statement; `ParameterStatus`, which poolers do
//! not pass on in full; `DISCARD ALL`, which takes no transaction; a list of settings that matter, on which
//! `backslash_quote` and `plpgsql.extra_errors` were missing.
//!
//! Not covered: the connection that holds the lock says who holds it, in a comment; no guest ever uses it.

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column as _, Either, Executor as _, PgConnection, Row as _};

use crate::error::{Result, from_sqlx};
use runner_base::dialect::postgres_value;
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};
use runner_sql::substitute;

/// The row that [`backend_of`] finds.
pub(crate) const ASK_BACKEND: &str = "SELECT pg_catalog.pg_backend_pid() AS pg_backend_pid";

/// A text of the host that is plain.
#[derive(Clone, Copy)]
struct HostSql<'a>(&'a str);

/// Whether a text is plain.
pub(crate) fn is_sendable(text: &str) -> bool {
    text.is_ascii() && !text.contains(['\\', '\0'])
}

impl<'a> HostSql<'a> {
    fn of(text: &'a str) -> Result<Self> {
        if is_sendable(text) {
            return Ok(Self(text));
        }
        Err(DatabaseError::new(DatabaseErrorKind::Other, "a statement of runner itself is not plain, and was not sent"))
    }

    fn sendable(self) -> AssertSqlSafe<&'a str> {
        AssertSqlSafe(self.0)
    }
}

/// A text as a value in a text of the host.
pub(crate) fn literal(text: &str) -> String {
    // A zero byte is not a character of the server's; no name contains one.
    postgres_value(&text.replace('\0', "\u{fffd}"))
}

/// Bytes, given in hexadecimal, as a value in a text of the host.
pub(crate) fn bytes(hex: &str) -> String {
    format!("pg_catalog.decode('{hex}', 'hex')")
}

/// A text of the host that runs these statements, whose names and values come from elsewhere, inside the server.
pub(crate) fn in_server(statements: &str) -> String {
    format!("DO LANGUAGE plpgsql $runner$ BEGIN EXECUTE {}; END $runner$", literal(statements))
}

/// The error of a text that ran inside the server, without where the server was when it arose.
pub(crate) fn without_place(mut error: DatabaseError) -> DatabaseError {
    error.detail = error.detail.take().and_then(|text| {
        let is_ours =
            |part: &&str| !part.starts_with("SQL statement \"") && !part.starts_with("PL/pgSQL function inline_code");
        let parts: Vec<&str> = text.split("; ").take_while(is_ours).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    });
    error
}

/// Runs a text of the host.
pub(crate) async fn simple(connection: &mut PgConnection, text: &str) -> Result<()> {
    let text = HostSql::of(text)?.sendable();
    connection.execute(sqlx::raw_sql(text)).await.map(drop).map_err(|error| from_sqlx(&error, None))
}

/// Runs a text of the host and returns the rows of all its statements, in text format.
pub(crate) async fn rows(connection: &mut PgConnection, text: &str) -> Result<Vec<PgRow>> {
    let text = HostSql::of(text)?.sendable();
    connection.fetch_all(sqlx::raw_sql(text)).await.map_err(|error| from_sqlx(&error, None))
}

/// Runs a text of the host; returns the rows of each of its statements that was done, and whether all were.
pub(crate) async fn answers(connection: &mut PgConnection, text: &str) -> (Vec<Vec<PgRow>>, Result<()>) {
    let (mut found, mut rows) = (Vec::new(), Vec::new());
    let text = match HostSql::of(text) {
        Ok(text) => text.sendable(),
        Err(error) => return (found, Err(error)),
    };
    let mut stream = connection.fetch_many(sqlx::raw_sql(text));
    loop {
        match stream.try_next().await {
            Ok(Some(Either::Right(row))) => rows.push(row),
            Ok(Some(Either::Left(_))) => found.push(std::mem::take(&mut rows)),
            Ok(None) => return (found, Ok(())),
            Err(error) => return (found, Err(from_sqlx(&error, None))),
        }
    }
}

/// What the last statement of a text has answered.
#[derive(Default)]
pub(crate) struct LastAnswer {
    /// Its rows, in text format.
    pub(crate) rows: Vec<PgRow>,
    /// How many rows it has changed or returned.
    pub(crate) affected: u64,
}

/// Runs a text of the host, whose last statement may return large rows, of that many bytes in binary format.
pub(crate) async fn last_answer(
    (connection, meter): (&mut PgConnection, &Meter),
    text: &str,
    bytes: usize,
) -> Result<LastAnswer> {
    let text = HostSql::of(text)?.sendable();
    // Bytes are sent as two digits each.
    let _allowed = meter.allow(bytes.saturating_mul(2));
    let mut stream = meter.rows(connection.fetch_many(sqlx::raw_sql(text)));
    let (mut last, mut rows) = (LastAnswer::default(), Vec::new());
    while let Some(part) = stream.try_next().await.map_err(|error| from_sqlx(&error, None))? {
        match part {
            Either::Right(row) => rows.push(row),
            Either::Left(done) => {
                last = LastAnswer { rows: std::mem::take(&mut rows), affected: done.rows_affected() };
            }
        }
    }
    Ok(last)
}

/// Runs a text on the connection that holds the lock, which no guest uses. Others read there, in the list of sessions, who holds
/// it, as the server shows texts: with names in them.
pub(crate) async fn rows_with_mark(connection: &mut PgConnection, text: &str) -> Result<Vec<PgRow>> {
    connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(text))).await.map_err(|error| from_sqlx(&error, None))
}

/// A column of a row in text format.
pub(crate) fn text_of(row: &PgRow, column: usize) -> Option<String> {
    row.try_get_unchecked::<Option<String>, _>(column).ok().flatten()
}

/// The server process in the rows of a prologue (`settings`), or of [`ASK_BACKEND`].
pub(crate) fn backend_of<'a>(rows: impl IntoIterator<Item = &'a PgRow>) -> Option<i32> {
    rows.into_iter().find_map(|row| {
        let is_pid = row.columns().first().is_some_and(|column| column.name() == "pg_backend_pid");
        if is_pid { text_of(row, 0)?.parse().ok() } else { None }
    })
}

/// An internal statement with literals in the places of its placeholders, all at once: a literal may look like a placeholder.
pub(crate) fn filled(statement: &str, literals: &[String]) -> Result<String> {
    substitute(statement, Dialect::Postgres, literals)
        .ok_or_else(|| DatabaseError::invalid("a statement of runner's has other placeholders than values"))
}

/// A text as a literal in a statement that is a guest's, or that an operator reads. Both have `standard_conforming_strings` on.
pub(crate) fn quoted(text: &str) -> String {
    // A zero byte would end the whole statement; no name contains one.
    format!("'{}'", text.replace('\'', "''").replace('\0', "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_texts_are_sent() {
        for refused in ["SELECT '\u{554a}'", "SELECT E'a\\\\'", "SELECT 1\0"] {
            assert!(HostSql::of(refused).is_err(), "{refused}");
        }
        let text = in_server("DROP TABLE \"\u{554a}\\'; --\"");
        assert!(HostSql::of(&text).is_ok(), "{text}");
        assert!(HostSql::of(&format!("SELECT {}", bytes("00ff"))).is_ok());
    }
}
