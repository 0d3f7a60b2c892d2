//! The columns of a batch: found by name, read, changed, taken out and put in.

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
        /// An entry under a NULL means nothing; changing it does no harm.
        pub fn $name(&mut self, name: &str) -> Result<&mut [<$entry as Fixed>::Stored]> {
            self.column_mut(name)?.fixed_mut::<$entry>()
        })+
    };
}

impl Batch {
    /// No columns and no rows: what a transform answers that has nothing to insert.
    pub fn empty() -> Self {
        Self { row_count: 0, columns: Vec::new() }
    }

    /// Puts a batch together column by column.
    pub fn builder() -> BatchBuilder {
        BatchBuilder::default()
    }

    /// A batch of these columns, which are of equal length and differ in their names.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Result<Self> {
        columns.into_iter().fold(Self::builder(), BatchBuilder::column).build()
    }

    /// How many rows every column has.
    pub fn len(&self) -> usize {
        self.row_count as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.row_count == 0
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| self.missing(name))
    }

    /// The column of a name, to be changed.
    pub fn column_mut(&mut self, name: &str) -> Result<&mut Column> {
        let at = self.position(name)?;
        Ok(&mut self.columns[at])
    }

    views! {
        /// A column as booleans.
        boolean -> FixedColumn<'_, bool>;
        /// A column as integers.
        int64 -> FixedColumn<'_, i64>;
        /// A column as numbers.
        float64 -> FixedColumn<'_, f64>;
        /// A column as texts.
        text -> TextColumn<'_>;
        /// A column as bytes.
        bytes -> BytesColumn<'_>;
        /// A column as the texts of decimal numbers.
        decimal -> TextColumn<'_>;
        /// A column as days.
        date -> FixedColumn<'_, Date>;
        /// A column as times of day.
        time -> FixedColumn<'_, Time>;
        /// A column as days and times without a time zone.
        timestamp -> FixedColumn<'_, Timestamp>;
        /// A column as instants.
        timestamptz -> FixedColumn<'_, Timestamptz>;
        /// A column as UUIDs.
        uuid -> FixedColumn<'_, Uuid>;
        /// A column as JSON texts.
        json -> TextColumn<'_>;
        /// A column in the database's own text form.
        native -> NativeColumn<'_>;
    }

    slices! {
        /// A column of booleans to be changed in place: 0 is false, 1 is true.
        boolean_mut: bool;
        /// A column of integers to be changed in place.
        int64_mut: i64;
        /// A column of numbers to be changed in place.
        float64_mut: f64;
        /// A column of days to be changed in place: days since 1970-01-01.
        date_mut: Date;
        /// A column of times of day to be changed in place: microseconds since midnight.
        time_mut: Time;
        /// A column of days and times to be changed in place: microseconds since 1970-01-01T00:00:00.
        timestamp_mut: Timestamp;
        /// A column of instants to be changed in place: microseconds since 1970-01-01T00:00:00Z.
        timestamptz_mut: Timestamptz;
        /// A column of UUIDs to be changed in place: two numbers each.
        uuid_mut: Uuid;
    }

    /// A column of texts to be changed in place.
    pub fn text_mut(&mut self, name: &str) -> Result<TextMut<'_>> {
        self.column_mut(name)?.text_mut()
    }

    /// Takes a column out, without copying it.
    pub fn take(&mut self, name: &str) -> Result<Column> {
        let at = self.position(name)?;
        Ok(self.columns.remove(at))
    }

    /// All columns, without copying them.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Puts a column in, in the place of the one that has its name.
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

    /// As [`set`](Batch::set), for batches that are put together in one expression.
    pub fn with(mut self, column: Column) -> Result<Self> {
        self.set(column)?;
        Ok(self)
    }

    /// Keeps these columns, in this order, and drops the others.
    pub fn keep<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let columns = names.into_iter().map(|name| self.take(name.as_ref())).collect::<Result<_>>()?;
        Ok(Self { row_count: self.row_count, columns })
    }

    /// Gives a column another name.
    pub fn rename(&mut self, name: &str, to: impl Into<String>) -> Result<()> {
        self.column_mut(name)?.name = to.into();
        Ok(())
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Error {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let message = format!("the batch has no column `{name}`; it has: {}", names.join(", "));
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
