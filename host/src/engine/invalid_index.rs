//! Finds what a statement that failed or was killed outside a transaction may have left, and what would prevent it from
//! running again.

use crate::data::Value;
use crate::database::{DatabaseError, HostSession};
use crate::sql::concurrent_index;

/// The question for an unfinished index with this name and table, both spelled as texts, that no session is building.
fn invalid(name: &str, table: &str) -> String {
    format!(
        "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE NOT i.indisvalid AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) {name}::pg_catalog.text \
         AND i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table}::pg_catalog.text)::pg_catalog.oid \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
         WHERE p.index_relid OPERATOR(pg_catalog.=) c.oid)"
    )
}

/// Returns the name of what a failed or killed attempt at the statement left. On PostgreSQL, a failed `CREATE INDEX
/// CONCURRENTLY` leaves an invalid index, which occupies the name and slows down writes; with `IF NOT EXISTS` it would even
/// be taken for a valid one. Runs outside a transaction.
pub async fn find(database: &mut HostSession<'_>, statement: &str) -> Result<Option<String>, DatabaseError> {
    let dialect = database.facts().dialect;
    let Some(index) = concurrent_index(statement, dialect) else { return Ok(None) };
    // In one message, as nothing is prepared. What cannot be spelled does not exist.
    let spelled = [&index.name, &index.table].map(|text| dialect.text_literal(text));
    let [Ok(name), Ok(table)] = spelled else { return Ok(None) };
    let found = database.probe(&[invalid(&name, &table)]).await?.answers;
    let Some(row) = found.first().and_then(|rows| rows.first()) else { return Ok(None) };
    let [Some(schema), Some(name)] = [0, 1].map(|at| row.get(at).and_then(Value::as_text)) else { return Ok(None) };
    Ok(Some(format!("{}.{}", dialect.quote(schema), dialect.quote(name))))
}
