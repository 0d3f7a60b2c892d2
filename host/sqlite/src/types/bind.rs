//! Scalars as parameters of a statement.

use serde::de::IgnoredAny;

use crate::raw::{Active, Cell, Failure};
use runner_data::decimal::is_decimal;
use runner_data::{Value, temporal};
use runner_database::message::excerpt;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Why binding failed: an error of SQLite, or our own.
pub(crate) enum BindError {
    Sqlite(Failure),
    Ours(DatabaseError),
}

impl From<Failure> for BindError {
    fn from(failure: Failure) -> Self {
        Self::Sqlite(failure)
    }
}

/// Binds the parameters of a statement in order.
pub(crate) fn bind_all(statement: &mut Active<'_>, parameters: &[Value]) -> Result<(), BindError> {
    let expected = statement.parameter_count();
    if parameters.len() != expected {
        return Err(BindError::Ours(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            wrong_count(expected, parameters.len()),
        )));
    }
    for (index, value) in parameters.iter().enumerate() {
        bind(statement, index + 1, value)?;
    }
    Ok(())
}

fn wrong_count(expected: usize, given: usize) -> String {
    let noun = if expected == 1 { "parameter" } else { "parameters" };
    let verb = if given == 1 { "was" } else { "were" };
    format!("the statement takes {expected} {noun}, but {given} {verb} given")
}

fn bind(statement: &mut Active<'_>, number: usize, value: &Value) -> Result<(), BindError> {
    let refuse = |what: String| {
        BindError::Ours(DatabaseError::new(DatabaseErrorKind::Conversion, format!("parameter {number}: {what}")))
    };
    let written = match value {
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Timestamptz(_) | Value::Uuid(..) => {
            temporal::value_text(value).map_err(refuse)?
        }
        _ => String::new(),
    };
    let cell = match value {
        Value::Null => Cell::Null,
        Value::Boolean(value) => Cell::Integer(i64::from(*value)),
        Value::Int64(value) => Cell::Integer(*value),
        Value::Float64(value) if value.is_nan() => {
            return Err(refuse("NaN, which SQLite would store as NULL".to_owned()));
        }
        Value::Float64(value) => Cell::Real(*value),
        Value::Decimal(text) if !is_decimal(text.as_bytes()) => {
            return Err(refuse(format!("{text:?} is not a decimal number")));
        }
        // Like the servers, which look at it themselves.
        Value::Json(text) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Cell::Text(text.as_bytes()),
            Err(error) => return Err(refuse(format!("{} is not JSON: {error}", excerpt(text.as_bytes())))),
        },
        Value::Text(text) | Value::Decimal(text) | Value::Native { text, .. } => Cell::Text(text.as_bytes()),
        Value::Bytes(bytes) => Cell::Blob(bytes),
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Timestamptz(_) | Value::Uuid(..) => {
            Cell::Text(written.as_bytes())
        }
    };
    Ok(statement.bind(number, cell)?)
}

#[cfg(test)]
mod tests {
    use super::wrong_count;

    #[test]
    fn one_is_singular() {
        for (expected, given, message) in [
            (1, 0, "the statement takes 1 parameter, but 0 were given"),
            (2, 1, "the statement takes 2 parameters, but 1 was given"),
            (0, 3, "the statement takes 0 parameters, but 3 were given"),
        ] {
            assert_eq!(wrong_count(expected, given), message);
        }
    }
}
