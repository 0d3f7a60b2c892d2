//! What a column of SQLite keeps of a value: its declared type is a preference.

use async_trait::async_trait;

use runner_data::{ColumnType, Value};
use runner_database::dialect_sql::ColumnRules;
use runner_database::{DatabaseError, Dialect, HostSession, QueryLimits, TableName};

/// The columns of SQLite.
pub(super) struct Columns;

#[async_trait]
impl ColumnRules for Columns {
    /// Each text that is accepted is kept as it is, and numbers as texts in a column of texts.
    fn keeps_another_form(&self, written: ColumnType, declared: &str) -> bool {
        let is_any = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        match written {
            ColumnType::Boolean | ColumnType::Int64 => !is_any(&["int"]) && is_any(&["char", "clob", "text"]),
            ColumnType::Decimal => is_any(&["float", "double", "real"]),
            _ => false,
        }
    }

    fn refuses_another_type(&self) -> bool {
        true
    }

    fn by_bytes(&self, column: &str) -> String {
        format!("{column} COLLATE BINARY")
    }

    fn keeps_order(&self, written: ColumnType, stored: ColumnType) -> Option<bool> {
        matches!((written, stored), (ColumnType::Date, ColumnType::Text)).then_some(true)
    }

    /// What none of the definitions names is binary.
    async fn may_keep_spelling(
        &self,
        host: &mut HostSession<'_>,
        table: &TableName,
        _: &[&str],
    ) -> Result<bool, DatabaseError> {
        let schema = Dialect::Sqlite.quote(table.schema.as_deref().unwrap_or("main"));
        let named = format!(
            "SELECT 1 FROM {schema}.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND sql LIKE '%collate%' LIMIT 1"
        );
        let found = host.query(&named, &[Value::from(table.name.as_str())], QueryLimits::NONE).await?;
        Ok(!found.rows.is_empty())
    }
}
