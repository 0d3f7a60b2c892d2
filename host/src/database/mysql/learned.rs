//! What a connection has learned of tables and types.

use std::collections::HashMap;

use sqlx::mysql::MySqlTypeInfo;

use super::types::ColumnKind;
use crate::database::TableName;

/// What is known without asking the server again.
#[derive(Default)]
pub(super) struct Learned {
    /// For a table and the columns that are read of it, how many rows fill a batch.
    pub parts: HashMap<(TableName, String), usize>,
    /// What the columns of tables hold, for types that the wire does not tell.
    pub declared: HashMap<TableName, Vec<(String, ColumnKind)>>,
    /// What the server calls a DECIMAL.
    pub decimal: Option<MySqlTypeInfo>,
}

impl Learned {
    /// Forgets what was learned of tables, which may have changed since.
    pub fn forget_tables(&mut self) {
        self.declared.clear();
    }
}
