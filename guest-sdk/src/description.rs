//! What a migration says of itself, word by word.

use crate::Dialect;
pub use crate::bindings::migration::runner::migration::description_types::{Description, Mode, Need};

/// Built up from a summary; everything else has a default.
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
    /// A migration that does what one line says: any dialect, reversible, committed as the host thinks best.
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

    /// A revision that has to be applied before this one, besides those that stand before it.
    pub fn depends_on(mut self, revision: impl Into<String>) -> Self {
        self.depends_on.push(revision.into());
        self
    }

    /// One transaction holds all of the work and its history row.
    pub fn atomic(mut self) -> Self {
        self.mode = Mode::Atomic;
        self
    }

    /// Every step commits by itself and is journalled, so that a run that breaks goes on where it broke.
    pub fn stepwise(mut self) -> Self {
        self.mode = Mode::Stepwise;
        self
    }

    /// The databases it works on; without this: all.
    pub fn dialects(mut self, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        self.dialects.extend(dialects);
        self
    }

    /// There is no way back: `downgrade` is never called.
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

    /// It reads the table of this name; `*` at the end stands for any rest.
    pub fn reads_table(self, name: impl Into<String>) -> Self {
        self.needs(Need::ReadTable(name.into()))
    }

    /// It changes rows of the table of this name; `*` at the end stands for any rest.
    pub fn writes_table(self, name: impl Into<String>) -> Self {
        self.needs(Need::WriteTable(name.into()))
    }

    fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }
}
