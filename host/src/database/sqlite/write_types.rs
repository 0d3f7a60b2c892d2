//! How the cells of a batch are stored in SQLite. `docs/reference/sqlite-types.md` has the table.

use std::borrow::Cow;

use super::cursor::cell_text;
use crate::data::{Column, ColumnValues, VarValues, temporal};

/// A column in the storage classes of SQLite.
pub(super) struct Encoded<'a> {
    /// Empty, or one byte per row.
    pub nulls: &'a [u8],
    pub cells: Cells<'a>,
}

/// The entries of a column in one storage class.
pub(super) enum Cells<'a> {
    Boolean(&'a [u8]),
    Integer(&'a [i64]),
    Real(&'a [f64]),
    Text(Cow<'a, VarValues>),
    Blob(Cow<'a, VarValues>),
}

/// A cell that cannot be stored as it is.
pub(super) struct Unfit {
    pub row: usize,
    pub what: String,
}

/// The column as SQLite stores it.
pub(super) fn encode(column: &Column) -> Result<Encoded<'_>, Unfit> {
    let cells = match &column.values {
        ColumnValues::Boolean(entries) => Cells::Boolean(entries),
        ColumnValues::Int64(entries) => Cells::Integer(entries),
        ColumnValues::Float64(entries) => {
            if let Some(row) = (0..entries.len()).find(|row| entries[*row].is_nan() && !column.is_null(*row)) {
                return Err(Unfit { row, what: "NaN, which SQLite would store as NULL".to_owned() });
            }
            Cells::Real(entries)
        }
        ColumnValues::Text(values) | ColumnValues::Decimal(values) | ColumnValues::Json(values) => {
            Cells::Text(Cow::Borrowed(values))
        }
        ColumnValues::Native(values) => Cells::Text(Cow::Borrowed(&values.texts)),
        ColumnValues::Bytes(values) => Cells::Blob(Cow::Borrowed(values)),
        ColumnValues::Date(entries) => {
            texts(column, entries.len(), |text, row| temporal::push_date(text, i64::from(entries[row])))?
        }
        ColumnValues::Time(entries) => {
            texts(column, entries.len(), |text, row| temporal::push_time(text, entries[row]))?
        }
        ColumnValues::Timestamp(entries) => {
            texts(column, entries.len(), |text, row| temporal::push_timestamp(text, entries[row], ' '))?
        }
        ColumnValues::Timestamptz(entries) => texts(column, entries.len(), |text, row| {
            temporal::push_timestamp(text, entries[row], 'T')?;
            text.push('Z');
            Ok(())
        })?,
        ColumnValues::Uuid(entries) => texts(column, entries.len() / 2, |text, row| {
            temporal::push_uuid(text, entries[row * 2], entries[row * 2 + 1]);
            Ok(())
        })?,
    };
    Ok(Encoded { nulls: &column.nulls, cells })
}

/// Texts made one by one; NULLs stay empty.
fn texts(
    column: &Column,
    rows: usize,
    mut push: impl FnMut(&mut String, usize) -> Result<(), String>,
) -> Result<Cells<'static>, Unfit> {
    let mut data = String::with_capacity(rows * 20);
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    for row in 0..rows {
        if !column.is_null(row) {
            push(&mut data, row).map_err(|what| Unfit { row, what: format!("{} ({what})", cell_text(column, row)) })?;
        }
        offsets.push(data.len() as u32);
    }
    Ok(Cells::Text(Cow::Owned(VarValues { offsets, data: data.into_bytes() })))
}
