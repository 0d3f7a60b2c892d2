//! What a statement may have left behind that failed or was killed outside of a transaction, and that keeps it from being
//! run again.

use crate::data::Value;
use crate::database::{DatabaseError, HostSession, QueryLimits};
use crate::sql::concurrent_index;

/// An index of this name and table that was never finished, and that nobody builds now.
const INVALID: &str = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_index i \
     JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE NOT i.indisvalid AND c.relname::text = $1::text AND i.indrelid = pg_catalog.to_regclass($2::text) \
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid)";

/// Takes away what a try of the statement left behind that failed or was killed, and answers what that was. A `CREATE INDEX CONCURRENTLY` of
/// PostgreSQL that failed leaves an invalid index, which takes the name and slows writes; with `IF NOT EXISTS` it would even
/// pass for the real one. The host speaks, outside of a transaction.
pub async fn clear(database: &mut HostSession<'_>, statement: &str) -> Result<Option<String>, DatabaseError> {
    let dialect = database.facts().dialect;
    let Some(index) = concurrent_index(statement, dialect) else { return Ok(None) };
    let parameters = [index.name.as_str().into(), index.table.as_str().into()];
    let found = database.query(INVALID, &parameters, QueryLimits::NONE).await?;
    let Some(row) = found.rows.first() else { return Ok(None) };
    let [Some(schema), Some(name)] = [0, 1].map(|at| row.get(at).and_then(Value::as_text)) else { return Ok(None) };
    let name = format!("{}.{}", dialect.quote(schema), dialect.quote(name));
    database.execute(&format!("DROP INDEX CONCURRENTLY {name}"), &[]).await?;
    Ok(Some(format!("dropped the index {name}, which a try that failed left behind invalid")))
}
