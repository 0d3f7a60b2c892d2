//! What the host says on a session, and how. Every text of the host goes through this module.
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
//! host's settings too (`work`): with `max_recursive_iterations = 0` an event that reaches the tables through a
//! procedure went unseen, with another collation whatever is spelled in capitals. Only the question for a migration's
//! own settings is asked in those, with a limit of its own.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};

use super::error::{from_sqlx, unanswered};
use super::work::WorkSession;
use runner_database::change::Literals;
use runner_database::look::by_statement;
use runner_database::{DatabaseError, Dialect};

/// A text of the host that every session reads alike.
struct HostSql {
    text: String,
    /// Whether another statement precedes it.
    is_led: bool,
}

/// The statement that precedes a text with names that are not plain.
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

/// A session that the host speaks on.
pub(super) trait Spoken: Send {
    /// The rows of each statement in a text of the host, which runs in the settings of the host.
    fn answers(&mut self, text: &str) -> impl Future<Output = Result<Vec<Vec<MySqlRow>>, DatabaseError>> + Send;

    /// Runs a text that means the same in all settings.
    fn run(&mut self, text: String) -> impl Future<Output = Result<u64, DatabaseError>> + Send;
}

/// A connection of the host: no guest speaks on it, so its settings stay those that it was opened with.
impl Spoken for MySqlConnection {
    async fn answers(&mut self, text: &str) -> Result<Vec<Vec<MySqlRow>>, DatabaseError> {
        answers_of(self, text.to_owned()).await
    }

    async fn run(&mut self, text: String) -> Result<u64, DatabaseError> {
        run_on(self, text).await
    }
}

impl Spoken for WorkSession {
    async fn answers(&mut self, text: &str) -> Result<Vec<Vec<MySqlRow>>, DatabaseError> {
        self.answers_in_ours(text).await
    }

    async fn run(&mut self, text: String) -> Result<u64, DatabaseError> {
        self.run_as_is(text).await
    }
}

/// Runs a text of the host that means the same in all settings.
pub(super) async fn run(session: &mut impl Spoken, text: String) -> Result<u64, DatabaseError> {
    session.run(text).await
}

/// The only row of a query of the host.
pub(super) async fn one(session: &mut impl Spoken, text: impl AsRef<str>) -> Result<MySqlRow, DatabaseError> {
    let rows = all(session, text).await?;
    rows.into_iter().next().ok_or_else(unanswered)
}

/// All rows of the queries of the host in a text.
pub(super) async fn all(session: &mut impl Spoken, text: impl AsRef<str>) -> Result<Vec<MySqlRow>, DatabaseError> {
    Ok(session.answers(text.as_ref()).await?.into_iter().flatten().collect())
}

/// The rows of each statement in a text of the host.
pub(super) async fn results(session: &mut impl Spoken, text: &str) -> Result<Vec<Vec<MySqlRow>>, DatabaseError> {
    session.answers(text).await
}

/// Runs a text of the host on a connection by the text protocol: one round trip, and nothing to prepare.
pub(super) async fn run_on(connection: &mut MySqlConnection, text: String) -> Result<u64, DatabaseError> {
    let done = sqlx::raw_sql(HostSql::of(text).sendable()).execute(&mut *connection).await.map_err(from_sqlx)?;
    Ok(done.rows_affected())
}

/// The rows of each statement in a text of the host, in the settings that are in force.
pub(super) async fn answers_of(
    connection: &mut MySqlConnection,
    text: String,
) -> Result<Vec<Vec<MySqlRow>>, DatabaseError> {
    let text = HostSql::of(text);
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
    use super::*;

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
