//! What a column of MySQL or MariaDB keeps of a value.

use runner_data::ColumnType;
use runner_database::dialect_sql::ColumnRules;

/// The columns of MySQL and MariaDB. Even a binary collation may take spaces at the end for nothing.
pub(super) struct Columns;

impl ColumnRules for Columns {
    fn by_bytes(&self, column: &str) -> String {
        format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY)")
    }

    fn keeps_order(&self, written: ColumnType, stored: ColumnType) -> Option<bool> {
        // MariaDB's own type orders a UUID by other bytes first.
        matches!((written, stored), (ColumnType::Uuid, ColumnType::Uuid)).then_some(false)
    }
}
