//! The canonical bytes under the digests of calls and answers: little-endian numbers, and texts prefixed with their
//! length. Published transcripts depend on them, so they never change. Nothing is read back from them; what is stored
//! has an encoding of its own, in [`codec`](super::codec).

use runner_data::{ColumnType, Digest, RowSet, Value};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Accepts bytes: a buffer, or a digest.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Appends a byte.
    fn byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }

    /// Appends a number.
    fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// Appends bytes, prefixed with their length.
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

/// Returns the digest of everything that `put` appends.
pub fn digest_of(put: impl FnOnce(&mut blake3::Hasher)) -> Digest {
    let mut hasher = blake3::Hasher::new();
    put(&mut hasher);
    hasher.finalize().into()
}

/// Appends a list, prefixed with its length.
pub fn put_list<T, S: Sink + ?Sized>(sink: &mut S, entries: &[T], put: impl Fn(&mut S, &T)) {
    sink.number(entries.len() as u64);
    entries.iter().for_each(|entry| put(sink, entry));
}

/// Appends a list of texts.
pub fn put_texts<S: Sink + ?Sized>(sink: &mut S, texts: &[String]) {
    put_list(sink, texts, |sink, text| sink.bytes(text.as_bytes()));
}

/// Appends an optional text.
pub fn put_option<S: Sink + ?Sized>(sink: &mut S, text: Option<&str>) {
    sink.byte(u8::from(text.is_some()));
    sink.bytes(text.unwrap_or_default().as_bytes());
}

/// Stands for NULL, and for a column whose type is unknown.
const UNTYPED: u8 = u8::MAX;

/// Returns the number of a type, which never changes.
fn type_number(column_type: ColumnType) -> u8 {
    match column_type {
        ColumnType::Boolean => 0,
        ColumnType::Int64 => 1,
        ColumnType::Float64 => 2,
        ColumnType::Text => 3,
        ColumnType::Bytes => 4,
        ColumnType::Decimal => 5,
        ColumnType::Date => 6,
        ColumnType::Time => 7,
        ColumnType::Timestamp => 8,
        ColumnType::Timestamptz => 9,
        ColumnType::Uuid => 10,
        ColumnType::Json => 11,
        ColumnType::Native => 12,
    }
}

/// Appends an optional type.
pub fn put_type<S: Sink + ?Sized>(sink: &mut S, column_type: Option<ColumnType>) {
    sink.byte(column_type.map_or(UNTYPED, type_number));
}

/// Appends a scalar.
pub fn put_value<S: Sink + ?Sized>(sink: &mut S, value: &Value) {
    let mut tagged = |tag: ColumnType, bytes: &[u8]| {
        put_type(sink, Some(tag));
        sink.bytes(bytes);
    };
    match value {
        Value::Null => {
            put_type(sink, None);
            sink.bytes(&[]);
        }
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
            tagged(ColumnType::Uuid, [high.to_le_bytes(), low.to_le_bytes()].as_flattened());
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

/// Appends a small result.
pub fn put_row_set<S: Sink + ?Sized>(sink: &mut S, rows: &RowSet) {
    put_texts(sink, &rows.columns);
    put_list(sink, &rows.rows, |sink, row| put_list(sink, row, put_value));
}

/// Returns the number of a kind of error, which never changes.
fn kind_number(kind: DatabaseErrorKind) -> u8 {
    match kind {
        DatabaseErrorKind::Denied => 0,
        DatabaseErrorKind::Syntax => 1,
        DatabaseErrorKind::Constraint => 2,
        DatabaseErrorKind::Conversion => 3,
        DatabaseErrorKind::InvalidArgument => 4,
        DatabaseErrorKind::Timeout => 5,
        DatabaseErrorKind::Busy => 6,
        DatabaseErrorKind::Limit => 7,
        DatabaseErrorKind::Connection => 8,
        DatabaseErrorKind::NotFound => 9,
        DatabaseErrorKind::Configuration => 10,
        DatabaseErrorKind::ReadOnly => 11,
        DatabaseErrorKind::Full => 12,
        DatabaseErrorKind::Corrupt => 13,
        DatabaseErrorKind::Interrupted => 14,
        DatabaseErrorKind::Other => 15,
    }
}

/// Appends an error.
pub fn put_error<S: Sink + ?Sized>(sink: &mut S, error: &DatabaseError) {
    sink.byte(kind_number(error.kind));
    sink.bytes(error.code.as_bytes());
    sink.bytes(error.message.as_bytes());
    put_option(sink, error.detail.as_deref());
    put_option(sink, error.hint.as_deref());
    put_option(sink, error.statement.as_deref());
}
