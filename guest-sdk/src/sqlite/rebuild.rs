//! The interface of a rebuild.

use super::connection::Host;
use super::edit::Edit;
use super::steps;
use crate::{Dialect, Result, context, ensure};

/// Starts the definition of a rebuild of a table of the main database; nothing happens before [`run`](TableRebuild::run).
pub fn rebuild_table(table: impl Into<String>) -> TableRebuild {
    TableRebuild { table: table.into(), ..TableRebuild::default() }
}

/// A table to be rebuilt.
///
/// There are two ways. One is to make single changes, such as [`set_not_null`](Self::set_not_null): everything else in the
/// table's definition is preserved exactly, with its checks, collations and generated columns; a change that cannot be made
/// safely is an error that asks for the other way. The other is to pass the whole [`definition`](Self::definition): columns
/// are then matched by name.
///
/// Renames come first, whatever the order of the calls: everything else uses the new names.
///
/// What it preserves, and how:
///
/// * Rows are copied in one statement, with their row ids. A column is only lost with
///   [`drop_column`](Self::drop_column), and a row never.
/// * Indexes are created again from their own text. So are the views and triggers that refer to the table, and those that
///   worked before are checked to still work.
/// * An AUTOINCREMENT sequence continues where it was.
/// * Rows of other tables that refer to this one stay as they are. This requires that the host does not enforce foreign
///   keys meanwhile: declare [`Need::TableRebuild`](crate::Need::TableRebuild) in the description. If foreign
///   keys are enforced and rows could be affected, the rebuild refuses to begin.
///
/// The statistics of ANALYZE are dropped with the old table. Leave the migration atomic, which is the default on SQLite: in
/// a stepwise one every statement commits by itself, and other connections see the table missing for a moment.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing happens before `run`"]
pub struct TableRebuild {
    pub(super) table: String,
    pub(super) renames: Vec<(String, String)>,
    pub(super) drops: Vec<String>,
    pub(super) edits: Vec<Edit>,
    pub(super) definition: Option<String>,
    pub(super) fills: Vec<(String, String)>,
}

impl TableRebuild {
    /// Renames a column and all references to it.
    pub fn rename_column(mut self, name: impl Into<String>, to: impl Into<String>) -> Self {
        self.renames.push((name.into(), to.into()));
        self
    }

    /// Drops a column with its own constraints. Anything else that uses it has to be dropped first: a table constraint, an
    /// index, a foreign key of another table.
    pub fn drop_column(mut self, name: impl Into<String>) -> Self {
        self.drops.push(name.into());
        self
    }

    /// Adds a column, defined as in CREATE TABLE: `"state TEXT NOT NULL DEFAULT 'new'"`.
    pub fn add_column(self, definition: impl Into<String>) -> Self {
        self.edit(Edit::AddColumn { definition: definition.into() })
    }

    /// Replaces a column's definition, with all its constraints, as in CREATE TABLE. It keeps its name and its position.
    pub fn replace_column(self, name: impl Into<String>, definition: impl Into<String>) -> Self {
        self.edit(Edit::ReplaceColumn { name: name.into(), definition: definition.into() })
    }

    /// Changes the declared type of a column, and with it how its values are converted as they are copied.
    pub fn set_type(self, name: impl Into<String>, data_type: impl Into<String>) -> Self {
        self.edit(Edit::SetType { name: name.into(), data_type: data_type.into() })
    }

    /// Forbids NULL in a column. If it contains NULLs, [`fill`](Self::fill) it too.
    pub fn set_not_null(self, name: impl Into<String>) -> Self {
        self.edit(Edit::SetNotNull { name: name.into() })
    }

    /// Allows NULL in a column.
    pub fn set_nullable(self, name: impl Into<String>) -> Self {
        self.edit(Edit::SetNullable { name: name.into() })
    }

    /// Sets the default of a column to an SQL expression, such as `'new'` or `CURRENT_TIMESTAMP`.
    pub fn set_default(self, name: impl Into<String>, expression: impl Into<String>) -> Self {
        self.edit(Edit::SetDefault { name: name.into(), expression: expression.into() })
    }

    /// Drops the default of a column.
    pub fn drop_default(self, name: impl Into<String>) -> Self {
        self.edit(Edit::DropDefault { name: name.into() })
    }

    /// Adds a constraint to the table, written as in CREATE TABLE: `"CONSTRAINT adult CHECK (age > 17)"`.
    pub fn add_constraint(self, constraint: impl Into<String>) -> Self {
        self.edit(Edit::AddConstraint { text: constraint.into() })
    }

    /// Drops the constraint with this name, of the table or of a column. For one without a name, use
    /// [`replace_column`](Self::replace_column) or [`definition`](Self::definition).
    pub fn drop_constraint(self, name: impl Into<String>) -> Self {
        self.edit(Edit::DropConstraint { name: name.into() })
    }

    /// Sets the whole new table, as a CREATE TABLE under the table's own name.
    ///
    /// ```no_run
    /// # use runner_guest::sqlite::rebuild_table;
    /// rebuild_table("prices")
    ///     .definition("CREATE TABLE prices (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL) STRICT")
    ///     .fill("cents", "CAST(round(price * 100) AS INTEGER)")
    ///     .drop_column("price")
    ///     .run()?;
    /// # Ok::<(), runner_guest::Error>(())
    /// ```
    pub fn definition(mut self, create_table: impl Into<String>) -> Self {
        self.definition = Some(create_table.into());
        self
    }

    /// Fills a column of the new table with an SQL expression over a row of the old one. Without it, the column gets the
    /// value of the old column with the same name, or its default.
    pub fn fill(mut self, name: impl Into<String>, expression: impl Into<String>) -> Self {
        self.fills.push((name.into(), expression.into()));
        self
    }

    /// Rebuilds the table. An error on other databases, where ALTER TABLE does what is needed.
    pub fn run(&self) -> Result<()> {
        ensure!(context::dialect() == Dialect::Sqlite, "table `{}` can only be rebuilt on SQLite", self.table);
        steps::run(self, &Host)
    }

    fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }
}
