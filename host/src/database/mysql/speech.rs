//! What the host says on a session, and how. Every text of its own goes through this door.
//!
//! A guest can leave a session in any state: in another character set, the bytes of a name swallow the backslash or the backtick that
//! follows, and in another `sql_mode` a backslash is one or begins an escape. So a text of the host is ASCII without a backslash, which
//! means the same in every character set that a session can have and in every mode. What comes from elsewhere goes in as hexadecimal
//! ([`literal`]) or as a bound value. A name that is not ASCII has no other spelling; a text with one begins with a statement that is,
//! and that sets the character set: the server reads a statement of a message when those before it have run.
//!
//! What a guest says itself is none of this: its statements are sent by the modules that prepare them.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};

use super::error::from_sqlx;
use crate::database::change::Literals;
use crate::database::look::by_statement;
use crate::database::{DatabaseError, Dialect};

/// A text of the host that every session reads alike.
struct HostSql {
    text: String,
    /// Whether another statement stands before it.
    is_led: bool,
}

/// The statement that stands before a text with names that are not plain.
const LEAD: &str = "SET character_set_client = utf8mb4; ";

impl HostSql {
    fn of(text: String) -> Self {
        match text.is_ascii() && !text.contains('\\') {
            true => Self { text, is_led: false },
            false => Self { text: format!("{LEAD}{text}"), is_led: true },
        }
    }

    fn sendable(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.text)
    }
}

/// Runs a text of the host by the text protocol: one round trip, and nothing to prepare.
pub(super) async fn run(connection: &mut MySqlConnection, text: String) -> Result<u64, DatabaseError> {
    let done = sqlx::raw_sql(HostSql::of(text).sendable()).execute(&mut *connection).await.map_err(from_sqlx)?;
    Ok(done.rows_affected())
}

/// The only row of a query of the host.
pub(super) async fn one(connection: &mut MySqlConnection, text: impl Into<String>) -> Result<MySqlRow, DatabaseError> {
    sqlx::raw_sql(HostSql::of(text.into()).sendable()).fetch_one(&mut *connection).await.map_err(from_sqlx)
}

/// All rows of the queries of the host in a text.
pub(super) async fn all(
    connection: &mut MySqlConnection,
    text: impl Into<String>,
) -> Result<Vec<MySqlRow>, DatabaseError> {
    sqlx::raw_sql(HostSql::of(text.into()).sendable()).fetch_all(&mut *connection).await.map_err(from_sqlx)
}

/// The rows of each statement in a text of the host.
pub(super) async fn results(connection: &mut MySqlConnection, text: &str) -> Result<Vec<Vec<MySqlRow>>, DatabaseError> {
    let text = HostSql::of(text.to_owned());
    let lead = usize::from(text.is_led);
    let mut results = by_statement(connection.fetch_many(sqlx::raw_sql(text.sendable()))).await.map_err(from_sqlx)?;
    results.drain(..lead.min(results.len()));
    Ok(results)
}

/// The values of the host in a text. MySQL spells them alike.
pub(super) const LITERALS: Literals =
    Literals { dialect: Dialect::Mariadb, text: literal, bytes: |hex| format!("x'{hex}'") };

/// A string literal that means the same in every session. What is plain remains as it is; an account name can be nothing else.
pub(super) fn literal(text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\');
    if text.bytes().all(is_plain) { format!("'{text}'") } else { format!("_utf8mb4 X'{}'", hex::encode(text)) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The modules that send the statements of guests, as they are or within others, or values that are bound.
    const OF_GUESTS: [&str; 5] = ["cursor.rs", "record.rs", "speech.rs", "statement.rs", "write_check.rs"];

    /// The driver accepts a text that is not fixed only in an `AssertSqlSafe`.
    #[test]
    fn nothing_is_sent_outside_of_the_door() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/database/mysql");
        let mut files = Vec::new();
        crate::architecture_tests::sources(&root, &mut files);
        assert!(files.len() > 40, "only {} files were found", files.len());
        for file in files {
            let name = file.strip_prefix(&root).expect("a path").to_string_lossy().into_owned();
            let code = crate::architecture_tests::code(&fs::read_to_string(&file).expect("a source file"));
            if OF_GUESTS.contains(&name.as_str()) || name.starts_with("tests") {
                continue;
            }
            for call in ["AssertSqlSafe", ".prepare(", "raw_sql"] {
                // Several functions of the drivers have that name and send nothing.
                let is_own =
                    call == ".prepare(" && code.contains("self.prepare(") && !code.contains("connection.prepare(");
                assert!(
                    is_own || !code.contains(call),
                    "{name} calls `{call}`: a text of the host goes through `speech`"
                );
            }
        }
    }

    #[test]
    fn every_session_reads_a_text_alike() {
        assert_eq!(literal("a_b, c"), "'a_b, c'");
        assert_eq!(literal(r"a'b\c"), "_utf8mb4 X'6127625c63'");
        assert_eq!(literal("啊"), "_utf8mb4 X'e5958a'");
        for (text, is_led) in [("SELECT 'a'", false), ("USE `啊`", true), (r"DROP TABLE `a\`", true)] {
            let sent = HostSql::of(text.to_owned());
            assert_eq!(sent.is_led, is_led, "{text}");
            assert_eq!(sent.text, format!("{}{text}", if is_led { LEAD } else { "" }));
        }
    }
}
