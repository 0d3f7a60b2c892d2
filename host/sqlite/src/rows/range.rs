//! Updates and deletes that pull from the batch: one statement runs over the key range and gets the cells from our SQL
//! functions. Faster than a statement for each row, and than the same change written in SQL.
//!
//! `UPDATE … SET column = function(key)` keeps the pages that it changes, in case it fails half-way, and SQLite writes
//! all but the first 64 KiB of them to a temporary file: half of all writes. The program keeps up to 124 KiB in memory
//! and writes a chunk by as many statements as keep each of them below that. More is impossible: SQLite writes what
//! outgrows memory in one piece of that size, and cannot write pieces of 128 KiB. (With 4 MiB, a statement that changed
//! more failed as if the disk were full.) To do without that journal, by a statement for each row or `UPDATE OR FAIL`,
//! is slower, or changes nothing, since calls of functions can fail.
//!
//! # The formula
//!
//! ```sql
//! UPDATE t SET a = runner_pull_1(id), b = runner_pull_2(id) WHERE id BETWEEN ?1 AND ?2
//! ```
//!
//! SQL functions of the host return the cells, advancing along the keys as the statement does. That takes 0.24 µs a
//! row; a prepared statement per row takes 0.36–0.41, and the same change in plain SQL 0.26–0.31. Where the range may
//! contain rows that the batch does not have, and for every `delete`, `AND runner_pull_has(id)` guards it; in any case,
//! a function that is asked for an unknown key stops the statement. Afterwards the number of changed rows must equal
//! that of the batch.
//!
//! This is used for a single key without NULLs and duplicates, in a table that is not virtual: integers in any order,
//! whose range is known to be covered or is at most four times as wide as the batch has rows, and texts or blobs whose
//! range is known to be covered. Everything else uses a prepared statement per row; inserts and upserts take up to 64
//! rows at a time. Only the host may call the functions.

use std::borrow::Cow;
use std::ops::Range;

use super::target::{Input, Made, Plan, Target, rows_with_key};
use super::write_sql::WriteSql;
use crate::executor::Executor;
use crate::raw::{Active, Cell, CellColumn, Cells, Failure, PullBatch, PullKeys, Pulled, STATEMENT_JOURNAL_BYTES};
use crate::types::Affinity;
use runner_database::{DatabaseError, DatabaseErrorKind, WriteHint, WriteMode};

/// How many times as wide as the batch a range may be before a statement for each row is faster: skipping a row that is not in
/// the batch costs about a quarter of looking one up.
const SPARSE: i128 = 4;

/// How many rows one statement over a range takes, so that the old pages that it keeps in case it fails half-way stay in memory:
/// what SQLite does with more of them costs as much as writing the pages themselves. A guess, from the cells of the batch; a third
/// is left for free space in the pages and for columns that are not in the batch. A hint that is wrong between the last key of a
/// statement and the first of the next one is not noticed.
fn rows_at_once(columns: &[CellColumn<'_>], rows: usize) -> usize {
    let bytes: usize = columns.iter().map(CellColumn::bytes).sum();
    let fit = STATEMENT_JOURNAL_BYTES as usize * 2 / 3;
    (fit / (bytes / rows.max(1)).max(1)).max(1)
}

/// The keys of a batch, which determine its range.
enum Keys<'a> {
    Integers {
        sorted: Cow<'a, [i64]>,
        /// The row of each key; `None` if they are in order.
        rows: Option<Vec<u32>>,
    },
    /// Texts or blobs: only a caller that knows their order knows their range.
    Bytes(CellColumn<'a>),
}

impl<'a> Keys<'a> {
    /// None if they contain NULLs or duplicates, or have another type.
    fn new(column: CellColumn<'a>, rows: usize, hint: WriteHint) -> Option<Self> {
        if column.nulls.contains(&1) {
            return None;
        }
        let keys = match column.cells {
            Cells::Integer(keys) => keys,
            Cells::Text { .. } | Cells::Blob { .. } if hint.covers_key_range => {
                let bytes = |row| match column.get(row) {
                    Some(Cell::Text(bytes) | Cell::Blob(bytes)) => Some(bytes),
                    _ => None,
                };
                return (1..rows).all(|row| bytes(row) != bytes(row - 1)).then_some(Self::Bytes(column));
            }
            _ => return None,
        };
        if keys.is_sorted_by(|left, right| left < right) {
            return Some(Self::Integers { sorted: keys.into(), rows: None });
        }
        let mut rows: Vec<u32> = (0..u32::try_from(keys.len()).ok()?).collect();
        rows.sort_unstable_by_key(|row| keys[*row as usize]);
        let sorted: Vec<i64> = rows.iter().map(|row| keys[*row as usize]).collect();
        let unique = sorted.is_sorted_by(|left, right| left < right);
        unique.then(|| Self::Integers { sorted: sorted.into(), rows: Some(rows) })
    }

    /// The number of integers from the first key to the last.
    fn width(&self) -> Option<i128> {
        match self {
            Self::Integers { sorted, .. } => Some(i128::from(*sorted.last()?) - i128::from(*sorted.first()?) + 1),
            Self::Bytes(_) => None,
        }
    }

    fn as_pull(&self) -> PullKeys<'_> {
        match self {
            Self::Integers { sorted, rows } => PullKeys::Integers { sorted, rows: rows.as_deref() },
            Self::Bytes(column) => PullKeys::Bytes(*column),
        }
    }

    /// The first and the last key at these places as parameters of a statement.
    fn bind_range(&self, statement: &mut Active<'_>, places: &Range<usize>) -> Result<(), Failure> {
        statement.bind(1, self.get(places.start))?;
        statement.bind(2, self.get(places.end.saturating_sub(1)))
    }

    fn get(&self, place: usize) -> Cell<'_> {
        let key = match self {
            Self::Integers { sorted, .. } => sorted.get(place).map(|key| Cell::Integer(*key)),
            Self::Bytes(column) => column.get(place),
        };
        key.unwrap_or(Cell::Null)
    }
}

/// Writes a batch by statements over its key range; none if that is impossible or slower.
pub(super) fn write(
    executor: &Executor,
    target: &Target,
    plan: &mut Plan,
    input: &Input<'_>,
    hint: WriteHint,
) -> Result<Option<u64>, DatabaseError> {
    let (table, mode, columns, rows) = (&target.table, target.mode, input.columns, input.rows.row_count);
    let Plan { sql, affinities, range, guarded_range, .. } = plan;
    if !matches!(mode, WriteMode::Update | WriteMode::Delete) || table.is_virtual {
        return Ok(None);
    }
    let [key] = sql.layout.key[..] else { return Ok(None) };
    let Some(keys) = columns.get(key).and_then(|column| Keys::new(*column, rows, hint)) else { return Ok(None) };
    if matches!(keys, Keys::Integers { .. }) && affinities.get(key) == Some(&Affinity::Text) {
        return Ok(None); // The column holds their digits, in the order of texts.
    }
    let count = rows as i128;
    let full = keys.width() == Some(count);
    if !full && !hint.covers_key_range && keys.width().is_none_or(|width| width > count * SPARSE) {
        return Ok(None);
    }
    // There may be a 1.5 between 1 and 2, unless the key is the row id. A delete asks for each row in any case: afterwards it
    // is unknown which rows there were.
    let full = full && sql.layout.names.get(key).is_some_and(|name| table.info.is_rowid(name));
    let guarded = !(full || hint.covers_key_range) || mode == WriteMode::Delete;
    let connection = executor.connection();
    connection.provide_functions(columns.len())?;
    let _pulling = executor.guard().pulling();
    let place = if guarded { guarded_range } else { range };
    let made = Made::get(place, executor, || sql.by_range(guarded).unwrap_or_default())?;
    let batch = PullBatch { keys: keys.as_pull(), columns };
    let mut active = made.statement.activate(connection);
    let at_once = rows_at_once(columns, rows);
    for from in (0..rows).step_by(at_once) {
        let places = from..rows.min(from + at_once);
        keys.bind_range(&mut active, &places).map_err(|failure| executor.failed(failure, &made.text))?;
        let pulled = active.run_pulling(&batch, from);
        if let Err(failure) = &pulled.result {
            let error = executor.failed(failure.clone(), &made.text);
            return Err(range_failed(error, &pulled, target, input));
        }
        if connection.changes() != places.len() as u64 {
            let culprit = match mode {
                WriteMode::Delete => pulled.first_unasked.unwrap_or(0),
                _ => first_unmatched(executor, sql, input)?,
            };
            return Err(target.not_one(executor, sql, input, culprit));
        }
    }
    Ok(Some(rows as u64))
}

/// The error of a statement over a range, with the row that it was about.
fn range_failed(mut error: DatabaseError, pulled: &Pulled, target: &Target, input: &Input<'_>) -> DatabaseError {
    if let Some(key) = &pulled.unknown_key {
        return DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            format!(
                "`{}` has a row between the first and the last key of a batch that the batch does not have",
                target.table.info.name
            ),
        )
        .detail(format!("the row with the key {key}"))
        .hint("the caller said that the batch covers its key range, which is wrong");
    }
    if let Some(row) = pulled.last_row {
        error.detail = Some(target.errors(input.rows).row_name(row));
    }
    error
}

/// The first row of a batch that matches no row of the table, or more than one.
fn first_unmatched(executor: &Executor, sql: &WriteSql, input: &Input<'_>) -> Result<usize, DatabaseError> {
    for row in 0..input.rows.row_count {
        if rows_with_key(executor, sql, input, row)? != 1 {
            return Ok(row);
        }
    }
    Ok(0)
}
