//! The tables that the tool owns: their definitions, their format, and every statement about them.
//!
//! A statement is one text for all dialects, in which `@` stands for the schema of the tool's tables and `?1` for a
//! parameter. Statements that differ more are in a [`DialectSchema`]. Tables are always addressed by qualified names,
//! so neither a temporary table of the same name nor a search path can substitute another table. Parameters appear in
//! the order of their numbers, and each is used once, because placeholders without numbers are told apart by their
//! order alone.

pub mod chunk;
pub mod control;
pub mod evidence;
pub mod history;
pub mod journal;
mod mysql;
mod postgres;
pub mod repair;
mod sqlite;
#[cfg(test)]
mod tests;

use self::{mysql::MYSQL, postgres::POSTGRES, sqlite::SQLITE};
use crate::database::{Dialect, Facts};

/// The format of the tables and of what they store, as recorded in `runner_meta`.
pub const FORMAT: i64 = 3;

/// The statements and facts that are specific to a dialect.
pub struct DialectSchema {
    /// Lists which of our tables exist; `~tables~` stands for their names. Parameter: the schema or database that would
    /// contain them.
    pub tables: &'static str,
    /// Whether the schema is there, and what makes it; none where there is no need to make it.
    pub schema: Option<(&'static str, &'static str)>,
    /// Creates the missing tables.
    pub create: &'static [&'static str],
    /// Stores an artifact, replacing one with the same revision and digest. Parameters: revision, digest, kind, size,
    /// compression, digests of assets, bytes.
    pub store_artifact: &'static str,
    /// A query for the maximum number of bytes that the server accepts at once; `None` if there is no such limit.
    pub packet: Option<&'static str>,
    /// Whether inserting a row with an explicit number may advance the table's counter, which no rollback resets.
    /// InnoDB's advances even for some numbers below zero.
    pub own_number_counts: bool,
    /// The hint for when the privileges to create the tables are missing and the database's own error does not mention
    /// them.
    pub grant: Option<&'static str>,
}

/// Returns the statements and facts that are specific to the dialect.
pub fn dialect_schema(facts: &Facts) -> &'static DialectSchema {
    match facts.dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

/// Returns the text as a database with these facts reads it: `@` becomes the quoted schema of the tool's tables (SQLite's
/// is `main`), `?1` a placeholder.
pub fn tool_sql(text: &str, facts: &Facts) -> String {
    let place = facts.dialect.quote(facts.tool_schema());
    let mut result = String::with_capacity(text.len() + 8 * place.len());
    let mut rest = text;
    while let Some(at) = rest.find(['@', '?']) {
        result.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if rest.as_bytes()[at] == b'@' {
            result.push_str(&place);
            rest = behind;
            continue;
        }
        let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        match behind[..digits].parse() {
            Ok(number) => result.push_str(&facts.dialect.placeholder(number)),
            Err(_) => result.push('?'),
        }
        rest = &behind[digits..];
    }
    result.push_str(rest);
    result
}
