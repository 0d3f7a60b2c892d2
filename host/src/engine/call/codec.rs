//! Values, batches and errors as bytes: little-endian numbers, and texts with their length in front.

use crate::data::{Batch, Column, ColumnType, ColumnValues, NativeValues, RowSet, Value, VarValues};
use crate::database::{DatabaseError, DatabaseErrorKind};

/// Takes bytes: a buffer, or a digest.
pub trait Sink {
    /// Takes some more.
    fn put(&mut self, bytes: &[u8]);

    /// A byte.
    fn byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }

    /// A number.
    fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// Bytes with their length.
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for sha2::Sha256 {
    fn put(&mut self, bytes: &[u8]) {
        sha2::Digest::update(self, bytes);
    }
}

impl Sink for blake3::Hasher {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Numbers are put together in blocks of this many, so that neither a buffer nor a digest is asked for each.
const BLOCK: usize = 512;

fn numbers<S: Sink + ?Sized, const N: usize, T: Copy>(sink: &mut S, entries: &[T], bytes: impl Fn(T) -> [u8; N]) {
    sink.number(entries.len() as u64);
    let mut block = Vec::with_capacity(BLOCK * N);
    for chunk in entries.chunks(BLOCK) {
        block.clear();
        chunk.iter().for_each(|entry| block.extend_from_slice(&bytes(*entry)));
        sink.put(&block);
    }
}

/// Takes bytes apart again; none where they are not what was written.
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// So many bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// A text with its length.
    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn numbers<const N: usize, T>(&mut self, number: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok()?;
        let bytes = self.take(count.checked_mul(N)?)?;
        Some(bytes.as_chunks::<N>().0.iter().map(|entry| number(*entry)).collect())
    }

    /// As many as were written; what reads each is given.
    pub fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        // The count is not believed before its entries are there.
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(read(self)?);
        }
        Some(entries)
    }
}

/// Puts a list with its length.
pub fn put_list<T, S: Sink + ?Sized>(sink: &mut S, entries: &[T], put: impl Fn(&mut S, &T)) {
    sink.number(entries.len() as u64);
    entries.iter().for_each(|entry| put(sink, entry));
}

/// Puts a text that may be missing.
pub fn put_option<S: Sink + ?Sized>(sink: &mut S, text: Option<&str>) {
    sink.byte(u8::from(text.is_some()));
    sink.bytes(text.unwrap_or_default().as_bytes());
}

/// A text that may be missing.
pub fn option(source: &mut Source<'_>) -> Option<Option<String>> {
    let is_there = source.byte()? != 0;
    let text = source.text()?;
    Some(is_there.then_some(text))
}

const TYPES: [ColumnType; 13] = [
    ColumnType::Boolean,
    ColumnType::Int64,
    ColumnType::Float64,
    ColumnType::Text,
    ColumnType::Bytes,
    ColumnType::Decimal,
    ColumnType::Date,
    ColumnType::Time,
    ColumnType::Timestamp,
    ColumnType::Timestamptz,
    ColumnType::Uuid,
    ColumnType::Json,
    ColumnType::Native,
];

/// No type.
const UNTYPED: u8 = u8::MAX;

fn number_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(UNTYPED)
}

/// Puts a type, or none.
pub fn put_type<S: Sink + ?Sized>(sink: &mut S, column_type: Option<ColumnType>) {
    sink.byte(column_type.map_or(UNTYPED, |it| number_of(&TYPES, &it)));
}

/// A type, or none.
pub fn column_type(source: &mut Source<'_>) -> Option<Option<ColumnType>> {
    match source.byte()? {
        UNTYPED => Some(None),
        number => TYPES.get(usize::from(number)).map(|it| Some(*it)),
    }
}

/// Puts a scalar.
pub fn put_value<S: Sink + ?Sized>(sink: &mut S, value: &Value) {
    let mut tagged = |tag: ColumnType, bytes: &[u8]| {
        sink.byte(number_of(&TYPES, &tag));
        sink.bytes(bytes);
    };
    match value {
        Value::Null => tagged_null(sink),
        Value::Boolean(truth) => tagged(ColumnType::Boolean, &[u8::from(*truth)]),
        Value::Int64(number) => tagged(ColumnType::Int64, &number.to_le_bytes()),
        Value::Float64(number) => tagged(ColumnType::Float64, &number.to_bits().to_le_bytes()),
        Value::Text(text) => tagged(ColumnType::Text, text.as_bytes()),
        Value::Bytes(bytes) => tagged(ColumnType::Bytes, bytes),
        Value::Decimal(text) => tagged(ColumnType::Decimal, text.as_bytes()),
        Value::Date(days) => tagged(ColumnType::Date, &i64::from(*days).to_le_bytes()),
        Value::Time(time) => tagged(ColumnType::Time, &time.to_le_bytes()),
        Value::Timestamp(time) => tagged(ColumnType::Timestamp, &time.to_le_bytes()),
        Value::Timestamptz(time) => tagged(ColumnType::Timestamptz, &time.to_le_bytes()),
        Value::Uuid(high, low) => {
            let mut bytes = high.to_le_bytes().to_vec();
            bytes.extend(low.to_le_bytes());
            tagged(ColumnType::Uuid, &bytes);
        }
        Value::Json(text) => tagged(ColumnType::Json, text.as_bytes()),
        Value::Native { type_name, text } => {
            let mut bytes = Vec::with_capacity(type_name.len() + text.len() + 8);
            bytes.bytes(type_name.as_bytes());
            bytes.put(text.as_bytes());
            tagged(ColumnType::Native, &bytes);
        }
    }
}

fn tagged_null<S: Sink + ?Sized>(sink: &mut S) {
    sink.byte(UNTYPED);
    sink.bytes(&[]);
}

/// A scalar.
pub fn value(source: &mut Source<'_>) -> Option<Value> {
    let tag = column_type(source)?;
    let bytes = source.bytes()?;
    let Some(tag) = tag else { return Some(Value::Null) };
    let text = || String::from_utf8(bytes.to_vec()).ok();
    let number = || bytes.try_into().ok().map(i64::from_le_bytes);
    Some(match tag {
        ColumnType::Boolean => Value::Boolean(*bytes.first()? != 0),
        ColumnType::Int64 => Value::Int64(number()?),
        ColumnType::Float64 => Value::Float64(f64::from_bits(u64::from_le_bytes(bytes.try_into().ok()?))),
        ColumnType::Text => Value::Text(text()?),
        ColumnType::Bytes => Value::Bytes(bytes.to_vec()),
        ColumnType::Decimal => Value::Decimal(text()?),
        ColumnType::Date => Value::Date(i32::try_from(number()?).ok()?),
        ColumnType::Time => Value::Time(number()?),
        ColumnType::Timestamp => Value::Timestamp(number()?),
        ColumnType::Timestamptz => Value::Timestamptz(number()?),
        ColumnType::Uuid => {
            let mut halves = Source::new(bytes);
            Value::Uuid(halves.number()?, halves.number()?)
        }
        ColumnType::Json => Value::Json(text()?),
        ColumnType::Native => {
            let mut parts = Source::new(bytes);
            let type_name = parts.text()?;
            Value::Native { type_name, text: String::from_utf8(parts.0.to_vec()).ok()? }
        }
    })
}

/// Puts a small result.
pub fn put_row_set<S: Sink + ?Sized>(sink: &mut S, rows: &RowSet) {
    put_list(sink, &rows.columns, |sink, name| sink.bytes(name.as_bytes()));
    put_list(sink, &rows.rows, |sink, row| put_list(sink, row, put_value));
}

/// A small result.
pub fn row_set(source: &mut Source<'_>) -> Option<RowSet> {
    Some(RowSet { columns: source.list(Source::text)?, rows: source.list(|source| source.list(value))? })
}

/// Puts a batch.
pub fn put_batch<S: Sink + ?Sized>(sink: &mut S, batch: &Batch) {
    sink.number(batch.row_count as u64);
    put_list(sink, &batch.columns, put_column);
}

fn put_column<S: Sink + ?Sized>(sink: &mut S, column: &Column) {
    sink.bytes(column.name.as_bytes());
    sink.bytes(&column.nulls);
    put_type(sink, Some(column.values.column_type()));
    match &column.values {
        ColumnValues::Boolean(entries) => sink.bytes(entries),
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => numbers(sink, entries, i64::to_le_bytes),
        ColumnValues::Float64(entries) => numbers(sink, entries, |entry: f64| entry.to_bits().to_le_bytes()),
        ColumnValues::Date(entries) => numbers(sink, entries, i32::to_le_bytes),
        ColumnValues::Uuid(entries) => numbers(sink, entries, u64::to_le_bytes),
        ColumnValues::Text(values)
        | ColumnValues::Bytes(values)
        | ColumnValues::Decimal(values)
        | ColumnValues::Json(values) => put_var(sink, values),
        ColumnValues::Native(values) => {
            sink.bytes(values.type_name.as_bytes());
            put_var(sink, &values.texts);
        }
    }
}

fn put_var<S: Sink + ?Sized>(sink: &mut S, values: &VarValues) {
    numbers(sink, &values.offsets, u32::to_le_bytes);
    sink.bytes(&values.data);
}

/// A batch. It is as valid as it was.
pub fn batch(source: &mut Source<'_>) -> Option<Batch> {
    let row_count = usize::try_from(source.number()?).ok()?;
    let batch = Batch { row_count, columns: source.list(column)? };
    batch.validate().ok()?;
    Some(batch)
}

fn column(source: &mut Source<'_>) -> Option<Column> {
    let name = source.text()?;
    let nulls = source.bytes()?.to_vec();
    let values = match column_type(source)?? {
        ColumnType::Boolean => ColumnValues::Boolean(source.bytes()?.to_vec()),
        ColumnType::Int64 => ColumnValues::Int64(source.numbers(i64::from_le_bytes)?),
        ColumnType::Time => ColumnValues::Time(source.numbers(i64::from_le_bytes)?),
        ColumnType::Timestamp => ColumnValues::Timestamp(source.numbers(i64::from_le_bytes)?),
        ColumnType::Timestamptz => ColumnValues::Timestamptz(source.numbers(i64::from_le_bytes)?),
        ColumnType::Float64 => {
            ColumnValues::Float64(source.numbers(|bytes| f64::from_bits(u64::from_le_bytes(bytes)))?)
        }
        ColumnType::Date => ColumnValues::Date(source.numbers(i32::from_le_bytes)?),
        ColumnType::Uuid => ColumnValues::Uuid(source.numbers(u64::from_le_bytes)?),
        ColumnType::Text => ColumnValues::Text(var(source)?),
        ColumnType::Bytes => ColumnValues::Bytes(var(source)?),
        ColumnType::Decimal => ColumnValues::Decimal(var(source)?),
        ColumnType::Json => ColumnValues::Json(var(source)?),
        ColumnType::Native => ColumnValues::Native(NativeValues { type_name: source.text()?, texts: var(source)? }),
    };
    Some(Column { name, nulls, values })
}

fn var(source: &mut Source<'_>) -> Option<VarValues> {
    Some(VarValues { offsets: source.numbers(u32::from_le_bytes)?, data: source.bytes()?.to_vec() })
}

const KINDS: [DatabaseErrorKind; 16] = [
    DatabaseErrorKind::Denied,
    DatabaseErrorKind::Syntax,
    DatabaseErrorKind::Constraint,
    DatabaseErrorKind::Conversion,
    DatabaseErrorKind::InvalidArgument,
    DatabaseErrorKind::Timeout,
    DatabaseErrorKind::Busy,
    DatabaseErrorKind::Limit,
    DatabaseErrorKind::Connection,
    DatabaseErrorKind::NotFound,
    DatabaseErrorKind::Configuration,
    DatabaseErrorKind::ReadOnly,
    DatabaseErrorKind::Full,
    DatabaseErrorKind::Corrupt,
    DatabaseErrorKind::Interrupted,
    DatabaseErrorKind::Other,
];

/// Puts an error.
pub fn put_error<S: Sink + ?Sized>(sink: &mut S, error: &DatabaseError) {
    sink.byte(number_of(&KINDS, &error.kind));
    sink.bytes(error.code.as_bytes());
    sink.bytes(error.message.as_bytes());
    put_option(sink, error.detail.as_deref());
    put_option(sink, error.hint.as_deref());
    put_option(sink, error.statement.as_deref());
}

/// An error.
pub fn error(source: &mut Source<'_>) -> Option<DatabaseError> {
    Some(DatabaseError {
        kind: *KINDS.get(usize::from(source.byte()?))?,
        code: source.text()?,
        message: source.text()?,
        detail: option(source)?,
        hint: option(source)?,
        statement: option(source)?.map(String::into_boxed_str),
    })
}

#[cfg(test)]
mod tests;
