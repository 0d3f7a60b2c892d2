//! The columns of a batch: find by name, read, change, remove and insert.

use super::{Batch, BatchBuilder, BytesColumn, Column, Fixed, FixedColumn, NativeColumn, TextColumn, TextMut};
use crate::value::{Date, Time, Timestamp, Timestamptz, Uuid};
use crate::{Error, ErrorKind, Result};

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident -> $view:ty;)+) => {
        $($(#[$doc])*
        pub fn $name(&self, name: &str) -> Result<$view> {
            self.column(name)?.$name()
        })+
    };
}

macro_rules! slices {
    ($($(#[$doc:meta])* $name:ident: $entry:ty;)+) => {
        $($(#[$doc])*
        ///
        /// The entry of a NULL has no meaning; changing it has no effect.
        pub fn $name(&mut self, name: &str) -> Result<&mut [<$entry as Fixed>::Stored]> {
            self.column_mut(name)?.fixed_mut::<$entry>()
        })+
    };
}

impl Batch {
    /// No columns and no rows: the result of a transform that has nothing to insert.
    pub fn empty() -> Self {
        Self { row_count: 0, columns: Vec::new() }
    }

    /// Builds a batch column by column.
    pub fn builder() -> BatchBuilder {
        BatchBuilder::default()
    }

    /// A batch of these columns, which must have equal lengths and different names.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Result<Self> {
        columns.into_iter().fold(Self::builder(), BatchBuilder::column).build()
    }

    /// The number of rows in every column.
    pub fn len(&self) -> usize {
        self.row_count as usize
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.row_count == 0
    }

    /// The column with this name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| self.missing(name))
    }

    /// The column with this name, mutable.
    pub fn column_mut(&mut self, name: &str) -> Result<&mut Column> {
        let at = self.position(name)?;
        Ok(&mut self.columns[at])
    }

    views! {
        /// A column as booleans.
        boolean -> FixedColumn<'_, bool>;
        /// A column as integers.
        int64 -> FixedColumn<'_, i64>;
        /// A column as floating-point numbers.
        float64 -> FixedColumn<'_, f64>;
        /// A column as strings.
        text -> TextColumn<'_>;
        /// A column as bytes.
        bytes -> BytesColumn<'_>;
        /// A column as decimal numbers in text form.
        decimal -> TextColumn<'_>;
        /// A column as dates.
        date -> FixedColumn<'_, Date>;
        /// A column as times of day.
        time -> FixedColumn<'_, Time>;
        /// A column as dates with times, without a time zone.
        timestamp -> FixedColumn<'_, Timestamp>;
        /// A column as instants.
        timestamptz -> FixedColumn<'_, Timestamptz>;
        /// A column as UUIDs.
        uuid -> FixedColumn<'_, Uuid>;
        /// A column as JSON text.
        json -> TextColumn<'_>;
        /// A column in the database's own text form.
        native -> NativeColumn<'_>;
    }

    slices! {
        /// A column of booleans for changes in place: 0 is false, 1 is true.
        boolean_mut: bool;
        /// A column of integers for changes in place.
        int64_mut: i64;
        /// A column of floating-point numbers for changes in place.
        float64_mut: f64;
        /// A column of dates for changes in place: days since 1970-01-01.
        date_mut: Date;
        /// A column of times of day for changes in place: microseconds since midnight.
        time_mut: Time;
        /// A column of dates with times for changes in place: microseconds since 1970-01-01T00:00:00.
        timestamp_mut: Timestamp;
        /// A column of instants for changes in place: microseconds since 1970-01-01T00:00:00Z.
        timestamptz_mut: Timestamptz;
        /// A column of UUIDs for changes in place: two numbers each.
        uuid_mut: Uuid;
    }

    /// A column of strings for changes in place.
    pub fn text_mut(&mut self, name: &str) -> Result<TextMut<'_>> {
        self.column_mut(name)?.text_mut()
    }

    /// Removes a column and returns it, without copying it.
    pub fn take(&mut self, name: &str) -> Result<Column> {
        let at = self.position(name)?;
        Ok(self.columns.remove(at))
    }

    /// All columns, without copying them.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Inserts a column, replacing the one with the same name.
    pub fn set(&mut self, column: Column) -> Result<()> {
        if self.columns.is_empty() {
            self.row_count = row_count(&column)?;
        }
        if column.len() != self.len() {
            return Err(uneven(&column, self.len()));
        }
        match self.position(&column.name) {
            Ok(at) => self.columns[at] = column,
            Err(_) => self.columns.push(column),
        }
        Ok(())
    }

    /// Like [`set`](Batch::set), for building a batch in one expression.
    pub fn with(mut self, column: Column) -> Result<Self> {
        self.set(column)?;
        Ok(self)
    }

    /// Keeps these columns, in this order, and drops the others.
    pub fn keep<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let columns = names.into_iter().map(|name| self.take(name.as_ref())).collect::<Result<_>>()?;
        Ok(Self { row_count: self.row_count, columns })
    }

    /// Renames a column.
    pub fn rename(&mut self, name: &str, to: impl Into<String>) -> Result<()> {
        self.column_mut(name)?.name = to.into();
        Ok(())
    }

    /// An error of a row of the batch that a batch function was given: the operator is told the row's key and its values.
    ///
    /// ```
    /// use runner_guest::prelude::*;
    ///
    /// fn positive(rows: Batch) -> Result<Batch> {
    ///     for (row, price) in rows.int64("price")?.iter().enumerate() {
    ///         if price < Some(0) {
    ///             return Err(rows.row_error(row, "the price is negative"));
    ///         }
    ///     }
    ///     Ok(rows)
    /// }
    /// ```
    pub fn row_error(&self, row: usize, message: impl std::fmt::Display) -> Error {
        // The host knows the key, and puts it in this place.
        Error::new(format!("{{row {row}}}: {message}"))
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Error {
        let names: Vec<_> = self.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        let message = format!("the batch has no column `{name}`; its columns are {}", names.join(", "));
        Error::with_kind(ErrorKind::InvalidArgument, message)
    }
}

/// A batch's number of rows, from its first column.
pub(super) fn row_count(column: &Column) -> Result<u32> {
    u32::try_from(column.len()).map_err(|_| {
        Error::with_kind(ErrorKind::InvalidArgument, format!("column `{}` has too many rows for a batch", column.name))
    })
}

pub(super) fn uneven(column: &Column, rows: usize) -> Error {
    let message = format!("column `{}` has {} rows where the batch has {rows}", column.name, column.len());
    Error::with_kind(ErrorKind::InvalidArgument, message)
}
