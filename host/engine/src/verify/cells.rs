//! Whether a cell contains what was written to it. Databases pad and rewrite values; what they would round is refused.

use runner_data::decimal::same_number;
use runner_data::{ColumnType, Value, order};

/// Whether a value of this type is read back exactly as written.
pub fn is_exact(column_type: ColumnType) -> bool {
    // Keys are found again by the same types.
    order::is_ordered(column_type)
}

/// Whether the value read is the value written, apart from changes of form by the database.
pub fn same(written: &Value, read: &Value) -> bool {
    if written == read {
        return true;
    }
    match (written, read) {
        (Value::Float64(left), Value::Float64(right)) => left == right || left.is_nan() && right.is_nan(),
        (Value::Decimal(left), Value::Decimal(right)) => same_number(left.as_bytes(), right.as_bytes()),
        // A CHAR is padded, and is read back with or without its blanks.
        (Value::Text(left), Value::Text(right)) => left.trim_end_matches(' ') == right.trim_end_matches(' '),
        (Value::Json(left), Value::Json(right)) => {
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            parse(left).zip(parse(right)).is_some_and(|(left, right)| same_json(&left, &right))
        }
        _ => false,
    }
}

/// Numbers may be spelled in another way.
fn same_json(left: &serde_json::Value, right: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (left, right) {
        (Number(left), Number(right)) => same_number(left.to_string().as_bytes(), right.to_string().as_bytes()),
        (Array(left), Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_json(left, right))
        }
        (Object(left), Object(right)) => {
            let is_there = |(name, left)| right.get(name).is_some_and(|right| same_json(left, right));
            left.len() == right.len() && left.iter().all(is_there)
        }
        _ => left == right,
    }
}

/// Whether a column of this declared type adds blanks to texts and changes nothing else of them.
pub fn is_padded(declared: &str) -> bool {
    let declared = declared.to_ascii_lowercase();
    let base = declared.split('(').next().unwrap_or_default().trim();
    matches!(base, "char" | "character" | "nchar" | "bpchar")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;
    use runner_drivers::facts;

    #[test]
    fn the_form_does_not_matter_and_the_value_does() {
        let text = |text: &str| Value::Text(text.to_owned());
        let decimal = |text: &str| Value::Decimal(text.to_owned());
        let json = |text: &str| Value::Json(text.to_owned());
        for (written, read, is_same) in [
            (Value::Int64(1), Value::Int64(1), true),
            (Value::Int64(1), Value::Int64(2), false),
            (Value::Float64(0.1), Value::Float64(0.1), true),
            (Value::Float64(f64::NAN), Value::Float64(-f64::NAN), true),
            (Value::Float64(0.0), Value::Float64(-0.0), true),
            (Value::Float64(1_234_567.89), Value::Float64(1_234_567.88), false),
            (decimal("1.5"), decimal("1.50"), true),
            (decimal("1.5"), decimal("1.51"), false),
            (Value::Timestamp(1_500_400), Value::Timestamp(1_500_000), false),
            (Value::Timestamp(1_500_000), Value::Timestamp(1_500_001), false),
            (text("a"), text("a  "), true),
            (text("a"), text(" a"), false),
            (json("{\"a\":1, \"b\":2}"), json("{\"b\": 2, \"a\": 1}"), true),
            (json("{\"a\":1}"), json("{\"a\":2}"), false),
            (json("{\"a\":[1e+16]}"), json("{\"a\": [10000000000000000]}"), true),
            (json("[1, 2]"), json("[1]"), false),
            (Value::Null, Value::Int64(0), false),
        ] {
            assert_eq!(same(&written, &read), is_same, "{written:?} {read:?}");
        }
    }

    #[test]
    fn some_columns_keep_another_form() {
        for (dialect, written, declared, otherwise) in [
            (Dialect::Mariadb, ColumnType::Text, "VARCHAR(200)", false),
            (Dialect::Postgres, ColumnType::Text, "character varying(10)", false),
            (Dialect::Postgres, ColumnType::Text, "", false),
            (Dialect::Postgres, ColumnType::Text, "character(10)", true),
            (Dialect::Mysql, ColumnType::Text, "char(10)", true),
            (Dialect::Sqlite, ColumnType::Text, "char(10)", false),
            (Dialect::Sqlite, ColumnType::Text, "numeric(10,2)", false),
            (Dialect::Postgres, ColumnType::Text, "numeric(10,2)", true),
            (Dialect::Postgres, ColumnType::Text, "jsonb", true),
            (Dialect::Mariadb, ColumnType::Decimal, "float", true),
            (Dialect::Mariadb, ColumnType::Decimal, "decimal(10,2)", false),
            (Dialect::Postgres, ColumnType::Int64, "char(5)", false),
            (Dialect::Sqlite, ColumnType::Int64, "char(5)", true),
            (Dialect::Sqlite, ColumnType::Boolean, "TEXT", true),
            (Dialect::Sqlite, ColumnType::Int64, "INTEGER", false),
            (Dialect::Sqlite, ColumnType::Int64, "", false),
        ] {
            assert_eq!(
                facts(dialect).sql.columns.keeps_another_form(written, &declared.to_ascii_lowercase()),
                otherwise,
                "{dialect:?} {written} {declared}"
            );
        }
        let padded = ["character(10)", "CHAR(3)", "bpchar", "varchar(3)", "char varying(3)", "text", "character set"];
        assert_eq!(padded.map(is_padded), [true, true, true, false, false, false, false]);
    }
}
