//! A batch of a cursor while it is filled.

use sqlx::Row as _;

use super::cursor::{Cursor, CursorColumn};
use super::statement::{cell, wire_now};
use super::types_convert;
use super::types_read::{self, Wire};
use crate::data::{Batch, Column, ColumnBuilder};
use crate::database::{BatchLimits, DatabaseError, DatabaseErrorKind};

/// A batch that is being filled. Once it is full the rest of the answer is passed over.
pub(super) struct Filling {
    builders: Vec<ColumnBuilder>,
    wires: Vec<Wire>,
    /// Rows so far.
    pub rows: usize,
    /// Their bytes.
    pub bytes: usize,
    limits: BatchLimits,
    /// Why no more rows are taken.
    pub problem: Option<DatabaseError>,
}

impl Filling {
    pub fn new(cursor: &Cursor, limits: BatchLimits, rows: usize) -> Self {
        let builders = cursor
            .columns
            .iter()
            .map(|column| ColumnBuilder::new(column.column_type, rows.min(16_384), &column.type_name))
            .collect();
        // Offsets of a column are 32 bits wide.
        let limits = BatchLimits { bytes: limits.bytes.min(u32::MAX as usize / 2), ..limits };
        Self { builders, wires: Vec::new(), rows: 0, bytes: 0, limits, problem: None }
    }

    pub fn is_full(&self) -> bool {
        self.rows >= self.limits.rows || (self.rows > 0 && self.bytes >= self.limits.bytes)
    }

    /// How many rows are likely to fit so many bytes, going by those that came; not many more than were asked for last.
    pub fn fitting(&self, bytes: usize, last: usize) -> usize {
        let fitting = (bytes.saturating_mul(self.rows.max(1)) / self.bytes.max(1)).saturating_add(1);
        fitting.clamp(1, last.saturating_mul(16).max(1))
    }

    pub fn push(&mut self, cursor: &Cursor, row: &sqlx::mysql::MySqlRow) {
        if self.problem.is_some() || self.is_full() {
            return;
        }
        if self.wires.is_empty() {
            let known = cursor.columns.iter().map(|column| Some(column.wire));
            self.wires = row.columns().iter().zip(known).map(|(column, known)| wire_now(column, known)).collect();
        }
        for (at, (builder, wire)) in self.builders.iter_mut().zip(&self.wires).enumerate() {
            let Some(bytes) = cell(row, at) else {
                builder.push_null();
                self.bytes += 8;
                continue;
            };
            self.bytes += bytes.len().max(8);
            let column = &cursor.columns[at];
            if bytes.len() > self.limits.cell_bytes {
                self.problem = Some(too_large(column, bytes.len(), self.limits.cell_bytes));
                return;
            }
            let decoded = types_read::decode(*wire, bytes);
            if !decoded.is_some_and(|cell| types_convert::push(builder, cell, column.requested)) {
                let key = self.row_name(cursor, row);
                let what = decoded.map_or_else(|| "what the server sent".to_owned(), types_convert::describe);
                let place = match &cursor.origin {
                    Some((table, _)) => format!("{table}.{}", column.name),
                    None => column.name.clone(),
                };
                let mut error = DatabaseError::new(
                    DatabaseErrorKind::Conversion,
                    format!("column `{place}` holds {what}, which is no {}", column.column_type),
                );
                error.detail = key;
                error.hint = decoded.map(|cell| types_convert::hint(cell).to_owned());
                self.problem = Some(error);
                return;
            }
        }
        self.rows += 1;
    }

    /// Which row of the origin it is, by its key.
    fn row_name(&self, cursor: &Cursor, row: &sqlx::mysql::MySqlRow) -> Option<String> {
        let (_, key) = cursor.origin.as_ref()?;
        let cells: Vec<String> = key
            .iter()
            .filter_map(|name| {
                let at = cursor.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
                let shown = match cell(row, at) {
                    Some(bytes) => types_read::decode(*self.wires.get(at)?, bytes).and_then(types_convert::text_of)?,
                    None => "NULL".to_owned(),
                };
                Some(format!("{name} = {shown}"))
            })
            .collect();
        (!cells.is_empty()).then(|| format!("row {}", cells.join(", ")))
    }

    pub fn finish(self, cursor: &Cursor) -> (Batch, Option<DatabaseError>) {
        let columns: Vec<Column> = self
            .builders
            .into_iter()
            .zip(&cursor.columns)
            .map(|(builder, column)| builder.finish(column.name.clone()))
            .collect();
        (Batch { row_count: self.rows, columns }, self.problem)
    }
}

fn too_large(column: &CursorColumn, size: usize, limit: usize) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Limit,
        format!("column `{}` holds a cell of {size} bytes, but a cell may have {limit} at most", column.name),
    )
    .hint("raise the limit on cells, or leave the column out")
}
