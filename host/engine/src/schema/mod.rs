//! The tables that the tool owns: their definitions, their format, and every statement about them.
//!
//! A statement is one template for all dialects. [`tool_sql`] replaces `@` by the schema of the tool's tables, `?1` by
//! a placeholder, and a word such as `~now_ms~` by what the dialect writes in its place (see [`Words`]). Statements
//! that differ more are in a [`DialectSchema`]. Tables are always addressed by qualified names, so neither a temporary
//! table of the same name nor a search path can substitute another table. Parameters appear in the order of their
//! numbers, and each is used once, because placeholders without numbers are distinguished by their order alone.

pub mod chunk;
pub mod control;
pub mod evidence;
pub mod history;
pub mod journal;
mod mysql;
pub mod objects;
mod postgres;
pub mod repair;
mod sqlite;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use self::{mysql::MYSQL, postgres::POSTGRES, sqlite::SQLITE};
use runner_database::{Dialect, Facts};

/// The format of the tables and of what they store, as recorded in `runner_meta`.
pub const FORMAT: i64 = 4;

/// The statements and facts that are specific to a dialect.
pub struct DialectSchema {
    /// What the words in templates stand for.
    pub words: Words,
    /// Lists which of our tables exist. Parameter: the schema or database that would contain them.
    pub tables: &'static str,
    /// Tests whether the schema exists, and creates it; `None` where it always exists.
    pub schema: Option<(&'static str, &'static str)>,
    /// Creates the missing tables.
    pub create: &'static [&'static str],
    /// Takes from others the right to write to them that default privileges give; `None` where there are none.
    pub close: Option<&'static str>,
    /// Stores an artifact, replacing one with the same revision and digest. Parameters: revision, digest, kind, size,
    /// compression, digests of assets, bytes.
    pub store_artifact: &'static str,
    /// Whether inserting a row with an explicit number may advance the table's counter, which no rollback resets.
    /// InnoDB's advances even for some numbers below zero.
    pub own_number_counts: bool,
    /// Whether the number of a row of history is asked for before the row is added, so that the journal can name it in the same message.
    pub can_ask_number: bool,
    /// Makes it visible to other users that the session exists, if `~watching~` cannot determine it otherwise.
    pub sign_in: Option<&'static str>,
    /// The hint for when the privileges to create the tables are missing and the database's own error does not mention
    /// them.
    pub grant: Option<&'static str>,
}

/// What the words in templates stand for.
pub struct Words {
    /// `~now_us~`: the time on the database's own clock, in microseconds since 1970.
    pub now_us: &'static str,
    /// `~now_ms~`: the same in milliseconds.
    pub now_ms: &'static str,
    /// `~int64~`: the type of a 64-bit integer in a cast.
    pub int64: &'static str,
    /// `~lock~`: the clause of a SELECT that locks the rows that it returns.
    pub lock: &'static str,
    /// `~session~`: the number of the session that runs the statement.
    pub session: &'static str,
    /// `~watching~`: positive if the session whose number is in the column `shares` still exists; NULL if that cannot
    /// be determined.
    pub watching: &'static str,
}

impl Words {
    fn get(&self, word: &str, facts: &Facts) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match word {
            "now_us" => self.now_us,
            "now_ms" => self.now_ms,
            "int64" => self.int64,
            "lock" => self.lock,
            // Like `lock`, but leaves out rows that other transactions have locked, where the server can do that.
            "lock_free" if facts.skips_locked => " FOR UPDATE SKIP LOCKED",
            "lock_free" => self.lock,
            "session" => self.session,
            "watching" => self.watching,
            "tables" => return Some(Cow::Owned(facts.history.tables(facts.dialect))),
            _ => return None,
        }))
    }
}

/// Returns the statements and facts that are specific to the dialect.
pub fn dialect_schema(facts: &Facts) -> &'static DialectSchema {
    // Everything that differs between the dialects is in these constants; no other statement depends on the dialect.
    match facts.dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

/// Returns the statement of a template for a database with these facts: `@` becomes the quoted schema of the tool's
/// tables (SQLite's is `main`), `?1` a placeholder, and `~word~` the dialect's text for the word.
pub fn tool_sql(template: &str, facts: &Facts) -> String {
    let words = &dialect_schema(facts).words;
    let mut result = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find(['@', '?', '~']) {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match rest.as_bytes()[at] {
            b'@' => {
                let (place, after) = facts.tool_place(&rest[at..]);
                result.push_str(&place);
                after
            }
            b'?' => {
                let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                match after[..digits].parse() {
                    Ok(number) => result.push_str(&facts.dialect.placeholder(number)),
                    Err(_) => result.push('?'),
                }
                &after[digits..]
            }
            _ => match after.split_once('~').and_then(|(word, after)| Some((words.get(word, facts)?, after))) {
                Some((text, after)) => {
                    result.push_str(&text);
                    after
                }
                None => {
                    result.push('~');
                    after
                }
            },
        };
    }
    result.push_str(rest);
    result
}
