//! Scalars: parameters of statements and cells of small results. Units are those of the WIT package.

use serde::{Deserialize, Serialize};

use super::{Column, ColumnValues, VarValues};

/// One scalar; see `wit/types.wit` for units. Stored by position: append further cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the cases are documented in wit/types.wit")]
pub enum Value {
    Null,
    Boolean(bool),
    Int64(i64),
    Float64(f64),
    Text(String),
    Bytes(#[serde(with = "super::serde_bytes")] Vec<u8>),
    Decimal(String),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Timestamptz(i64),
    Uuid(u64, u64),
    Json(String),
    Native { type_name: String, text: String },
}

impl Value {
    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text) | Self::Decimal(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is an integer.
    pub fn as_int64(&self) -> Option<i64> {
        match self {
            Self::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if this is a byte string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int64(number)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A small, complete result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowSet {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

impl Value {
    /// A cell of a validated batch. `Null` for rows and halves of UUIDs that do not exist.
    pub fn of_cell(column: &Column, row: usize) -> Self {
        if column.is_null(row) {
            return Self::Null;
        }
        let text = |values: &VarValues| String::from_utf8_lossy(values.get(row)).into_owned();
        let number = |entries: &[i64]| entries.get(row).copied();
        match &column.values {
            ColumnValues::Boolean(entries) => entries.get(row).map(|entry| Self::Boolean(*entry != 0)),
            ColumnValues::Int64(entries) => number(entries).map(Self::Int64),
            ColumnValues::Float64(entries) => entries.get(row).copied().map(Self::Float64),
            ColumnValues::Text(values) => Some(Self::Text(text(values))),
            ColumnValues::Bytes(values) => Some(Self::Bytes(values.get(row).to_vec())),
            ColumnValues::Decimal(values) => Some(Self::Decimal(text(values))),
            ColumnValues::Date(entries) => entries.get(row).copied().map(Self::Date),
            ColumnValues::Time(entries) => number(entries).map(Self::Time),
            ColumnValues::Timestamp(entries) => number(entries).map(Self::Timestamp),
            ColumnValues::Timestamptz(entries) => number(entries).map(Self::Timestamptz),
            ColumnValues::Uuid(entries) => match entries.get(row * 2..row * 2 + 2) {
                Some([high, low]) => Some(Self::Uuid(*high, *low)),
                _ => None,
            },
            ColumnValues::Json(values) => Some(Self::Json(text(values))),
            ColumnValues::Native(values) => {
                Some(Self::Native { type_name: values.type_name.clone(), text: text(&values.texts) })
            }
        }
        .unwrap_or(Self::Null)
    }
}
