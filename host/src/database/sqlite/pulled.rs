//! Updates and deletes that the database pulls out of the batch: one statement runs over the key range, and functions of ours
//! hand it the cells. Faster than a statement for each row, and than the same change written in SQL.

use super::SqliteDatabase;
use super::raw::{CellColumn, Cells, PullBatch};
use super::writer::{Plan, Writer};
use crate::data::Batch;
use crate::database::{DatabaseError, DatabaseErrorKind, WriteHint, WriteMode};

/// A range may be so many times as wide as the batch has rows before a statement for each row is the faster way: passing
/// over a row that is not in the batch costs about a quarter of looking one up.
const SPARSE: i128 = 4;

/// The keys of a batch in ascending order.
struct Keys<'a> {
    sorted: std::borrow::Cow<'a, [i64]>,
    /// For each key its row; none: in order.
    rows: Option<Vec<u32>>,
}

/// The keys in order; none if there are NULLs or repetitions among them or they are no integers.
fn sorted<'a>(column: &CellColumn<'a>) -> Option<Keys<'a>> {
    let Cells::Integer(keys) = column.cells else { return None };
    if column.nulls.contains(&1) {
        return None;
    }
    if keys.is_sorted_by(|left, right| left < right) {
        return Some(Keys { sorted: keys.into(), rows: None });
    }
    let mut rows: Vec<u32> = (0..u32::try_from(keys.len()).ok()?).collect();
    rows.sort_unstable_by_key(|row| keys[*row as usize]);
    let sorted: Vec<i64> = rows.iter().map(|row| keys[*row as usize]).collect();
    sorted.is_sorted_by(|left, right| left < right).then(|| Keys { sorted: sorted.into(), rows: Some(rows) })
}

impl SqliteDatabase {
    /// Writes a batch as one statement over its key range; none where that is not the way.
    pub(super) fn write_range(
        &mut self,
        writer: &Writer,
        plan: &mut Plan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
        hint: WriteHint,
    ) -> Result<Option<u64>, DatabaseError> {
        let (table, mode) = (&writer.table, writer.mode);
        if !matches!(mode, WriteMode::Update | WriteMode::Delete) || table.is_virtual {
            return Ok(None);
        }
        let [key] = plan.layout.key[..] else { return Ok(None) };
        let Some(keys) = columns.get(key).and_then(sorted) else { return Ok(None) };
        let (Some(first), Some(last)) = (keys.sorted.first(), keys.sorted.last()) else { return Ok(None) };
        let width = i128::from(*last) - i128::from(*first) + 1;
        let full = width == rows.row_count as i128;
        if !full && !hint.covers_key_range && width > rows.row_count as i128 * SPARSE {
            return Ok(None);
        }
        // Between 1 and 2 there is 1.5, unless the key is the row id. And a delete asks for each row in any case: afterwards
        // nobody could tell which were there.
        let full = full && table.info.key_is_rowid && table.info.key.first() == plan.layout.names.get(key);
        let guarded = !(full || hint.covers_key_range) || mode == WriteMode::Delete;
        self.provide_functions(columns.len())?;
        let _pulling = self.guard.pulling();
        let place = if guarded { &mut plan.guarded_range } else { &mut plan.range };
        let made = self.made(place, || plan.layout.by_range(table, mode, guarded).unwrap_or_default())?;
        let batch = PullBatch { keys: &keys.sorted, rows: keys.rows.as_deref(), columns };
        let Some(functions) = &self.functions else { return Ok(None) };
        let statement = &mut made.statement;
        let done = functions.with(batch, || {
            statement.bind_int64(1, *first)?;
            statement.bind_int64(2, *last)?;
            while statement.step()?.is_row() {}
            statement.reset();
            Ok(())
        });
        if let Err(failure) = done {
            return Err(self.range_failed(&failure, writer, &made.text, rows));
        }
        let changed = self.connection.changes();
        if changed == rows.row_count as u64 {
            return Ok(Some(changed));
        }
        let culprit = match mode {
            WriteMode::Delete => functions.first_unasked(batch).unwrap_or(0),
            _ => self.culprit(writer, plan, rows, columns)?,
        };
        Err(self.not_one(writer, plan, rows, columns, culprit))
    }

    fn range_failed(&self, failure: &super::raw::Failure, writer: &Writer, text: &str, rows: &Batch) -> DatabaseError {
        let functions = self.functions.as_ref();
        if let Some(key) = functions.and_then(|functions| functions.stranger()) {
            return DatabaseError::new(
                DatabaseErrorKind::InvalidArgument,
                format!(
                    "`{}` has a row between the first and the last key of a batch that the batch does not have",
                    writer.table.info.name
                ),
            )
            .detail(format!("the row with the key {key}"))
            .hint("this is a mistake of the caller, who said that the batch covers its key range");
        }
        let mut error = self.failed(failure, text);
        if let Some(row) = functions.and_then(|functions| functions.last_row()) {
            error.detail = Some(writer.row_name(rows, row));
        }
        error
    }

    /// The first row of a batch that no row, or more than one, of the table answers to.
    fn culprit(
        &mut self,
        writer: &Writer,
        plan: &Plan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
    ) -> Result<usize, DatabaseError> {
        for row in 0..rows.row_count {
            if self.rows_with_key(writer, plan, columns, row)? != 1 {
                return Ok(row);
            }
        }
        Ok(0)
    }

    fn provide_functions(&mut self, columns: usize) -> Result<(), DatabaseError> {
        let provided = match self.functions.take() {
            Some(functions) => Ok(functions),
            None => super::raw::PullFunctions::new(&self.connection),
        };
        provided
            .and_then(|mut functions| {
                functions.provide(&self.connection, columns)?;
                self.functions = Some(functions);
                Ok(())
            })
            .map_err(|failure| super::error::from_failure(&failure))
    }
}
