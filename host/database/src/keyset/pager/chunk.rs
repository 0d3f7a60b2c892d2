//! Reads single chunks of a table, and finds where they end.

use super::{TableReader, ask};
use crate::keyset::page_sql::Range;
use crate::{BatchLimits, DatabaseError, Session, TableSource};
use runner_data::Value;

/// One chunk of a table.
#[derive(Clone, Debug, Default)]
pub struct ChunkRange {
    /// The greatest key to read.
    pub bound: Option<Vec<Value>>,
    /// The key after which it begins.
    pub after: Option<Vec<Value>>,
    /// Its last key in reading order.
    pub to: Option<Vec<Value>>,
    /// Its intended number of rows.
    pub size: Option<usize>,
    /// Whether to lock the rows read until the transaction ends.
    pub holds_rows: bool,
}

impl TableReader {
    /// Creates a reader for single chunks of a source that another reader has opened and checked.
    pub async fn join(
        session: &mut dyn Session,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        let info = session.table(&source.table).await?;
        Self::plan(session, source, info, limits, true)
    }

    /// Sets the chunk to read.
    pub fn turn_to(&mut self, chunk: ChunkRange) {
        (self.bound, self.last, self.to) = (chunk.bound, chunk.after, chunk.to);
        (self.holds_rows, self.expected) = (chunk.holds_rows, chunk.size);
        self.done = false;
    }

    /// Locks the rows of the chunk, on PostgreSQL. A row that another session removes and inserts again while this waits for it is in
    /// neither of what one statement sees, but the next statement sees it.
    pub async fn lock(&self, session: &mut dyn Session) -> Result<(), DatabaseError> {
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: self.to.as_deref() };
        ask(session, self.sql.lock(range), 1).await.map(drop)
    }

    /// Returns where a chunk of this many rows after a key ends; `None` if there are fewer.
    pub async fn cut(
        &self,
        session: &mut dyn Session,
        bound: Option<&[Value]>,
        after: Option<&[Value]>,
        rows: usize,
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        // The statement returns one row at most: a limit would only cost a driver another statement around it.
        let found = ask(session, self.sql.nth(Range { after, bound, to: None }, rows), usize::MAX).await?;
        Ok(found.into_iter().next())
    }

    /// Whether cutting runs anything of the migration: its filter, or the query of a view.
    pub fn asks_the_migration(&self) -> bool {
        self.sql.filter.is_some() || self.is_view
    }

    /// Whether the source is a view.
    pub fn reads_a_view(&self) -> bool {
        self.is_view
    }

    /// Whether rows are read in descending key order.
    pub fn descends(&self) -> bool {
        self.sql.descending
    }
}
