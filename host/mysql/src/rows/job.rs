//! A writer, and a batch that it writes.

use std::ops::Range;

use super::packed::Packed;
use super::write_sql::{KeyRange, MOST_ROWS, WriteSql};
use crate::error::Result;
use crate::schema::MysqlTable;
use crate::types::kind::ColumnKind;
use crate::types::write::Encoded;
use runner_data::{Batch, ColumnValues};
use runner_database::write::RowErrors;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, WriteMode};

/// The code of NULL in a column that takes none.
const NO_NULL: &str = "1048";

/// A range of keys that is this many times wider than the batch has rows is not used as a range.
const WIDEST: usize = 4;

/// An open writer.
pub(crate) struct Writer {
    pub(super) table: MysqlTable,
    pub(super) mode: WriteMode,
    pub(super) key: Vec<String>,
    /// Whether the key identifies a row.
    pub(super) unique: bool,
    /// Created for the columns of the first batch.
    pub(super) sql: Option<WriteSql>,
    pub(super) rows_written: u64,
}

/// A batch that is being written.
pub(super) struct Job<'a> {
    pub writer: &'a Writer,
    pub sql: &'a WriteSql,
    pub rows: &'a Batch,
    pub columns: &'a [Encoded<'a>],
    /// The table's name as statements spell it.
    pub table: String,
}

/// Some rows of a batch, as a statement takes them.
pub(super) struct Part {
    pub rows: Range<usize>,
    /// The range of their keys, if they are integers close together.
    pub range: Option<KeyRange>,
    pub packed: Vec<Packed>,
}

impl Writer {
    /// Rows that all batches together changed.
    pub(crate) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// For errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }
}

impl Job<'_> {
    /// For errors about a row of the batch.
    pub(super) fn errors(&self) -> RowErrors<'_> {
        self.writer.errors(self.rows)
    }

    /// Whether a row has the number 0 for a column whose values the server assigns: in most modes it would take that for a request to
    /// assign one.
    pub(super) fn assigns_zero(&self) -> bool {
        let inserts = matches!(self.writer.mode, WriteMode::Insert | WriteMode::Upsert);
        let Some(place) = self.sql.assigned().filter(|_| inserts) else { return false };
        let (column, cells) = (&self.rows.columns[place], &self.columns[place].cells);
        let is_zero = |cell: &[u8]| cell.iter().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
        (0..self.rows.row_count).any(|row| !column.is_null(row) && is_zero(cells.get(row)))
    }

    /// Fails if a row has NULL for a `TIMESTAMP` that takes none, with the error of a server that refuses it.
    pub(super) fn check_timestamps(&self) -> Result<()> {
        for place in self.sql.whole_timestamps() {
            let column = &self.rows.columns[place];
            if let Some(row) = (0..self.rows.row_count).find(|row| column.is_null(*row)) {
                let message = format!("Column '{}' cannot be null", column.name);
                let error = DatabaseError::new(DatabaseErrorKind::Constraint, message).code(NO_NULL);
                return Err(error.detail(self.errors().row_name(row)));
            }
        }
        Ok(())
    }

    /// How many bytes the cells of some rows take.
    pub(super) fn byte_len(&self, rows: &Range<usize>) -> usize {
        self.columns
            .iter()
            .map(|column| (column.cells.offsets[rows.end] - column.cells.offsets[rows.start]) as usize + rows.len())
            .sum()
    }

    /// The range of the rows' keys, if they are integers close together.
    pub(super) fn range(&self, rows: &Range<usize>) -> Result<Option<KeyRange>> {
        let [place] = self.sql.layout.key.as_slice() else { return Ok(None) };
        if !self.writer.unique || !matches!(self.sql.kinds[*place], ColumnKind::Integer { .. }) {
            return Ok(None);
        }
        let Some((first, last)) = self.ends(*place, rows) else { return Ok(None) };
        let Ok(width) = usize::try_from(last - first + 1) else { return Ok(None) };
        if width > rows.len().saturating_mul(WIDEST) || width > MOST_ROWS * WIDEST {
            return Ok(None);
        }
        let mut guard = vec![b'0'; width];
        for row in rows.clone() {
            let at = self.number(*place, row).map_or(0, |number| (number - first) as usize);
            if guard[at] == b'1' {
                return Err(self.errors().duplicate(row));
            }
            guard[at] = b'1';
        }
        if width == rows.len() {
            guard.clear();
        }
        Ok(Some(KeyRange { first, last, guard }))
    }

    fn ends(&self, place: usize, rows: &Range<usize>) -> Option<(i128, i128)> {
        let mut ends: Option<(i128, i128)> = None;
        for row in rows.clone() {
            let number = self.number(place, row)?;
            ends = Some(ends.map_or((number, number), |(least, most)| (least.min(number), most.max(number))));
        }
        ends
    }

    /// A key that is an integer.
    pub(super) fn number(&self, place: usize, row: usize) -> Option<i128> {
        let column = self.rows.columns.get(place)?;
        if column.is_null(row) {
            return None;
        }
        match &column.values {
            ColumnValues::Int64(entries) => entries.get(row).map(|entry| i128::from(*entry)),
            ColumnValues::Decimal(values) => std::str::from_utf8(values.get(row)).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The columns of some rows, each row at its position.
    pub(super) fn pack(&self, rows: &Range<usize>, range: Option<&KeyRange>, dialect: Dialect) -> Vec<Packed> {
        let pack = |column: &Encoded<'_>| match range {
            Some(range) => {
                let width = (range.last - range.first + 1) as usize;
                let key = self.sql.layout.key[0];
                let place = |row: usize| self.number(key, row).map_or(0, |number| (number - range.first) as usize);
                Packed::new(column, rows.clone(), width, place)
            }
            None => Packed::new(column, rows.clone(), rows.len(), |row| row - rows.start),
        };
        self.columns.iter().map(|column| pack(column).on(dialect)).collect()
    }
}
