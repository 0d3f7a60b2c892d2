//! How a cell of SQLite becomes a cell of a batch. `docs/reference/sqlite-types.md` has the table.
//!
//! SQLite stores a type with each cell; a batch has one type for each column. A column's type is what the caller asks for, else
//! what its declared type says, else the storage of the first cell that is not NULL. What does not fit into that
//! type without loss is an error that names the cell, never a changed value.

use super::raw::{Statement, StoredType};
use crate::data::decimal::{float_text, is_decimal};
use crate::data::temporal;
use crate::data::{ColumnBuilder, ColumnType, Value};

/// What the declared type of a column says about its cells.
pub(super) fn declared(statement: &Statement, column: usize) -> Option<ColumnType> {
    statement.declared_type(column).and_then(|declared| declared_column_type(&declared))
}

/// The column type that a declared type means; none: as stored.
pub(super) fn declared_column_type(declared: &str) -> Option<ColumnType> {
    let name = declared.to_ascii_uppercase();
    let has = |part: &str| name.contains(part);
    let base = name.split('(').next().unwrap_or_default().trim();
    if has("BOOL") {
        Some(ColumnType::Boolean)
    } else if has("INT") {
        // `FLOATING POINT`, `POINT` and `INTERVAL` have integer affinity by an accident of spelling.
        (!has("POINT") && !has("INTERVAL")).then_some(ColumnType::Int64)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Some(ColumnType::Text)
    } else if has("BLOB") {
        Some(ColumnType::Bytes)
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Some(ColumnType::Float64)
    } else if base == "JSON" {
        Some(ColumnType::Json)
    } else if base == "DECIMAL" || base == "NUMERIC" || base == "DEC" {
        Some(ColumnType::Decimal)
    } else {
        None
    }
}

/// The column type that a storage class is delivered in.
pub(super) fn stored_column_type(stored: StoredType) -> Option<ColumnType> {
    match stored {
        StoredType::Null => None,
        StoredType::Integer => Some(ColumnType::Int64),
        StoredType::Real => Some(ColumnType::Float64),
        StoredType::Text => Some(ColumnType::Text),
        StoredType::Blob => Some(ColumnType::Bytes),
    }
}

/// Where the type of a column comes from; decides which conversions are ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The caller asked for it: convert whatever can be converted exactly.
    Requested,
    /// The declared type.
    Declared,
    /// The first cell of a table's column without a telling type: nothing but the same storage.
    FirstCell,
    /// The first cell of an expression.
    Expression,
}

/// Appends the current row's cell to a column. An error says what the cell is; the caller knows where.
///
/// Text is not checked for UTF-8 here: the cursor does that for a column at once.
pub(super) fn push(
    builder: &mut ColumnBuilder,
    statement: &Statement,
    column: usize,
    source: Source,
) -> Result<(), String> {
    let stored = statement.stored_type(column);
    let column_type = builder.column_type();
    let pushed = match (column_type, stored) {
        (_, StoredType::Null) => {
            builder.push_null();
            true
        }
        (ColumnType::Int64, StoredType::Integer) => builder.push_int64(statement.int64(column)),
        (ColumnType::Float64, StoredType::Real) => builder.push_float64(statement.real(column)),
        (ColumnType::Text | ColumnType::Json, StoredType::Text) | (ColumnType::Bytes, StoredType::Blob) => {
            builder.push_bytes(statement.bytes(column))
        }
        (ColumnType::Boolean, StoredType::Integer) => match statement.int64(column) {
            0 => builder.push_boolean(false),
            1 => builder.push_boolean(true),
            _ => false,
        },
        (ColumnType::Float64, StoredType::Integer) if source != Source::FirstCell => {
            exact_float(statement.int64(column)).is_some_and(|number| builder.push_float64(number))
        }
        (ColumnType::Decimal, _) => push_decimal(builder, statement, column, stored),
        (ColumnType::Json, StoredType::Integer | StoredType::Real) => {
            number_text(statement, column, stored).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        _ if source == Source::Requested => convert(builder, statement, column, stored),
        _ => false,
    };
    if pushed { Ok(()) } else { Err(format!("{}, which is no {column_type}", describe(statement, column))) }
}

/// The conversions that only an explicit request makes.
fn convert(builder: &mut ColumnBuilder, statement: &Statement, column: usize, stored: StoredType) -> bool {
    let text = || statement.bytes(column);
    match (builder.column_type(), stored) {
        (ColumnType::Int64, StoredType::Real) => {
            exact_integer(statement.real(column)).is_some_and(|number| builder.push_int64(number))
        }
        (ColumnType::Text | ColumnType::Native, StoredType::Integer | StoredType::Real) => {
            number_text(statement, column, stored).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        (ColumnType::Native | ColumnType::Bytes, StoredType::Text) => builder.push_bytes(text()),
        (ColumnType::Date, StoredType::Text) => {
            temporal::parse_date(text()).is_some_and(|date| builder.push_date(date))
        }
        (ColumnType::Time, StoredType::Text) => {
            temporal::parse_time(text()).is_some_and(|time| builder.push_int64(time))
        }
        (ColumnType::Timestamp, StoredType::Text) => {
            temporal::parse_timestamp(text()).is_some_and(|timestamp| builder.push_int64(timestamp))
        }
        (ColumnType::Timestamptz, StoredType::Text) => {
            temporal::parse_timestamptz(text()).is_some_and(|timestamp| builder.push_int64(timestamp))
        }
        (ColumnType::Uuid, StoredType::Text) => {
            temporal::parse_uuid(text()).is_some_and(|(high, low)| builder.push_uuid(high, low))
        }
        (ColumnType::Uuid, StoredType::Blob) => <[u8; 16]>::try_from(statement.bytes(column)).is_ok_and(|bytes| {
            let digits = u128::from_be_bytes(bytes);
            builder.push_uuid((digits >> 64) as u64, digits as u64)
        }),
        _ => false,
    }
}

fn push_decimal(builder: &mut ColumnBuilder, statement: &Statement, column: usize, stored: StoredType) -> bool {
    match stored {
        StoredType::Text if is_decimal(statement.bytes(column)) => builder.push_bytes(statement.bytes(column)),
        StoredType::Integer | StoredType::Real => {
            number_text(statement, column, stored).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        _ => false,
    }
}

fn number_text(statement: &Statement, column: usize, stored: StoredType) -> Option<String> {
    match stored {
        StoredType::Integer => Some(statement.int64(column).to_string()),
        StoredType::Real => float_text(statement.real(column)),
        _ => None,
    }
}

/// The float that is exactly this integer.
pub(super) fn exact_float(number: i64) -> Option<f64> {
    let float = number as f64;
    // 2^63 itself is a float but no i64, and `as` would saturate to i64::MAX.
    (float < 9_223_372_036_854_775_808.0 && float as i64 == number).then_some(float)
}

/// The integer that is exactly this float; -0.0 has none, for its sign would be lost.
pub(super) fn exact_integer(number: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    (in_range && number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

/// A cell in a few words, for messages.
pub(super) fn describe(statement: &Statement, column: usize) -> String {
    match statement.stored_type(column) {
        StoredType::Null => "NULL".to_owned(),
        StoredType::Integer => format!("the integer {}", statement.int64(column)),
        StoredType::Real => format!("the real number {:?}", statement.real(column)),
        StoredType::Text => format!("the text {}", excerpt(statement.bytes(column))),
        StoredType::Blob => format!("a blob of {} bytes", statement.bytes(column).len()),
    }
}

/// The beginning of a text, quoted, with control characters escaped.
pub(super) fn excerpt(text: &[u8]) -> String {
    const LENGTH: usize = 40;
    let text = String::from_utf8_lossy(&text[..text.len().min(LENGTH * 4 + 4)]).into_owned();
    let start: String = text.chars().take(LENGTH).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// A cell of a small result: by its declared type where it fits, else as it is stored.
pub(super) fn value(statement: &Statement, column: usize, declared: Option<ColumnType>) -> Result<Value, String> {
    let text = || {
        std::str::from_utf8(statement.bytes(column))
            .map(str::to_owned)
            .map_err(|_| format!("{}, which is not UTF-8", describe(statement, column)))
    };
    Ok(match (declared, statement.stored_type(column)) {
        (_, StoredType::Null) => Value::Null,
        (Some(ColumnType::Boolean), StoredType::Integer) if matches!(statement.int64(column), 0 | 1) => {
            Value::Boolean(statement.int64(column) == 1)
        }
        (Some(ColumnType::Decimal), stored @ (StoredType::Integer | StoredType::Real)) => {
            match number_text(statement, column, stored) {
                Some(text) => Value::Decimal(text),
                None => Value::Float64(statement.real(column)),
            }
        }
        (Some(ColumnType::Json), stored @ (StoredType::Integer | StoredType::Real)) => {
            match number_text(statement, column, stored) {
                Some(text) => Value::Json(text),
                None => Value::Float64(statement.real(column)),
            }
        }
        (Some(ColumnType::Decimal), StoredType::Text) if is_decimal(statement.bytes(column)) => Value::Decimal(text()?),
        (Some(ColumnType::Json), StoredType::Text) => Value::Json(text()?),
        (_, StoredType::Integer) => Value::Int64(statement.int64(column)),
        (_, StoredType::Real) => Value::Float64(statement.real(column)),
        (_, StoredType::Text) => Value::Text(text()?),
        (_, StoredType::Blob) => Value::Bytes(statement.bytes(column).to_vec()),
    })
}
