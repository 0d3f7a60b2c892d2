//! The data of a store: what the guest is there for, what it may call, what it has open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use wasmtime::component::ResourceTable;

use super::script::LoadedComponent;
use super::usage::{LogBudget, UsageLimiter};
use crate::database::{BatchLimits, CursorId, DatabaseError, Dialect, TableSource, TableTarget, WriterId};
use crate::engine::call::answer::Position;
use crate::engine::script::RunContext;
use crate::keyset::TableReader;
use crate::project::limits::Limits;

/// The purpose of an instance; decides which imports answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To describe itself: no import answers.
    Describe,
    /// To upgrade or downgrade: all imports answer.
    Migrate,
    /// To transform batches: `context` answers, `sql` and `batches` are denied.
    Transform,
}

/// A reader of `batches`.
pub enum Reader {
    /// Over a SELECT.
    Cursor {
        /// The database's cursor.
        cursor: CursorId,
        /// The SELECT.
        statement: String,
        /// Rows read so far.
        rows: u64,
    },
    /// Over what a recording says.
    Replayed {
        /// The table, as long as it is not at its end.
        table: Option<String>,
    },
    /// Over a SELECT whose result the journal holds.
    Spooled {
        /// The step that read it.
        step: u64,
        /// The next part, counted from 1.
        next: u64,
        /// How many parts there are.
        parts: u64,
    },
    /// Over the pages of a table.
    Table(Box<TableReader>),
    /// As `Table`, as far as the journal tells; the table was not opened yet.
    Dormant(Box<Dormant>),
    /// At its end.
    Done,
}

/// A reading of a table that an earlier run began.
pub struct Dormant {
    /// What is read, with the columns and the key that it had then.
    pub source: TableSource,
    /// How far it came.
    pub position: Position,
}

/// A writer of `batches`.
pub struct Writer {
    /// Tells it from others of the run.
    pub number: u64,
    /// The target, for messages: `update flights`.
    pub name: String,
    /// What it writes through.
    pub way: WriterWay,
}

/// What a writer writes through.
pub enum WriterWay {
    /// A writer of the database.
    Open(WriterId),
    /// A writer of the database for each batch, which commits with it.
    Stepwise {
        /// Where to.
        target: TableTarget,
        /// The columns of the first batch.
        columns: Option<Vec<String>>,
        /// Rows written so far.
        rows: u64,
    },
}

/// An open asset.
pub struct Asset {
    /// Its bytes, checked against its digest.
    pub content: Box<dyn std::io::Read + Send>,
    /// Its size in bytes.
    pub size: u64,
}

/// The last error that a database call answered to the guest, with where it happened: a guest that returns it gets its place
/// back in the report.
pub struct Fault {
    /// The step's number.
    pub step: u64,
    /// The statement, or what the step was.
    pub statement: String,
    /// The error.
    pub error: DatabaseError,
}

/// The data of a store.
pub struct GuestState {
    /// What it is there for.
    pub purpose: Purpose,
    /// Its handles.
    pub table: ResourceTable,
    /// Its memory and tables.
    pub usage: UsageLimiter,
    /// What it may still log, shared by all instances of a migration.
    pub log: Arc<Mutex<LogBudget>>,
    /// The limits.
    pub limits: Arc<Limits>,
    /// The run it is part of; none while it describes itself.
    pub run: Option<RunContext>,
    /// The database's family and version, as of the start of the run.
    pub server: Option<(Dialect, String)>,
    /// The component, for the instances of a transform; none while it describes itself.
    pub loaded: Option<Arc<LoadedComponent>>,
    /// The last step that began: its number and its statement.
    pub last_step: Option<(u64, String)>,
    /// The last error answered.
    pub fault: Option<Fault>,
    /// The targets of writers whose `finish` was not called yet, by their numbers.
    pub unfinished: BTreeMap<u64, String>,
    /// Writers opened so far.
    pub writers: u64,
    /// The last message of a panic, which the SDKs log before they trap.
    pub last_words: Option<String>,
}

/// The bounds on one batch.
pub fn batch_limits(limits: &Limits) -> BatchLimits {
    let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    BatchLimits {
        rows: count(limits.batch_rows),
        bytes: count(limits.batch_bytes),
        cell_bytes: count(limits.cell_bytes),
    }
}

impl GuestState {
    /// A state without anything open.
    pub fn new(purpose: Purpose, limits: Arc<Limits>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Self {
            purpose,
            table,
            usage: UsageLimiter::new(&limits),
            log: Arc::new(Mutex::new(LogBudget::new(&limits))),
            limits,
            run: None,
            server: None,
            loaded: None,
            last_step: None,
            fault: None,
            unfinished: BTreeMap::new(),
            writers: 0,
            last_words: None,
        }
    }
}
