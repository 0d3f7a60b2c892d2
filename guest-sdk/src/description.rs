//! A migration's description, built step by step.

use crate::Dialect;
pub use crate::bindings::migration::runner::migration::description_types::{Description, Mode, Need};

/// Starts from a summary; everything else has a default.
///
/// ```
/// use runner_guest::prelude::*;
///
/// let description = Description::new("store departure times in UTC")
///     .depends_on("20260105093000")
///     .stepwise()
///     .dialects([Dialect::Sqlite, Dialect::Postgres])
///     .reads_table("flights")
///     .writes_table("flights");
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

    /// It rebuilds tables on SQLite, as [`sqlite::rebuild_table`](crate::sqlite::rebuild_table) does: foreign keys are not
    /// enforced while it runs and are checked as a whole before it commits.
    pub fn needs_table_rebuild(self) -> Self {
        self.needs(Need::TableRebuild)
    }

    /// It runs statements that change the schema.
    pub fn changes_schema(self) -> Self {
        self.needs(Need::SchemaChanges)
    }

    /// It reads the table of this name; a trailing `*` matches any suffix.
    pub fn reads_table(self, name: impl Into<String>) -> Self {
        self.needs(Need::ReadTable(name.into()))
    }

    /// It changes rows of the table of this name; a trailing `*` matches any suffix.
    pub fn writes_table(self, name: impl Into<String>) -> Self {
        self.needs(Need::WriteTable(name.into()))
    }

    fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }
}
