//! What the binary protocol carries, and the cells in it.
//!
//! The wire says less than the table's declaration: MariaDB sends UUIDs, addresses and JSON as text. Where it is
//! ambiguous, the table is asked.

use sqlx::mysql::MySqlColumn;
use sqlx::{Column as _, TypeInfo as _};

use crate::types::kind::ColumnKind;
use runner_data::ColumnType;
use runner_data::temporal::{self, DAY, SECOND};

/// What the wire carries for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Boolean,
    Signed,
    Unsigned,
    /// Above the greatest `int64`, so that the column's type differs from that of its cells.
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
    /// What the metadata of a result says, and whether the table may know better.
    pub fn of(column: &MySqlColumn) -> (Self, bool) {
        let info = column.type_info();
        // Text has a collation, bytes have none; the flag by which sqlx names types only says how the column sorts.
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

    /// What a text on the wire really is.
    pub fn of_kind(kind: &ColumnKind) -> Self {
        match kind {
            ColumnKind::Json => Self::Json,
            ColumnKind::Uuid => Self::Uuid,
            ColumnKind::Native(_) => Self::Native,
            _ => Self::Text,
        }
    }

    /// The column type in which such a column is returned.
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
pub(crate) enum Cell<'a> {
    Integer(i64),
    /// Above the greatest `i64`.
    Large(u64),
    Float(f64),
    Decimal(&'a [u8]),
    Date(i32),
    /// Microseconds, which may be negative or exceed a day.
    Time(i64),
    Datetime(i64),
    Instant(i64),
    /// A date with parts that are zero; with the time of day, if it has one.
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

/// Decodes a cell from the bytes of the binary protocol. `None` if they are not such a cell.
#[inline]
pub(crate) fn decode(wire: Wire, bytes: &[u8]) -> Option<Cell<'_>> {
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
