//! Converts a server's cell to a cell of a batch, or to a scalar. `types.md` has the table.
//!
//! A value that does not fit a column's type without loss is an error that names the cell; it is never changed.

use crate::types::read::{Cell, Wire};
use runner_data::decimal::{float_text, is_decimal, same_number};
use runner_data::temporal::{self, DAY, SECOND};
use runner_data::{ColumnBuilder, ColumnType, ColumnValues, Value};
use runner_database::number::exact_integer;

/// Appends a cell to a column. With `requested`, the caller asked for the column's type, so anything that converts
/// exactly is converted. Returns false if the cell does not fit without loss.
#[inline]
pub(crate) fn push(builder: &mut ColumnBuilder, cell: Cell<'_>, requested: bool) -> bool {
    match (builder.entries(), cell) {
        (ColumnValues::Int64(entries), Cell::Integer(number)) => entries.push(number),
        (ColumnValues::Float64(entries), Cell::Float(number)) => entries.push(number),
        (ColumnValues::Date(entries), Cell::Date(days)) => entries.push(days),
        (ColumnValues::Timestamp(entries), Cell::Datetime(instant))
        | (ColumnValues::Timestamptz(entries), Cell::Instant(instant)) => entries.push(instant),
        // A server may hold bytes in a text column that are invalid in its character set.
        (ColumnValues::Text(_), Cell::Text(bytes)) | (ColumnValues::Json(_), Cell::Json(bytes))
            if std::str::from_utf8(bytes).is_err() =>
        {
            return false;
        }
        (ColumnValues::Text(values), Cell::Text(bytes))
        | (ColumnValues::Bytes(values), Cell::Bytes(bytes) | Cell::Bit(bytes))
        | (ColumnValues::Decimal(values), Cell::Decimal(bytes))
        | (ColumnValues::Json(values), Cell::Json(bytes)) => {
            values.data.extend_from_slice(bytes);
            values.offsets.push(values.data.len() as u32);
        }
        _ => return push_other(builder, cell, requested),
    }
    builder.pushed();
    true
}

fn push_other(builder: &mut ColumnBuilder, cell: Cell<'_>, requested: bool) -> bool {
    match (builder.column_type(), cell) {
        (ColumnType::Boolean, Cell::Integer(number @ (0 | 1))) => builder.push_boolean(number == 1),
        (ColumnType::Decimal, Cell::Integer(number)) => builder.push_bytes(number.to_string().as_bytes()),
        (ColumnType::Decimal, Cell::Large(number)) => builder.push_bytes(number.to_string().as_bytes()),
        (ColumnType::Time, Cell::Time(time @ 0..=DAY)) => builder.push_int64(time),
        (ColumnType::Uuid, Cell::Text(text)) => {
            temporal::parse_uuid(text).is_some_and(|(high, low)| builder.push_uuid(high, low))
        }
        (ColumnType::Native, Cell::Native(text)) => builder.push_bytes(text),
        (ColumnType::Native, Cell::Geometry(bytes)) => builder.push_bytes(hex(bytes).as_bytes()),
        (wanted, _) => requested && convert(builder, wanted, cell),
    }
}

/// The conversions that are made only on explicit request.
fn convert(builder: &mut ColumnBuilder, wanted: ColumnType, cell: Cell<'_>) -> bool {
    match (wanted, cell) {
        (ColumnType::Boolean, Cell::Bit(_)) => match number_of_bits(cell) {
            Some(number @ (0 | 1)) => builder.push_boolean(number == 1),
            _ => false,
        },
        (ColumnType::Int64, Cell::Float(number)) => {
            exact_integer(number).is_some_and(|number| builder.push_int64(number))
        }
        (ColumnType::Int64, Cell::Decimal(text)) => {
            integer_of_decimal(text).is_some_and(|number| builder.push_int64(number))
        }
        (ColumnType::Int64, Cell::Bit(_)) => number_of_bits(cell)
            .and_then(|number| i64::try_from(number).ok())
            .is_some_and(|number| builder.push_int64(number)),
        (ColumnType::Float64, Cell::Integer(_) | Cell::Large(_) | Cell::Decimal(_)) => {
            float_of(cell).is_some_and(|number| builder.push_float64(number))
        }
        (ColumnType::Decimal, Cell::Float(number)) => {
            float_text(number).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        (ColumnType::Decimal, Cell::Bit(_)) => {
            number_of_bits(cell).is_some_and(|number| builder.push_bytes(number.to_string().as_bytes()))
        }
        (ColumnType::Decimal, Cell::Text(text)) => is_decimal(text) && builder.push_bytes(text),
        (ColumnType::Date, Cell::Text(text)) => temporal::parse_date(text).is_some_and(|date| builder.push_date(date)),
        (ColumnType::Date, Cell::Datetime(instant)) if instant.rem_euclid(DAY) == 0 => {
            i32::try_from(instant.div_euclid(DAY)).is_ok_and(|date| builder.push_date(date))
        }
        (ColumnType::Time, Cell::Text(text)) => temporal::parse_time(text).is_some_and(|time| builder.push_int64(time)),
        (ColumnType::Timestamp | ColumnType::Timestamptz, Cell::Datetime(instant) | Cell::Instant(instant)) => {
            builder.push_int64(instant)
        }
        (ColumnType::Timestamp | ColumnType::Timestamptz, Cell::Date(date)) => {
            builder.push_int64(i64::from(date) * DAY)
        }
        (ColumnType::Timestamp, Cell::Text(text)) => {
            temporal::parse_timestamp(text).is_some_and(|instant| builder.push_int64(instant))
        }
        (ColumnType::Timestamptz, Cell::Text(text)) => {
            temporal::parse_timestamptz(text).is_some_and(|instant| builder.push_int64(instant))
        }
        (ColumnType::Uuid, Cell::Bytes(bytes)) => <[u8; 16]>::try_from(bytes).is_ok_and(|bytes| {
            let digits = u128::from_be_bytes(bytes);
            builder.push_uuid((digits >> 64) as u64, digits as u64)
        }),
        (ColumnType::Json, Cell::Text(text)) => builder.push_bytes(text),
        (ColumnType::Bytes, Cell::Text(bytes) | Cell::Json(bytes) | Cell::Geometry(bytes)) => builder.push_bytes(bytes),
        (ColumnType::Text, Cell::Bytes(bytes)) => std::str::from_utf8(bytes).is_ok() && builder.push_bytes(bytes),
        (ColumnType::Json, Cell::Integer(_) | Cell::Large(_) | Cell::Float(_) | Cell::Decimal(_))
        | (ColumnType::Text | ColumnType::Native, _) => {
            text_of(cell).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        _ => false,
    }
}

/// The text of a cell, as the server itself would write it, except for floats, which use the shortest text that reads
/// back as the same number. `None` for bytes.
pub(crate) fn text_of(cell: Cell<'_>) -> Option<String> {
    let owned = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
    let mut text = String::new();
    match cell {
        Cell::Integer(number) => return Some(number.to_string()),
        Cell::Large(number) => return Some(number.to_string()),
        Cell::Float(number) => return float_text(number),
        Cell::Bit(_) => return number_of_bits(cell).map(|number| number.to_string()),
        Cell::Decimal(bytes) | Cell::Text(bytes) | Cell::Json(bytes) | Cell::Native(bytes) => return owned(bytes),
        Cell::Bytes(_) => return None,
        Cell::Geometry(bytes) => return Some(hex(bytes)),
        Cell::Date(date) => temporal::push_date(&mut text, date.into()).ok()?,
        Cell::Time(time) => push_interval(&mut text, time),
        Cell::Datetime(instant) => temporal::push_timestamp(&mut text, instant, ' ').ok()?,
        Cell::Instant(instant) => {
            temporal::push_timestamp(&mut text, instant, 'T').ok()?;
            text.push('Z');
        }
        Cell::Unreal { year, month, day, time } => {
            text = format!("{year:04}-{month:02}-{day:02}");
            if let Some(time) = time {
                text.push(' ');
                push_interval(&mut text, time);
            }
        }
    }
    Some(text)
}

/// Appends a TIME, which may be negative and longer than a day.
pub(crate) fn push_interval(text: &mut String, time: i64) {
    use std::fmt::Write as _;
    let seconds = time.unsigned_abs() / SECOND.unsigned_abs();
    let fraction = time.unsigned_abs() % SECOND.unsigned_abs();
    let sign = if time < 0 { "-" } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(text, "{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let _ = write!(text, ".{fraction:06}");
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

fn number_of_bits(cell: Cell<'_>) -> Option<u64> {
    let Cell::Bit(bytes) = cell else { return None };
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The float that is exactly this number, or that a decimal was printed from.
fn float_of(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Integer(number) => exact_float(number.into()),
        Cell::Large(number) => exact_float(number.into()),
        Cell::Decimal(text) => {
            let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            same_number(text, float_text(number)?.as_bytes()).then_some(number)
        }
        _ => None,
    }
}

/// The float that is exactly this integer, which may be unsigned.
pub(crate) fn exact_float(number: i128) -> Option<f64> {
    let float = number as f64;
    (float as i128 == number).then_some(float)
}

/// The integer equal to a decimal, ignoring zeros after its point.
fn integer_of_decimal(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().any(|digit| digit != b'0') { None } else { whole.parse().ok() }
}

/// A cell of a small result: in the type of its column if it fits, else in one that can hold it.
pub(crate) fn value(wire: Wire, cell: Cell<'_>, type_name: &str) -> Option<Value> {
    let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let native = || text_of(cell).map(|text| Value::Native { type_name: type_name.to_owned(), text });
    Some(match (wire, cell) {
        (Wire::Boolean, Cell::Integer(number @ (0 | 1))) => Value::Boolean(number == 1),
        (_, Cell::Integer(number)) => Value::Int64(number),
        (_, Cell::Large(number)) => Value::Decimal(number.to_string()),
        (_, Cell::Float(number)) => Value::Float64(number),
        (_, Cell::Decimal(text)) => Value::Decimal(owned(text)),
        (_, Cell::Date(date)) => Value::Date(date),
        (_, Cell::Time(time @ 0..=DAY)) => Value::Time(time),
        (_, Cell::Datetime(instant)) => Value::Timestamp(instant),
        (_, Cell::Instant(instant)) => Value::Timestamptz(instant),
        (Wire::Uuid, Cell::Text(text)) => temporal::parse_uuid(text).map(|(high, low)| Value::Uuid(high, low))?,
        (_, Cell::Text(text)) => Value::Text(owned(text)),
        (_, Cell::Json(text)) => Value::Json(owned(text)),
        (_, Cell::Bytes(bytes) | Cell::Bit(bytes)) => Value::Bytes(bytes.to_vec()),
        (_, Cell::Time(_) | Cell::Unreal { .. } | Cell::Native(_) | Cell::Geometry(_)) => native()?,
    })
}

/// A short description of a cell, for messages.
pub(crate) fn describe(cell: Cell<'_>) -> String {
    let short = |text: &str| {
        let shown: String = text.chars().take(40).collect();
        if shown.len() < text.len() { format!("{shown}…") } else { shown }
    };
    match (cell, text_of(cell)) {
        (Cell::Bytes(bytes) | Cell::Bit(bytes) | Cell::Geometry(bytes), _) => format!("{} bytes", bytes.len()),
        (Cell::Unreal { .. }, Some(text)) => format!("`{text}`, which is no day of the calendar"),
        (_, Some(text)) => format!("`{}`", short(&text)),
        (_, None) => "a value without a text".to_owned(),
    }
}

/// The hint for a cell that does not fit.
pub(crate) fn hint(cell: Cell<'_>) -> &'static str {
    match cell {
        Cell::Unreal { .. } => "ask for the column as `text`, or make such dates NULL first",
        Cell::Time(_) => "ask for the column as `text`: it holds durations, not times of day",
        _ => "ask for the column in another type, such as `text`",
    }
}
