//! Changes to the tool's own tables, as statements.

use crate::error::Result;
use crate::host_sql::{bytes, literal};
use crate::verdict::Verdict;
use runner_database::change::Literals;
use runner_database::{ChangedRows, Dialect, Facts, ToolChange};

/// The values of the host in a text.
pub(crate) const LITERALS: Literals = Literals { dialect: Dialect::Postgres, text: literal, bytes };

/// The changes as one text, each followed by `; `.
pub(crate) fn text_of(changes: &[ToolChange], facts: &Facts) -> Result<String> {
    changes.iter().try_fold(String::new(), |text, change| {
        let statement = change.spelled(facts, &LITERALS)?;
        // An INSERT of values adds its row or fails.
        Ok(match change.rows() == ChangedRows::One && !change.inserts_values() {
            true => text + &one_row(&statement, Verdict::Rows),
            false => format!("{text}{statement}; "),
        })
    })
}

/// A change that fails with this answer unless it changes exactly one row.
pub(crate) fn one_row(statement: &str, answer: Verdict) -> String {
    let counted = answer.unless("pg_catalog.count(*) OPERATOR(pg_catalog.=) 1", &[]);
    format!("WITH changed AS ({statement} RETURNING 1) {counted} FROM changed; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_data::Value;

    #[test]
    fn a_row_that_a_select_does_not_find_is_an_error() {
        let facts = Facts::of_dialect(Dialect::Postgres);
        for (statement, is_counted) in [
            ("INSERT INTO t VALUES (?1)", false),
            ("INSERT INTO t SELECT a, ?1 FROM u WHERE b", true),
            ("UPDATE t SET a = ?1", true),
        ] {
            let text =
                text_of(&[ToolChange::of_one_row(statement, [Value::from("x SELECT y")])], &facts).expect("a text");
            assert_eq!(text.starts_with("WITH changed AS "), is_counted, "{text}");
        }
    }

    #[test]
    fn values_are_spelled_so_that_they_cannot_end_early() {
        let values = [Value::Text("it's \\".to_owned()), Value::Int64(-1), Value::Bytes(vec![0, 39]), Value::Null];
        let text = LITERALS.fill("UPDATE t SET a = $1, b = 1 -$2, c = $3, d = $4, e = '$1'", &values).expect("a text");
        assert_eq!(
            text,
            "UPDATE t SET a = pg_catalog.convert_from(pg_catalog.decode('69742773205c', 'hex'), \
             'UTF8'::pg_catalog.text::pg_catalog.name), b = 1 -(-1), c = pg_catalog.decode('0027', 'hex'), d = NULL, e = '$1'"
        );
        assert!(LITERALS.fill("SELECT $2", &values[..1]).is_err());
        assert!(LITERALS.fill("SELECT 1; SELECT 2", &[]).is_err());
    }
}
