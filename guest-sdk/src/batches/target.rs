//! Where and how to write.

use super::{TableName, TableTarget, WriteMode};

impl TableTarget {
    /// Inserts every row; an existing key is an error.
    pub fn insert(table: impl Into<String>) -> Self {
        Self::new(table, WriteMode::Insert)
    }

    /// Changes the row with the key; an unknown key is an error.
    pub fn update(table: impl Into<String>) -> Self {
        Self::new(table, WriteMode::Update)
    }

    /// Changes the row with the key, or inserts it.
    pub fn upsert(table: impl Into<String>) -> Self {
        Self::new(table, WriteMode::Upsert)
    }

    /// Deletes the row with the key; an unknown key is an error.
    pub fn delete(table: impl Into<String>) -> Self {
        Self::new(table, WriteMode::Delete)
    }

    fn new(table: impl Into<String>, mode: WriteMode) -> Self {
        Self { table: TableName::new(table), mode, key: Vec::new() }
    }

    /// The schema (PostgreSQL), database (MySQL, MariaDB) or attached database (SQLite) that holds the table.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.table.schema = Some(schema.into());
        self
    }

    /// The columns that identify a row; by default the primary key. Not used by `insert`.
    pub fn key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.key.extend(columns.into_iter().map(Into::into));
        self
    }
}
