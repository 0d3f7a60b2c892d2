//! One named column, and its typed views.

use super::view::is_null;
use super::{
    BytesColumn, Column, ColumnValues, Fixed, FixedColumn, NativeColumn, TextColumn, Var, VarColumn, VarValues,
};
use crate::value::{Date, Decimal, Json, Time, Timestamp, Timestamptz, Uuid};
use crate::{ColumnType, Error, ErrorKind, Result};

impl Column {
    /// A column without NULLs, from existing entries.
    ///
    /// ```
    /// use runner_guest::batch::{Column, ColumnValues};
    ///
    /// let column = Column::new("id", ColumnValues::Int64(vec![1, 2, 3]));
    /// assert_eq!(column.int64()?.get(2), Some(3));
    /// # Ok::<(), runner_guest::Error>(())
    /// ```
    pub fn new(name: impl Into<String>, values: ColumnValues) -> Self {
        Self { name: name.into(), nulls: Vec::new(), values }
    }

    /// The same column under another name.
    pub fn renamed(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its type.
    pub fn column_type(&self) -> ColumnType {
        self.values.column_type()
    }

    /// Whether a row is NULL. Panics if there is no such row.
    pub fn is_null(&self, row: usize) -> bool {
        is_null(&self.nulls, row)
    }

    /// The number of NULL rows.
    pub fn null_count(&self) -> usize {
        self.nulls.iter().filter(|null| **null != 0).count()
    }

    /// Its entries as booleans.
    pub fn boolean(&self) -> Result<FixedColumn<'_, bool>> {
        self.fixed()
    }

    /// Its entries as integers.
    pub fn int64(&self) -> Result<FixedColumn<'_, i64>> {
        self.fixed()
    }

    /// Its entries as floating-point numbers.
    pub fn float64(&self) -> Result<FixedColumn<'_, f64>> {
        self.fixed()
    }

    /// Its entries as dates.
    pub fn date(&self) -> Result<FixedColumn<'_, Date>> {
        self.fixed()
    }

    /// Its entries as times of day.
    pub fn time(&self) -> Result<FixedColumn<'_, Time>> {
        self.fixed()
    }

    /// Its entries as dates with times, without a time zone.
    pub fn timestamp(&self) -> Result<FixedColumn<'_, Timestamp>> {
        self.fixed()
    }

    /// Its entries as instants.
    pub fn timestamptz(&self) -> Result<FixedColumn<'_, Timestamptz>> {
        self.fixed()
    }

    /// Its entries as UUIDs.
    pub fn uuid(&self) -> Result<FixedColumn<'_, Uuid>> {
        self.fixed()
    }

    /// Its entries as strings.
    pub fn text(&self) -> Result<TextColumn<'_>> {
        self.var::<String>()
    }

    /// Its entries as bytes.
    pub fn bytes(&self) -> Result<BytesColumn<'_>> {
        self.var::<Vec<u8>>()
    }

    /// Its entries as decimal numbers in text form.
    pub fn decimal(&self) -> Result<TextColumn<'_>> {
        self.var::<Decimal>()
    }

    /// Its entries as JSON text.
    pub fn json(&self) -> Result<TextColumn<'_>> {
        self.var::<Json>()
    }

    /// Its entries in the database's own text form.
    pub fn native(&self) -> Result<NativeColumn<'_>> {
        match &self.values {
            ColumnValues::Native(native) => Ok(NativeColumn {
                type_name: &native.type_name,
                texts: VarColumn::new(&native.texts, self.mask()?).map_err(|error| self.blame(error))?,
            }),
            _ => {
                let nulls = self.all_null(ColumnType::Native)?;
                Ok(NativeColumn { type_name: "", texts: VarColumn::all_null(nulls, self.len()) })
            }
        }
    }

    /// Its entries as any fixed-size type, chosen by the return type.
    pub fn fixed<T: Fixed>(&self) -> Result<FixedColumn<'_, T>> {
        match T::values(&self.values) {
            Some(values) => Ok(FixedColumn::new(values, self.mask()?, self.len())),
            None => Ok(FixedColumn::new(&[], self.all_null(T::TYPE)?, self.len())),
        }
    }

    /// Its entries as any variable-length type, chosen by its Rust type.
    pub fn var<T: Var>(&self) -> Result<VarColumn<'_, T::Item>> {
        match T::values(&self.values) {
            Some(values) => VarColumn::new(values, self.mask()?).map_err(|error| self.blame(error)),
            None => Ok(VarColumn::all_null(self.all_null(T::TYPE)?, self.len())),
        }
    }

    /// The null mask, verified to be empty or as long as the column.
    fn mask(&self) -> Result<&[u8]> {
        if self.nulls.is_empty() || self.nulls.len() == self.len() {
            return Ok(&self.nulls);
        }
        let message = format!("column `{}` has {} rows, but a mask for {}", self.name, self.len(), self.nulls.len());
        Err(Error::with_kind(ErrorKind::InvalidArgument, message))
    }

    /// The null mask of a column that can be read as any type because all its rows are NULL.
    pub(super) fn all_null(&self, wanted: ColumnType) -> Result<&[u8]> {
        let nulls = self.mask()?;
        if self.null_count() == self.len() {
            return Ok(nulls);
        }
        let (found, wanted) = (self.column_type().name(), wanted.name());
        let message = format!("column `{}` is of type {found}, not {wanted}", self.name);
        Err(Error::with_kind(ErrorKind::Conversion, message))
    }

    fn blame(&self, error: Error) -> Error {
        error.context(format_args!("column `{}`", self.name))
    }
}

impl ColumnValues {
    /// The number of entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Int64(values) | Self::Time(values) | Self::Timestamp(values) | Self::Timestamptz(values) => {
                values.len()
            }
            Self::Float64(values) => values.len(),
            Self::Text(values) | Self::Bytes(values) | Self::Decimal(values) | Self::Json(values) => values.len(),
            Self::Date(values) => values.len(),
            Self::Uuid(values) => values.len() / Uuid::WIDTH,
            Self::Native(values) => values.texts.len(),
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the entries.
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
}

impl VarValues {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ColumnType {
    /// The name as in the contract.
    pub fn name(self) -> &'static str {
        match self {
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
        }
    }
}
