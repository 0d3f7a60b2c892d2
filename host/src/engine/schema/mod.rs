//! The tables that the tool owns: their definitions, their format, and every statement about them.
//!
//! A statement is one text for all dialects, in which `@` stands for the place of the tool's tables and `?1` for a parameter;
//! what differs more is a [`DialectSchema`]. Tables are always addressed by their qualified names: neither a temporary table
//! of the same name nor a search path may put another in their place. Parameters are in the order of their numbers, and each
//! is used once: where placeholders have no numbers, their order alone tells them apart.

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

/// The format of the tables, as `runner_meta` keeps it.
pub const FORMAT: i64 = 2;

/// What a dialect has of its own.
pub struct DialectSchema {
    /// The names of those of our tables that there are; `~tables~` are their names. Parameter: the schema or database they
    /// would be in.
    pub tables: &'static str,
    /// Whether the schema is there, and what makes it; none where there is no need to make it.
    pub schema: Option<(&'static str, &'static str)>,
    /// Makes the tables that are not there.
    pub create: &'static [&'static str],
    /// Stores an artifact, in the place of one of the same revision and digest. Parameters: revision, digest, kind, size,
    /// compression, digests of assets, bytes.
    pub store_artifact: &'static str,
    /// The greatest number of bytes that the server takes at once, if it has such a bound.
    pub packet: Option<&'static str>,
    /// Whether a row that brings its own number may move the counter of its table, which no rollback moves back: InnoDB's goes
    /// on even for some below zero.
    pub own_number_counts: bool,
    /// The advice where rights to make the tables are missing and the database's own error says nothing of them.
    pub grant: Option<&'static str>,
}

/// What the dialect has of its own.
pub fn dialect_schema(facts: &Facts) -> &'static DialectSchema {
    match facts.dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

/// The text as the database of these facts reads it: `@` is the quoted place of the tool's tables, `?1` a placeholder.
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
