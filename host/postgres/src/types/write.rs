//! How a value is encoded as a cell in PostgreSQL's binary format. `types.md` has the table.
//!
//! A value whose type differs from the column's is converted if nothing is lost, and refused otherwise. What the server
//! would round or truncate to fit a column's declared length is refused too.

use std::sync::Arc;

use super::numeric::Decimal;
use super::read::{EPOCH_DAYS, EPOCH_MICROS, integer, nearest};
use super::{CHAR, DomainArray, PgType, ServerType, TEXT, TEXT_ARRAY, Wire};
use runner_data::Value;
use runner_data::decimal::{float_text, same_number};
use runner_data::temporal::{self, DAY};
use runner_database::number::{exact_float, exact_integer};

/// The range of days that PostgreSQL can store, counted from 2000-01-01.
const DAYS: std::ops::Range<i32> = -2_451_545..2_145_031_949;
/// The range of instants that PostgreSQL can store, in microseconds from 2000-01-01.
const MICROS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// The OIDs of the types that round what they are given to their declared precision, and of one that shortens it: a `varchar`
/// drops spaces at its end.
const VARCHAR: u32 = 1043;
const TIME: u32 = 1083;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const TIMETZ: u32 = 1266;
const NUMERIC: u32 = 1700;

/// The form in which the migration passes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In one of runner's own types.
    Typed,
    /// In the server's text format.
    Native,
}

/// The type that a value is encoded as.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub of: Arc<ServerType>,
    /// The type that the modifier is about: that of the elements, for an array.
    element: u32,
    /// The declared length, digits or precision as the server stores it; -1 if there is none.
    pub modifier: i32,
    /// The value is sent as text, and the server converts it to the type.
    pub as_text: bool,
    /// For an array of a domain, which rounds whatever is converted to it.
    of_domain: Option<DomainArray>,
}

impl Target {
    /// Returns the target for values of that type, with the type of an array's elements.
    pub(crate) fn new(of: Arc<ServerType>, element: Option<u32>, modifier: i32, form: Form) -> Self {
        let as_text = of.wire == Wire::Foreign || form == Form::Native && of.wire != Wire::Text;
        Self { element: element.unwrap_or(of.oid), of, modifier, as_text, of_domain: None }
    }

    /// Returns the target for values of a column that is declared with that type.
    pub(crate) fn of_column(of: Arc<ServerType>, declared: &PgType, form: Form) -> Self {
        let of_domain = declared.of_domain.clone();
        Self { of_domain, ..Self::new(of, declared.element, declared.base_modifier, form) }
    }

    /// Returns the format in which the value is sent.
    pub(crate) fn wire(&self) -> Wire {
        if self.as_text { Wire::Text } else { self.of.wire }
    }

    /// Returns whether the type has the order of numbers.
    pub(crate) fn is_number(&self) -> bool {
        use Wire::{Float4, Float8, Int2, Int4, Int8, Numeric, Oid};
        matches!(self.wire(), Int2 | Int4 | Int8 | Oid | Float4 | Float8 | Numeric)
    }

    /// Returns the OID of the type in which the value is sent.
    pub(crate) fn oid(&self) -> u32 {
        if self.as_text { TEXT } else { self.of.oid }
    }

    /// Returns the OID of the type of arrays of such values.
    pub(crate) fn array(&self) -> u32 {
        if self.as_text { TEXT_ARRAY } else { self.of.array }
    }

    /// Returns the type with its declared precision, if the server would round a text to it: see `Verdict::Rounded`. That of an array
    /// takes the arguments of its elements' type.
    pub(crate) fn rounds_to(&self) -> Option<String> {
        if let Some(array) = &self.of_domain {
            let rounds = [VARCHAR, NUMERIC, INTERVAL, TIME, TIMETZ, TIMESTAMP, TIMESTAMPTZ].contains(&self.element);
            return (self.as_text && rounds).then(|| array.declared.clone());
        }
        let modifier = u32::try_from(self.modifier).ok().filter(|_| self.as_text)?;
        let arguments = match self.element {
            VARCHAR => modifier.checked_sub(4)?.to_string(),
            NUMERIC => {
                let of = modifier.checked_sub(4)?;
                // An 11-bit signed field.
                format!("{}, {}", of >> 16, i64::from((of & 0x7ff) ^ 1024) - 1024)
            }
            INTERVAL => match (modifier >> 16 & 0x7fff, modifier & 0xffff) {
                (fields, 0xffff) => fields.to_string(),
                (fields, digits) => format!("{fields}, {digits}"),
            },
            TIME | TIMETZ | TIMESTAMP | TIMESTAMPTZ => modifier.to_string(),
            _ => return None,
        };
        Some(format!("{}({arguments})", self.of.quoted))
    }

    /// Returns the type to which the server converts a text before it is compared with [`Target::rounds_to`].
    pub(crate) fn converted_to(&self) -> &str {
        match &self.of_domain {
            Some(array) if self.rounds_to().is_some() => &array.plain,
            _ => &self.of.quoted,
        }
    }

    /// Appends the binary form of a value that is not NULL. The error says why there is none.
    pub(crate) fn push(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), String> {
        match self.wire() {
            Wire::Bool => out.push(boolean(value).ok_or_else(|| self.refuse())?.into()),
            Wire::Int2 => out.extend(self.in_range::<i16>(value)?.to_be_bytes()),
            Wire::Int4 => out.extend(self.in_range::<i32>(value)?.to_be_bytes()),
            Wire::Int8 => out.extend(self.in_range::<i64>(value)?.to_be_bytes()),
            Wire::Oid => out.extend(self.in_range::<u32>(value)?.to_be_bytes()),
            Wire::Float4 => out.extend(self.real(value)?.to_be_bytes()),
            Wire::Float8 => out.extend(float(value).ok_or_else(|| self.refuse())?.to_be_bytes()),
            Wire::Numeric => self.push_numeric(out, value)?,
            Wire::Text | Wire::Foreign => self.push_text(out, text(value).ok_or_else(|| self.refuse())?.as_bytes())?,
            Wire::Json => self.push_text(out, json(value).ok_or_else(|| self.refuse())?.as_bytes())?,
            Wire::Jsonb => {
                out.push(1);
                self.push_text(out, json(value).ok_or_else(|| self.refuse())?.as_bytes())?;
            }
            Wire::Bytea => match value {
                Value::Bytes(bytes) => out.extend_from_slice(bytes),
                Value::Text(text) => out.extend_from_slice(text.as_bytes()),
                Value::Uuid(high, low) => push_uuid(out, *high, *low),
                _ => return Err(self.refuse()),
            },
            Wire::Date => out.extend(day(self.date(value)?)?.to_be_bytes()),
            Wire::Time => out.extend(self.time(value)?.to_be_bytes()),
            Wire::Timestamp => out.extend(self.instant(value, temporal::parse_timestamp)?.to_be_bytes()),
            Wire::Timestamptz => out.extend(self.instant(value, temporal::parse_timestamptz)?.to_be_bytes()),
            Wire::Uuid => match value {
                Value::Uuid(high, low) => push_uuid(out, *high, *low),
                Value::Text(text) => {
                    let (high, low) = temporal::parse_uuid(text.as_bytes()).ok_or_else(|| self.refuse())?;
                    push_uuid(out, high, low);
                }
                Value::Bytes(bytes) if bytes.len() == 16 => out.extend_from_slice(bytes),
                _ => return Err(self.refuse()),
            },
        }
        Ok(())
    }

    /// Appends a text. It must not contain a zero byte, or more characters than the column's declared length.
    #[inline]
    pub(crate) fn push_text(&self, out: &mut Vec<u8>, text: &[u8]) -> Result<(), String> {
        if text.contains(&0) {
            return Err("PostgreSQL cannot keep a zero byte in a text".to_owned());
        }
        if self.of.oid == CHAR && text.len() > 1 && !is_octal(text) {
            return Err(format!("it is longer than the one byte of {}", self.of.name));
        }
        if self.modifier >= 0 && !self.as_text && text.len() + 4 > self.modifier as usize {
            let most = self.modifier as usize - 4;
            // Count characters: every byte starts one, except continuation bytes.
            if text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() > most {
                return Err(format!("it is longer than {most} characters"));
            }
        }
        out.extend_from_slice(text);
        Ok(())
    }

    fn refuse(&self) -> String {
        format!("it cannot become {} without loss", self.of.name)
    }

    fn in_range<T: TryFrom<i64>>(&self, value: &Value) -> Result<T, String> {
        let number = match value {
            Value::Int64(number) => Some(*number),
            Value::Boolean(value) => Some((*value).into()),
            Value::Float64(number) => exact_integer(*number),
            Value::Decimal(text) => integer(text.as_bytes()),
            // `007` and `+7` would not read back unchanged.
            Value::Text(text) => integer(text.as_bytes()).filter(|number| number.to_string() == *text),
            _ => None,
        };
        let number = number.ok_or_else(|| self.refuse())?;
        self.narrow(number)
    }

    /// Appends an integer of the width of the type.
    #[inline]
    pub(crate) fn narrow<T: TryFrom<i64>>(&self, number: i64) -> Result<T, String> {
        T::try_from(number).map_err(|_| format!("it is out of the range of {}", self.of.name))
    }

    /// Returns the number in single precision.
    #[inline]
    pub(crate) fn single(&self, number: f64) -> Result<f32, String> {
        let single = number as f32;
        if f64::from(single) == number || number.is_nan() {
            Ok(single)
        } else {
            Err("a real keeps 24 bits of a number, so that it would be rounded".to_owned())
        }
    }

    /// Returns the number of a value in single precision. A text may be the shortest one of either precision.
    fn real(&self, value: &Value) -> Result<f32, String> {
        if let Value::Decimal(text) | Value::Text(text) = value
            && let Ok(single) = text.parse::<f32>()
            && same_number(text.as_bytes(), single.to_string().as_bytes())
        {
            return Ok(single);
        }
        self.single(float(value).ok_or_else(|| self.refuse())?)
    }

    fn push_numeric(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), String> {
        let text = match value {
            Value::Int64(number) => number.to_string(),
            Value::Boolean(value) => u8::from(*value).to_string(),
            Value::Float64(number) => float_text(*number).ok_or_else(|| self.refuse())?,
            Value::Decimal(text) | Value::Text(text) | Value::Json(text) => {
                return self.push_decimal(out, text.as_bytes());
            }
            _ => return Err(self.refuse()),
        };
        // The text of a whole float ends in `.0`; that spelling must not determine the value's scale.
        self.push_decimal(out, text.strip_suffix(".0").unwrap_or(&text).as_bytes())
    }

    /// Appends a decimal number.
    pub(crate) fn push_decimal(&self, out: &mut Vec<u8>, text: &[u8]) -> Result<(), String> {
        let number = Decimal::parse(text).ok_or_else(|| "it is no decimal number".to_owned())?;
        if self.modifier >= 4 {
            // An 11-bit signed field.
            let scale = i64::from(((self.modifier - 4) & 0x7ff) ^ 1024) - 1024;
            if number.significant_scale() > scale.max(0) || scale < 0 && !number.is_multiple_of_ten_to(-scale) {
                return Err(format!("it would be rounded to {scale} digits after the point"));
            }
        }
        number.push(out)
    }

    fn date(&self, value: &Value) -> Result<i32, String> {
        match value {
            Value::Date(days) => Some(*days),
            Value::Timestamp(micros) if micros.rem_euclid(DAY) == 0 => i32::try_from(micros.div_euclid(DAY)).ok(),
            Value::Text(text) => temporal::parse_date(text.as_bytes()),
            _ => None,
        }
        .ok_or_else(|| self.refuse())
    }

    fn time(&self, value: &Value) -> Result<i64, String> {
        let time = match value {
            Value::Time(micros) => Some(*micros),
            Value::Text(text) => temporal::parse_time(text.as_bytes()),
            _ => None,
        };
        self.time_of_day(time.ok_or_else(|| self.refuse())?)
    }

    /// Returns a time of day as the server counts it.
    pub(crate) fn time_of_day(&self, micros: i64) -> Result<i64, String> {
        if !(0..=DAY).contains(&micros) {
            return Err(format!("{micros} microseconds are no time of day"));
        }
        self.precise(micros)
    }

    fn instant(&self, value: &Value, parse: fn(&[u8]) -> Option<i64>) -> Result<i64, String> {
        let micros = match value {
            Value::Timestamp(micros) | Value::Timestamptz(micros) => Some(*micros),
            Value::Date(days) => i64::from(*days).checked_mul(DAY),
            Value::Text(text) => parse(text.as_bytes()),
            _ => None,
        };
        self.since_2000(micros.ok_or_else(|| self.refuse())?)
    }

    /// Returns an instant as the server counts it.
    pub(crate) fn since_2000(&self, micros: i64) -> Result<i64, String> {
        let micros = self.precise(micros)?;
        let shifted = micros.checked_sub(EPOCH_MICROS).filter(|shifted| MICROS.contains(shifted));
        shifted.ok_or_else(|| "PostgreSQL keeps the years 4713 BC to 294276 AD".to_owned())
    }

    /// Refuses fractions of a second beyond the declared precision, which the server would round.
    fn precise(&self, micros: i64) -> Result<i64, String> {
        let Ok(digits @ 0..6) = u32::try_from(self.modifier) else { return Ok(micros) };
        if micros % 10_i64.pow(6 - digits) == 0 {
            Ok(micros)
        } else {
            Err(format!("its seconds would be rounded to {digits} digits after the point"))
        }
    }
}

/// Returns a day as the server counts it.
pub(crate) fn day(days: i32) -> Result<i32, String> {
    let shifted = days.checked_sub(EPOCH_DAYS).filter(|shifted| DAYS.contains(shifted));
    shifted.ok_or_else(|| "PostgreSQL keeps the years 4713 BC to 5874897 AD".to_owned())
}

/// Whether it is a byte as PostgreSQL 15 and later print one above 127 of a `"char"`: a backslash and three octal digits.
fn is_octal(text: &[u8]) -> bool {
    matches!(text, [b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7'])
}

pub(crate) fn push_uuid(out: &mut Vec<u8>, high: u64, low: u64) {
    out.extend(high.to_be_bytes());
    out.extend(low.to_be_bytes());
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        Value::Int64(number @ (0 | 1)) => Some(*number == 1),
        Value::Text(text) => match text.as_str() {
            "t" | "true" => Some(true),
            "f" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float64(number) => Some(*number),
        Value::Int64(number) => exact_float(*number),
        Value::Decimal(text) | Value::Text(text) => nearest(text.as_bytes()),
        _ => None,
    }
}

/// Returns the text of a value; bytes have none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Json(text) | Value::Decimal(text) | Value::Native { text, .. } => Some(text.clone()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Int64(number) => Some(number.to_string()),
        Value::Float64(number) => float_text(*number),
        Value::Null | Value::Bytes(_) => None,
        value => temporal::value_text(value).ok(),
    }
}

fn json(value: &Value) -> Option<String> {
    match value {
        Value::Bytes(_) | Value::Null => None,
        Value::Json(_)
        | Value::Text(_)
        | Value::Boolean(_)
        | Value::Int64(_)
        | Value::Decimal(_)
        | Value::Float64(_) => text(value),
        // For other types the text would need quotes, which are up to the migration.
        _ => None,
    }
}
