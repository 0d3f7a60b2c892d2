//! Batches: rows as columns, in the same layout as `wit/types.wit`, so that a column enters the sandbox with one
//! copy.
//!
//! # Why columns
//!
//! The canonical ABI copies a list of numbers in one piece, so a batch of 16,384 rows costs a handful of copies. One
//! million rows of an integer, a text and a float, in both directions:
//!
//! | form | µs per row |
//! | --- | --- |
//! | columns | 0.011–0.015 |
//! | one opaque list of bytes | 0.027–0.037 |
//! | `list<list<variant>>` | 0.45–0.71 |
//!
//! Reading a row from SQLite takes about 0.09 µs, updating one about 0.3. Batches end at 2 MiB or 16,384 rows: smaller
//! ones pay for calls, larger ones miss the caches. A boolean takes one byte instead of WIT's `list<bool>`, which is
//! copied element by element; NULL flags are bytes, not bits, which copy as fast and can be read in every language.
//!
//! Rejected: rows of variants, with an allocation in the guest for each text; Arrow IPC, with a schema in each batch
//! and a large library in each guest, though the layout here is close enough to wrap; a host call for each cell, 30 to
//! 300 ns each; `stream` of WASI 0.3, with which the guest would own the loop.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a column. Stored by position: append further cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the cases are documented in wit/types.wit")]
pub enum ColumnType {
    Boolean,
    Int64,
    Float64,
    Text,
    Bytes,
    Decimal,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Json,
    Native,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Native => "native",
        })
    }
}

/// Entries of variable length, end to end: entry i is `data[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VarValues {
    /// One more than there are rows.
    pub offsets: Vec<u32>,
    /// The bytes of all entries.
    #[serde(with = "super::serde_bytes")]
    pub data: Vec<u8>,
}

impl Default for VarValues {
    fn default() -> Self {
        Self { offsets: vec![0], data: Vec::new() }
    }
}

impl VarValues {
    /// The bytes of one entry. The batch must have been validated.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Entries of a type that only the database knows, in its text form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativeValues {
    /// The database's name of the type.
    pub type_name: String,
    /// The texts.
    pub texts: VarValues,
}

/// The entries of a column. Stored by position: append further cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the cases are documented in wit/types.wit")]
pub enum ColumnValues {
    Boolean(#[serde(with = "super::serde_bytes")] Vec<u8>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Text(VarValues),
    Bytes(VarValues),
    Decimal(VarValues),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    Timestamptz(Vec<i64>),
    Uuid(Vec<u64>),
    Json(VarValues),
    Native(NativeValues),
}

impl ColumnValues {
    /// The type of the entries.
    #[inline]
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Int64(_) => ColumnType::Int64,
            Self::Float64(_) => ColumnType::Float64,
            Self::Text(_) => ColumnType::Text,
            Self::Bytes(_) => ColumnType::Bytes,
            Self::Decimal(_) => ColumnType::Decimal,
            Self::Date(_) => ColumnType::Date,
            Self::Time(_) => ColumnType::Time,
            Self::Timestamp(_) => ColumnType::Timestamp,
            Self::Timestamptz(_) => ColumnType::Timestamptz,
            Self::Uuid(_) => ColumnType::Uuid,
            Self::Json(_) => ColumnType::Json,
            Self::Native(_) => ColumnType::Native,
        }
    }

    /// The entries, if they have variable length.
    pub fn var_values(&self) -> Option<&VarValues> {
        match self {
            Self::Text(values) | Self::Bytes(values) | Self::Decimal(values) | Self::Json(values) => Some(values),
            Self::Native(values) => Some(&values.texts),
            _ => None,
        }
    }

    /// The size of the entries in bytes.
    pub fn byte_len(&self) -> usize {
        match self {
            Self::Boolean(entries) => entries.len(),
            Self::Date(entries) => entries.len() * 4,
            Self::Uuid(entries) => entries.len() * 8,
            Self::Float64(entries) => entries.len() * 8,
            Self::Int64(entries) | Self::Time(entries) | Self::Timestamp(entries) | Self::Timestamptz(entries) => {
                entries.len() * 8
            }
            _ => self.var_values().map_or(0, |values| values.data.len() + values.offsets.len() * 4),
        }
    }
}

/// One named column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The name in the table or the SELECT list.
    pub name: String,
    /// Empty, or one byte per row: 1 where the row is NULL.
    #[serde(with = "super::serde_bytes")]
    pub nulls: Vec<u8>,
    /// The entries.
    pub values: ColumnValues,
}

impl Column {
    /// A column in which every row is NULL.
    pub fn nulls(name: impl Into<String>, column_type: ColumnType, rows: usize) -> Self {
        let mut builder = super::ColumnBuilder::new(column_type, rows, "");
        for _ in 0..rows {
            builder.push_null();
        }
        builder.finish(name)
    }

    /// Whether two rows of a validated column hold the same entry; NULL equals nothing.
    pub fn same(&self, left: usize, right: usize) -> bool {
        if self.is_null(left) || self.is_null(right) {
            return false;
        }
        match &self.values {
            ColumnValues::Boolean(entries) => entries[left] == entries[right],
            ColumnValues::Float64(entries) => entries[left] == entries[right],
            ColumnValues::Date(entries) => entries[left] == entries[right],
            ColumnValues::Uuid(entries) => entries[left * 2..left * 2 + 2] == entries[right * 2..right * 2 + 2],
            ColumnValues::Int64(entries)
            | ColumnValues::Time(entries)
            | ColumnValues::Timestamp(entries)
            | ColumnValues::Timestamptz(entries) => entries[left] == entries[right],
            values => values.var_values().is_some_and(|values| values.get(left) == values.get(right)),
        }
    }

    /// Whether the row is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row).is_some_and(|byte| *byte != 0)
    }
}

/// Rows as columns. Deserialising validates them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedBatch")]
pub struct Batch {
    /// The number of rows of every column.
    pub row_count: usize,
    /// The columns.
    pub columns: Vec<Column>,
}

/// A batch as it is deserialised.
#[derive(Deserialize)]
struct UncheckedBatch {
    row_count: usize,
    columns: Vec<Column>,
}

impl TryFrom<UncheckedBatch> for Batch {
    type Error = String;

    fn try_from(UncheckedBatch { row_count, columns }: UncheckedBatch) -> Result<Self, String> {
        let batch = Self { row_count, columns };
        batch.validate()?;
        Ok(batch)
    }
}

/// Up to so many columns, comparing every two names is faster than a set of them.
const FEW: usize = 32;

impl Batch {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The size of the batch in bytes, including masks.
    pub fn byte_len(&self) -> usize {
        self.columns.iter().map(|column| column.values.byte_len() + column.nulls.len()).sum()
    }

    /// The name of the column with the largest entry of variable length, and its size in bytes.
    pub fn largest_cell(&self) -> Option<(&str, usize)> {
        let largest = |column: &Column| -> Option<usize> {
            column.values.var_values()?.offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as usize).max()
        };
        self.columns
            .iter()
            .filter_map(|column| Some((column.name.as_str(), largest(column)?)))
            .max_by_key(|(_, bytes)| *bytes)
    }

    /// Checks a batch of a guest: lengths, offsets, masks, UTF-8, unique names. The message names column and row.
    pub fn validate(&self) -> Result<(), String> {
        // A guest can pass millions of columns without rows in one call.
        let mut names = HashSet::with_capacity(if self.columns.len() > FEW { self.columns.len() } else { 0 });
        for (index, column) in self.columns.iter().enumerate() {
            let is_new = match self.columns.len() > FEW {
                true => names.insert(column.name.as_str()),
                false => !self.columns[..index].iter().any(|other| other.name == column.name),
            };
            if !is_new {
                return Err(format!("column `{}` occurs twice in the batch", column.name));
            }
            validate_column(column, self.row_count).map_err(|what| format!("column `{}`: {what}", column.name))?;
        }
        Ok(())
    }
}

fn validate_column(column: &Column, row_count: usize) -> Result<(), String> {
    if !column.nulls.is_empty() && column.nulls.len() != row_count {
        return Err(format!("{} null flags for {row_count} rows", column.nulls.len()));
    }
    if let Some(row) = column.nulls.iter().position(|byte| *byte > 1) {
        return Err(format!("null flag of row {row} is {}, not 0 or 1", column.nulls[row]));
    }
    let length = match &column.values {
        ColumnValues::Boolean(entries) => {
            if let Some(row) = entries.iter().position(|byte| *byte > 1) {
                return Err(format!("boolean of row {row} is {}, not 0 or 1", entries[row]));
            }
            entries.len()
        }
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => entries.len(),
        ColumnValues::Float64(entries) => entries.len(),
        ColumnValues::Date(entries) => entries.len(),
        ColumnValues::Uuid(entries) => {
            if Some(entries.len()) != row_count.checked_mul(2) {
                return Err(format!("{} halves of UUIDs for {row_count} rows", entries.len()));
            }
            row_count
        }
        ColumnValues::Bytes(values) => validate_var(values, row_count, false)?,
        ColumnValues::Text(values) | ColumnValues::Decimal(values) | ColumnValues::Json(values) => {
            validate_var(values, row_count, true)?
        }
        ColumnValues::Native(values) => validate_var(&values.texts, row_count, true)?,
    };
    if length != row_count {
        return Err(format!("{length} entries for {row_count} rows"));
    }
    Ok(())
}

fn validate_var(values: &VarValues, row_count: usize, utf8: bool) -> Result<usize, String> {
    let offsets = &values.offsets;
    if offsets.len().checked_sub(1) != Some(row_count) {
        return Err(format!(
            "{} offsets for {row_count} rows, which need {}",
            offsets.len(),
            row_count.saturating_add(1)
        ));
    }
    if offsets[0] != 0 {
        return Err(format!("the first offset is {}, not 0", offsets[0]));
    }
    if let Some(row) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(format!("the offset after row {row} falls from {} to {}", offsets[row], offsets[row + 1]));
    }
    let end = offsets[row_count] as usize;
    if end != values.data.len() {
        return Err(format!("the last offset is {end} but there are {} bytes", values.data.len()));
    }
    if utf8 {
        // One pass over all bytes, then only the boundaries: an entry must not begin inside a character.
        let text = std::str::from_utf8(&values.data).map_err(|error| {
            let row = offsets.partition_point(|offset| *offset as usize <= error.valid_up_to()).saturating_sub(1);
            format!("row {row} is not UTF-8")
        })?;
        if !text.is_ascii()
            && let Some(row) = offsets.iter().position(|offset| !text.is_char_boundary(*offset as usize))
        {
            return Err(format!("row {row} begins inside a character"));
        }
    }
    Ok(row_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(offsets: &[u32], data: &[u8]) -> Batch {
        let values = ColumnValues::Text(VarValues { offsets: offsets.to_vec(), data: data.to_vec() });
        Batch { row_count: 2, columns: vec![Column { name: "a".to_owned(), nulls: vec![], values }] }
    }

    #[test]
    fn malformed_batches_are_described() {
        let int64 = |entries: &[i64], nulls: &[u8]| Batch {
            row_count: 2,
            columns: vec![Column {
                name: "a".to_owned(),
                nulls: nulls.to_vec(),
                values: ColumnValues::Int64(entries.to_vec()),
            }],
        };
        let boolean = Batch {
            row_count: 1,
            columns: vec![Column { name: "a".to_owned(), nulls: vec![], values: ColumnValues::Boolean(vec![2]) }],
        };
        let mut twice = int64(&[1, 2], &[]);
        twice.columns.extend(twice.columns.clone());
        for (batch, message) in [
            (text(&[0, 1], b"a"), "column `a`: 2 offsets for 2 rows, which need 3"),
            (text(&[], b""), "column `a`: 0 offsets for 2 rows, which need 3"),
            (text(&[1, 1, 2], b"ab"), "column `a`: the first offset is 1, not 0"),
            (text(&[0, 2, 1], b"ab"), "column `a`: the offset after row 1 falls from 2 to 1"),
            (text(&[0, 1, 3], b"ab"), "column `a`: the last offset is 3 but there are 2 bytes"),
            (text(&[0, 1, 2], b"a\xff"), "column `a`: row 1 is not UTF-8"),
            (text(&[0, 1, 2], "\u{e9}".as_bytes()), "column `a`: row 1 begins inside a character"),
            (int64(&[1], &[]), "column `a`: 1 entries for 2 rows"),
            (int64(&[1, 2], &[0]), "column `a`: 1 null flags for 2 rows"),
            (int64(&[1, 2], &[0, 7]), "column `a`: null flag of row 1 is 7, not 0 or 1"),
            (boolean, "column `a`: boolean of row 0 is 2, not 0 or 1"),
            (twice, "column `a` occurs twice in the batch"),
        ] {
            assert_eq!(batch.validate().expect_err(message), message);
        }
        assert_eq!(text(&[0, 2, 2], "\u{e9}".as_bytes()).validate(), Ok(()));
        assert_eq!(Batch::default().validate(), Ok(()));
    }
}
