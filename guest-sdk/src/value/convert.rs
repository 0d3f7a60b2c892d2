//! Conversion from Rust types to [`Value`].

use std::borrow::Cow;

use super::{Date, Decimal, Json, NativeValue, Time, Timestamp, Timestamptz, Uuid, Value};
use crate::{Error, ErrorKind};

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)+) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })+
    };
}

from! {
    bool => |v| Self::Boolean(v);
    i8 => |v| Self::Int64(v.into());
    i16 => |v| Self::Int64(v.into());
    i32 => |v| Self::Int64(v.into());
    i64 => |v| Self::Int64(v);
    u8 => |v| Self::Int64(v.into());
    u16 => |v| Self::Int64(v.into());
    u32 => |v| Self::Int64(v.into());
    f32 => |v| Self::Float64(v.into());
    f64 => |v| Self::Float64(v);
    &str => |v| Self::Text(v.to_owned());
    &String => |v| Self::Text(v.clone());
    String => |v| Self::Text(v);
    Cow<'_, str> => |v| Self::Text(v.into_owned());
    char => |v| Self::Text(v.to_string());
    &[u8] => |v| Self::Bytes(v.to_vec());
    &Vec<u8> => |v| Self::Bytes(v.clone());
    Vec<u8> => |v| Self::Bytes(v);
    Decimal => |v| Self::Decimal(v.into());
    Date => |v| Self::Date(v.0);
    Time => |v| Self::Time(v.0);
    Timestamp => |v| Self::Timestamp(v.0);
    Timestamptz => |v| Self::Timestamptz(v.0);
    Uuid => |v| Self::Uuid(v.into_halves());
    Json => |v| Self::Json(v.into());
    NativeValue => |v| Self::Native(v);
    &Value => |v| v.clone();
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! try_from {
    ($($from:ty),+) => {
        $(impl TryFrom<$from> for Value {
            type Error = Error;

            fn try_from(value: $from) -> Result<Self, Error> {
                i64::try_from(value).map(Self::Int64).map_err(|_| {
                    Error::with_kind(ErrorKind::Conversion, format!("{value} does not fit a signed 64-bit integer"))
                })
            }
        })+
    };
}

try_from!(u64, i128, u128, usize, isize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn takes_what_people_write() {
        let none: Option<&str> = None;
        let values = params![1, 2_u8, 1.5, "a", String::from("b"), b"xy", Some(true), none, Date(3), Value::Null];
        assert_eq!(values[0], Value::Int64(1));
        assert_eq!(values[5], Value::Bytes(b"xy".to_vec()));
        assert_eq!(values[6], Value::Boolean(true));
        assert_eq!(values[7], Value::Null);
        assert_eq!(values[8], Value::Date(3));
        assert_eq!(params![].len(), 0);
    }

    #[test]
    fn refuses_numbers_that_do_not_fit() {
        assert_eq!(Value::try_from(7_u64).unwrap(), Value::Int64(7));
        let error = Value::try_from(u64::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conversion);
        assert_eq!(error.message(), "18446744073709551615 does not fit a signed 64-bit integer");
    }
}
