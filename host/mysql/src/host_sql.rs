//! The statements of the host on a session. Every text of the host goes through this module.
//!
//! A guest can leave a session in any state: in another character set, the bytes of a name swallow the backslash or the
//! backtick that follows, and in another `sql_mode` a backslash is one or begins an escape. So a text of the host is
//! ASCII without a backslash, which means the same in every character set that a session can have and in every mode.
//! What comes from elsewhere is sent as hexadecimal ([`literal`]) or as a bound value. A name that is not ASCII has no
//! other spelling; a text with one begins with a statement that is, and that sets the character set: the server reads a
//! statement of a message when those before it have run.
//!
//! What a guest says itself is none of this: its statements are sent by the modules that prepare them.
//!
//! There is no `RESET ALL`, and what a guest may have set is not known after anything that it said. So the next message
//! of the host begins with its own settings, a pinned list that ends the search for them; a test tries each variable of
//! a session that accepts a hostile value. A migration in SQL gets its own settings back. Questions are asked in the
//! host's settings too (`link::work`): with `max_recursive_iterations = 0` an event that reaches the tables through a
//! procedure went unseen, with another collation whatever is spelled in capitals. Only the question for a migration's
//! own settings is asked in those, with a limit of its own.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection, Row as _};

use crate::error::{Result, from_sqlx, unanswered};
use runner_database::Dialect;
use runner_database::change::Literals;
use runner_database::probe::by_statement;

/// A text of the host that every session reads alike.
struct HostSql {
    text: String,
    /// Whether another statement precedes it.
    is_led: bool,
}

/// The statement that precedes a text with names that are not plain.
const LEAD: &str = "SET character_set_client = utf8mb4; ";

impl HostSql {
    fn of(text: &str) -> Self {
        match text.is_ascii() && !text.contains('\\') {
            true => Self { text: text.to_owned(), is_led: false },
            false => Self { text: format!("{LEAD}{text}"), is_led: true },
        }
    }

    fn sendable(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.text)
    }
}

/// A session on which the host runs its own texts.
pub(crate) trait HostExecutor: Send {
    /// The rows of each statement in a text, which runs in the settings of the host.
    fn answers(&mut self, text: impl AsRef<str> + Send) -> impl Future<Output = Result<Vec<Vec<MySqlRow>>>> + Send;

    /// Runs a text that means the same in all settings. Returns how many rows it changed.
    fn run(&mut self, text: impl AsRef<str> + Send) -> impl Future<Output = Result<u64>> + Send;

    /// All rows of a text.
    fn all(&mut self, text: impl AsRef<str> + Send) -> impl Future<Output = Result<Vec<MySqlRow>>> + Send {
        async { Ok(self.answers(text).await?.into_iter().flatten().collect()) }
    }

    /// The only row of a query.
    fn one(&mut self, text: impl AsRef<str> + Send) -> impl Future<Output = Result<MySqlRow>> + Send {
        async { self.all(text).await?.into_iter().next().ok_or_else(unanswered) }
    }
}

/// A connection of the host: no guest uses it, so its settings stay those that it was opened with.
impl HostExecutor for MySqlConnection {
    async fn answers(&mut self, text: impl AsRef<str> + Send) -> Result<Vec<Vec<MySqlRow>>> {
        let text = HostSql::of(text.as_ref());
        let lead = usize::from(text.is_led);
        let mut results = by_statement(self.fetch_many(sqlx::raw_sql(text.sendable()))).await.map_err(from_sqlx)?;
        results.drain(..lead.min(results.len()));
        Ok(results)
    }

    async fn run(&mut self, text: impl AsRef<str> + Send) -> Result<u64> {
        // By the text protocol: one round trip, and nothing to prepare.
        let query = sqlx::raw_sql(HostSql::of(text.as_ref()).sendable());
        Ok(query.execute(self).await.map_err(from_sqlx)?.rows_affected())
    }
}

/// The values of the host in a text. MySQL spells them alike.
pub(crate) const LITERALS: Literals =
    Literals { dialect: Dialect::Mariadb, text: literal, bytes: |hex| format!("x'{hex}'") };

/// A string literal that means the same in every session. What is plain remains as it is; an account name can be nothing else.
pub(crate) fn literal(text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\');
    if text.bytes().all(is_plain) { format!("'{text}'") } else { format!("_utf8mb4 X'{}'", hex::encode(text)) }
}

/// A row's column as text; empty if NULL.
pub(crate) fn text(row: &MySqlRow, column: usize) -> String {
    row_text(row, column).unwrap_or_default()
}

/// A row's column as text, or `None`. Catalogues use many types for text, some of them binary.
pub(crate) fn row_text(row: &MySqlRow, column: usize) -> Option<String> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(column).ok()?;
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A row's column as a number; 0 if NULL.
pub(crate) fn number(row: &MySqlRow, column: usize) -> u64 {
    row_text(row, column).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_reads_a_text_alike() {
        assert_eq!(literal("a_b, c"), "'a_b, c'");
        assert_eq!(literal(r"a'b\c"), "_utf8mb4 X'6127625c63'");
        assert_eq!(literal("啊"), "_utf8mb4 X'e5958a'");
        for (text, is_led) in [("SELECT 'a'", false), ("USE `啊`", true), (r"DROP TABLE `a\`", true)] {
            let sent = HostSql::of(text);
            assert_eq!(sent.is_led, is_led, "{text}");
            assert_eq!(sent.text, format!("{}{text}", if is_led { LEAD } else { "" }));
        }
    }
}
