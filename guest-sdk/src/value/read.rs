//! Conversion from [`Value`] to Rust types.

use super::{Date, Decimal, Json, NativeValue, Time, Timestamp, Timestamptz, Uuid, Value};

/// Why a value does not have the requested type.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// What was requested.
    pub wanted: &'static str,
    /// What was found: the name of a case, or the value if the type is right but the value is not.
    pub found: String,
}

/// A Rust type that a [`Value`] can be read as, without loss.
///
/// The lifetime is that of the value, so that strings and bytes can be borrowed. `Option<T>` reads NULL as `None`; every
/// other type rejects it.
pub trait FromValue<'a>: Sized {
    /// Reads the value.
    fn from_value(value: &'a Value) -> Result<Self, Mismatch>;
}

fn mismatch(wanted: &'static str, value: &Value) -> Mismatch {
    Mismatch { wanted, found: value.type_name().to_owned() }
}

macro_rules! from_value {
    ($($into:ty, $wanted:literal: $($case:pat => $read:expr),+;)+) => {
        $(impl<'a> FromValue<'a> for $into {
            fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
                match value {
                    $($case => Ok($read),)+
                    other => Err(mismatch($wanted, other)),
                }
            }
        })+
    };
}

from_value! {
    &'a str, "a text": Value::Text(v) | Value::Decimal(v) | Value::Json(v) => v;
    String, "a text": Value::Text(v) | Value::Decimal(v) | Value::Json(v) => v.clone();
    &'a [u8], "bytes": Value::Bytes(v) => v;
    Vec<u8>, "bytes": Value::Bytes(v) => v.clone();
    Json, "JSON": Value::Json(v) | Value::Text(v) => Json::new(v.as_str());
    NativeValue, "a native value": Value::Native(v) => v.clone();
}

/// Types without a storage class in SQLite can also be read from text.
macro_rules! or_text {
    ($($into:ty, $wanted:literal: $case:pat => $read:expr;)+) => {
        $(impl<'a> FromValue<'a> for $into {
            fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
                match value {
                    $case => Ok($read),
                    Value::Text(text) => {
                        text.parse().map_err(|_| Mismatch { wanted: $wanted, found: format!("the text `{text}`") })
                    }
                    other => Err(mismatch($wanted, other)),
                }
            }
        })+
    };
}

or_text! {
    Date, "a date": Value::Date(v) => Date(*v);
    Time, "a time": Value::Time(v) => Time(*v);
    Timestamp, "a timestamp": Value::Timestamp(v) => Timestamp(*v);
    Timestamptz, "a timestamptz": Value::Timestamptz(v) => Timestamptz(*v);
    Uuid, "a uuid": Value::Uuid((high, low)) => Uuid::from_halves(*high, *low);
}

impl<'a> FromValue<'a> for Value {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        Ok(value.clone())
    }
}

impl<'a> FromValue<'a> for &'a Value {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        Ok(value)
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// SQLite and MySQL have no boolean type of their own: a column of 0 and 1 counts as one.
impl<'a> FromValue<'a> for bool {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        match value {
            Value::Boolean(v) => Ok(*v),
            Value::Int64(v @ (0 | 1)) => Ok(*v == 1),
            Value::Int64(v) => Err(Mismatch { wanted: "a boolean", found: v.to_string() }),
            other => Err(mismatch("a boolean", other)),
        }
    }
}

/// Also accepts integers in a NUMERIC: `sum(n)` is NUMERIC on PostgreSQL and DECIMAL on MySQL, and MySQL's BIGINT UNSIGNED is read as one.
macro_rules! integers {
    ($($into:ty, $wanted:literal;)+) => {
        $(impl<'a> FromValue<'a> for $into {
            fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
                let narrowed = match value {
                    Value::Int64(v) => Self::try_from(*v).map_err(|_| v.to_string()),
                    Value::Decimal(v) => whole(v).parse().map_err(|_| v.clone()),
                    other => return Err(mismatch("an integer", other)),
                };
                narrowed.map_err(|found| Mismatch { wanted: $wanted, found })
            }
        })+
    };
}

/// The number without the zeros behind its point.
fn whole(decimal: &str) -> &str {
    match decimal.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => decimal,
    }
}

integers! {
    i64, "an integer of 64 bits";
    i32, "an integer of 32 bits";
    i16, "an integer of 16 bits";
    i8, "an integer of 8 bits";
    u64, "an unsigned integer of 64 bits";
    u32, "an unsigned integer of 32 bits";
    u16, "an unsigned integer of 16 bits";
    u8, "an unsigned integer of 8 bits";
    usize, "an unsigned integer of this machine";
}

/// Also accepts integers up to 2^53, but no decimals, which could silently lose digits.
impl<'a> FromValue<'a> for f64 {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
        match value {
            Value::Float64(v) => Ok(*v),
            Value::Int64(v) if v.unsigned_abs() <= EXACT => Ok(*v as f64),
            Value::Int64(v) => Err(Mismatch { wanted: "a number of 64 bits", found: v.to_string() }),
            other => Err(mismatch("a number", other)),
        }
    }
}

impl<'a> FromValue<'a> for Decimal {
    fn from_value(value: &'a Value) -> Result<Self, Mismatch> {
        match value {
            Value::Decimal(v) => Ok(Decimal::new(v.as_str())),
            Value::Int64(v) => Ok(Decimal::new(v.to_string())),
            other => Err(mismatch("a decimal", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_numbers_however_a_database_sends_them() {
        assert_eq!(i64::from_value(&Value::Int64(-4)), Ok(-4));
        assert_eq!(i64::from_value(&Value::Decimal("120.00".into())), Ok(120));
        assert_eq!(i64::from_value(&Value::Decimal("1.5".into())).unwrap_err().found, "1.5");
        assert_eq!(u64::from_value(&Value::Decimal("18446744073709551615".into())), Ok(u64::MAX));
        assert_eq!(u64::from_value(&Value::Decimal("7.0".into())), Ok(7));
        assert_eq!(u64::from_value(&Value::Decimal("-1".into())).unwrap_err().found, "-1");
        assert_eq!(
            u64::from_value(&Value::Decimal("18446744073709551616".into())).unwrap_err().found,
            "18446744073709551616"
        );
        assert_eq!(u64::from_value(&Value::Int64(-1)).unwrap_err().found, "-1");
        assert_eq!(u8::from_value(&Value::Int64(300)).unwrap_err().found, "300");
        assert_eq!(bool::from_value(&Value::Int64(1)), Ok(true));
        assert_eq!(f64::from_value(&Value::Int64(3)), Ok(3.0));
    }

    #[test]
    fn reads_from_texts_what_sqlite_has_no_type_for() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(Date::from_value(&text("2013-01-31")), Ok(Date(15_736)));
        assert_eq!(Timestamptz::from_value(&text("1970-01-01 00:00:01Z")), Ok(Timestamptz(1_000_000)));
        assert_eq!(Date::from_value(&text("soon")).unwrap_err().found, "the text `soon`");
    }

    #[test]
    fn tells_null_from_the_wrong_type() {
        assert_eq!(Option::<i64>::from_value(&Value::Null), Ok(None));
        assert_eq!(i64::from_value(&Value::Null).unwrap_err().found, "null");
        let text = Value::Text("a".into());
        assert_eq!(Option::<i64>::from_value(&text).unwrap_err().found, "text");
        assert_eq!(<&str>::from_value(&text), Ok("a"));
    }
}
