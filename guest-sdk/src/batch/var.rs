//! Columns of variable-length entries.

use super::view::{Iter, View, is_null};
use super::{ColumnValues, VarValues};
use crate::value::{Decimal, Json};
use crate::{ColumnType, Error, ErrorKind, Result};

/// A view of strings: a column of type text, decimal, json or native.
pub type TextColumn<'a> = VarColumn<'a, str>;

/// A view of bytes.
pub type BytesColumn<'a> = VarColumn<'a, [u8]>;

/// A view of variable-length entries.
#[derive(Debug)]
pub struct VarColumn<'a, T: ?Sized> {
    data: &'a T,
    // Empty if the column arrived as another type because all its rows are NULL.
    offsets: &'a [u32],
    nulls: &'a [u8],
    rows: usize,
}

/// A view of values of a database-specific type, in its text form.
#[derive(Clone, Copy, Debug)]
pub struct NativeColumn<'a> {
    /// The name of the type as the database spells it; empty if all rows are NULL.
    pub type_name: &'a str,
    /// The values in text form.
    pub texts: TextColumn<'a>,
}

/// The data of variable-length entries: strings or bytes.
pub trait Entries: 'static {
    /// The data of all entries together.
    fn all(data: &[u8]) -> Option<&Self>;

    /// One entry.
    fn part(&self, from: usize, to: usize) -> &Self;
}

impl Entries for str {
    fn all(data: &[u8]) -> Option<&str> {
        std::str::from_utf8(data).ok()
    }

    #[inline]
    fn part(&self, from: usize, to: usize) -> &str {
        &self[from..to]
    }
}

impl Entries for [u8] {
    fn all(data: &[u8]) -> Option<&[u8]> {
        Some(data)
    }

    #[inline]
    fn part(&self, from: usize, to: usize) -> &[u8] {
        &self[from..to]
    }
}

impl<T: ?Sized> Clone for VarColumn<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for VarColumn<'_, T> {}

impl<'a, T: Entries + ?Sized> VarColumn<'a, T> {
    /// Validates the data once, so that every entry is a slice of it.
    pub(super) fn new(values: &'a VarValues, nulls: &'a [u8]) -> Result<Self> {
        let malformed = |message: &str| Error::with_kind(ErrorKind::InvalidArgument, message);
        let rows = values.offsets.len().checked_sub(1).ok_or_else(|| malformed("the column has no offsets"))?;
        let data = T::all(&values.data).ok_or_else(|| malformed("the column's texts are not UTF-8"))?;
        Ok(Self { data, offsets: &values.offsets, nulls, rows })
    }

    pub(super) fn all_null(nulls: &'a [u8], rows: usize) -> Self {
        let data = T::all(&[]).expect("no bytes are both a text and bytes");
        Self { data, offsets: &[], nulls, rows }
    }

    /// The number of rows.
    pub fn len(self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(self) -> bool {
        self.rows == 0
    }

    /// The entry of a row, `None` for NULL. Panics if there is no such row.
    #[inline]
    pub fn get(self, row: usize) -> Option<&'a T> {
        if is_null(self.nulls, row) {
            return None;
        }
        Some(self.data.part(self.offsets[row] as usize, self.offsets[row + 1] as usize))
    }

    /// The entries, from the first row to the last.
    pub fn iter(self) -> Iter<Self> {
        Iter::new(self)
    }

    /// The data of all entries, end to end, and the offsets between them.
    pub fn data(self) -> (&'a T, &'a [u32]) {
        (self.data, self.offsets)
    }
}

impl<'a, T: Entries + ?Sized> View for VarColumn<'a, T> {
    type Item = &'a T;

    fn rows(self) -> usize {
        self.rows
    }

    #[inline]
    fn entry(self, row: usize) -> Option<&'a T> {
        self.get(row)
    }
}

impl<'a, T: Entries + ?Sized> IntoIterator for VarColumn<'a, T> {
    type Item = Option<&'a T>;
    type IntoIter = Iter<Self>;

    fn into_iter(self) -> Iter<Self> {
        self.iter()
    }
}

/// A Rust type that represents a type of variable-length column.
pub trait Var {
    /// The type of an entry when building.
    type Item: Entries + AsRef<[u8]> + ?Sized;

    /// The column's type.
    const TYPE: ColumnType;

    /// The entries, if they are of this type.
    fn values(values: &ColumnValues) -> Option<&VarValues>;

    /// Turns them into the entries of a column.
    fn wrap(values: VarValues) -> ColumnValues;
}

macro_rules! var {
    ($($type:ty: $case:ident($item:ty);)+) => {
        $(impl Var for $type {
            type Item = $item;
            const TYPE: ColumnType = ColumnType::$case;

            fn values(values: &ColumnValues) -> Option<&VarValues> {
                if let ColumnValues::$case(values) = values { Some(values) } else { None }
            }

            fn wrap(values: VarValues) -> ColumnValues {
                ColumnValues::$case(values)
            }
        })+
    };
}

var! {
    String: Text(str);
    Vec<u8>: Bytes([u8]);
    Decimal: Decimal(str);
    Json: Json(str);
}
