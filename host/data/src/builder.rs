//! Builds columns cell by cell while rows are read.

use super::{Column, ColumnType, ColumnValues, NativeValues, VarValues};

/// A column under construction.
pub struct ColumnBuilder {
    nulls: Vec<u8>,
    rows: usize,
    values: ColumnValues,
}

impl ColumnBuilder {
    /// An empty column of the type; `native` columns get `type_name`.
    pub fn new(column_type: ColumnType, capacity: usize, type_name: &str) -> Self {
        let var = || {
            let mut offsets = Vec::with_capacity(capacity + 1);
            offsets.push(0);
            VarValues { offsets, data: Vec::with_capacity(capacity * 16) }
        };
        let values = match column_type {
            ColumnType::Boolean => ColumnValues::Boolean(Vec::with_capacity(capacity)),
            ColumnType::Int64 => ColumnValues::Int64(Vec::with_capacity(capacity)),
            ColumnType::Float64 => ColumnValues::Float64(Vec::with_capacity(capacity)),
            ColumnType::Text => ColumnValues::Text(var()),
            ColumnType::Bytes => ColumnValues::Bytes(var()),
            ColumnType::Decimal => ColumnValues::Decimal(var()),
            ColumnType::Date => ColumnValues::Date(Vec::with_capacity(capacity)),
            ColumnType::Time => ColumnValues::Time(Vec::with_capacity(capacity)),
            ColumnType::Timestamp => ColumnValues::Timestamp(Vec::with_capacity(capacity)),
            ColumnType::Timestamptz => ColumnValues::Timestamptz(Vec::with_capacity(capacity)),
            ColumnType::Uuid => ColumnValues::Uuid(Vec::with_capacity(capacity * 2)),
            ColumnType::Json => ColumnValues::Json(var()),
            ColumnType::Native => ColumnValues::Native(NativeValues { type_name: type_name.to_owned(), texts: var() }),
        };
        Self { nulls: Vec::new(), rows: 0, values }
    }

    /// The type under construction.
    #[inline]
    pub fn column_type(&self) -> ColumnType {
        self.values.column_type()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends NULL.
    pub fn push_null(&mut self) {
        self.nulls.resize(self.rows, 0);
        self.nulls.push(1);
        match &mut self.values {
            ColumnValues::Boolean(entries) => entries.push(0),
            ColumnValues::Float64(entries) => entries.push(0.0),
            ColumnValues::Date(entries) => entries.push(0),
            ColumnValues::Uuid(entries) => entries.extend([0, 0]),
            ColumnValues::Int64(entries)
            | ColumnValues::Time(entries)
            | ColumnValues::Timestamp(entries)
            | ColumnValues::Timestamptz(entries) => entries.push(0),
            ColumnValues::Text(values)
            | ColumnValues::Bytes(values)
            | ColumnValues::Decimal(values)
            | ColumnValues::Json(values) => values.offsets.push(values.data.len() as u32),
            ColumnValues::Native(values) => values.texts.offsets.push(values.texts.data.len() as u32),
        }
        self.rows += 1;
    }

    /// Appends to an int64, time, timestamp or timestamptz column; false for other columns.
    #[inline]
    #[must_use]
    pub fn push_int64(&mut self, entry: i64) -> bool {
        match &mut self.values {
            ColumnValues::Int64(entries)
            | ColumnValues::Time(entries)
            | ColumnValues::Timestamp(entries)
            | ColumnValues::Timestamptz(entries) => entries.push(entry),
            _ => return false,
        }
        self.pushed();
        true
    }

    /// Appends to a float64 column; false for other columns.
    #[inline]
    #[must_use]
    pub fn push_float64(&mut self, entry: f64) -> bool {
        let ColumnValues::Float64(entries) = &mut self.values else { return false };
        entries.push(entry);
        self.pushed();
        true
    }

    /// Appends to a boolean column; false for other columns.
    #[inline]
    #[must_use]
    pub fn push_boolean(&mut self, entry: bool) -> bool {
        let ColumnValues::Boolean(entries) = &mut self.values else { return false };
        entries.push(u8::from(entry));
        self.pushed();
        true
    }

    /// Appends to a date column; false for other columns.
    #[inline]
    #[must_use]
    pub fn push_date(&mut self, entry: i32) -> bool {
        let ColumnValues::Date(entries) = &mut self.values else { return false };
        entries.push(entry);
        self.pushed();
        true
    }

    /// Appends to a UUID column; false for other columns.
    #[inline]
    #[must_use]
    pub fn push_uuid(&mut self, high: u64, low: u64) -> bool {
        let ColumnValues::Uuid(entries) = &mut self.values else { return false };
        entries.extend([high, low]);
        self.pushed();
        true
    }

    /// Appends to a text, bytes, decimal, json or native column; false for other columns. The caller ensures UTF-8.
    #[inline]
    #[must_use]
    pub fn push_bytes(&mut self, entry: &[u8]) -> bool {
        let values = match &mut self.values {
            ColumnValues::Text(values)
            | ColumnValues::Bytes(values)
            | ColumnValues::Decimal(values)
            | ColumnValues::Json(values) => values,
            ColumnValues::Native(values) => &mut values.texts,
            _ => return false,
        };
        values.data.extend_from_slice(entry);
        values.offsets.push(values.data.len() as u32);
        self.pushed();
        true
    }

    /// The entries, for a caller that appends one directly and then calls [`ColumnBuilder::pushed`].
    #[inline]
    pub fn entries(&mut self) -> &mut ColumnValues {
        &mut self.values
    }

    /// Counts a row whose entry has been appended.
    #[inline]
    pub fn pushed(&mut self) {
        self.rows += 1;
        if !self.nulls.is_empty() {
            self.nulls.push(0);
        }
    }

    /// The finished column.
    pub fn finish(self, name: impl Into<String>) -> Column {
        Column { name: name.into(), nulls: self.nulls, values: self.values }
    }
}
