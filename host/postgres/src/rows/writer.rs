//! Writers: write batches into a table, by key.

use std::sync::Arc;

use super::write_sql::{Way, WriteSql};
use crate::error::Result;
use crate::schema::Table;
use crate::types::ServerType;
use runner_data::{Batch, ColumnValues};
use runner_database::write::RowErrors;
use runner_database::{WriteHint, WriteMode};

/// How many times its number of rows a batch's range of integer keys may span for the table to be read between its
/// ends.
const SPARSE: u64 = 4;

/// An open writer.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) table: Table,
    /// The table, as statements name it.
    pub(super) into: String,
    pub(super) mode: WriteMode,
    pub(super) key: Vec<String>,
    /// The key is the primary key, so it has an index, and at most one row has a given key.
    pub(super) is_primary: bool,
    /// `COPY` does with the table what `INSERT` does.
    pub(super) copies: bool,
    pub(super) types: Vec<Arc<ServerType>>,
    /// The original values of the planner settings that a batch may change.
    pub(super) planner: Vec<String>,
    /// The statements, made for the columns of the first batch.
    pub(super) sql: Option<WriteSql>,
    pub(super) rows_written: u64,
}

impl Writer {
    /// Returns the statements for a batch. A column that was all NULLs may have another type later.
    pub(super) fn sql_for(&mut self, rows: &Batch) -> Result<WriteSql> {
        if let Some(sql) = self.sql.take() {
            sql.layout.check_columns(&self.table.info, rows)?;
            if sql.has_types(rows) {
                return Ok(sql);
            }
        }
        WriteSql::new(&self.table, &self.types, self.mode, &self.key, rows)
    }

    /// Returns the context for errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }

    /// Returns how the rows of this batch are matched with those of the table.
    pub(super) fn way(&self, sql: &WriteSql, rows: &Batch, hint: WriteHint) -> Way {
        if !self.is_primary {
            return Way::Free;
        }
        let [key] = sql.layout.key.as_slice() else { return Way::Probe };
        // A column of texts takes numbers as digits, and has another order.
        let is_dense = || sql.targets[*key].is_number() && is_dense(&rows.columns[*key].values);
        if hint.covers_key_range || is_dense() { Way::Range } else { Way::Probe }
    }
}

/// Whether integers ascend with few gaps between the first and the last.
fn is_dense(values: &ColumnValues) -> bool {
    let ColumnValues::Int64(entries) = values else { return false };
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if entries.is_sorted() => {
            last.abs_diff(*first) <= SPARSE.saturating_mul(entries.len() as u64)
        }
        _ => false,
    }
}
