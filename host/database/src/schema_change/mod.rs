//! Changes of the schema as data: what a component asks for with the calls of `schema`. Here they are checked, compared with
//! grants, and written as one statement for a dialect. Pure.
//!
//! The statement is part of the digest of a call, by which journals and transcripts recognise it: the same change is written the
//! same way by every version.
//!
//! # Why so
//!
//! A component under grants may leave no trigger or default that runs with the rights of the application. So it
//! describes a change, and the host writes it: every name in quotes, every default a literal, no text of the component
//! anything else. One call is one statement, and so one step with one question after a crash; that is why indexes are
//! no part of a table. Names and definitions must do on every database (63 bytes, nothing that begins with `sqlite_`,
//! no `NOT NULL` column without a default on a table that may have rows). Each call needs `create`, `alter` or `drop`;
//! a reference needs `alter` of the other table, whose rows it keeps from being deleted. A column is not renamed to or
//! from a name that a grant lists, and a table not at all: grants are for names.
//!
//! On SQLite the statement runs in the role of the component. On PostgreSQL the gate runs it in the component's
//! transaction as its owner, with rights on what is new in the same message. On MariaDB and MySQL it commits, so the
//! host's session makes it, between the journal's intent and answer.
//!
//! Left out: whatever has an expression (checks, computed columns, partial indexes), which would be a second SQL to
//! design; types by name, text in a statement; another type or default of a column, for which SQLite has no statement;
//! names of constraints. Rejected: a statement of the component's that a parser accepts, since what got through on
//! servers got past text; `CREATE` for the login and another owner afterwards, since in between it can put a trigger
//! there.

mod check;
mod granted;
mod literal;
mod statement;
#[cfg(test)]
mod tests;

use super::{Renames, TableName};
use runner_data::Value;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// True or false.
    Boolean,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer.
    Int64,
    /// A 64-bit IEEE 754 number.
    Float64,
    /// Text of any length.
    Text,
    /// Text of at most that many characters.
    Varchar(u32),
    /// Bytes.
    Bytes,
    /// An exact decimal number.
    Decimal {
        /// The number of digits.
        precision: u8,
        /// The number of digits after the decimal point.
        scale: u8,
    },
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// A date and time without a time zone.
    Timestamp,
    /// An instant.
    Timestamptz,
    /// A UUID.
    Uuid,
    /// JSON.
    Json,
}

/// What a column contains where an insert does not say.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// This value.
    Literal(Value),
    /// The time of the insert.
    CurrentTimestamp,
}

/// A column of a new table, or one to add.
#[derive(Clone, Debug, PartialEq)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// What it contains by default.
    pub default: Option<DefaultValue>,
    /// Whether the database numbers the rows.
    pub identity: bool,
}

/// What happens to a row whose referenced row is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteAction {
    /// Deleting the referenced row is refused.
    Refuse,
    /// The row is deleted too.
    Cascade,
    /// The columns of the foreign key become NULL.
    SetNull,
}

/// A reference to the rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub references: TableName,
    /// Its columns.
    pub referenced: Vec<String>,
    /// What happens when a referenced row is deleted.
    pub on_delete: DeleteAction,
}

/// A new table.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTable {
    /// Its name.
    pub table: TableName,
    /// Its columns.
    pub columns: Vec<NewColumn>,
    /// The columns of the primary key; empty: it has none.
    pub primary_key: Vec<String>,
    /// Columns that identify a row in addition.
    pub unique: Vec<Vec<String>>,
    /// References to other tables, or to itself.
    pub foreign_keys: Vec<ForeignKey>,
}

/// A new index.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIndex {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: TableName,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// Whether no two rows may be equal in these columns.
    pub unique: bool,
}

/// A change of the schema. Each is one statement.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaChange {
    /// Creates a table.
    CreateTable(NewTable),
    /// Drops a table.
    DropTable(TableName),
    /// Gives a table another name.
    RenameTable {
        /// The table.
        table: TableName,
        /// Its new name.
        to: String,
    },
    /// Adds a column.
    AddColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: NewColumn,
    },
    /// Drops a column.
    DropColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// Gives a column another name.
    RenameColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Its new name.
        to: String,
    },
    /// Creates an index.
    CreateIndex(NewIndex),
    /// Drops an index.
    DropIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: String,
    },
}

impl SchemaChange {
    /// Returns the table that changes.
    pub fn table(&self) -> &TableName {
        match self {
            Self::CreateTable(NewTable { table, .. })
            | Self::DropTable(table)
            | Self::RenameTable { table, .. }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::CreateIndex(NewIndex { table, .. })
            | Self::DropIndex { table, .. } => table,
        }
    }

    /// Returns the columns that it creates.
    pub fn new_columns(&self) -> &[NewColumn] {
        match self {
            Self::CreateTable(new) => &new.columns,
            Self::AddColumn { column, .. } => std::slice::from_ref(column),
            _ => &[],
        }
    }

    /// Returns the same with a schema wherever none is named.
    #[must_use]
    pub fn in_schema(&self, schema: &str) -> Self {
        let mut change = self.clone();
        change.each_table(|table| {
            table.schema.get_or_insert_with(|| schema.to_owned());
        });
        change
    }

    /// Returns the change of the tables that a component means by these names.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        if let Self::CreateIndex(NewIndex { name: index, .. }) | Self::DropIndex { index, .. } = &mut self {
            *index = renames.index(std::mem::take(index));
        }
        self.each_table(|table| {
            let own = std::mem::replace(table, TableName::new(""));
            *table = renames.table(own);
        });
        self
    }

    fn each_table(&mut self, mut change: impl FnMut(&mut TableName)) {
        match self {
            Self::CreateTable(new) => {
                change(&mut new.table);
                new.foreign_keys.iter_mut().for_each(|key| change(&mut key.references));
            }
            Self::DropTable(table)
            | Self::RenameTable { table, .. }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::CreateIndex(NewIndex { table, .. })
            | Self::DropIndex { table, .. } => change(table),
        }
    }
}
