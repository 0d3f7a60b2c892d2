//! A cursor's batch while it is being filled.

use sqlx::Row as _;

use crate::statement::{cell, wire_now};
use crate::types::convert;
use crate::types::read::{self, Cell, Wire};
use runner_data::{Batch, Column, ColumnBuilder, ColumnType};
use runner_database::read::{RowWidth, cell_too_large, in_column, row_too_large};
use runner_database::{BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest};

/// A column of a result.
pub(crate) struct CursorColumn {
    pub name: String,
    pub wire: Wire,
    pub column_type: ColumnType,
    pub requested: bool,
    pub type_name: String,
}

/// A batch that is being filled. Once it is full, the rest of the answer is discarded.
pub(crate) struct Filling<'a> {
    page: Option<&'a PageRequest>,
    builders: Vec<ColumnBuilder>,
    wires: Vec<Wire>,
    /// Number of rows so far.
    pub rows: usize,
    /// Number of bytes so far.
    pub bytes: usize,
    /// The number of the last row, where the rows have numbers: in a column after those of the batch.
    pub last_number: Option<u64>,
    limits: BatchLimits,
    /// Why no more rows are accepted.
    pub problem: Option<DatabaseError>,
}

impl<'a> Filling<'a> {
    /// `page` is the page of a table that is being read, for messages.
    pub fn new(columns: &[CursorColumn], page: Option<&'a PageRequest>, limits: BatchLimits, rows: usize) -> Self {
        let builders = columns
            .iter()
            .map(|column| ColumnBuilder::new(column.column_type, rows.min(16_384), &column.type_name))
            .collect();
        // Offsets of a column are 32 bits wide.
        let limits = BatchLimits { bytes: limits.bytes.min(u32::MAX as usize / 2), ..limits };
        Self { page, builders, wires: Vec::new(), rows: 0, bytes: 0, last_number: None, limits, problem: None }
    }

    /// The most bytes that a row may have.
    pub fn row_bytes(&self) -> usize {
        self.limits.row_bytes()
    }

    pub fn is_full(&self) -> bool {
        self.rows >= self.limits.rows || (self.rows > 0 && self.bytes >= self.limits.bytes)
    }

    /// Estimates how many rows fit into so many bytes, from the rows so far; limited relative to `last`, the previous
    /// request.
    pub fn fitting(&self, bytes: usize, last: usize) -> usize {
        let fitting = (bytes.saturating_mul(self.rows.max(1)) / self.bytes.max(1)).saturating_add(1);
        fitting.clamp(1, last.saturating_mul(16).max(1))
    }

    /// Estimates how many rows fill a batch.
    pub fn fitting_all(&self, last: usize) -> usize {
        self.fitting(self.limits.bytes, last)
    }

    pub fn push(&mut self, columns: &[CursorColumn], row: &sqlx::mysql::MySqlRow) {
        if self.problem.is_some() || self.is_full() {
            return;
        }
        if self.wires.is_empty() {
            let known = columns.iter().map(|column| Some(column.wire));
            self.wires = row.columns().iter().zip(known).map(|(column, known)| wire_now(column, known)).collect();
        }
        let before = self.bytes;
        for (at, (builder, wire)) in self.builders.iter_mut().zip(&self.wires).enumerate() {
            let Some(bytes) = cell(row, at) else {
                builder.push_null();
                self.bytes += 8;
                continue;
            };
            self.bytes += bytes.len().max(8);
            let column = &columns[at];
            if bytes.len() > self.limits.cell_bytes {
                let error = cell_too_large(bytes.len(), width(row, self.wires.len()), self.limits);
                self.problem = Some(self.locate(error, columns, column, row));
                return;
            }
            let decoded = read::decode(*wire, bytes);
            if !decoded.is_some_and(|cell| convert::push(builder, cell, column.requested)) {
                let what = decoded.map_or_else(|| "what the server sent".to_owned(), convert::describe);
                let what = format!("{what}, which is no {}", column.column_type);
                let mut error = DatabaseError::new(DatabaseErrorKind::Conversion, what);
                error.hint = decoded.map(|cell| convert::hint(cell).to_owned());
                self.problem = Some(self.locate(error, columns, column, row));
                return;
            }
        }
        // As everywhere: what arrives at once may be more.
        if self.bytes - before > self.limits.row_bytes() {
            let shown = |name: &str| self.shown(name, columns, row);
            self.problem = Some(row_too_large(width(row, self.wires.len()), self.limits, self.page, shown));
            return;
        }
        if row.len() > self.wires.len() {
            self.last_number =
                cell(row, self.wires.len()).and_then(|bytes| match read::decode(Wire::Unsigned, bytes)? {
                    Cell::Large(number) => Some(number),
                    Cell::Integer(number) => u64::try_from(number).ok(),
                    _ => None,
                });
        }
        self.rows += 1;
    }

    /// Adds to an error which cell of the row it is about.
    fn locate(
        &self,
        error: DatabaseError,
        columns: &[CursorColumn],
        column: &CursorColumn,
        row: &sqlx::mysql::MySqlRow,
    ) -> DatabaseError {
        in_column(error, &column.name, self.page, |name| self.shown(name, columns, row))
    }

    /// Formats a cell for a message.
    fn shown(&self, name: &str, columns: &[CursorColumn], row: &sqlx::mysql::MySqlRow) -> Option<String> {
        let at = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
        match cell(row, at) {
            Some(bytes) => read::decode(*self.wires.get(at)?, bytes).and_then(convert::text_of),
            None => Some("NULL".to_owned()),
        }
    }

    pub fn finish(self, columns: &[CursorColumn]) -> (Batch, Option<DatabaseError>) {
        let columns: Vec<Column> = self
            .builders
            .into_iter()
            .zip(columns)
            .map(|(builder, column)| builder.finish(column.name.clone()))
            .collect();
        (Batch { row_count: self.rows, columns }, self.problem)
    }
}

/// How wide a row is, of which these are the columns that were asked for.
fn width(row: &sqlx::mysql::MySqlRow, columns: usize) -> RowWidth {
    RowWidth::of((0..columns).filter_map(|at| Some(cell(row, at)?.len())))
}
