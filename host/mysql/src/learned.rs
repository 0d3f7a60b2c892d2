//! What a connection knows about tables and types.

use std::collections::HashMap;

use sqlx::mysql::MySqlTypeInfo;

use super::types::ColumnKind;
use runner_database::TableName;

/// What is known without asking the server again.
#[derive(Default)]
pub(super) struct Learned {
    /// How many rows fill a batch, by table and selected columns.
    pub parts: HashMap<(TableName, String), usize>,
    /// What the columns of tables hold, for types that the wire does not identify.
    pub declared: HashMap<TableName, Vec<(String, ColumnKind)>>,
    /// The server's type for DECIMAL.
    pub decimal: Option<MySqlTypeInfo>,
}

impl Learned {
    /// Forgets everything about tables, because their definitions may have changed.
    pub fn forget_tables(&mut self) {
        self.declared.clear();
    }
}
