//! What the engine needs from a migration's logic, whether it is SQL or a component.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::Direction;
use super::control::RunControl;
use super::event::EventSink;
use super::journal::{Answer, Call, Journal};
use super::transcript::{Replay, Transcript, TranscriptRecorder, TransformRecord};
use super::transform::BatchFunction;
use crate::data::Value;
use crate::database::stop::StopReason;
use crate::database::{Connector, DatabaseError, DatabaseErrorKind, SharedDatabase, StopSignal};
use crate::error::{Error, ErrorKind, Result};

/// The logic of one migration, loaded and ready to run.
#[async_trait]
pub trait Script: Send + Sync {
    /// Brings the database up or down. The transaction is open and stays the caller's, or none is and the steps go through the
    /// journal. An error says in its places where
    /// the script stood: the call, the step, the statement.
    async fn run(&self, direction: Direction, context: &RunContext) -> Result<()>;

    /// Its batch functions, apart from any call of it; none if it has none.
    async fn batch_function(&self, _context: &RunContext) -> Option<Arc<dyn BatchFunction>> {
        None
    }

    /// How many steps that takes, if it is known before.
    fn steps(&self, _direction: Direction) -> Option<u64> {
        None
    }
}

/// The error of a run that was told to stop.
pub fn stopped(reason: StopReason) -> Error {
    match reason {
        StopReason::Interrupt => Error::new(ErrorKind::Interrupted, "stopped by an interrupt"),
        StopReason::Terminate => Error::new(ErrorKind::Terminated, "stopped by a request to terminate"),
        StopReason::WallTime => Error::denied("the run took longer than the limit `wall_time` allows")
            .hint("raise it with `--limit wall_time=…` or under `[limits]` in `runner.toml`"),
        StopReason::Cancelled => Error::new(ErrorKind::Terminated, "cancelled by `runner cancel`"),
    }
}

/// How transforms are cut into chunks, and who works on them.
#[derive(Clone, Debug)]
pub struct Transforms {
    /// Rows of a chunk at most; none: as a batch has.
    pub rows: Option<u64>,
    /// How long a chunk should take; none: it is not measured.
    pub time: Option<Duration>,
    /// Connections that work at a time, where the database takes several writers.
    pub connections: usize,
    /// How often a chunk that met somebody else's lock, or lost its connection, is tried again.
    pub retries: u32,
    /// How further connections are made; none: there are none.
    pub connector: Option<Connector>,
    /// Waiting for the lock, take part in a transform of who has it.
    pub share: bool,
    /// The run, for those who look at a chunk.
    pub run_id: String,
    /// Its process and host.
    pub held_by: String,
}

impl Default for Transforms {
    fn default() -> Self {
        let (run_id, held_by) = (String::new(), String::new());
        Self { rows: None, time: None, connections: 1, retries: 10, connector: None, share: false, run_id, held_by }
    }
}

/// Everything that a script is given.
#[derive(Clone)]
pub struct RunContext {
    /// The database, in the transaction of this migration.
    pub database: SharedDatabase,
    /// Where progress, logs and statements go.
    pub events: Arc<dyn EventSink>,
    /// Ends the run early.
    pub stop: StopSignal,
    /// The revision that runs.
    pub revision: String,
    /// The run's time: microseconds since 1970-01-01T00:00:00Z.
    pub run_timestamp: i64,
    /// The run's seed.
    pub seed: u64,
    /// The operator's parameters.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// What the script has done so far.
    pub recorder: Arc<RunRecorder>,
    /// Where its steps are recorded, if each commits by itself.
    pub journal: Option<Arc<Journal>>,
    /// What slows it down, and hears how far it is.
    pub control: Arc<RunControl>,
    /// What a dry run leaves out of it.
    pub left_out: LeftOut,
    /// How transforms are cut, and who works on them.
    pub transforms: Arc<Transforms>,
    /// The version of the server that the first run saw; none: as it is.
    pub server_version: Option<String>,
    /// What answers in the place of the database.
    pub replay: Option<Arc<Replay>>,
}

/// What a dry run leaves out of a migration; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// So many statements of a migration in SQL, which took effect in an earlier run.
    pub statements: u64,
    /// All chunks of a transform but so many, spread over the table.
    pub chunks_but: Option<u64>,
}

/// Transforms of which the chunks are kept. More belong to a migration that could do with fewer.
const KEPT_TRANSFORMS: usize = 256;

/// Statements without an order that are remembered.
const KEPT_UNORDERED: usize = 16;

/// Counts what a script does; shared with whoever reports on it.
#[derive(Default)]
pub struct RunRecorder {
    steps: AtomicU64,
    rows_read: AtomicU64,
    rows_written: AtomicU64,
    transcript: Mutex<Transcript>,
    transforms: Mutex<Vec<TransformRecord>>,
    unordered: Mutex<Vec<String>>,
    met_a_lock: AtomicBool,
    missed_something: AtomicBool,
    lost_connection: AtomicBool,
}

impl RunRecorder {
    /// Counts what is also recorded, call by call, within so many bytes.
    pub fn recording_within(bytes: u64) -> Self {
        Self { transcript: Mutex::new(Transcript::new(TranscriptRecorder::new(bytes))), ..Self::default() }
    }

    /// Begins a step and answers its number, counted from 1.
    pub fn begin_step(&self, call: &Call<'_>) -> u64 {
        self.called(call);
        self.steps.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a step that is in no transcript.
    pub fn add_step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a call to the transcript that is no step.
    pub fn called(&self, call: &Call<'_>) {
        lock(&self.transcript).called(call);
    }

    /// Adds an answer to the transcript.
    pub fn answered<T: Answer>(&self, answer: &T) {
        lock(&self.transcript).answered(Ok(answer));
    }

    /// Notes an error that the script was given.
    pub fn note_error(&self, error: &DatabaseError) {
        lock(&self.transcript).answered::<u64>(Err(error));
        self.met_a_lock.fetch_or(error.is_transient(), Ordering::Relaxed);
        let missed = matches!(error.kind, DatabaseErrorKind::Syntax | DatabaseErrorKind::InvalidArgument);
        self.missed_something.fetch_or(missed, Ordering::Relaxed);
        self.lost_connection.fetch_or(error.kind == DatabaseErrorKind::Connection, Ordering::Relaxed);
    }

    /// Notes a transform that is done.
    pub fn add_transform(&self, record: TransformRecord) {
        let mut transforms = lock(&self.transforms);
        if transforms.len() < KEPT_TRANSFORMS {
            transforms.push(record);
        }
    }

    /// Transforms that are done, in order, as far as they were noted here; once.
    pub fn take_transforms(&self) -> Vec<TransformRecord> {
        std::mem::take(&mut *lock(&self.transforms))
    }

    /// Notes a statement whose rows came in no order that was asked for; true for one that is new.
    pub fn note_unordered(&self, statement: &str) -> bool {
        let statement = crate::sql::excerpt(statement);
        let mut known = lock(&self.unordered);
        let is_new = known.len() < KEPT_UNORDERED && !known.contains(&statement);
        if is_new {
            known.push(statement);
        }
        is_new
    }

    /// Statements whose rows came in no order that was asked for.
    pub fn unordered(&self) -> Vec<String> {
        lock(&self.unordered).clone()
    }

    /// What was recorded, once; none if nothing was to be, or if it was too much.
    pub fn recording(&self) -> Option<Vec<u8>> {
        lock(&self.transcript).recording()
    }

    /// Whether an error was noted that may not come again if everything is tried again.
    pub fn met_a_lock(&self) -> bool {
        self.met_a_lock.load(Ordering::Relaxed)
    }

    /// Whether the database knew something not that a statement named, or did not understand it.
    pub fn missed_something(&self) -> bool {
        self.missed_something.load(Ordering::Relaxed)
    }

    /// Whether the connection was lost.
    pub fn lost_connection(&self) -> bool {
        self.lost_connection.load(Ordering::Relaxed)
    }

    /// Adds rows read.
    pub fn add_rows_read(&self, rows: u64) {
        self.rows_read.fetch_add(rows, Ordering::Relaxed);
    }

    /// Adds rows written.
    pub fn add_rows_written(&self, rows: u64) {
        self.rows_written.fetch_add(rows, Ordering::Relaxed);
    }

    /// Steps begun.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Rows read.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// Rows written.
    pub fn rows_written(&self) -> u64 {
        self.rows_written.load(Ordering::Relaxed)
    }

    /// The digest of the transcript so far, in hexadecimal.
    pub fn transcript_digest(&self) -> String {
        lock(&self.transcript).digest().hex()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a script's bytes come from.
#[derive(Clone, Debug)]
pub enum ScriptSource {
    /// SQL, split by the loader.
    Sql {
        /// The statements of the upgrade, one text.
        up: String,
        /// The statements of the downgrade, one text.
        down: Option<String>,
    },
    /// A component.
    Component {
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// Their digest, in hexadecimal.
        sha256: String,
        /// The folder of its assets and the digest of each; none for bytes from the database, whose assets are gone.
        assets: Option<Assets>,
    },
}

/// Where the assets of a component are.
#[derive(Clone, Debug)]
pub enum AssetPlace {
    /// In a folder.
    Folder(PathBuf),
    /// In the program: path to bytes.
    Embedded(Arc<BTreeMap<String, &'static [u8]>>),
}

/// The assets of a component: where they are and what they must be.
#[derive(Clone, Debug)]
pub struct Assets {
    /// Where they are.
    pub place: AssetPlace,
    /// Path below the folder, with `/`, to the sha256 of the file, in hexadecimal.
    pub digests: BTreeMap<String, String>,
}

/// Makes a script from its bytes; the command line wires it, so that the engine knows no sandbox.
pub type ScriptLoader = dyn Fn(&ScriptSource) -> Result<Box<dyn Script>> + Send + Sync;
