//! The tables that the tool owns, and the templates of statements about them.

use std::borrow::Cow;

use crate::Facts;

/// Stores an artifact, in the upsert syntax of SQLite and PostgreSQL.
pub const STORE_OR_UPDATE: &str = "INSERT INTO @.runner_artifact (revision, sha256, kind, size, compression, assets, bytes) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (revision, sha256) DO UPDATE SET kind = excluded.kind, \
     size = excluded.size, compression = excluded.compression, assets = excluded.assets, bytes = excluded.bytes";

/// The statements and facts about the tool's tables that are specific to a database.
pub struct ToolSchema {
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

impl ToolSchema {
    /// That of a database without a driver.
    pub(super) const NONE: Self = Self {
        words: Words { now_us: "", now_ms: "", int64: "", lock: "", session: "", watching: "" },
        tables: "",
        schema: None,
        create: &[],
        close: None,
        store_artifact: "",
        own_number_counts: false,
        can_ask_number: false,
        sign_in: None,
        grant: None,
    };
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
    pub(crate) fn get(&self, word: &str, facts: &Facts) -> Option<Cow<'static, str>> {
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

/// Returns the statement of a template for a database with these facts: `@` becomes the quoted schema of the tool's
/// tables (SQLite's is `main`), `?1` a placeholder, and `~word~` the dialect's text for the word.
pub fn tool_sql(template: &str, facts: &Facts) -> String {
    facts.filled(template, |number| facts.dialect.placeholder(number))
}
