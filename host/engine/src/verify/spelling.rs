//! Keys that rows keep in another spelling than they were written in: a collation may take `Alice` and `alice` for the same.

use super::Verifier;
use crate::transcript::{ChunkRecord, TransformRecord};
use runner_data::{ColumnType, Value};
use runner_database::{DatabaseError, Dialect, QueryLimits, WriteMode};

/// What a digest cannot distinguish from a difference, if a target may keep keys. Another chunk that matches does not
/// rule it out.
pub(super) const OTHER_SPELLING: &str = "or keeps keys in another spelling, which its collation takes for the same";

/// PostgreSQL: a column that may take two texts for the same. Parameters: the table and the column.
const ANY_SPELLING: &str = "SELECT 1 FROM pg_catalog.pg_attribute a \
     LEFT JOIN pg_catalog.pg_collation c ON c.oid OPERATOR(pg_catalog.=) a.attcollation \
     WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid \
     AND a.attname OPERATOR(pg_catalog.=) $2::pg_catalog.text::pg_catalog.name \
     AND NOT (a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.text', 'pg_catalog.varchar']::pg_catalog.regtype[]::pg_catalog.oid[]) \
     AND coalesce(c.collisdeterministic, false))";

/// The types of the target's key, as it was written.
pub(super) fn key_types<'a>(
    transform: &'a TransformRecord,
    chunk: &'a ChunkRecord,
) -> impl Iterator<Item = (&'a str, ColumnType)> {
    let of_key = chunk.columns.iter().filter(|(name, _)| transform.target.key.contains(name));
    of_key.map(|(name, column_type)| (name.as_str(), *column_type))
}

impl Verifier {
    /// Whether the rows written may keep a key that they had before.
    pub(super) async fn keeps_spelling<'a>(
        &self,
        transform: &TransformRecord,
        key: impl Iterator<Item = (&'a str, ColumnType)>,
    ) -> Result<bool, DatabaseError> {
        let target = &transform.target;
        let is_elsewhere = match target.mode {
            WriteMode::Upsert => true,
            WriteMode::Update => target.table != transform.source.table,
            WriteMode::Insert | WriteMode::Delete => false,
        };
        let texts: Vec<&str> = key.filter(|(_, written)| *written == ColumnType::Text).map(|(name, _)| name).collect();
        if !is_elsewhere || texts.is_empty() {
            return Ok(false);
        }
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        match database.facts().dialect {
            // Even a binary collation may take spaces at the end for nothing.
            Dialect::Mysql | Dialect::Mariadb => Ok(true),
            Dialect::Postgres => {
                let table = target.table.quoted(Dialect::Postgres);
                for name in texts {
                    let parameters = [Value::Text(table.clone()), Value::Text(name.to_owned())];
                    if !database.query(ANY_SPELLING, &parameters, QueryLimits::NONE).await?.rows.is_empty() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            // What none of the definitions names is binary.
            Dialect::Sqlite => {
                let schema = Dialect::Sqlite.quote(target.table.schema.as_deref().unwrap_or("main"));
                let named = format!(
                    "SELECT 1 FROM {schema}.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND sql LIKE '%collate%' LIMIT 1"
                );
                let found = database.query(&named, &[target.table.name.as_str().into()], QueryLimits::NONE).await?;
                Ok(!found.rows.is_empty())
            }
        }
    }
}
