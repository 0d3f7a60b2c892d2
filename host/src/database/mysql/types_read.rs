//! How a cell of the binary protocol becomes a cell of a batch. `types.md` has the table.
//!
//! The wire tells less than the table: MariaDB sends UUIDs, addresses and JSON as texts. Where it is ambiguous the table is
//! asked. What does not fit into a column's type without loss is an error that names the cell, never a changed value.

use sqlx::mysql::MySqlColumn;
use sqlx::{Column as _, TypeInfo as _};

use super::types::Kind;
use crate::data::decimal::{float_text, is_decimal, same_number};
use crate::data::temporal::{self, DAY, SECOND};
use crate::data::{ColumnBuilder, ColumnType, ColumnValues, Value};

/// What the wire carries for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Boolean,
    Signed,
    Unsigned,
    /// Above the greatest `int64`, so that the type of the column is not that of its cells.
    UnsignedBig,
    Float,
    Double,
    Decimal,
    Date,
    Time,
    Datetime,
    Timestamp,
    Bit,
    Text,
    Bytes,
    Json,
    Uuid,
    Geometry,
    Native,
    Null,
}

impl Wire {
    /// What the metadata of a result says; and whether the table may know better.
    pub fn of(column: &MySqlColumn) -> (Self, bool) {
        let info = column.type_info();
        // A text has a collation, bytes have none; the flag that sqlx names types by says only how it sorts.
        let is_text = <str as sqlx::Type<sqlx::MySql>>::compatible(info);
        let unsigned = <u64 as sqlx::Type<sqlx::MySql>>::compatible(info);
        let wire = match info.name() {
            "BOOLEAN" if !unsigned => Self::Boolean,
            "BIGINT UNSIGNED" => Self::UnsignedBig,
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Self::Signed,
            "BOOLEAN" | "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "YEAR" => {
                Self::Unsigned
            }
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "DECIMAL" => Self::Decimal,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "DATETIME" => Self::Datetime,
            "TIMESTAMP" => Self::Timestamp,
            "BIT" => Self::Bit,
            "JSON" => Self::Json,
            "GEOMETRY" => Self::Geometry,
            "NULL" => Self::Null,
            "ENUM" | "SET" => Self::Text,
            _ if is_text => Self::Text,
            _ => Self::Bytes,
        };
        (wire, wire == Self::Text && matches!(info.name(), "BINARY" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "TINYBLOB"))
    }

    /// What a text of the wire is in truth.
    pub fn of_kind(kind: &Kind) -> Self {
        match kind {
            Kind::Json => Self::Json,
            Kind::Uuid => Self::Uuid,
            Kind::Native(_) => Self::Native,
            _ => Self::Text,
        }
    }

    /// The type in which such a column is delivered.
    pub fn column_type(self) -> ColumnType {
        match self {
            Self::Boolean => ColumnType::Boolean,
            Self::Signed | Self::Unsigned => ColumnType::Int64,
            Self::UnsignedBig | Self::Decimal => ColumnType::Decimal,
            Self::Float | Self::Double => ColumnType::Float64,
            Self::Date => ColumnType::Date,
            Self::Time => ColumnType::Time,
            Self::Datetime => ColumnType::Timestamp,
            Self::Timestamp => ColumnType::Timestamptz,
            Self::Bit | Self::Bytes => ColumnType::Bytes,
            Self::Text | Self::Null => ColumnType::Text,
            Self::Json => ColumnType::Json,
            Self::Uuid => ColumnType::Uuid,
            Self::Geometry | Self::Native => ColumnType::Native,
        }
    }
}

/// A cell, decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Integer(i64),
    /// Above the greatest `i64`.
    Large(u64),
    Float(f64),
    Decimal(&'a [u8]),
    Date(i32),
    /// Microseconds, which may be less than none and more than a day.
    Time(i64),
    Datetime(i64),
    Instant(i64),
    /// A date of which parts are zero; with the time of day, if it has one.
    Unreal {
        year: u16,
        month: u8,
        day: u8,
        time: Option<i64>,
    },
    Text(&'a [u8]),
    Json(&'a [u8]),
    Native(&'a [u8]),
    Bytes(&'a [u8]),
    Bit(&'a [u8]),
    Geometry(&'a [u8]),
}

/// A cell from the bytes of the binary protocol. None: a packet that is no such cell.
#[inline]
pub(super) fn decode(wire: Wire, bytes: &[u8]) -> Option<Cell<'_>> {
    Some(match wire {
        Wire::Boolean | Wire::Signed => Cell::Integer(match *bytes {
            [a] => i64::from(a as i8),
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(bytes.try_into().ok()?),
        }),
        Wire::Unsigned | Wire::UnsignedBig => {
            let mut wide = [0; 8];
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            let number = u64::from_le_bytes(wide);
            i64::try_from(number).map_or(Cell::Large(number), Cell::Integer)
        }
        Wire::Float => Cell::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        Wire::Double => Cell::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        Wire::Decimal => Cell::Decimal(bytes),
        Wire::Date | Wire::Datetime | Wire::Timestamp => calendar(wire, bytes.get(1..)?)?,
        Wire::Time => Cell::Time(interval(bytes.get(1..)?)?),
        Wire::Text | Wire::Uuid => Cell::Text(bytes),
        Wire::Json => Cell::Json(bytes),
        Wire::Native => Cell::Native(bytes),
        Wire::Bytes => Cell::Bytes(bytes),
        Wire::Bit => Cell::Bit(bytes),
        Wire::Geometry => Cell::Geometry(bytes),
        Wire::Null => return None,
    })
}

fn calendar(wire: Wire, bytes: &[u8]) -> Option<Cell<'_>> {
    let (date, time) = bytes.split_at(bytes.len().min(4));
    let (year, month, day) = match *date {
        [] => (0, 0, 0),
        [low, high, month, day] => (u16::from_le_bytes([low, high]), month, day),
        _ => return None,
    };
    let clock = |hours: u8, minutes: u8, seconds: u8| {
        ((i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds)) * SECOND
    };
    let time = match *time {
        [] => 0,
        [h, m, s] => clock(h, m, s),
        [h, m, s, a, b, c, d] => clock(h, m, s) + i64::from(u32::from_le_bytes([a, b, c, d])),
        _ => return None,
    };
    let Some(days) = temporal::days_of(year.into(), month.into(), day.into()) else {
        return Some(Cell::Unreal { year, month, day, time: (wire != Wire::Date).then_some(time) });
    };
    let instant = i64::from(days) * DAY + time;
    Some(match wire {
        Wire::Date => Cell::Date(days),
        Wire::Datetime => Cell::Datetime(instant),
        _ => Cell::Instant(instant),
    })
}

fn interval(bytes: &[u8]) -> Option<i64> {
    let (head, fraction) = bytes.split_at(bytes.len().min(8));
    let seconds = match *head {
        [] => return Some(0),
        [_, a, b, c, d, h, m, s] => {
            let days = i64::from(u32::from_le_bytes([a, b, c, d]));
            ((days * 24 + i64::from(h)) * 60 + i64::from(m)) * 60 + i64::from(s)
        }
        _ => return None,
    };
    let micros = match *fraction {
        [] => 0,
        [a, b, c, d] => i64::from(u32::from_le_bytes([a, b, c, d])),
        _ => return None,
    };
    let time = seconds * SECOND + micros;
    Some(if head[0] == 1 { -time } else { time })
}

/// Appends a cell to a column. `requested`: the caller asked for the column's type, so whatever converts exactly is
/// converted. False: it does not fit without loss.
#[inline]
pub(super) fn push(builder: &mut ColumnBuilder, cell: Cell<'_>, requested: bool) -> bool {
    match (builder.entries(), cell) {
        (ColumnValues::Int64(entries), Cell::Integer(number)) => entries.push(number),
        (ColumnValues::Float64(entries), Cell::Float(number)) => entries.push(number),
        (ColumnValues::Date(entries), Cell::Date(days)) => entries.push(days),
        (ColumnValues::Timestamp(entries), Cell::Datetime(instant))
        | (ColumnValues::Timestamptz(entries), Cell::Instant(instant)) => entries.push(instant),
        // A server may hold bytes in a text that its character set does not know.
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

/// The conversions that only an explicit request makes.
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

/// The text of a cell, as the server itself would write it but for floats, which come in the shortest text that reads back
/// as the same number. None for bytes.
pub(super) fn text_of(cell: Cell<'_>) -> Option<String> {
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
pub(super) fn push_interval(text: &mut String, time: i64) {
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

/// The float that is exactly this number, or that a decimal reads back from.
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

/// The float that is exactly this integer.
pub(super) fn exact_float(number: i128) -> Option<f64> {
    let float = number as f64;
    (float as i128 == number).then_some(float)
}

/// The integer that is exactly this float; -0.0 has none, for its sign would be lost.
pub(super) fn exact_integer(number: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    (in_range && number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

/// The integer that a decimal is, whatever zeros stand behind its point.
fn integer_of_decimal(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().any(|digit| digit != b'0') { None } else { whole.parse().ok() }
}

/// A cell of a small result: in the type of its column where it fits, else in one that holds it.
pub(super) fn value(wire: Wire, cell: Cell<'_>, type_name: &str) -> Option<Value> {
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

/// A cell in a few words, for messages.
pub(super) fn describe(cell: Cell<'_>) -> String {
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

/// What to do about a cell that does not fit.
pub(super) fn hint(cell: Cell<'_>) -> &'static str {
    match cell {
        Cell::Unreal { .. } => "ask for the column as `text`, or make such dates NULL first",
        Cell::Time(_) => "ask for the column as `text`: it holds durations, not times of day",
        _ => "ask for the column in another type, such as `text`",
    }
}
