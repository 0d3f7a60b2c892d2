//! Runs the checks of a project and compares their results.

use super::report::Failure;
use runner_base::error::Error;
use runner_data::{RowSet, Value, decimal, temporal};
use runner_database::{Database, DatabaseError, QueryLimits, TransactionOptions};
use runner_project::fixtures::{Check, Csv};

/// Limits of a check's result. Whole tables are compared elsewhere.
const LIMITS: QueryLimits = QueryLimits { rows: 10_000, bytes: 8 << 20 };

/// Maximum number of differing rows to show.
const SHOWN: usize = 5;

/// Runs a check; `None` if it passes.
pub(super) async fn ask(database: &mut dyn Database, check: &Check) -> Option<Failure> {
    let file = &check.origin.file;
    let differs = match query(database, check).await {
        Err(error) => Failure::from(Error::from(error).at("check", file.clone())),
        Ok(found) => match check.expected_on(database.facts().dialect) {
            None if found.rows.is_empty() => return None,
            None => none_expected(&found),
            Some(expected) => differ(&found, expected)?,
        },
    };
    Some(differs.at(&format!("the check `{file}`")))
}

/// Runs in a transaction that is rolled back, so that a check changes nothing.
async fn query(database: &mut dyn Database, check: &Check) -> Result<RowSet, DatabaseError> {
    let session = &mut database.host();
    session.begin(TransactionOptions::default()).await?;
    let query = check.query.trim().trim_end_matches(';');
    let found = session.query(query, &[], LIMITS).await;
    session.rollback().await?;
    found
}

fn none_expected(found: &RowSet) -> Failure {
    let rows = if found.rows.len() == 1 { "1 row".to_owned() } else { format!("{} rows", found.rows.len()) };
    let mut details = vec![found.columns.join(" | ")];
    details.extend(found.rows.iter().take(SHOWN).map(|row| line(row)));
    Failure { message: format!("expected no rows, found {rows}"), details, hint: None }
}

fn differ(found: &RowSet, expected: &Csv) -> Option<Failure> {
    if found.columns != expected.columns {
        let details = vec![
            format!("expected: {}", expected.columns.join(" | ")),
            format!("found: {}", found.columns.join(" | ")),
        ];
        return Some(Failure { message: "the columns differ".to_owned(), details, hint: None });
    }
    let mut details = Vec::new();
    for at in 0..found.rows.len().max(expected.rows.len()) {
        let (now, wanted) = (found.rows.get(at), expected.rows.get(at));
        if now.zip(wanted).is_some_and(|(now, wanted)| same_row(now, wanted)) {
            continue;
        }
        if details.len() < 2 * SHOWN {
            let wanted = wanted
                .map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" | "));
            details.extend(wanted.map(|wanted| format!("row {}, expected: {wanted}", at + 1)));
            details.extend(now.map(|row| format!("row {}, found: {}", at + 1, line(row))));
        }
    }
    if details.is_empty() {
        return None;
    }
    let message = match (found.rows.len(), expected.rows.len()) {
        (now, wanted) if now != wanted => format!("the rows differ: {wanted} expected, {now} found"),
        _ => "the rows differ".to_owned(),
    };
    // The same rows in another order.
    let is_there = |wanted: &Vec<Option<String>>| found.rows.iter().any(|row| same_row(row, wanted));
    let unordered = found.rows.len() == expected.rows.len() && expected.rows.iter().all(is_there);
    let hint = unordered.then(|| "rows are compared in order; add an ORDER BY to the query".to_owned());
    Some(Failure { message, details, hint })
}

fn line(row: &[Value]) -> String {
    row.iter().map(|value| shown(value).unwrap_or_else(|| "NULL".to_owned())).collect::<Vec<_>>().join(" | ")
}

/// A value as in CSV; `None` for NULL.
fn shown(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(truth) => truth.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::Float64(number) => decimal::float_text(*number).unwrap_or_else(|| number.to_string()),
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) | Value::Native { text, .. } => text.clone(),
        Value::Bytes(bytes) => format!("\\x{}", hex::encode(bytes)),
        other => temporal::value_text(other).unwrap_or_default(),
    })
}

fn same_row(row: &[Value], wanted: &[Option<String>]) -> bool {
    row.iter().zip(wanted).all(|(value, cell)| same(value, cell.as_deref()))
}

/// Whether a value equals the cell, for types with several spellings.
fn same(value: &Value, cell: Option<&str>) -> bool {
    let (Some(text), Some(cell)) = (shown(value), cell) else { return *value == Value::Null && cell.is_none() };
    if text == cell {
        return true;
    }
    match value {
        Value::Boolean(truth) => matches!((truth, cell), (true, "t" | "1") | (false, "f" | "0")),
        Value::Float64(number) => cell.parse() == Ok(*number),
        Value::Decimal(_) => {
            decimal::is_decimal(cell.as_bytes()) && decimal::same_number(text.as_bytes(), cell.as_bytes())
        }
        Value::Timestamp(time) => temporal::parse_timestamp(cell.as_bytes()) == Some(*time),
        Value::Timestamptz(time) => temporal::parse_timestamptz(cell.as_bytes()) == Some(*time),
        Value::Time(time) => temporal::parse_time(cell.as_bytes()) == Some(*time),
        Value::Uuid(high, low) => temporal::parse_uuid(cell.as_bytes()) == Some((*high, *low)),
        Value::Json(_) => match (json(&text), json(cell)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        },
        _ => false,
    }
}

fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_several_spellings() {
        for (value, cell) in [
            (Value::Null, None),
            (Value::Text(String::new()), Some("")),
            (Value::Boolean(true), Some("true")),
            (Value::Boolean(false), Some("f")),
            (Value::Int64(-5), Some("-5")),
            (Value::Float64(1.0), Some("1")),
            (Value::Float64(0.1), Some("0.10")),
            (Value::Decimal("1.50".to_owned()), Some("1.5")),
            (Value::Timestamp(0), Some("1970-01-01T00:00:00")),
            (Value::Timestamptz(0), Some("1970-01-01 01:00:00+01:00")),
            (Value::Json("{\"a\": 1}".to_owned()), Some("{\"a\":1}")),
            (Value::Bytes(vec![0, 255]), Some("\\x00ff")),
        ] {
            assert!(same(&value, cell), "{value:?} {cell:?}");
        }
        for (value, cell) in [
            (Value::Null, Some("")),
            (Value::Text(String::new()), None),
            (Value::Text("1.0".to_owned()), Some("1")),
            (Value::Int64(1), Some("1.0")),
            (Value::Decimal("1.50".to_owned()), Some("x")),
            (Value::Boolean(true), Some("0")),
        ] {
            assert!(!same(&value, cell), "{value:?} {cell:?}");
        }
    }

    #[test]
    fn rows_are_compared_in_their_order() {
        let found = RowSet { columns: vec!["id".to_owned()], rows: vec![vec![Value::Int64(2)], vec![Value::Int64(1)]] };
        let expected = |text: &str| Csv::parse(text).expect("CSV");
        assert_eq!(differ(&found, &expected("id\n2\n1\n")), None);
        let failure = differ(&found, &expected("id\n1\n2\n")).expect("a failure");
        assert_eq!(failure.details[..2], ["row 1, expected: 1", "row 1, found: 2"]);
        assert!(failure.hint.is_some());
        let failure = differ(&found, &expected("id\n2\n")).expect("a failure");
        assert_eq!(failure.message, "the rows differ: 1 expected, 2 found");
        let failure = differ(&found, &expected("no\n2\n")).expect("a failure");
        assert_eq!(failure.message, "the columns differ");
        assert_eq!(none_expected(&found).message, "expected no rows, found 2 rows");
    }
}
