//! Columns of fixed-size entries.

use super::ColumnValues;
use super::view::{Iter, View, is_null};
use crate::ColumnType;
use crate::value::{Date, Time, Timestamp, Timestamptz, Uuid};

/// A Rust type for the entries of a fixed-size column.
pub trait Fixed: Copy {
    /// The stored type.
    type Stored: Copy + Default + 'static;

    /// How many stored numbers make up an entry.
    const WIDTH: usize;

    /// The column's type.
    const TYPE: ColumnType;

    /// Reads an entry from `WIDTH` stored numbers.
    fn load(stored: &[Self::Stored]) -> Self;

    /// Adds an entry.
    fn store(self, values: &mut Vec<Self::Stored>);

    /// The entries, if they are of this type.
    fn values(values: &ColumnValues) -> Option<&Vec<Self::Stored>>;

    /// The entries, if they are of this type, mutable.
    fn values_mut(values: &mut ColumnValues) -> Option<&mut Vec<Self::Stored>>;

    /// Turns them into the entries of a column.
    fn wrap(values: Vec<Self::Stored>) -> ColumnValues;
}

macro_rules! fixed {
    ($($entry:ty: $case:ident($stored:ty), |$from:ident| $load:expr, |$to:ident| $store:expr;)+) => {
        $(impl Fixed for $entry {
            type Stored = $stored;
            const WIDTH: usize = 1;
            const TYPE: ColumnType = ColumnType::$case;

            #[inline]
            fn load(stored: &[$stored]) -> Self {
                let $from = stored[0];
                $load
            }

            #[inline]
            fn store(self, values: &mut Vec<$stored>) {
                let $to = self;
                values.push($store);
            }

            fn values(values: &ColumnValues) -> Option<&Vec<$stored>> {
                if let ColumnValues::$case(values) = values { Some(values) } else { None }
            }

            fn values_mut(values: &mut ColumnValues) -> Option<&mut Vec<$stored>> {
                if let ColumnValues::$case(values) = values { Some(values) } else { None }
            }

            fn wrap(values: Vec<$stored>) -> ColumnValues {
                ColumnValues::$case(values)
            }
        })+
    };
}

fixed! {
    bool: Boolean(u8), |byte| byte != 0, |entry| entry.into();
    i64: Int64(i64), |number| number, |entry| entry;
    f64: Float64(f64), |number| number, |entry| entry;
    Date: Date(i32), |days| Date(days), |entry| entry.0;
    Time: Time(i64), |micros| Time(micros), |entry| entry.0;
    Timestamp: Timestamp(i64), |micros| Timestamp(micros), |entry| entry.0;
    Timestamptz: Timestamptz(i64), |micros| Timestamptz(micros), |entry| entry.0;
}

impl Fixed for Uuid {
    type Stored = u64;
    const WIDTH: usize = 2;
    const TYPE: ColumnType = ColumnType::Uuid;

    #[inline]
    fn load(stored: &[u64]) -> Self {
        Self::from_halves(stored[0], stored[1])
    }

    #[inline]
    fn store(self, values: &mut Vec<u64>) {
        let (high, low) = self.into_halves();
        values.extend([high, low]);
    }

    fn values(values: &ColumnValues) -> Option<&Vec<u64>> {
        if let ColumnValues::Uuid(values) = values { Some(values) } else { None }
    }

    fn values_mut(values: &mut ColumnValues) -> Option<&mut Vec<u64>> {
        if let ColumnValues::Uuid(values) = values { Some(values) } else { None }
    }

    fn wrap(values: Vec<u64>) -> ColumnValues {
        ColumnValues::Uuid(values)
    }
}

/// A view of a fixed-size column.
#[derive(Debug)]
pub struct FixedColumn<'a, T: Fixed> {
    // Empty if the column arrived as another type because all its rows are NULL.
    values: &'a [T::Stored],
    nulls: &'a [u8],
    rows: usize,
}

impl<T: Fixed> Clone for FixedColumn<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Fixed> Copy for FixedColumn<'_, T> {}

impl<'a, T: Fixed> FixedColumn<'a, T> {
    pub(super) fn new(values: &'a [T::Stored], nulls: &'a [u8], rows: usize) -> Self {
        Self { values, nulls, rows }
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
    pub fn get(self, row: usize) -> Option<T> {
        if is_null(self.nulls, row) { None } else { Some(T::load(&self.values[row * T::WIDTH..][..T::WIDTH])) }
    }

    /// The entries, from the first row to the last.
    pub fn iter(self) -> Iter<Self> {
        Iter::new(self)
    }

    /// The entries as a plain slice, if no row is NULL: the fast path.
    ///
    /// Days and microseconds are plain numbers here, and each UUID is two numbers.
    pub fn values(self) -> Option<&'a [T::Stored]> {
        self.nulls.iter().all(|null| *null == 0).then_some(self.values)
    }
}

impl<T: Fixed> View for FixedColumn<'_, T> {
    type Item = T;

    fn rows(self) -> usize {
        self.rows
    }

    #[inline]
    fn entry(self, row: usize) -> Option<T> {
        self.get(row)
    }
}

impl<T: Fixed> IntoIterator for FixedColumn<'_, T> {
    type Item = Option<T>;
    type IntoIter = Iter<Self>;

    fn into_iter(self) -> Iter<Self> {
        self.iter()
    }
}
