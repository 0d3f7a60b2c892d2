//! Errors about a row of a batch, in the same form on every database.

use std::fmt;

use crate::{DatabaseError, DatabaseErrorKind, TableInfo, WriteMode, message};
use runner_data::Batch;

/// A batch that is being written to a table, for errors that name one of its rows.
#[derive(Clone, Copy)]
pub struct RowErrors<'a> {
    /// The table.
    pub table: &'a TableInfo,
    /// What the writer does with the rows.
    pub mode: WriteMode,
    /// The columns by which rows are found; empty for inserts.
    pub key: &'a [String],
    /// The batch.
    pub rows: &'a Batch,
}

impl RowErrors<'_> {
    /// Returns a name for the row.
    pub fn row_name(&self, row: usize) -> String {
        message::row_name(self.table, self.key, self.rows, row)
    }

    /// Returns the error for a cell that does not fit into its column.
    #[cold]
    pub fn cannot_hold(&self, column: &str, what: impl fmt::Display, row: usize) -> DatabaseError {
        let message = format!("column `{}.{column}` cannot hold {what}", self.table.name);
        DatabaseError::new(DatabaseErrorKind::Conversion, message).detail(self.row_name(row))
    }

    /// Returns the error for a row whose key the table does not have. (The second deletion of a row fails this way
    /// too.)
    pub fn absent(&self, row: usize) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("no row of `{table}` has the key that a batch to {mode} gives"))
            .hint("write rows that may be new in the mode `upsert`")
            .detail(self.row_name(row))
    }

    /// Returns the error for a row whose key several rows of the table have.
    pub fn ambiguous(&self, row: usize) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("several rows of `{table}` have the key that a batch to {mode} gives"))
            .hint("choose columns that identify a row as the key")
            .detail(self.row_name(row))
    }

    /// Returns the error for a row whose key another row of the batch has too.
    pub fn duplicate(&self, row: usize) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("a batch to {mode} in `{table}` has the same key twice"))
            .hint("put each row into a batch once; in a collation without case, `a` and `A` are the same key")
            .detail(self.row_name(row))
    }

    /// Returns the error for a row that exists once but was not changed for some other reason.
    pub fn prevented(&self, row: usize) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("a trigger or rule of `{table}` prevented a batch from its {mode}"))
            .detail(self.row_name(row))
    }

    /// Returns the error for a row with a NULL in its key.
    pub fn null_key(&self, column: &str, row: usize) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("column `{table}.{column}` is part of the key but NULL in a batch to {mode}"))
            .detail(self.row_name(row))
    }

    /// Returns the error for a batch of which some unknown row was not changed exactly once.
    pub fn not_each_once(&self) -> DatabaseError {
        let (table, mode) = (&self.table.name, self.mode);
        DatabaseError::invalid(format!("a batch to {mode} did not change each of its rows in `{table}` once"))
    }
}
