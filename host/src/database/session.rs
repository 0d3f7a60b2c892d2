//! What a session offers in every role: single statements and bulk data.

use async_trait::async_trait;

use super::{DatabaseError, Facts, PageRequest, Probe, TableIdentity, TableInfo, TableName, TableSource, TableTarget};
use crate::data::{Batch, ColumnType, RowSet, Value};

/// Bounds on one batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Rows at most.
    pub rows: usize,
    /// Bytes after which the batch ends (the row that crosses it is still in).
    pub bytes: usize,
    /// The size at which a single cell is refused.
    pub cell_bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { rows: 16_384, bytes: 2 << 20, cell_bytes: 16 << 20 }
    }
}

/// Bounds on the result of `query`.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// Rows at most.
    pub rows: usize,
    /// Bytes at most.
    pub bytes: usize,
}

impl QueryLimits {
    /// For the engine's own statements.
    pub const NONE: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// A cursor to open: the statement and how its columns are to be delivered.
#[derive(Clone, Debug, Default)]
pub struct CursorRequest {
    /// A SELECT.
    pub statement: String,
    /// The values of its placeholders.
    pub parameters: Vec<Value>,
    /// A type for each column; `None`, and columns beyond the end: by the database's own type.
    pub types: Vec<Option<ColumnType>>,
}

/// An open cursor of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorId(pub u64);

/// An open writer of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(pub u64);

/// What a caller knows of a batch it writes, so that the database can take its shortest path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteHint {
    /// The batch's keys are ascending, and are all the keys that the table has between the first and the last of them.
    pub covers_key_range: bool,
}

/// Single statements, and what is known of the database.
///
/// What a statement may do depends on the role in which the session was taken; see [`role`](super::role).
#[async_trait]
pub trait Session: Send {
    /// What is known of the server.
    fn facts(&self) -> &Facts;

    /// Runs exactly one statement and returns the number of rows it changed.
    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError>;

    /// Runs exactly one statement and collects its rows, within limits.
    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError>;

    /// Answers several questions of the engine, and reports who holds the lock, in as few round trips as the server allows. No
    /// transaction may be open. A question is one SELECT without parameters that returns only integers and texts.
    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError>;

    /// Columns, primary key and declared types of a table or view; an error of kind `Syntax` if there is none.
    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError>;
}

/// Rows in batches of columns, read through cursors and written through writers.
///
/// Cursors and writers live in the transaction they were opened in: `commit` and `rollback` close them all. Each belongs to the
/// role that opened it.
#[async_trait]
pub trait Bulk: Session {
    /// Identifies the source if another connection, in a transaction opened with
    /// [`begin_reading`](super::Database::begin_reading), is certain to read the same rows from it as this session does in its
    /// open transaction, as long as this session only writes to the target what was read. Otherwise `None`.
    async fn others_see(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Option<TableIdentity>, DatabaseError>;

    /// Reads a page of a table as one batch, never an empty one; `None` if there are no rows. A batch that reaches its limit
    /// in bytes ends before its page does: the next page begins after its last row.
    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError>;

    /// Opens a cursor over a SELECT.
    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError>;

    /// The next batch, never an empty one. After the last row it is `None`, and the cursor is closed.
    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError>;

    /// Closes a cursor. Closing twice is harmless.
    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError>;

    /// Opens a writer. All its batches must have the columns of the first.
    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError>;

    /// Writes a validated batch and returns the number of rows changed. A failure closes the writer and may leave a part of the
    /// batch written, which only a rollback undoes.
    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError>;

    /// Closes a writer and returns the number of rows that all its batches changed.
    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError>;
}
