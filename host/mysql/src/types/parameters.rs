//! Values as parameters of prepared statements.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySqlArguments, MySqlTypeInfo};
use sqlx::{Arguments, Encode, MySql, Type};

use crate::error::Result;
use runner_data::decimal::is_decimal;
use runner_data::{Value, temporal};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Parameters for one statement. `decimal` is the server's type for DECIMAL; without it, a decimal is sent as text.
pub(crate) fn arguments(values: &[Value], decimal: Option<&MySqlTypeInfo>) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for (index, value) in values.iter().enumerate() {
        add(&mut arguments, value, decimal).map_err(|what| {
            DatabaseError::new(DatabaseErrorKind::Conversion, format!("parameter {}: {what}", index + 1))
        })?;
    }
    Ok(arguments)
}

/// Whether any of the values needs to be sent as a DECIMAL.
pub(crate) fn has_decimal(values: &[Value]) -> bool {
    values.iter().any(|value| matches!(value, Value::Decimal(text) if integer(text).is_none()))
}

fn add(arguments: &mut MySqlArguments, value: &Value, decimal: Option<&MySqlTypeInfo>) -> Result<(), String> {
    let added = match value {
        Value::Null => arguments.add(None::<String>),
        Value::Boolean(value) => arguments.add(i64::from(*value)),
        Value::Int64(number) => arguments.add(*number),
        Value::Float64(number) if number.is_finite() => arguments.add(*number),
        Value::Float64(number) => return Err(format!("MySQL and MariaDB have no {number}")),
        Value::Text(text) | Value::Json(text) | Value::Native { text, .. } => arguments.add(text.as_str()),
        Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
        Value::Decimal(text) => match (integer(text), decimal) {
            // Sent as a number of its own type: the server would compare text with a numeric column as floats.
            (Some(Integer::Signed(number)), _) => arguments.add(number),
            (Some(Integer::Unsigned(number)), _) => arguments.add(number),
            (None, _) if !is_decimal(text.as_bytes()) => return Err(format!("`{text}` is no decimal number")),
            (None, Some(info)) => arguments.add(DecimalParameter { text, info }),
            (None, None) => arguments.add(text.as_str()),
        },
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Uuid(..) => {
            arguments.add(temporal::value_text(value)?)
        }
        // The session's time zone is UTC, and MySQL before 8.0.19 does not accept a zone after a time.
        Value::Timestamptz(instant) => arguments.add(temporal::value_text(&Value::Timestamp(*instant))?),
    };
    added.map_err(|error| error.to_string())
}

enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// The integer, if the decimal is a whole number that fits a type of the protocol.
fn integer(text: &str) -> Option<Integer> {
    text.parse().map(Integer::Signed).or_else(|_| text.parse().map(Integer::Unsigned)).ok()
}

/// A decimal with the server's own type; sqlx supports it only together with a decimal crate.
struct DecimalParameter<'a> {
    text: &'a str,
    info: &'a MySqlTypeInfo,
}

impl Type<MySql> for DecimalParameter<'_> {
    fn type_info() -> MySqlTypeInfo {
        <str as Type<MySql>>::type_info()
    }
}

impl Encode<'_, MySql> for DecimalParameter<'_> {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        Encode::<MySql>::encode_by_ref(&self.text, buffer)
    }

    fn produces(&self) -> Option<MySqlTypeInfo> {
        Some(self.info.clone())
    }
}
