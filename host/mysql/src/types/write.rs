//! How the cells of a batch are written for the server. `types.md` has the table.
//!
//! Even in strict mode, the servers silently round, truncate and pad: digits of a DECIMAL or of a second, trailing
//! spaces, ENUM values that look like numbers. A cell that would not read back as it was written is refused here, and
//! named.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::types::convert::{exact_float, push_interval};
use crate::types::kind::ColumnKind;
use runner_data::decimal::{float_text, is_decimal, same_number};
use runner_data::temporal::{self, DAY, SECOND};
use runner_data::{Column, ColumnValues, Value, VarValues};
use runner_database::message::cell_text;
use runner_database::number::exact_integer;

/// A column as the server takes it: a byte string for each row.
pub(crate) struct Encoded<'a> {
    /// Empty, or one byte per row.
    pub nulls: &'a [u8],
    /// The strings.
    pub cells: Cow<'a, VarValues>,
    /// Whether they are text in UTF-8; otherwise digits or bytes.
    pub is_text: bool,
}

/// A cell that cannot be written as it is.
pub(crate) struct Unwritable {
    pub row: usize,
    pub what: String,
}

/// Encodes the column for a table's column of that kind.
pub(crate) fn encode<'a>(column: &'a Column, kind: &ColumnKind) -> Result<Encoded<'a>, Unwritable> {
    let is_text = matches!(
        kind,
        ColumnKind::Char { .. }
            | ColumnKind::Text { .. }
            | ColumnKind::Enum(_)
            | ColumnKind::Set(_)
            | ColumnKind::Json
            | ColumnKind::Uuid
            | ColumnKind::Native(_)
            | ColumnKind::Date
            | ColumnKind::Time(_)
            | ColumnKind::Datetime(_)
            | ColumnKind::Timestamp(_)
    );
    if let Some(values) = as_it_is(column, kind) {
        return Ok(Encoded { nulls: &column.nulls, cells: Cow::Borrowed(values), is_text });
    }
    let rows = rows_of(column);
    let mut cells = VarValues { offsets: Vec::with_capacity(rows + 1), data: Vec::with_capacity(rows * 12) };
    cells.offsets.push(0);
    for row in 0..rows {
        if !column.is_null(row) {
            spell(&mut cells.data, column, row, kind)
                .map_err(|what| Unwritable { row, what: format!("{}: {what}", cell_text(column, row)) })?;
        }
        cells.offsets.push(cells.data.len() as u32);
    }
    Ok(Encoded { nulls: &column.nulls, cells: Cow::Owned(cells), is_text })
}

fn rows_of(column: &Column) -> usize {
    match &column.values {
        ColumnValues::Boolean(entries) => entries.len(),
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => entries.len(),
        ColumnValues::Float64(entries) => entries.len(),
        ColumnValues::Date(entries) => entries.len(),
        ColumnValues::Uuid(entries) => entries.len() / 2,
        values => values.var_values().map_or(0, VarValues::len),
    }
}

/// The entries, if all of them can be sent unchanged: most text, and bytes.
fn as_it_is<'a>(column: &'a Column, kind: &ColumnKind) -> Option<&'a VarValues> {
    let longest =
        |values: &VarValues| values.offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0) as usize;
    match (&column.values, kind) {
        // No more bytes than the character limit: no need to count characters.
        (ColumnValues::Text(values), ColumnKind::Char { characters, fixed: false })
            if longest(values) <= *characters =>
        {
            Some(values)
        }
        (ColumnValues::Text(values), ColumnKind::Text { bytes }) if longest(values) <= *bytes / 4 => Some(values),
        (ColumnValues::Bytes(values), ColumnKind::Bytes) | (ColumnValues::Json(values), ColumnKind::Json) => {
            Some(values)
        }
        _ => None,
    }
}

type Spelt = Result<(), String>;

fn spell(out: &mut Vec<u8>, column: &Column, row: usize, kind: &ColumnKind) -> Spelt {
    // Integers come first because nearly all cells are integers.
    if let (ColumnValues::Int64(entries), ColumnKind::Integer { least, greatest }) = (&column.values, kind) {
        return integer(out, entries[row].into(), *least, *greatest);
    }
    // Its shortest text reads as the same number again, so nothing has to be compared.
    if let (ColumnValues::Float64(entries), ColumnKind::Double(None)) = (&column.values, kind)
        && entries[row].is_finite()
    {
        return push(out, zmij::Buffer::new().format_finite(entries[row]));
    }
    let value = Value::of_cell(column, row);
    match kind {
        ColumnKind::Boolean => integer(out, whole(&value)?, -128, 127),
        ColumnKind::Integer { least, greatest } => integer(out, whole(&value)?, *least, *greatest),
        ColumnKind::Year => match whole(&value)? {
            // The server would read the text `0` as the year 2000.
            0 => push(out, "0000"),
            year => integer(out, year, 1901, 2155),
        },
        ColumnKind::Bit(bits) => bit(out, &value, *bits),
        ColumnKind::Float(digits) => float(out, &value, *digits, true),
        ColumnKind::Double(digits) => float(out, &value, *digits, false),
        ColumnKind::Decimal { scale, .. } => decimal(out, &value, *scale),
        ColumnKind::Date | ColumnKind::Datetime(_) | ColumnKind::Timestamp(_) => day(out, &value, kind),
        ColumnKind::Time(digits) => time(out, &value, *digits),
        ColumnKind::Char { characters, fixed } => {
            let text = text(&value)?;
            if *fixed && text.ends_with(' ') {
                return Err("a CHAR column would drop its trailing spaces".to_owned());
            }
            let count = text.chars().count();
            if count > *characters {
                return Err(format!("it has {count} characters, and the column takes {characters}"));
            }
            push(out, &text)
        }
        ColumnKind::Text { bytes } => {
            let text = text(&value)?;
            if text.len() > *bytes {
                return Err(format!("it has {} bytes, and the column takes {bytes}", text.len()));
            }
            push(out, &text)
        }
        ColumnKind::Enum(words) => {
            let text = text(&value)?;
            if words.contains(&text) { push(out, &text) } else { Err("it is none of the words of the ENUM".to_owned()) }
        }
        ColumnKind::Set(words) => {
            let text = text(&value)?;
            let known = |part: &str| words.iter().any(|word| word == part);
            if text.is_empty() || text.split(',').all(known) {
                push(out, &text)
            } else {
                Err("it has a word that the SET does not have".to_owned())
            }
        }
        ColumnKind::Binary(length) => {
            let start = out.len();
            bytes(out, &value)?;
            match out.len() - start {
                found if found == *length => Ok(()),
                found => Err(format!("it has {found} bytes, and the column would fill or cut it to {length}")),
            }
        }
        ColumnKind::Bytes => bytes(out, &value),
        ColumnKind::Json => match &value {
            Value::Json(text) | Value::Text(text) => push(out, text),
            Value::Boolean(value) => push(out, if *value { "true" } else { "false" }),
            Value::Int64(_) | Value::Float64(_) | Value::Decimal(_) => push(out, &number_text(&value)?),
            _ => Err("is no JSON".to_owned()),
        },
        ColumnKind::Uuid => match &value {
            Value::Uuid(..) => push(out, &temporal::value_text(&value)?),
            Value::Text(text) if temporal::parse_uuid(text.as_bytes()).is_some() => push(out, text),
            _ => Err("is no UUID".to_owned()),
        },
        ColumnKind::Native(name) => match &value {
            Value::Native { text, .. } | Value::Text(text) => push(out, text),
            _ => Err(format!("`{name}` takes its own text form only")),
        },
        ColumnKind::Geometry(_) => match &value {
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Value::Native { text, .. } => unhex(out, text),
            _ => Err("a geometry takes the server's own bytes, or those in hexadecimal".to_owned()),
        },
    }
}

fn push(out: &mut Vec<u8>, text: &str) -> Spelt {
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn integer(out: &mut Vec<u8>, number: i128, least: i128, greatest: i128) -> Spelt {
    if !(least..=greatest).contains(&number) {
        return Err(format!("the column takes {least} to {greatest}"));
    }
    push(out, itoa::Buffer::new().format(number))
}

/// The whole number that a value is.
fn whole(value: &Value) -> Result<i128, String> {
    let none = || "is no whole number".to_owned();
    match value {
        Value::Boolean(value) => Ok(i128::from(*value)),
        Value::Int64(number) => Ok(i128::from(*number)),
        Value::Float64(number) => exact_integer(*number).map(i128::from).ok_or_else(none),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => whole_text(text).ok_or_else(none),
        _ => Err(none()),
    }
}

fn whole_text(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse::<i128>() {
        return Some(number);
    }
    let (digits, fraction) = text.split_once('.')?;
    let number = digits.parse::<i128>().ok()?;
    (!fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0')).then_some(number)
}

fn bit(out: &mut Vec<u8>, value: &Value, bits: u32) -> Spelt {
    let width = (bits as usize).div_ceil(8);
    let number = match value {
        Value::Bytes(bytes) if bytes.len() <= 16 => {
            bytes.iter().fold(0_i128, |number, byte| number << 8 | i128::from(*byte))
        }
        Value::Bytes(bytes) => return Err(format!("it has {} bytes, and the column takes {width}", bytes.len())),
        value => whole(value)?,
    };
    if number < 0 || number >> bits != 0 {
        return Err(format!("the column takes {bits} bits"));
    }
    out.extend_from_slice(&number.to_be_bytes()[16 - width..]);
    Ok(())
}

fn number_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Boolean(value) => Ok(u8::from(*value).to_string()),
        Value::Int64(number) => Ok(number.to_string()),
        Value::Float64(number) => float_text(*number).ok_or_else(|| "MySQL and MariaDB have no such number".to_owned()),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) if is_decimal(text.as_bytes()) => Ok(text.clone()),
        _ => Err("is no number".to_owned()),
    }
}

fn float(out: &mut Vec<u8>, value: &Value, digits: Option<u32>, single: bool) -> Spelt {
    let text = number_text(value)?;
    let parsed: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    let stored = if single { f64::from(parsed as f32) } else { parsed };
    let kept = match value {
        Value::Float64(number) => *number == stored,
        Value::Int64(number) => exact_float((*number).into()) == Some(stored),
        // Whether the text is the same number, to as many digits as such a column has.
        _ if single => same_number(text.as_bytes(), (parsed as f32).to_string().as_bytes()),
        _ => float_text(stored).is_some_and(|stored| same_number(text.as_bytes(), stored.as_bytes())),
    };
    let spelt = float_text(stored).ok_or_else(|| "the column cannot hold so great a number".to_owned())?;
    if !kept {
        return Err(format!("a {} column would make {spelt} of it", if single { "FLOAT" } else { "DOUBLE" }));
    }
    if let Some(digits) = digits {
        // A FLOAT arrives as the 64-bit number nearest to what the column stores, which has more digits.
        let rounded = format!("{stored:.*}", digits as usize);
        let again = if single { rounded.parse::<f32>().map(f64::from) } else { rounded.parse::<f64>() };
        if again != Ok(stored) {
            return Err(format!("the column would round it to {rounded}"));
        }
    }
    push(out, &spelt)
}

fn decimal(out: &mut Vec<u8>, value: &Value, scale: u32) -> Spelt {
    let text = number_text(value)?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let fraction = mantissa.split_once('.').map_or("", |(_, fraction)| fraction).trim_end_matches('0');
    // Without digits after the point, zeros before it make room for a negative exponent.
    let behind = if fraction.is_empty() {
        let whole = mantissa.split('.').next().unwrap_or_default();
        -((whole.len() - whole.trim_end_matches('0').len()) as i64)
    } else {
        fraction.len() as i64
    };
    let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if !is_zero && behind - exponent > i64::from(scale) {
        return Err(format!("the column keeps {scale} digits after the point"));
    }
    push(out, if is_zero { "0" } else { &text })
}

/// A date, or a date and time.
fn day(out: &mut Vec<u8>, value: &Value, kind: &ColumnKind) -> Spelt {
    let instant = match value {
        Value::Date(date) => {
            i64::from(*date).checked_mul(DAY).ok_or_else(|| format!("day {date} is outside the years 0001 to 9999"))?
        }
        Value::Timestamp(instant) | Value::Timestamptz(instant) => *instant,
        Value::Text(text) => {
            let parsed = match kind {
                ColumnKind::Timestamp(_) => temporal::parse_timestamptz(text.as_bytes()),
                _ => temporal::parse_timestamp(text.as_bytes()),
            };
            parsed.ok_or_else(|| "is no date".to_owned())?
        }
        _ => return Err("is no date".to_owned()),
    };
    let mut text = String::with_capacity(26);
    match kind {
        ColumnKind::Date if instant.rem_euclid(DAY) != 0 => {
            return Err("a DATE column would drop its time of day".to_owned());
        }
        ColumnKind::Date => temporal::push_date(&mut text, instant.div_euclid(DAY))?,
        ColumnKind::Datetime(digits) | ColumnKind::Timestamp(digits) => {
            keeps_fraction(instant, *digits)?;
            temporal::push_timestamp(&mut text, instant, ' ')?;
        }
        _ => {}
    }
    push(out, &text)
}

fn time(out: &mut Vec<u8>, value: &Value, digits: u32) -> Spelt {
    let time = match value {
        Value::Time(time) if (0..=DAY).contains(time) => *time,
        Value::Text(text) => interval(text).ok_or_else(|| "is no TIME".to_owned())?,
        _ => return Err("is no time of day".to_owned()),
    };
    keeps_fraction(time, digits)?;
    let mut text = String::new();
    push_interval(&mut text, time);
    push(out, &text)
}

/// Reads `[-]HHH:MM:SS[.ffffff]`.
fn interval(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (hours, rest) = text.split_once(':')?;
    let hours: i64 = if hours.bytes().all(|digit| digit.is_ascii_digit()) { hours.parse().ok()? } else { return None };
    // Minutes and seconds follow the rules of a time of day.
    let rest = temporal::parse_time(format!("00:{rest}").as_bytes())?;
    let time = (hours <= 838).then_some(hours * 3_600 * SECOND + rest)?;
    Some(if negative { -time } else { time })
}

fn keeps_fraction(time: i64, digits: u32) -> Spelt {
    if time % 10_i64.pow(6 - digits.min(6)) == 0 {
        return Ok(());
    }
    Err(format!("the column keeps {digits} digits of a second"))
}

fn text(value: &Value) -> Result<String, String> {
    let mut written = String::new();
    match value {
        Value::Text(text) | Value::Json(text) | Value::Decimal(text) | Value::Native { text, .. } => {
            return Ok(text.clone());
        }
        Value::Boolean(value) => written.push(if *value { '1' } else { '0' }),
        Value::Int64(number) => {
            // Writing to a string cannot fail.
            let _ = write!(written, "{number}");
        }
        Value::Float64(_) => return Err("the column would turn the number into text".to_owned()),
        Value::Bytes(_) | Value::Null => return Err("is no text".to_owned()),
        value => return temporal::value_text(value),
    }
    Ok(written)
}

fn bytes(out: &mut Vec<u8>, value: &Value) -> Spelt {
    match value {
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Text(text) | Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        Value::Uuid(high, low) => {
            out.extend_from_slice(&high.to_be_bytes());
            out.extend_from_slice(&low.to_be_bytes());
        }
        _ => return Err("is no string of bytes".to_owned()),
    }
    Ok(())
}

fn unhex(out: &mut Vec<u8>, text: &str) -> Spelt {
    let digit = |byte: u8| (byte as char).to_digit(16).ok_or_else(|| "is not in hexadecimal".to_owned());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err("is not in hexadecimal".to_owned());
    }
    for [high, low] in pairs {
        out.push((digit(*high)? << 4 | digit(*low)?) as u8);
    }
    Ok(())
}
