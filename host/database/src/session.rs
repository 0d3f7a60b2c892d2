//! The methods of a session in any role: single statements and bulk data.

use async_trait::async_trait;

use super::{DatabaseError, Facts, PageRequest, ReadingAhead, TableInfo, TableName, TableSource, TableTarget};
use runner_data::{Batch, ColumnType, RowSet, Value};

/// Bounds on one batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// The maximum number of rows.
    pub rows: usize,
    /// The size in bytes at which the batch ends; the row that crosses it is included.
    pub bytes: usize,
    /// The size in bytes above which a single cell is refused.
    pub cell_bytes: usize,
    /// How much of it one call of a component may pass back, which is only named in errors.
    pub call_bytes: usize,
}

impl BatchLimits {
    /// The size in bytes above which a single row is refused: room for one cell of the largest size, plus the size of
    /// a batch. A row arrives as a whole, so the batch's own limit cannot bound it.
    pub fn row_bytes(self) -> usize {
        self.cell_bytes.saturating_add(self.bytes)
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { rows: 16_384, bytes: 2 << 20, cell_bytes: 16 << 20, call_bytes: 32 << 20 }
    }
}

/// Bounds on the result of `query`.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// The maximum number of rows.
    pub rows: usize,
    /// The maximum size in bytes.
    pub bytes: usize,
}

impl QueryLimits {
    /// No limits, for the engine's own statements.
    pub const NONE: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// A request to open a cursor: the statement and the types in which to deliver its columns.
#[derive(Clone, Debug, Default)]
pub struct CursorRequest {
    /// A SELECT.
    pub statement: String,
    /// The values of the statement's placeholders.
    pub parameters: Vec<Value>,
    /// The type of each column; for `None`, and for columns past the end, the database's own type.
    pub types: Vec<Option<ColumnType>>,
}

/// An open cursor of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorId(pub u64);

/// An open writer of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(pub u64);

/// What a caller knows about a batch it writes, which lets the database choose a faster path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteHint {
    /// Whether the batch's keys are ascending and include every key of the table between the first and the last.
    pub covers_key_range: bool,
}

/// Single statements, and rows in columnar batches, read through cursors and written through writers.
///
/// What a statement may do depends on the role of the session; see [`role`](super::role). Cursors and writers belong to the
/// transaction and the role that opened them; its end closes them all.
#[async_trait]
pub trait Session: Send {
    /// Returns what is known about the server.
    fn facts(&self) -> &Facts;

    /// Runs exactly one statement and returns the number of rows it changed.
    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError>;

    /// Runs statements without parameters, one after the other, up to the first that fails, and adds the number of rows that each has
    /// changed. A server gets them together where it can; then none may have run, if it cannot read one of them. Fails with the number
    /// of the statement, counted from 0.
    async fn execute_each(
        &mut self,
        statements: &[&str],
        changed: &mut Vec<u64>,
    ) -> Result<(), (usize, DatabaseError)> {
        for (at, statement) in statements.iter().enumerate() {
            changed.push(self.execute(statement, &[]).await.map_err(|error| (at, error))?);
        }
        Ok(())
    }

    /// Runs exactly one statement and collects its rows, within the limits.
    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError>;

    /// Returns the columns, primary key and declared types of a table or view; fails with an error of kind `Syntax` if
    /// it does not exist.
    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError>;

    /// Returns whether rows of the source may be read, in the open transaction, before those read earlier have been written to the
    /// target, provided the columns of source and target are named as [`table`](Session::table) names them.
    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError>;

    /// Keeps other transactions from changing the source until this one ends, if the target is the same table: what is
    /// read is written back later, and a change in between would be lost. Waits for transactions that are changing it.
    /// Does nothing where none can change it anyway.
    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError>;

    /// Reads a page of a table as one batch, which is never empty; returns `None` if there are no rows. A batch that
    /// reaches its byte limit ends before its page does: the next page begins after its last row.
    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError>;

    /// Opens a cursor over a SELECT.
    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError>;

    /// Returns the next batch, which is never empty. After the last row it returns `None` and closes the cursor.
    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError>;

    /// Closes a cursor. Closing twice is harmless.
    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError>;

    /// Opens a writer. All its batches must have the columns of the first.
    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError>;

    /// Writes a validated batch and returns the number of rows changed. A failure closes the writer and may leave part
    /// of the batch written, which only a rollback undoes.
    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError>;

    /// Closes a writer and returns the number of rows that all its batches changed.
    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError>;
}
