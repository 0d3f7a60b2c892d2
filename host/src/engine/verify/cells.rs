//! Whether a cell contains what was written to it. Databases round, pad and rewrite values.

use crate::data::decimal::same_number;
use crate::data::{ColumnType, Value, order};

/// The precisions, in microseconds, to which columns may round times.
const ROUNDED_TO: [i64; 2] = [1_000, 1_000_000];

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
        (Value::Float64(left), Value::Float64(right)) => (*left as f32).to_bits() == (*right as f32).to_bits(),
        (Value::Decimal(left), Value::Decimal(right)) => same_number(left.as_bytes(), right.as_bytes()),
        (Value::Time(left), Value::Time(right))
        | (Value::Timestamp(left), Value::Timestamp(right))
        | (Value::Timestamptz(left), Value::Timestamptz(right)) => {
            // Rounded or truncated.
            ROUNDED_TO.iter().any(|unit| right % unit == 0 && (left - right).abs() < *unit)
        }
        // A CHAR is padded, and is read back with or without its blanks.
        (Value::Text(left), Value::Text(right)) => left.trim_end_matches(' ') == right.trim_end_matches(' '),
        (Value::Json(left), Value::Json(right)) => {
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            parse(left).is_some_and(|left| Some(left) == parse(right))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_does_not_matter_and_the_value_does() {
        let text = |text: &str| Value::Text(text.to_owned());
        let decimal = |text: &str| Value::Decimal(text.to_owned());
        let json = |text: &str| Value::Json(text.to_owned());
        for (written, read, is_same) in [
            (Value::Int64(1), Value::Int64(1), true),
            (Value::Int64(1), Value::Int64(2), false),
            (Value::Float64(0.1), Value::Float64(f64::from(0.1_f32)), true),
            (Value::Float64(0.1), Value::Float64(0.2), false),
            (decimal("1.5"), decimal("1.50"), true),
            (decimal("1.5"), decimal("1.51"), false),
            (Value::Timestamp(1_500_000), Value::Timestamp(2_000_000), true),
            (Value::Timestamp(1_500_400), Value::Timestamp(1_500_000), true),
            (Value::Timestamp(1_500_000), Value::Timestamp(3_000_000), false),
            (Value::Timestamp(1_500_000), Value::Timestamp(1_500_001), false),
            (text("a"), text("a  "), true),
            (text("a"), text(" a"), false),
            (json("{\"a\":1, \"b\":2}"), json("{\"b\": 2, \"a\": 1}"), true),
            (json("{\"a\":1}"), json("{\"a\":2}"), false),
            (Value::Null, Value::Int64(0), false),
        ] {
            assert_eq!(same(&written, &read), is_same, "{written:?} {read:?}");
        }
    }
}
