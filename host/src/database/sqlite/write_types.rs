//! How the cells of a batch are stored in SQLite. `docs/reference/sqlite-types.md` has the table.

use std::borrow::Cow;

use super::cursor::cell_text;
use super::raw::{Cells, PullColumn};
use crate::data::{Column, ColumnValues, VarValues, temporal};

/// A column in the storage classes of SQLite.
pub(super) struct Encoded<'a> {
    /// Empty, or one byte per row.
    pub nulls: &'a [u8],
    pub cells: Stored<'a>,
}

/// The entries of a column in one storage class.
pub(super) enum Stored<'a> {
    Boolean(&'a [u8]),
    Integer(&'a [i64]),
    Real(&'a [f64]),
    Text(Cow<'a, VarValues>),
    Blob(Cow<'a, VarValues>),
}

impl Encoded<'_> {
    /// The column as statements take it.
    pub(super) fn as_pull(&self) -> PullColumn<'_> {
        let cells = match &self.cells {
            Stored::Boolean(entries) => Cells::Boolean(entries),
            Stored::Integer(entries) => Cells::Integer(entries),
            Stored::Real(entries) => Cells::Real(entries),
            Stored::Text(values) => Cells::Text { offsets: &values.offsets, data: &values.data },
            Stored::Blob(values) => Cells::Blob { offsets: &values.offsets, data: &values.data },
        };
        PullColumn { nulls: self.nulls, cells }
    }
}

/// A cell that cannot be stored as it is.
pub(super) struct Unfit {
    pub row: usize,
    pub what: String,
}

/// The column as SQLite stores it.
pub(super) fn encode(column: &Column) -> Result<Encoded<'_>, Unfit> {
    let cells = match &column.values {
        ColumnValues::Boolean(entries) => Stored::Boolean(entries),
        ColumnValues::Int64(entries) => Stored::Integer(entries),
        ColumnValues::Float64(entries) => {
            if let Some(row) = (0..entries.len()).find(|row| entries[*row].is_nan() && !column.is_null(*row)) {
                return Err(Unfit { row, what: "NaN, which SQLite would store as NULL".to_owned() });
            }
            Stored::Real(entries)
        }
        ColumnValues::Text(values) | ColumnValues::Decimal(values) | ColumnValues::Json(values) => {
            Stored::Text(Cow::Borrowed(values))
        }
        ColumnValues::Native(values) => Stored::Text(Cow::Borrowed(&values.texts)),
        ColumnValues::Bytes(values) => Stored::Blob(Cow::Borrowed(values)),
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
) -> Result<Stored<'static>, Unfit> {
    let mut data = String::with_capacity(rows * 20);
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    for row in 0..rows {
        if !column.is_null(row) {
            push(&mut data, row).map_err(|what| Unfit { row, what: format!("{} ({what})", cell_text(column, row)) })?;
        }
        offsets.push(data.len() as u32);
    }
    Ok(Stored::Text(Cow::Owned(VarValues { offsets, data: data.into_bytes() })))
}
