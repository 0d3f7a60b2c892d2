//! The statements of the history tables; a dialect is their text and nothing else.

use super::sqlite;
use crate::database::{Dialect, Facts};
use crate::error::{Error, Result};

/// The history's statements in one dialect. Tables are always addressed by their qualified names: a temporary table of
/// the same name must not take their place.
pub struct HistorySql {
    /// How many of our tables there are.
    pub tables: &'static str,
    /// Makes the tables.
    pub create: &'static [&'static str],
    /// Writes the format of the tables. Parameter: the format.
    pub insert_format: &'static str,
    /// The format of the tables.
    pub format: &'static str,
    /// The rows in force, in the order of application; columns as [`COLUMNS`].
    pub live: &'static str,
    /// All rows, in the order of application; columns as [`COLUMNS`].
    pub all: &'static str,
    /// Adds a row in force. Parameters: [`COLUMNS`] without `id`.
    pub insert: &'static str,
    /// The run that put a revision in force. Parameter: the revision.
    pub live_run: &'static str,
    /// Takes a row out of force. Parameters: when, who, which run, duration, rows read, rows written, id.
    pub end: &'static str,
    /// Adds to what an upgrade took. Parameters: duration, steps so far, rows read, rows written, id.
    pub add_up: &'static str,
    /// Adds to what a downgrade took. Parameters: duration, rows read, rows written, id.
    pub add_down: &'static str,
    /// Begins to count statements anew. Parameters: state, id.
    pub reopen: &'static str,
    /// Takes a row away of which no statement took effect. Parameter: id.
    pub discard: &'static str,
    /// Notes that a statement begins. Parameters: those done before, its number, digests, id.
    pub begin_statement: &'static str,
    /// Notes that the statement that was begun has no effect. Parameter: id.
    pub forget_statement: &'static str,
    /// Notes that a statement took effect. Parameters: its number, id.
    pub finish_statement: &'static str,
    /// Ends a stepwise upgrade. Parameters: name, summary, digest, declared, finished, duration, steps, rows read, rows
    /// written, transcript, id.
    pub finish_stepwise: &'static str,
    /// Revision and digest of all stored artifacts.
    pub artifacts: &'static str,
    /// Whether an artifact is stored. Parameters: its revision, its digest.
    pub has_artifact: &'static str,
    /// Stores an artifact, in the place of one of the same revision and digest. Parameters: revision, digest, kind, size,
    /// compression, digests of assets, bytes.
    pub store_artifact: &'static str,
    /// Kind, size, compression, digests of assets and bytes of an artifact. Parameters: its revision, its
    /// digest.
    pub load_artifact: &'static str,
}

/// The columns of a row, in the order in which every statement has them.
pub const COLUMNS: usize = 31;

/// The statements of a dialect.
pub fn history_sql(dialect: Dialect) -> Result<&'static HistorySql> {
    match dialect {
        Dialect::Sqlite => Ok(&sqlite::SQL),
        other => Err(Error::usage(format!("{other} databases are not supported by this version of runner"))),
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
