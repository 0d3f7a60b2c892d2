//! Single chunks of a table: where they end, and how they are read.

use super::{TableReader, ask};
use crate::data::Value;
use crate::database::{BatchLimits, Database, DatabaseError, TableSource};
use crate::keyset::page_sql::Range;

/// One chunk of a table.
#[derive(Clone, Debug, Default)]
pub struct ChunkRange {
    /// The greatest key that is read.
    pub bound: Option<Vec<Value>>,
    /// The key after which it begins.
    pub after: Option<Vec<Value>>,
    /// Its last key in the order of reading.
    pub to: Option<Vec<Value>>,
    /// How many rows it should have.
    pub size: Option<usize>,
    /// No other transaction may change what is read before this one ends.
    pub holds_rows: bool,
}

impl TableReader {
    /// A reader for single chunks of what another reader has begun to read, and has found fit.
    pub async fn join(
        database: &mut dyn Database,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        let info = database.table(&source.table).await?;
        Self::plan(database, source, info, limits, true)
    }

    /// Turns to one chunk.
    pub fn turn_to(&mut self, chunk: ChunkRange) {
        (self.bound, self.last, self.to) = (chunk.bound, chunk.after, chunk.to);
        (self.holds_rows, self.expected) = (chunk.holds_rows, chunk.size);
        self.done = false;
    }

    /// Where a chunk of so many rows after a key ends; none if there are fewer.
    pub async fn cut(
        &self,
        database: &mut dyn Database,
        bound: Option<&[Value]>,
        after: Option<&[Value]>,
        rows: usize,
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        let found = ask(database, self.sql.nth(Range { after, bound, to: None }, rows), 1).await?;
        Ok(found.into_iter().next())
    }

    /// Whether cutting runs anything of the migration's own: its condition, or the query of a view.
    pub fn asks_the_migration(&self) -> bool {
        self.sql.filter.is_some() || self.is_view
    }

    /// Whether rows are read from the greatest key to the least.
    pub fn descends(&self) -> bool {
        self.sql.descending
    }
}
