//! Building columns and batches: push the entries of a column one by one, then `finish` it under a name.

use std::fmt::{self, Display, Write};

use super::access::{row_count, uneven};
use super::{Batch, Column, ColumnValues, Fixed, NativeValues, Var, VarValues};
use crate::value::{Date, Decimal, Json, Time, Timestamp, Timestamptz, Uuid};
use crate::{Error, ErrorKind, Result};

/// Builds a column of booleans.
pub type BooleanBuilder = FixedBuilder<bool>;
/// Builds a column of integers.
pub type Int64Builder = FixedBuilder<i64>;
/// Builds a column of floating-point numbers.
pub type Float64Builder = FixedBuilder<f64>;
/// Builds a column of dates.
pub type DateBuilder = FixedBuilder<Date>;
/// Builds a column of times of day.
pub type TimeBuilder = FixedBuilder<Time>;
/// Builds a column of dates with times, without a time zone.
pub type TimestampBuilder = FixedBuilder<Timestamp>;
/// Builds a column of instants.
pub type TimestamptzBuilder = FixedBuilder<Timestamptz>;
/// Builds a column of UUIDs.
pub type UuidBuilder = FixedBuilder<Uuid>;
/// Builds a column of strings.
pub type TextBuilder = VarBuilder<String>;
/// Builds a column of bytes.
pub type BytesBuilder = VarBuilder<Vec<u8>>;
/// Builds a column of decimal numbers in text form.
pub type DecimalBuilder = VarBuilder<Decimal>;
/// Builds a column of JSON text.
pub type JsonBuilder = VarBuilder<Json>;

/// A null mask that stays empty until the first NULL.
#[derive(Clone, Debug, Default)]
struct Nulls(Vec<u8>);

impl Nulls {
    #[inline]
    fn push_value(&mut self) {
        if !self.0.is_empty() {
            self.0.push(0);
        }
    }

    fn push_null(&mut self, rows_before: usize) {
        self.0.resize(rows_before, 0);
        self.0.push(1);
    }
}

/// Builds a column of any fixed-size type.
#[derive(Clone, Debug)]
pub struct FixedBuilder<T: Fixed> {
    values: Vec<T::Stored>,
    nulls: Nulls,
}

/// Builds a column of any variable-length type.
#[derive(Clone, Debug)]
pub struct VarBuilder<T> {
    offsets: Vec<u32>,
    data: Vec<u8>,
    nulls: Nulls,
    kind: std::marker::PhantomData<T>,
}

macro_rules! common {
    ($item:ty) => {
        /// No rows yet.
        pub fn new() -> Self {
            Self::with_capacity(0)
        }

        /// Whether there are no rows yet.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// Adds a row that may be NULL.
        #[inline]
        pub fn push_option(&mut self, entry: Option<$item>) {
            match entry {
                Some(entry) => self.push(entry),
                None => self.push_null(),
            }
        }
    };
}

impl<T: Fixed> FixedBuilder<T> {
    common!(T);

    /// No rows yet, but capacity for this many.
    pub fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows * T::WIDTH), nulls: Nulls::default() }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / T::WIDTH
    }

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, entry: T) {
        entry.store(&mut self.values);
        self.nulls.push_value();
    }

    /// Adds a row that is NULL.
    pub fn push_null(&mut self) {
        self.nulls.push_null(self.len());
        self.values.extend(std::iter::repeat_n(T::Stored::default(), T::WIDTH));
    }

    /// Finishes the column under a name.
    pub fn finish(self, name: impl Into<String>) -> Column {
        Column { name: name.into(), nulls: self.nulls.0, values: T::wrap(self.values) }
    }
}

impl<T: Var> VarBuilder<T> {
    common!(impl AsRef<T::Item>);

    /// No rows yet, but capacity for this many.
    pub fn with_capacity(rows: usize) -> Self {
        Self::with_capacity_and_bytes(rows, 0)
    }

    /// No rows yet, but capacity for this many rows and this many bytes in total.
    pub fn with_capacity_and_bytes(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(bytes), nulls: Nulls::default(), kind: std::marker::PhantomData }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Adds a row. Panics beyond 4 GiB, which is more than a batch may contain.
    #[inline]
    pub fn push(&mut self, entry: impl AsRef<T::Item>) {
        self.data.extend_from_slice(entry.as_ref().as_ref());
        self.end_row();
        self.nulls.push_value();
    }

    /// Adds a row that is NULL.
    pub fn push_null(&mut self) {
        self.nulls.push_null(self.len());
        self.end_row();
    }

    /// Finishes the column under a name.
    pub fn finish(self, name: impl Into<String>) -> Column {
        let values = T::wrap(VarValues { offsets: self.offsets, data: self.data });
        Column { name: name.into(), nulls: self.nulls.0, values }
    }

    #[inline]
    fn end_row(&mut self) {
        self.offsets.push(u32::try_from(self.data.len()).expect("a column holds less than 4 GiB"));
    }
}

impl<T: Var<Item = str>> VarBuilder<T> {
    /// Adds a row from anything that implements `Display`, written directly into the column: `push_display(format_args!(…))`.
    pub fn push_display(&mut self, entry: impl Display) {
        struct Data<'a>(&'a mut Vec<u8>);

        impl Write for Data<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }

        // The writer never fails. If the `Display` does, its text ends at that point; `format!` would panic.
        write!(Data(&mut self.data), "{entry}").expect("the value can be shown");
        self.end_row();
        self.nulls.push_value();
    }
}

impl TextBuilder {
    /// Finishes the column as a database-specific type, such as `inet`, in its text form.
    pub fn finish_native(self, name: impl Into<String>, type_name: impl Into<String>) -> Column {
        let texts = VarValues { offsets: self.offsets, data: self.data };
        let values = ColumnValues::Native(NativeValues { type_name: type_name.into(), texts });
        Column { name: name.into(), nulls: self.nulls.0, values }
    }
}

impl<T: Fixed> Default for FixedBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Var> Default for VarBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Fixed> Extend<Option<T>> for FixedBuilder<T> {
    fn extend<I: IntoIterator<Item = Option<T>>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push_option(entry));
    }
}

impl<T: Fixed> FromIterator<Option<T>> for FixedBuilder<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(entries: I) -> Self {
        let mut builder = Self::new();
        builder.extend(entries);
        builder
    }
}

impl<T: Var, A: AsRef<T::Item>> Extend<Option<A>> for VarBuilder<T> {
    fn extend<I: IntoIterator<Item = Option<A>>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push_option(entry));
    }
}

impl<T: Var, A: AsRef<T::Item>> FromIterator<Option<A>> for VarBuilder<T> {
    fn from_iter<I: IntoIterator<Item = Option<A>>>(entries: I) -> Self {
        let mut builder = Self::new();
        builder.extend(entries);
        builder
    }
}

/// Builds a batch column by column.
#[derive(Clone, Debug, Default)]
pub struct BatchBuilder(Vec<Column>);

impl BatchBuilder {
    /// Adds a column.
    pub fn column(mut self, column: Column) -> Self {
        self.0.push(column);
        self
    }

    /// The batch. Columns with different lengths or the same name are an error.
    pub fn build(self) -> Result<Batch> {
        let row_count = self.0.first().map_or(Ok(0), row_count)?;
        for (at, column) in self.0.iter().enumerate() {
            if column.len() != row_count as usize {
                return Err(uneven(column, row_count as usize));
            }
            if self.0[..at].iter().any(|other| other.name == column.name) {
                let message = format!("the batch has two columns `{}`", column.name);
                return Err(Error::with_kind(ErrorKind::InvalidArgument, message));
            }
        }
        Ok(Batch { row_count, columns: self.0 })
    }
}
