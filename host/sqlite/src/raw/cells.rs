//! Cells and columns as SQLite stores them. No `unsafe` here: this is what the rest of the module hands out and takes in.

use std::fmt;

use runner_database::message::{excerpt, excerpt_of_bytes};

/// A cell as SQLite stores it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// UTF-8, unless the program that wrote it stored something else.
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl fmt::Display for Cell<'_> {
    /// As a key in a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number:?}"),
            Self::Text(text) => f.write_str(&excerpt(text)),
            Self::Blob(bytes) => f.write_str(&excerpt_of_bytes(bytes)),
        }
    }
}

/// The cells of one column.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    Boolean(&'a [u8]),
    Integer(&'a [i64]),
    Real(&'a [f64]),
    /// UTF-8 text: entry i is `data[offsets[i]..offsets[i + 1]]`.
    Text {
        offsets: &'a [u32],
        data: &'a [u8],
    },
    /// Bytes, laid out as text is.
    Blob {
        offsets: &'a [u32],
        data: &'a [u8],
    },
    /// Each cell in a storage class of its own.
    Each(&'a [Cell<'a>]),
}

/// A column from which statements take their values.
#[derive(Clone, Copy)]
pub(crate) struct CellColumn<'a> {
    /// Empty, or one byte per row.
    pub nulls: &'a [u8],
    pub cells: Cells<'a>,
}

impl<'a> CellColumn<'a> {
    /// The cell of a row; none beyond the end.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<Cell<'a>> {
        if self.nulls.get(row).is_some_and(|byte| *byte != 0) {
            return Some(Cell::Null);
        }
        match self.cells {
            Cells::Boolean(entries) => entries.get(row).map(|entry| Cell::Integer(i64::from(*entry))),
            Cells::Integer(entries) => entries.get(row).map(|entry| Cell::Integer(*entry)),
            Cells::Real(entries) => entries.get(row).map(|entry| Cell::Real(*entry)),
            Cells::Text { offsets, data } => entry(offsets, data, row).map(Cell::Text),
            Cells::Blob { offsets, data } => entry(offsets, data, row).map(Cell::Blob),
            Cells::Each(entries) => entries.get(row).copied(),
        }
    }

    /// About how many bytes its cells take in a database.
    pub(crate) fn bytes(&self) -> usize {
        match self.cells {
            Cells::Boolean(entries) => entries.len(),
            Cells::Integer(entries) => size_of_val(entries),
            Cells::Real(entries) => size_of_val(entries),
            Cells::Text { data, .. } | Cells::Blob { data, .. } => data.len(),
            Cells::Each(entries) => entries.iter().map(Cell::bytes).sum(),
        }
    }
}

impl Cell<'_> {
    fn bytes(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len(),
        }
    }
}

#[inline]
fn entry<'a>(offsets: &[u32], data: &'a [u8], row: usize) -> Option<&'a [u8]> {
    match offsets.get(row..row + 2) {
        Some([start, end]) => data.get(*start as usize..*end as usize),
        _ => None,
    }
}
