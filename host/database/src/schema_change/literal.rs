//! Types and default values as a dialect spells them.

use super::{DataType, DefaultValue};
use runner_base::dialect::Dialect;
use runner_data::decimal::{float_text, same_number};
use runner_data::json::is_json;
use runner_data::{Value, temporal};

impl DataType {
    /// Returns the name that the contract uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Text => "text",
            Self::Varchar(_) => "varchar",
            Self::Bytes => "bytes",
            Self::Decimal { .. } => "decimal",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Json => "json",
        }
    }

    /// Returns the type's name in a statement.
    pub(super) fn spelled(self, dialect: Dialect) -> String {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        let name = match (self, dialect) {
            (Self::Varchar(length), _) => return format!("VARCHAR({length})"),
            (Self::Decimal { precision, scale }, Postgres) => return format!("NUMERIC({precision}, {scale})"),
            (Self::Decimal { precision, scale }, _) => return format!("DECIMAL({precision}, {scale})"),
            (Self::Boolean, _) => "BOOLEAN",
            (Self::Int32 | Self::Int64, Sqlite) => "INTEGER",
            (Self::Int32, _) => "INTEGER",
            (Self::Int64, _) => "BIGINT",
            (Self::Float64, Sqlite) => "REAL",
            (Self::Float64, Postgres) => "DOUBLE PRECISION",
            (Self::Float64, Mysql | Mariadb) => "DOUBLE",
            (Self::Text, Sqlite | Postgres) => "TEXT",
            (Self::Text, Mysql | Mariadb) => "LONGTEXT",
            (Self::Bytes, Sqlite) => "BLOB",
            (Self::Bytes, Postgres) => "BYTEA",
            (Self::Bytes, Mysql | Mariadb) => "LONGBLOB",
            // SQLite has none of these types; its writers store text.
            (Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz | Self::Uuid, Sqlite) => "TEXT",
            (Self::Date, _) => "DATE",
            (Self::Time, Postgres) => "TIME",
            (Self::Time, Mysql | Mariadb) => "TIME(6)",
            (Self::Timestamp, Postgres) => "TIMESTAMP",
            (Self::Timestamp, Mysql | Mariadb) => "DATETIME(6)",
            (Self::Timestamptz, Postgres) => "TIMESTAMPTZ",
            (Self::Timestamptz, Mysql | Mariadb) => "TIMESTAMP(6)",
            (Self::Uuid, Postgres | Mariadb) => "UUID",
            (Self::Uuid, Mysql) => "CHAR(36) CHARACTER SET ascii",
            (Self::Json, Postgres) => "JSONB",
            (Self::Json, Sqlite | Mysql | Mariadb) => "JSON",
        };
        name.to_owned()
    }

    /// Returns a value of this type as a statement spells it, or why there is none.
    pub(super) fn literal(self, value: &Value, dialect: Dialect) -> Result<String, String> {
        let spelled = match (self, value) {
            (_, Value::Null) => "NULL".to_owned(),
            (Self::Boolean, Value::Boolean(value)) if dialect == Dialect::Sqlite => u8::from(*value).to_string(),
            (Self::Boolean, Value::Boolean(value)) => value.to_string().to_uppercase(),
            (Self::Int32, Value::Int64(number)) => match i32::try_from(*number) {
                Ok(number) => number.to_string(),
                Err(_) => return Err(format!("is {number}, which is no `int32`")),
            },
            (Self::Int64 | Self::Decimal { .. }, Value::Int64(number)) => number.to_string(),
            (Self::Float64, Value::Float64(number)) if number.is_finite() => format!("{number:e}"),
            (Self::Float64, Value::Float64(_)) => return Err("is not a finite number".to_owned()),
            (Self::Decimal { precision, scale }, Value::Decimal(text)) => {
                let spelled = decimal(text, precision, scale)?;
                // There, a decimal is an integer or a float.
                match dialect == Dialect::Sqlite && !is_exact(&spelled) {
                    true => return Err("has more digits than SQLite keeps of a number, about 15".to_owned()),
                    false => spelled,
                }
            }
            (Self::Text | Self::Varchar(_), Value::Text(text)) => {
                if let Self::Varchar(most) = self
                    && text.chars().count() > most as usize
                {
                    return Err(format!("has more than {most} characters"));
                }
                dialect.text_literal(text)?
            }
            (Self::Json, Value::Json(text)) => {
                if !is_json(text.as_bytes()) {
                    return Err("is not JSON".to_owned());
                }
                dialect.text_literal(text)?
            }
            (Self::Bytes, Value::Bytes(bytes)) => match dialect {
                Dialect::Postgres => format!("E'\\\\x{}'", hex::encode(bytes)),
                _ => format!("X'{}'", hex::encode(bytes)),
            },
            // A TIMESTAMP of MySQL is given in the time zone of the session, which is UTC.
            (Self::Timestamptz, Value::Timestamptz(time)) if is_mysql(dialect) => {
                dialect.text_literal(&temporal::value_text(&Value::Timestamp(*time))?)?
            }
            (Self::Date, Value::Date(_))
            | (Self::Time, Value::Time(_))
            | (Self::Timestamp, Value::Timestamp(_))
            | (Self::Timestamptz, Value::Timestamptz(_))
            | (Self::Uuid, Value::Uuid(..)) => dialect.text_literal(&temporal::value_text(value)?)?,
            _ => return Err(format!("is not of its type `{}`", self.name())),
        };
        Ok(match (self, value) {
            // MySQL accepts only an expression here.
            (Self::Text, Value::Text(text)) | (Self::Json, Value::Json(text)) if is_mysql(dialect) => {
                format!("({})", as_expression(text, &spelled))
            }
            (Self::Bytes, Value::Bytes(_)) if is_mysql(dialect) => format!("({spelled})"),
            _ => spelled,
        })
    }

    /// Returns a default as a statement spells it.
    pub(super) fn default(self, default: &DefaultValue, dialect: Dialect) -> Result<String, String> {
        match (default, dialect) {
            (DefaultValue::Literal(value), _) => self.literal(value, dialect),
            // As its writers store an instant.
            (DefaultValue::CurrentTimestamp, Dialect::Sqlite) => {
                Ok("(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))".to_owned())
            }
            (DefaultValue::CurrentTimestamp, Dialect::Postgres) => Ok("CURRENT_TIMESTAMP".to_owned()),
            (DefaultValue::CurrentTimestamp, Dialect::Mysql | Dialect::Mariadb) => {
                Ok("CURRENT_TIMESTAMP(6)".to_owned())
            }
        }
    }
}

fn is_mysql(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Mysql | Dialect::Mariadb)
}

/// Whether a number of decimal digits is the same after SQLite has stored it: as an integer if it has no point, else as a float.
fn is_exact(text: &str) -> bool {
    let as_float = || text.parse().ok().and_then(float_text);
    text.parse::<i64>().is_ok() || as_float().is_some_and(|float| same_number(float.as_bytes(), text.as_bytes()))
}

/// Checks a decimal number: digits only, so that it is the same in every dialect.
fn decimal(text: &str, precision: u8, scale: u8) -> Result<String, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return Err("is not a decimal number such as `-12.50`".to_owned());
    }
    let (before, after) = (whole.trim_start_matches('0').len(), fraction.trim_end_matches('0').len());
    if after > usize::from(scale) || before > usize::from(precision - scale.min(precision)) {
        return Err(format!(
            "does not fit into a decimal of {precision} digits, {scale} of them after the decimal point"
        ));
    }
    Ok(text.to_owned())
}

/// Returns a text as an expression that the server can keep as its own text and parse again: MariaDB writes a literal with a character
/// set back without its escapes, so that a quote in it would end it, and what follows would run.
fn as_expression(text: &str, spelled: &str) -> String {
    match !text.is_ascii() || text.contains('\\') {
        true => format!("CONVERT(X'{}' USING utf8mb4)", hex::encode(text)),
        false => spelled.to_owned(),
    }
}
