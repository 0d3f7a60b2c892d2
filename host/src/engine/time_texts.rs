//! Tells the texts that a column makes the current time from those that stay what they are: `at = 'now'` and `status = 'today'`.

use crate::data::Value;
use crate::database::{DatabaseError, Dialect, HostSession, QueryLimits};
use crate::sql::identifiers;
use crate::sql::time_texts::TimeText;

/// The columns of PostgreSQL with a date or a time: those of the tables with one of these names, a line each, or of all tables if there is
/// no name.
const TIMES: &str = "SELECT DISTINCT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
    WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
    AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'f']::pg_catalog.\"char\"[]) \
    AND n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog', 'information_schema', 'runner']::pg_catalog.name[]) \
    AND CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd' THEN t.typbasetype ELSE t.oid END OPERATOR(pg_catalog.=) \
        ANY (ARRAY['pg_catalog.date', 'pg_catalog.time', 'pg_catalog.timetz', 'pg_catalog.timestamp', \
        'pg_catalog.timestamptz']::pg_catalog.regtype[]::pg_catalog.oid[]) \
    AND ($1::pg_catalog.text OPERATOR(pg_catalog.=) '' OR c.relname::pg_catalog.text OPERATOR(pg_catalog.=) \
        ANY (pg_catalog.string_to_array($1::pg_catalog.text, pg_catalog.chr(10))))";

/// Adds those of the texts that are times in the tables that a statement names; without a statement, in any table. They are for a
/// warning, and one that cannot be given is no reason to fail: whatever is wrong, the statement itself meets it.
pub async fn add_times(
    calls: &mut Vec<String>,
    database: &mut HostSession<'_>,
    found: &[TimeText],
    statement: Option<&str>,
) {
    for text in times(database, found, statement).await.unwrap_or_default() {
        if !calls.contains(&text) {
            calls.push(text);
        }
    }
}

async fn times(
    database: &mut HostSession<'_>,
    found: &[TimeText],
    statement: Option<&str>,
) -> Result<Vec<String>, DatabaseError> {
    if found.is_empty() || database.facts().dialect != Dialect::Postgres {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = Vec::new();
    for name in statement.map(|statement| identifiers(statement, Dialect::Postgres)).unwrap_or_default() {
        // As written in quotes, and as the server folds it.
        names.extend([name.to_ascii_lowercase(), name]);
    }
    names.sort_unstable();
    names.dedup();
    let rows = database.query(TIMES, &[Value::Text(names.join("\n"))], QueryLimits::NONE).await?.rows;
    let columns: Vec<&str> = rows.iter().filter_map(|row| row.first().and_then(Value::as_text)).collect();
    let is_time = |it: &&TimeText| match &it.column {
        Some(column) => columns.contains(&column.as_str()),
        None => !columns.is_empty(),
    };
    Ok(found.iter().filter(is_time).map(|it| it.text.clone()).collect())
}
