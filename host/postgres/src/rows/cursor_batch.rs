//! Collects the rows of a cursor into batches.

use std::collections::VecDeque;

use crate::error::{Result, conversion};
use crate::statement::describe::Described;
use crate::types::Unreadable;
use runner_data::{Batch, ColumnBuilder, ColumnType};
use runner_database::message::cell_text;
use runner_database::read::{RowWidth, cell_too_large, in_column, row_too_large};
use runner_database::{BatchLimits, DatabaseError, PageRequest};

/// The most rows that builders reserve room for: more would be wasted if a batch is ended by its bytes.
const ROOM: usize = 16_384;

/// Batches that are being filled.
pub(crate) struct Filling<'a> {
    described: &'a Described,
    page: Option<&'a PageRequest>,
    limits: BatchLimits,
    full: VecDeque<Batch>,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    bytes: usize,
    all_rows: usize,
    all_bytes: usize,
    bytes_beyond: usize,
}

impl<'a> Filling<'a> {
    /// `page`: the page of a table that is being read, for messages.
    pub(crate) fn new(described: &'a Described, page: Option<&'a PageRequest>, limits: BatchLimits) -> Self {
        // The offsets of a column are 32 bits wide.
        let limits = BatchLimits { bytes: limits.bytes.min(u32::MAX as usize / 2), ..limits };
        Self {
            described,
            page,
            limits,
            full: VecDeque::new(),
            builders: builders(described, limits.rows.min(ROOM)),
            rows: 0,
            bytes: 0,
            all_rows: 0,
            all_bytes: 0,
            bytes_beyond: 0,
        }
    }

    /// Whether a batch is full.
    pub(crate) fn has_batch(&self) -> bool {
        !self.full.is_empty()
    }

    /// Returns the bytes of rows after the first batch.
    pub(crate) fn bytes_beyond(&self) -> usize {
        self.bytes_beyond
    }

    /// Whether no row has arrived yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.all_rows == 0
    }

    /// Returns how many rows and bytes the current batch has room for.
    pub(crate) fn room(&self) -> (usize, usize) {
        (self.limits.rows.saturating_sub(self.rows), self.limits.bytes.saturating_sub(self.bytes))
    }

    /// Returns the average bytes per row; 0 if there were no rows.
    pub(crate) fn row_bytes(&self) -> usize {
        self.all_bytes.checked_div(self.all_rows).unwrap_or(0)
    }

    /// Appends a row, given by its cells; `None` is NULL.
    #[inline]
    pub(crate) fn push<'r>(&mut self, cell: impl Fn(usize) -> Option<&'r [u8]>) -> Result<()> {
        let mut bytes = 0;
        for (index, column) in self.described.columns.iter().enumerate() {
            let builder = &mut self.builders[index];
            let Some(cell_bytes) = cell(index) else {
                builder.push_null();
                bytes += size_of::<i64>();
                continue;
            };
            if cell_bytes.len() > self.limits.cell_bytes {
                let error = cell_too_large(cell_bytes.len(), self.width(&cell), self.limits);
                return Err(self.locate(error, index, &cell));
            }
            column.read_as.push(builder, cell_bytes).map_err(|unfit| self.locate(unreadable(unfit), index, &cell))?;
            bytes += cell_bytes.len().max(size_of::<i64>());
        }
        // As everywhere: what arrives at once may be more.
        if bytes > self.limits.row_bytes() {
            return Err(row_too_large(self.width(&cell), self.limits, self.page, |name| {
                let at = self.described.columns.iter().position(|column| column.name == name)?;
                Some(self.shown(at, cell(at)))
            }));
        }
        self.bytes_beyond += if self.has_batch() { bytes } else { 0 };
        self.rows += 1;
        self.bytes += bytes;
        self.all_rows += 1;
        self.all_bytes += bytes;
        if self.rows >= self.limits.rows || self.bytes >= self.limits.bytes {
            self.cut();
        }
        Ok(())
    }

    /// Ends the current batch.
    fn cut(&mut self) {
        if self.rows == 0 {
            return;
        }
        let next = builders(self.described, self.rows.min(ROOM));
        let done = std::mem::replace(&mut self.builders, next);
        let columns = done.into_iter().zip(&self.described.columns);
        let columns = columns.map(|(builder, column)| builder.finish(column.name.as_str())).collect();
        self.full.push_back(Batch { row_count: self.rows, columns });
        self.rows = 0;
        self.bytes = 0;
    }

    /// Returns the batches; the last one may be smaller.
    pub(crate) fn finish(mut self) -> VecDeque<Batch> {
        self.cut();
        self.full
    }

    /// Names the cell of the current row that an error is about.
    #[cold]
    fn locate<'r>(
        &self,
        error: DatabaseError,
        index: usize,
        cell: &impl Fn(usize) -> Option<&'r [u8]>,
    ) -> DatabaseError {
        in_column(error, &self.described.columns[index].name, self.page, |name| {
            let at = self.described.columns.iter().position(|column| column.name == name)?;
            Some(self.shown(at, cell(at)))
        })
    }

    /// How wide a row is.
    fn width<'r>(&self, cell: &impl Fn(usize) -> Option<&'r [u8]>) -> RowWidth {
        RowWidth::of((0..self.described.columns.len()).filter_map(|at| Some(cell(at)?.len())))
    }

    /// Formats a cell for a message.
    fn shown(&self, index: usize, bytes: Option<&[u8]>) -> String {
        let read_as = &self.described.columns[index].read_as;
        let Some(bytes) = bytes else { return "NULL".to_owned() };
        let mut builder = read_as.builder(1);
        match read_as.push(&mut builder, bytes) {
            Ok(()) => cell_text(&builder.finish(""), 0),
            Err(unfit) => unfit.what,
        }
    }
}

fn builders(described: &Described, rows: usize) -> Vec<ColumnBuilder> {
    described.columns.iter().map(|column| column.read_as.builder(rows)).collect()
}

impl Described {
    /// Returns the bytes per row, if all rows have the same size.
    pub(crate) fn fixed_row_bytes(&self) -> Option<usize> {
        let fixed = |column_type: ColumnType| {
            !matches!(
                column_type,
                ColumnType::Text | ColumnType::Bytes | ColumnType::Decimal | ColumnType::Json | ColumnType::Native
            )
        };
        let all_fixed = self.columns.iter().all(|column| fixed(column.read_as.column_type));
        all_fixed.then_some(self.columns.len() * 16)
    }
}

fn unreadable(unfit: Unreadable) -> DatabaseError {
    let error = conversion(unfit.what);
    match unfit.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
