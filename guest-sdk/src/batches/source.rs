//! What to read.

use super::{ColumnRequest, TableName, TableSource};
use crate::{ColumnType, Value};

impl TableName {
    /// A table or a view in the connection's default schema. The name is unquoted, spelled as in the database.
    pub fn new(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// A table or a view in a schema (PostgreSQL), database (MySQL, MariaDB) or attached database (SQLite).
    pub fn in_schema(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }
}

impl From<&str> for TableName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for TableName {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// Built up from a table's name; everything else has a default.
///
/// ```
/// use runner_guest::prelude::*;
///
/// let source = TableSource::new("flights")
///     .columns(["carrier", "tailnum"])
///     .column_as("time_hour", ColumnType::Timestamptz)
///     .key(["id"])
///     .filter("tailnum IS NOT NULL AND year = ?", params![2013]);
/// assert_eq!(source.columns.len(), 3);
/// ```
impl TableSource {
    /// All rows of a table or view, all columns, in the order of the primary key.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: TableName::new(table),
            columns: Vec::new(),
            key: Vec::new(),
            filter: None,
            parameters: Vec::new(),
            descending: false,
        }
    }

    /// The schema (PostgreSQL), database (MySQL, MariaDB) or attached database (SQLite) that holds the table.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.table.schema = Some(schema.into());
        self
    }

    /// Columns to read, each in the type that the database's type maps to. Key columns that are not listed are delivered
    /// too, after the others.
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.columns.extend(names.into_iter().map(|name| ColumnRequest { name: name.into(), read_as: None }));
        self
    }

    /// A column to read in a given type. A cell that cannot be delivered in it without loss is an error.
    pub fn column_as(mut self, name: impl Into<String>, read_as: ColumnType) -> Self {
        self.columns.push(ColumnRequest { name: name.into(), read_as: Some(read_as) });
        self
    }

    /// The columns that identify a row and define the order; by default the primary key. Required for a view.
    pub fn key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.key.extend(columns.into_iter().map(Into::into));
        self
    }

    /// An SQL condition that selects the rows, with the values of its placeholders.
    pub fn filter(mut self, condition: impl Into<String>, parameters: impl Into<Vec<Value>>) -> Self {
        self.filter = Some(condition.into());
        self.parameters = parameters.into();
        self
    }

    /// From the greatest key to the least.
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }
}
