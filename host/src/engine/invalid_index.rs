//! Removes what a statement that failed or was killed outside a transaction may have left, and what would prevent it from
//! running again.

use crate::data::Value;
use crate::database::{DatabaseError, HostSession, QueryLimits};
use crate::sql::concurrent_index;

/// An unfinished index with this name and table that no session is building.
const INVALID: &str = "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_index i \
     JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
     WHERE NOT i.indisvalid AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text \
     AND i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($2::pg_catalog.text)::pg_catalog.oid \
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
     WHERE p.index_relid OPERATOR(pg_catalog.=) c.oid)";

/// Removes what a failed or killed attempt at the statement left, and describes it. On PostgreSQL, a failed `CREATE INDEX
/// CONCURRENTLY` leaves an invalid index, which occupies the name and slows down writes; with `IF NOT EXISTS` it would even
/// be taken for a valid one. Runs outside a transaction.
pub async fn clear(database: &mut HostSession<'_>, statement: &str) -> Result<Option<String>, DatabaseError> {
    let dialect = database.facts().dialect;
    let Some(index) = concurrent_index(statement, dialect) else { return Ok(None) };
    let parameters = [index.name.as_str().into(), index.table.as_str().into()];
    let found = database.query(INVALID, &parameters, QueryLimits::NONE).await?;
    let Some(row) = found.rows.first() else { return Ok(None) };
    let [Some(schema), Some(name)] = [0, 1].map(|at| row.get(at).and_then(Value::as_text)) else { return Ok(None) };
    let name = format!("{}.{}", dialect.quote(schema), dialect.quote(name));
    database.execute(&format!("DROP INDEX CONCURRENTLY {name}"), &[]).await?;
    Ok(Some(format!("dropped the invalid index {name}, which a failed attempt had left")))
}
