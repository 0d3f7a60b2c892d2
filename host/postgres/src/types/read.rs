//! How a cell in PostgreSQL's binary format becomes a cell of a batch. `types.md` has the table.
//!
//! A column has one type on the server and one in the batch. A value that does not fit into the latter without loss is
//! an error that names the cell; values are never changed.

use super::numeric::push_text;
use super::{INET, ServerType, Unreadable, Wire};
use runner_data::decimal::{float_text, is_decimal, same_number};
use runner_data::temporal::{self, DAY};
use runner_data::{ColumnBuilder, ColumnType, ColumnValues, Value};
use runner_database::message::excerpt;
use runner_database::number::{exact_float, exact_integer};

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY;

/// The hint for a value that a typed column cannot hold.
const AS_TEXT: &str = "ask for the column `as` another type, such as text";

/// What the server does to a column before it sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// In its own binary form.
    AsItIs,
    /// Cast to text.
    Cast,
    /// As it prints an `inet`: a cast to text adds the mask of a single address, `::1/128`.
    PrintedInet,
}

impl Sent {
    /// The expression for a column of that name.
    pub(crate) fn expression(self, name: &str) -> String {
        match self {
            Self::AsItIs => name.to_owned(),
            Self::Cast => format!("{name}::pg_catalog.text"),
            Self::PrintedInet => format!("pg_catalog.textin(pg_catalog.inet_out({name}))"),
        }
    }
}

/// How a column of a result is read.
#[derive(Clone, Debug)]
pub(crate) struct ReadAs {
    /// Whether the server converts it to text.
    pub sent: Sent,
    /// The format in which it then arrives.
    pub wire: Wire,
    /// The type in which it is delivered.
    pub column_type: ColumnType,
    /// The server's name of the type.
    pub type_name: String,
}

impl ReadAs {
    /// Returns how to read a column of that type, delivered as requested, if a type was requested.
    pub(crate) fn new(of: &ServerType, requested: Option<ColumnType>) -> Self {
        let column_type = requested.unwrap_or(of.delivered);
        let as_text = matches!(column_type, ColumnType::Text | ColumnType::Native);
        let is_text = matches!(of.wire, Wire::Text | Wire::Json | Wire::Jsonb);
        let cast = of.wire == Wire::Foreign || as_text && !is_text;
        let sent = match (cast, of.oid) {
            (false, _) => Sent::AsItIs,
            (true, INET) => Sent::PrintedInet,
            (true, _) => Sent::Cast,
        };
        let wire = if cast { Wire::Text } else { of.wire };
        Self { sent, wire, column_type, type_name: of.name.clone() }
    }

    /// Returns a builder for the column.
    pub(crate) fn builder(&self, rows: usize) -> ColumnBuilder {
        ColumnBuilder::new(self.column_type, rows, &self.type_name)
    }

    /// Appends a cell that is not NULL.
    #[inline]
    pub(crate) fn push(&self, builder: &mut ColumnBuilder, bytes: &[u8]) -> Result<(), Unreadable> {
        let done = match (builder.entries(), self.wire) {
            (ColumnValues::Int64(entries), Wire::Int8) => {
                <[u8; 8]>::try_from(bytes).map(|bytes| entries.push(i64::from_be_bytes(bytes))).is_ok()
            }
            (ColumnValues::Int64(entries), Wire::Int4) => {
                <[u8; 4]>::try_from(bytes).map(|bytes| entries.push(i32::from_be_bytes(bytes).into())).is_ok()
            }
            (ColumnValues::Float64(entries), Wire::Float8) => {
                <[u8; 8]>::try_from(bytes).map(|bytes| entries.push(f64::from_be_bytes(bytes))).is_ok()
            }
            (ColumnValues::Text(values) | ColumnValues::Json(values), Wire::Text | Wire::Json) => {
                let is_text = std::str::from_utf8(bytes).is_ok();
                if is_text {
                    values.data.extend_from_slice(bytes);
                    values.offsets.push(values.data.len() as u32);
                }
                is_text
            }
            (ColumnValues::Bytes(values), Wire::Bytea) => {
                values.data.extend_from_slice(bytes);
                values.offsets.push(values.data.len() as u32);
                true
            }
            _ => return self.push_other(builder, bytes),
        };
        if !done {
            return self.push_other(builder, bytes);
        }
        builder.pushed();
        Ok(())
    }

    fn push_other(&self, builder: &mut ColumnBuilder, bytes: &[u8]) -> Result<(), Unreadable> {
        let cell = Cell::read(self.wire, bytes).map_err(|unfit| self.unfit(unfit.what))?;
        if convert(builder, &cell) { Ok(()) } else { Err(self.unfit(cell.to_string())) }
    }

    #[cold]
    fn unfit(&self, what: String) -> Unreadable {
        let hint = (self.column_type != ColumnType::Text).then_some(AS_TEXT);
        Unreadable { what: format!("{what}, which is no {}", self.column_type), hint }
    }
}

/// Returns the value of a cell of a small result. Each cell is read into its own column.
pub(crate) fn value(read_as: &ReadAs, bytes: &[u8]) -> Result<Value, Unreadable> {
    let mut builder = read_as.builder(1);
    read_as.push(&mut builder, bytes)?;
    Ok(Value::of_cell(&builder.finish(""), 0))
}

/// A cell as it is stored.
enum Cell<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(Vec<u8>),
    Text(&'a [u8]),
    Json(&'a [u8]),
    Bytes(&'a [u8]),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Timestamptz(i64),
    Uuid(u64, u64),
}

impl<'a> Cell<'a> {
    fn read(wire: Wire, bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let four = || fixed::<4>(bytes);
        let eight = || fixed::<8>(bytes);
        Ok(match wire {
            Wire::Bool => Self::Bool(fixed::<1>(bytes)?[0] != 0),
            Wire::Int2 => Self::Int(i16::from_be_bytes(fixed(bytes)?).into()),
            Wire::Int4 => Self::Int(i32::from_be_bytes(four()?).into()),
            Wire::Int8 => Self::Int(i64::from_be_bytes(eight()?)),
            Wire::Oid => Self::Int(u32::from_be_bytes(four()?).into()),
            Wire::Float4 => Self::Float(f32::from_be_bytes(four()?).into()),
            Wire::Float8 => Self::Float(f64::from_be_bytes(eight()?)),
            Wire::Numeric => {
                let mut text = Vec::with_capacity(24);
                push_text(&mut text, bytes)?;
                Self::Decimal(text)
            }
            Wire::Text | Wire::Foreign => Self::Text(utf8(bytes)?),
            Wire::Json => Self::Json(utf8(bytes)?),
            // 1 is the only version that has ever existed.
            Wire::Jsonb => match bytes {
                [1, text @ ..] => Self::Json(utf8(text)?),
                _ => return Err(Unreadable::new("JSON in a form that is not known")),
            },
            Wire::Bytea => Self::Bytes(bytes),
            Wire::Date => match i32::from_be_bytes(four()?) {
                i32::MAX => return Err(Unreadable::new("infinity")),
                i32::MIN => return Err(Unreadable::new("-infinity")),
                days => Self::Date(days.checked_add(EPOCH_DAYS).ok_or_else(|| beyond(days))?),
            },
            Wire::Time => Self::Time(i64::from_be_bytes(eight()?)),
            Wire::Timestamp => Self::Timestamp(instant(i64::from_be_bytes(eight()?))?),
            Wire::Timestamptz => Self::Timestamptz(instant(i64::from_be_bytes(eight()?))?),
            Wire::Uuid => {
                let digits = u128::from_be_bytes(fixed(bytes)?);
                Self::Uuid((digits >> 64) as u64, digits as u64)
            }
        })
    }

    /// Returns the cell as a decimal number, if it is one.
    fn number(&self) -> Option<Vec<u8>> {
        match self {
            Self::Int(number) => Some(number.to_string().into_bytes()),
            Self::Float(number) => float_text(*number).map(String::into_bytes),
            Self::Decimal(text) => Some(text.clone()),
            Self::Text(text) if is_decimal(text) => Some(text.to_vec()),
            _ => None,
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unreadable> {
    bytes.try_into().map_err(|_| Unreadable::new(format!("{} bytes where {N} are expected", bytes.len())))
}

fn utf8(bytes: &[u8]) -> Result<&[u8], Unreadable> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(bytes),
        // A database in SQL_ASCII stores and returns arbitrary bytes.
        Err(_) => Err(Unreadable::new(format!("a text of {} bytes that are not UTF-8", bytes.len()))),
    }
}

fn instant(micros: i64) -> Result<i64, Unreadable> {
    match micros {
        i64::MAX => Err(Unreadable::new("infinity")),
        i64::MIN => Err(Unreadable::new("-infinity")),
        _ => micros.checked_add(EPOCH_MICROS).ok_or_else(|| Unreadable::new("a time after the year 294246")),
    }
}

fn beyond(days: i32) -> Unreadable {
    Unreadable::new(format!("day {days} after 2000-01-01"))
}

/// Appends a cell in the column's type. Returns false if it does not fit without loss.
fn convert(builder: &mut ColumnBuilder, cell: &Cell<'_>) -> bool {
    match (builder.column_type(), cell) {
        (ColumnType::Boolean, Cell::Bool(value)) => builder.push_boolean(*value),
        (ColumnType::Boolean, Cell::Int(number @ (0 | 1))) => builder.push_boolean(*number == 1),
        (ColumnType::Int64, Cell::Int(number)) => builder.push_int64(*number),
        (ColumnType::Int64, Cell::Bool(value)) => builder.push_int64((*value).into()),
        (ColumnType::Int64, Cell::Float(number)) => {
            exact_integer(*number).is_some_and(|number| builder.push_int64(number))
        }
        (ColumnType::Int64, Cell::Decimal(text)) => integer(text).is_some_and(|number| builder.push_int64(number)),
        (ColumnType::Int64, Cell::Text(text)) => integer(text).is_some_and(|number| builder.push_int64(number)),
        (ColumnType::Float64, Cell::Float(number)) => builder.push_float64(*number),
        (ColumnType::Float64, Cell::Int(number)) => {
            exact_float(*number).is_some_and(|number| builder.push_float64(number))
        }
        (ColumnType::Float64, Cell::Decimal(text)) => nearest(text).is_some_and(|number| builder.push_float64(number)),
        (ColumnType::Float64, Cell::Text(text)) => {
            is_decimal(text) && nearest(text).is_some_and(|number| builder.push_float64(number))
        }
        (ColumnType::Decimal, _) => cell.number().is_some_and(|text| builder.push_bytes(&text)),
        (ColumnType::Text | ColumnType::Native | ColumnType::Bytes, Cell::Text(text) | Cell::Json(text))
        | (ColumnType::Bytes, Cell::Bytes(text))
        | (ColumnType::Json, Cell::Json(text) | Cell::Text(text)) => builder.push_bytes(text),
        (ColumnType::Bytes, Cell::Uuid(high, low)) => {
            builder.push_bytes(&[high.to_be_bytes(), low.to_be_bytes()].concat())
        }
        (ColumnType::Json, Cell::Bool(value)) => builder.push_bytes(if *value { b"true" } else { b"false" }),
        (ColumnType::Json, Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_)) => {
            cell.number().is_some_and(|text| builder.push_bytes(&text))
        }
        (ColumnType::Date, Cell::Date(days)) => builder.push_date(*days),
        (ColumnType::Date, Cell::Timestamp(micros)) if micros.rem_euclid(DAY) == 0 => {
            i32::try_from(micros.div_euclid(DAY)).is_ok_and(|days| builder.push_date(days))
        }
        (ColumnType::Date, Cell::Text(text)) => temporal::parse_date(text).is_some_and(|days| builder.push_date(days)),
        (ColumnType::Time, Cell::Time(micros))
        | (ColumnType::Timestamp | ColumnType::Timestamptz, Cell::Timestamp(micros) | Cell::Timestamptz(micros)) => {
            builder.push_int64(*micros)
        }
        (ColumnType::Timestamp | ColumnType::Timestamptz, Cell::Date(days)) => {
            i64::from(*days).checked_mul(DAY).is_some_and(|micros| builder.push_int64(micros))
        }
        (ColumnType::Time, Cell::Text(text)) => temporal::parse_time(text).is_some_and(|time| builder.push_int64(time)),
        (ColumnType::Timestamp, Cell::Text(text)) => {
            temporal::parse_timestamp(text).is_some_and(|micros| builder.push_int64(micros))
        }
        (ColumnType::Timestamptz, Cell::Text(text)) => {
            temporal::parse_timestamptz(text).is_some_and(|micros| builder.push_int64(micros))
        }
        (ColumnType::Uuid, Cell::Uuid(high, low)) => builder.push_uuid(*high, *low),
        (ColumnType::Uuid, Cell::Text(text)) => {
            temporal::parse_uuid(text).is_some_and(|(high, low)| builder.push_uuid(high, low))
        }
        (ColumnType::Uuid, Cell::Bytes(bytes)) => <[u8; 16]>::try_from(*bytes).is_ok_and(|bytes| {
            let digits = u128::from_be_bytes(bytes);
            builder.push_uuid((digits >> 64) as u64, digits as u64)
        }),
        _ => false,
    }
}

/// Returns the integer that a decimal number denotes, if it is one.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let whole = match text.iter().position(|byte| *byte == b'.') {
        Some(at) if text[at + 1..].iter().all(|digit| *digit == b'0') => &text[..at],
        Some(_) => return None,
        None => text,
    };
    std::str::from_utf8(whole).ok()?.parse().ok()
}

/// Returns the float whose shortest text is exactly this number, if there is one.
pub(crate) fn nearest(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let shown = float_text(number)?;
    same_number(text, shown.as_bytes()).then_some(number)
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "the integer {number}"),
            Self::Float(number) => write!(f, "the number {number:?}"),
            Self::Decimal(text) => write!(f, "the number {}", String::from_utf8_lossy(text)),
            Self::Text(text) | Self::Json(text) => write!(f, "the text {}", excerpt(text)),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Date(days) => f.write_str(&written(&Value::Date(*days))),
            Self::Time(micros) => f.write_str(&written(&Value::Time(*micros))),
            Self::Timestamp(micros) => f.write_str(&written(&Value::Timestamp(*micros))),
            Self::Timestamptz(micros) => f.write_str(&written(&Value::Timestamptz(*micros))),
            Self::Uuid(high, low) => f.write_str(&written(&Value::Uuid(*high, *low))),
        }
    }
}

fn written(value: &Value) -> String {
    temporal::value_text(value).unwrap_or_else(|_| format!("{value:?}"))
}
