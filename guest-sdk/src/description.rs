//! A migration's description, built step by step.

use crate::Dialect;
use crate::bindings::migration::runner::migration::batches::TableName;
pub use crate::bindings::migration::runner::migration::description_types::{
    Description, Limit, LimitNeed, Mode, Need, TableNeed, TableVerb,
};

/// Starts from a summary; everything else has a default.
///
/// ```
/// use runner_guest::prelude::*;
///
/// let description = Description::new("store departure times in UTC")
///     .depends_on("20260105093000")
///     .stepwise()
///     .dialects([Dialect::Sqlite, Dialect::Postgres])
///     .needs(Need::read("flights"))
///     .needs(Need::read("airports").columns(["code", "zone"]))
///     .needs(Need::update("flights").columns(["departed_at"]))
///     .needs(Need::RawSql);
/// assert_eq!(description.mode, Mode::Stepwise);
/// ```
impl Description {
    /// A migration with a one-line summary: any dialect, reversible, committed in the host's default mode.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            depends_on: Vec::new(),
            mode: Mode::Auto,
            dialects: Vec::new(),
            irreversible: false,
            needs: Vec::new(),
        }
    }

    /// An earlier revision that must be applied before this one.
    pub fn depends_on(mut self, revision: impl Into<String>) -> Self {
        self.depends_on.push(revision.into());
        self
    }

    /// One transaction contains all of the work and its history row.
    pub fn atomic(mut self) -> Self {
        self.mode = Mode::Atomic;
        self
    }

    /// Every step commits by itself and is journalled, so that an interrupted run resumes where it stopped.
    pub fn stepwise(mut self) -> Self {
        self.mode = Mode::Stepwise;
        self
    }

    /// The databases it works on; by default all.
    pub fn dialects(mut self, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        self.dialects.extend(dialects);
        self
    }

    /// It cannot be undone: `downgrade` is never called.
    pub fn irreversible(mut self) -> Self {
        self.irreversible = true;
        self
    }

    /// It needs this too: `plan` shows it, and compares it with what the operator grants.
    pub fn needs(mut self, need: impl Into<Need>) -> Self {
        self.needs.push(need.into());
        self
    }
}

/// What a migration needs. A trailing `*` in a table's name matches any suffix.
///
/// [`Need::TableRebuild`] is for [`sqlite::rebuild_table`](crate::sqlite::rebuild_table), [`Need::RawSql`] for
/// [`sql`](crate::sql) and [`batches::read`](crate::batches::read); readers of tables, transforms, writers and
/// [`schema`](crate::schema) need their tables only.
impl Need {
    /// It reads rows of the table, also in a condition.
    pub fn read(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Read, table)
    }

    /// It inserts rows.
    pub fn insert(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Insert, table)
    }

    /// It changes rows.
    pub fn update(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Update, table)
    }

    /// It deletes rows.
    pub fn delete(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Delete, table)
    }

    /// It changes the table's columns, constraints or indexes.
    pub fn alter(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Alter, table)
    }

    /// It creates the table, or a view of that name.
    pub fn create(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Create, table)
    }

    /// It drops the table, or the view of that name.
    pub fn drop(table: impl Into<String>) -> TableNeed {
        TableNeed::new(TableVerb::Drop, table)
    }

    /// It calls the function of this name, which does more than compute with its arguments.
    pub fn function(name: impl Into<String>) -> Self {
        Self::Function(name.into())
    }

    /// It needs a limit that is not lower than this.
    pub fn limit(limit: Limit, at_least: u64) -> Self {
        Self::Limit(LimitNeed { limit, at_least })
    }
}

impl TableNeed {
    /// What is done with a table.
    pub fn new(verb: TableVerb, table: impl Into<String>) -> Self {
        Self { verb, table: TableName { schema: None, name: table.into() }, columns: Vec::new() }
    }

    /// These columns only; `read`, `insert` and `update` take any.
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// The schema (PostgreSQL), database (MySQL, MariaDB) or attached database (SQLite) that the table is in.
    pub fn in_schema(mut self, schema: impl Into<String>) -> Self {
        self.table.schema = Some(schema.into());
        self
    }
}

impl From<TableNeed> for Need {
    fn from(need: TableNeed) -> Self {
        Self::Table(need)
    }
}
