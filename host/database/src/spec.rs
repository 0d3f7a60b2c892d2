//! Tables, and requests to read from and write to them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BatchLimits, DatabaseError, Dialect};
use runner_base::suggest::did_you_mean;
use runner_data::{ColumnType, Value};

/// The name of a table or view, unquoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema, database or attached database.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl TableName {
    /// Creates a name without a schema.
    pub fn new(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// Returns the name quoted for a statement.
    pub fn quoted(&self, dialect: Dialect) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", dialect.quote(schema), dialect.quote(&self.name)),
            None => dialect.quote(&self.name),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// Rows to read in key order; see `wit/batches.wit`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableSource {
    /// The table or view.
    pub table: TableName,
    /// Columns and the types to deliver them in; empty means all columns.
    pub columns: Vec<(String, Option<ColumnType>)>,
    /// The columns of the key; empty means the primary key.
    pub key: Vec<String>,
    /// A condition that selects rows.
    pub filter: Option<String>,
    /// The values of the condition's placeholders.
    pub parameters: Vec<Value>,
    /// Whether to read from the greatest key to the least.
    pub descending: bool,
}

impl TableSource {
    /// Returns a source that covers a whole table, in primary-key order.
    pub fn all_of(table: TableName) -> Self {
        Self { table, columns: Vec::new(), key: Vec::new(), filter: None, parameters: Vec::new(), descending: false }
    }
}

/// A page of a table: rows in key order, read as one batch.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The table.
    pub table: TableName,
    /// The columns that identify a row, for messages about a cell.
    pub key: Vec<String>,
    /// A SELECT over the table in the order of the key, without a limit.
    pub select: String,
    /// The values of the statement's placeholders.
    pub parameters: Vec<Value>,
    /// The type of each column; for `None`, and for columns past the end, the database's own type.
    pub types: Vec<Option<ColumnType>>,
    /// Whether other transactions must be kept from changing the rows until this one ends.
    pub locks_rows: bool,
    /// Bounds on the batch; `rows` is the length of the page.
    pub limits: BatchLimits,
}

impl PageRequest {
    /// Returns the statement that reads the page, without a locking clause.
    pub fn statement(&self) -> String {
        format!("{} LIMIT {}", self.select, self.limits.rows)
    }

    /// Returns the column of the key that a column of the page repeats.
    pub fn repeated_key(&self, column: &str) -> Option<&str> {
        let at = (0..self.key.len()).find(|at| column == repeated_key_name(*at))?;
        self.key.get(at).map(String::as_str)
    }
}

/// Returns the name under which a page has a column of its key once more: as it is stored, while the column itself is converted.
pub fn repeated_key_name(at: usize) -> String {
    format!("runner_key_{at}")
}

/// What a writer does with a row. Stored by position: append further cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteMode {
    /// Inserts.
    Insert,
    /// Updates by key.
    Update,
    /// Updates by key, or inserts.
    Upsert,
    /// Deletes by key.
    Delete,
}

impl fmt::Display for WriteMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        })
    }
}

/// Rows to write; see `wit/batches.wit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableTarget {
    /// The table.
    pub table: TableName,
    /// What to do with each row.
    pub mode: WriteMode,
    /// The columns of the key; empty means the primary key.
    pub key: Vec<String>,
}

impl TableTarget {
    /// Whether writing to the table that is read changes no row that is still to be read: rows are updated or deleted by a key that
    /// was read, and keep their places in the order. Names are as the database has them.
    pub fn changes_only_what_was_read(&self, source: &TableSource) -> bool {
        let columns = &source.columns;
        let is_read = |name: &String| {
            columns.is_empty() || source.key.contains(name) || columns.iter().any(|(column, _)| column == name)
        };
        matches!(self.mode, WriteMode::Update | WriteMode::Delete)
            && !self.key.is_empty()
            && self.key.iter().all(is_read)
            && source.key.iter().all(|name| self.key.contains(name))
    }
}

/// A column as the database declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// The declared type; empty if there is none.
    pub declared_type: String,
    /// PostgreSQL: the type underlying the declared one, if that is a domain.
    pub base_type: Option<String>,
    /// Whether no row has NULL in the column: it rejects NULL, and did so for all rows that there are.
    pub not_null: bool,
    /// Whether the value is computed and cannot be written.
    pub generated: bool,
}

/// Names of SQLite's row id, unless a column has the same name.
pub const ROWID: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// A table or view as the database declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: TableName,
    /// Its columns in order.
    pub columns: Vec<ColumnInfo>,
    /// The columns of the primary key, in key order: `rowid` for a SQLite table without one, empty for a view.
    pub key: Vec<String>,
    /// Whether it is a view.
    pub is_view: bool,
    /// PostgreSQL: other tables inherit from it. Their rows are read and written with its own, and its key does not bind them.
    pub has_heirs: bool,
    /// SQLite: whether the key's only column is the row id itself.
    pub key_is_rowid: bool,
    /// SQLite: the name of the row id, if the table has row ids. Whatever its key, such a table can also be read and
    /// written by row id, which is its storage order.
    pub rowid: Option<String>,
}

impl TableInfo {
    /// Returns the name of a column or of the row id as the table spells it.
    pub fn name_of(&self, name: &str) -> Option<&str> {
        let rowid = self.rowid.as_deref().filter(|_| ROWID.iter().any(|alias| alias.eq_ignore_ascii_case(name)));
        self.column(name).map(|column| column.name.as_str()).or(rowid)
    }

    /// Returns whether the name means the row id.
    pub fn is_rowid(&self, name: &str) -> bool {
        self.rowid.as_deref() == Some(name) || self.key_is_rowid && self.key.iter().any(|key| key == name)
    }

    /// Returns whether these columns identify a row: no two rows without NULLs in them are equal in all of them.
    pub fn identifies(&self, columns: &[String]) -> bool {
        let by_rowid = matches!(columns, [only] if self.is_rowid(only));
        !self.is_view && !self.has_heirs && (by_rowid || columns == self.key)
    }

    /// Returns the column of that name, or the only one whose name differs just in case.
    pub fn column(&self, name: &str) -> Option<&ColumnInfo> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            let mut alike = self.columns.iter().filter(|column| column.name.eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none())
        })
    }

    /// Returns the name of a column or of the row id as the table spells it; the error suggests a name.
    pub fn known_column(&self, name: &str) -> Result<String, DatabaseError> {
        if let Some(known) = self.name_of(name) {
            return Ok(known.to_owned());
        }
        let names = self.columns.iter().map(|column| column.name.as_str());
        Err(guess(DatabaseError::invalid(format!("`{}` has no column `{name}`", self.name)), name, names))
    }

    /// Returns the columns by which a writer finds rows, as the table spells them; empty for inserts.
    pub fn write_key(&self, target: &TableTarget) -> Result<Vec<String>, DatabaseError> {
        if target.mode == WriteMode::Insert {
            return Ok(Vec::new());
        }
        let asked = if target.key.is_empty() { &self.key } else { &target.key };
        if asked.is_empty() {
            return Err(DatabaseError::invalid(format!(
                "`{}` has no primary key by which rows could be found",
                target.table
            ))
            .hint("name the columns that identify a row as the key"));
        }
        asked.iter().map(|column| self.known_column(column)).collect()
    }
}

/// Adds the existing name that was probably meant to an error about an unknown name.
pub fn guess<'a>(error: DatabaseError, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> DatabaseError {
    match did_you_mean(wrong, known) {
        Some(meant) => error.hint(format!("there is one called `{meant}`")),
        None => error,
    }
}
