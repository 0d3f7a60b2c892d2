//! The statements of the history tables; a dialect is their text and nothing else.

use super::sqlite;
use crate::database::Dialect;
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
    /// The digests of all stored artifacts.
    pub artifacts: &'static str,
    /// Whether an artifact is stored. Parameter: its digest.
    pub has_artifact: &'static str,
    /// Stores an artifact, in the place of one of the same digest. Parameters: digest, kind, size, compression,
    /// digests of assets, bytes.
    pub store_artifact: &'static str,
    /// Kind, size, compression, digests of assets and bytes of an artifact. Parameter: its digest.
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
