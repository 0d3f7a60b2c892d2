//! Changes of the schema that work on every database: tables, columns and indexes, described instead of written in SQL.
//!
//! The host writes the statement. A component under [grants] needs none for statements of its own, only `create`, `alter` or
//! `drop` for the table; and on PostgreSQL, where it has a login of its own, these calls are the only way to change one.
//!
//! ```no_run
//! use runner_guest::prelude::*;
//! use runner_guest::schema::{Column, DataType, Index, Table};
//!
//! Table::new("outbox")
//!     .column(Column::new("id", DataType::Int64).identity())
//!     .column(Column::new("topic", DataType::Varchar(200)).not_null())
//!     .column(Column::new("attempts", DataType::Int32).not_null().default(0))
//!     .column(Column::new("created_at", DataType::Timestamptz).not_null().default_current_timestamp())
//!     .primary_key(["id"])
//!     .create()?;
//! Index::new("outbox_topic", "outbox").columns(["topic"]).create()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! | | SQLite | PostgreSQL | MySQL, MariaDB |
//! | --- | --- | --- | --- |
//! | `Boolean` | BOOLEAN | BOOLEAN | BOOLEAN |
//! | `Int32`, `Int64` | INTEGER | INTEGER, BIGINT | INTEGER, BIGINT |
//! | `Float64` | REAL | DOUBLE PRECISION | DOUBLE |
//! | `Text` | TEXT | TEXT | LONGTEXT, which cannot be indexed |
//! | `Varchar(n)` | VARCHAR(n) | VARCHAR(n) | VARCHAR(n) |
//! | `Bytes` | BLOB | BYTEA | LONGBLOB |
//! | [`decimal`](DataType::decimal) | DECIMAL(p, s) | NUMERIC(p, s) | DECIMAL(p, s) |
//! | `Date`, `Time` | TEXT | DATE, TIME | DATE, TIME(6) |
//! | `Timestamp`, `Timestamptz` | TEXT | TIMESTAMP, TIMESTAMPTZ | DATETIME(6), TIMESTAMP(6) |
//! | `Uuid` | TEXT | UUID | CHAR(36); UUID on MariaDB |
//! | `Json` | JSON | JSONB | JSON |
//!
//! What only one database has, such as checks, views and partial indexes, is written with [`sql`](crate::sql). To change a table
//! of SQLite in ways that it has no statement for, there is [`sqlite`](crate::sqlite).
//!
//! [grants]: https://github.com/runner-migrations/runner/blob/main/docs/src/reference/configuration.md#grants

use crate::batches::TableName;
use crate::bindings::migration::runner::migration::schema;
use crate::error::from_host;
use crate::{Result, Value};

pub use schema::{
    ColumnDefinition as Column, DataType, DecimalSize, DefaultValue, DeleteAction, ForeignKey,
    IndexDefinition as Index, TableDefinition as Table,
};

/// Drops a table. It is an error if it does not exist, or if something depends on it.
pub fn drop_table(table: impl Into<TableName>) -> Result<()> {
    schema::drop_table(&table.into()).map_err(from_host)
}

/// Gives a table another name in the same schema. Denied to components under grants.
pub fn rename_table(table: impl Into<TableName>, to: impl AsRef<str>) -> Result<()> {
    schema::rename_table(&table.into(), to.as_ref()).map_err(from_host)
}

/// Adds a column. One that refuses NULL needs a default, for the rows that exist.
///
/// ```no_run
/// use runner_guest::schema::{self, Column, DataType};
///
/// schema::add_column("orders", Column::new("paid", DataType::Boolean).not_null().default(false))?;
/// # Ok::<(), runner_guest::Error>(())
/// ```
pub fn add_column(table: impl Into<TableName>, column: Column) -> Result<()> {
    schema::add_column(&table.into(), &column).map_err(from_host)
}

/// Drops a column and its values. It is an error if something depends on it.
pub fn drop_column(table: impl Into<TableName>, column: impl AsRef<str>) -> Result<()> {
    schema::drop_column(&table.into(), column.as_ref()).map_err(from_host)
}

/// Gives a column another name.
pub fn rename_column(table: impl Into<TableName>, column: impl AsRef<str>, to: impl AsRef<str>) -> Result<()> {
    schema::rename_column(&table.into(), column.as_ref(), to.as_ref()).map_err(from_host)
}

/// Drops an index of a table.
pub fn drop_index(table: impl Into<TableName>, index: impl AsRef<str>) -> Result<()> {
    schema::drop_index(&table.into(), index.as_ref()).map_err(from_host)
}

impl DataType {
    /// An exact decimal number with that many digits, `scale` of them after the decimal point.
    pub fn decimal(precision: u8, scale: u8) -> Self {
        Self::Decimal(DecimalSize { precision, scale })
    }
}

impl Column {
    /// A column that accepts NULL and has no default.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, not_null: false, default: None, identity: false }
    }

    /// Refuses NULL. The columns of a primary key do in any case.
    pub fn not_null(mut self) -> Self {
        self.not_null = true;
        self
    }

    /// What it contains where an insert does not say: a value of its type.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(DefaultValue::Literal(value.into()));
        self
    }

    /// The time of the insert where an insert does not say, for a `Timestamptz`.
    pub fn default_current_timestamp(mut self) -> Self {
        self.default = Some(DefaultValue::CurrentTimestamp);
        self
    }

    /// Lets the database number the rows: for an `Int64` that is the only column of the primary key.
    pub fn identity(mut self) -> Self {
        self.identity = true;
        self
    }
}

impl Table {
    /// A table without columns, to be built up.
    pub fn new(table: impl Into<TableName>) -> Self {
        Self {
            table: table.into(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        }
    }

    /// Adds a column.
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The columns of the primary key.
    pub fn primary_key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.primary_key = names(columns);
        self
    }

    /// Columns in which no two rows may be equal. May be repeated.
    pub fn unique<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.unique.push(names(columns));
        self
    }

    /// A reference to other rows. May be repeated.
    pub fn foreign_key(mut self, key: ForeignKey) -> Self {
        self.foreign_keys.push(key);
        self
    }

    /// Creates it. It is an error if a table of that name exists.
    pub fn create(&self) -> Result<()> {
        schema::create_table(self).map_err(from_host)
    }
}

impl ForeignKey {
    /// Columns that refer to the columns of a table. Deleting a row that is referred to is refused.
    pub fn new<S: Into<String>, R: Into<String>>(
        columns: impl IntoIterator<Item = S>,
        references: impl Into<TableName>,
        referenced: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            columns: names(columns),
            references: references.into(),
            referenced: names(referenced),
            on_delete: DeleteAction::Refuse,
        }
    }

    /// What happens when a row that is referred to is deleted.
    pub fn on_delete(mut self, action: DeleteAction) -> Self {
        self.on_delete = action;
        self
    }
}

impl Index {
    /// An index without columns, to be built up. It is in the schema of its table.
    pub fn new(name: impl Into<String>, table: impl Into<TableName>) -> Self {
        Self { name: name.into(), table: table.into(), columns: Vec::new(), unique: false }
    }

    /// Its columns, in order.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = names(columns);
        self
    }

    /// Lets no two rows be equal in its columns.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Creates it.
    pub fn create(&self) -> Result<()> {
        schema::create_index(self).map_err(from_host)
    }
}

fn names<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Vec<String> {
    columns.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_built_up() {
        let table = Table::new(TableName::in_schema("app", "orders"))
            .column(Column::new("id", DataType::Int64).identity())
            .column(Column::new("total", DataType::decimal(10, 2)).not_null().default(0))
            .column(Column::new("customer", DataType::Int64))
            .primary_key(["id"])
            .unique(["customer", "total"])
            .foreign_key(ForeignKey::new(["customer"], "customers", ["id"]).on_delete(DeleteAction::SetNull));
        assert_eq!(table.table, TableName { schema: Some("app".into()), name: "orders".into() });
        assert!(table.columns[0].identity && !table.columns[0].not_null && table.columns[1].not_null);
        assert_eq!(table.columns[1].default, Some(DefaultValue::Literal(Value::Int64(0))));
        assert_eq!(table.columns[1].data_type, DataType::Decimal(DecimalSize { precision: 10, scale: 2 }));
        assert_eq!((table.primary_key, table.unique), (vec!["id".to_owned()], vec![names(["customer", "total"])]));
        assert_eq!(table.foreign_keys[0].references, TableName::new("customers"));
        assert_eq!(table.foreign_keys[0].on_delete, DeleteAction::SetNull);
        let index = Index::new("orders_customer", "orders").columns(["customer"]).unique();
        assert!(index.unique && index.columns == ["customer"] && index.table == TableName::from("orders".to_owned()));
    }
}
