//! What a column of PostgreSQL keeps of a value.

use async_trait::async_trait;

use runner_data::{ColumnType, Value};
use runner_database::dialect_sql::ColumnRules;
use runner_database::{DatabaseError, Dialect, HostSession, QueryLimits, TableName};

/// A column that may take two texts for the same. Parameters: the table and the column.
const ANY_SPELLING: &str = "SELECT 1 FROM pg_catalog.pg_attribute a \
     LEFT JOIN pg_catalog.pg_collation c ON c.oid OPERATOR(pg_catalog.=) a.attcollation \
     WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid \
     AND a.attname OPERATOR(pg_catalog.=) $2::pg_catalog.text::pg_catalog.name \
     AND NOT (a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.text', 'pg_catalog.varchar']::pg_catalog.regtype[]::pg_catalog.oid[]) \
     AND coalesce(c.collisdeterministic, false))";

/// The columns of PostgreSQL.
pub(super) struct Columns;

#[async_trait]
impl ColumnRules for Columns {
    fn by_bytes(&self, column: &str) -> String {
        format!("{column}::pg_catalog.text COLLATE pg_catalog.\"C\"")
    }

    fn keeps_order(&self, written: ColumnType, _: ColumnType) -> Option<bool> {
        (written == ColumnType::Text).then_some(true)
    }

    async fn may_keep_spelling(
        &self,
        host: &mut HostSession<'_>,
        table: &TableName,
        columns: &[&str],
    ) -> Result<bool, DatabaseError> {
        let quoted = table.quoted(Dialect::Postgres);
        for name in columns {
            let parameters = [Value::from(quoted.as_str()), Value::from(*name)];
            if !host.query(ANY_SPELLING, &parameters, QueryLimits::NONE).await?.rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
