//! What the engine needs from a migration's logic, whether it is SQL or a component.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::Direction;
use super::event::EventSink;
use super::journal::Journal;
use super::journal::answer::Transformed;
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

    /// Takes part in a transform that another process has begun, until no chunk of it is left or `halt` says so. Answers what
    /// it did. The context's database is a connection of its own.
    async fn help(&self, context: &RunContext, _step: u64, _halt: &Arc<AtomicBool>) -> Result<Transformed> {
        Err(Error::failed(format!("`{}` transforms nothing", context.revision)))
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
    pub tally: Arc<Tally>,
    /// Where its steps are recorded, if each commits by itself.
    pub journal: Option<Arc<Journal>>,
    /// How transforms are cut, and who works on them.
    pub transforms: Arc<Transforms>,
}

/// Counts what a script does; shared with whoever reports on it.
#[derive(Debug, Default)]
pub struct Tally {
    steps: AtomicU64,
    rows_read: AtomicU64,
    rows_written: AtomicU64,
    transcript: std::sync::Mutex<sha2::Sha256>,
    met_a_lock: AtomicBool,
    lost_connection: AtomicBool,
}

impl Tally {
    /// Begins a step and answers its number, counted from 1. `record` says what it does; it enters the transcript.
    pub fn begin_step(&self, record: &str) -> u64 {
        self.record(record);
        self.steps.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a line to the transcript: what went over the border and would be so again in an equal run.
    pub fn record(&self, line: &str) {
        use sha2::Digest;
        let mut transcript = self.transcript.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        transcript.update((line.len() as u64).to_le_bytes());
        transcript.update(line.as_bytes());
    }

    /// Notes an error that the script was given.
    pub fn note_error(&self, error: &DatabaseError) {
        self.record(&format!("error {} {}", error.code, error.message));
        self.met_a_lock.fetch_or(error.is_transient(), Ordering::Relaxed);
        self.lost_connection.fetch_or(error.kind == DatabaseErrorKind::Connection, Ordering::Relaxed);
    }

    /// Whether an error was noted that may not come again if everything is tried again.
    pub fn met_a_lock(&self) -> bool {
        self.met_a_lock.load(Ordering::Relaxed)
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
        use sha2::Digest;
        let transcript = self.transcript.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        hex::encode(transcript.clone().finalize())
    }
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

/// The assets of a component: where they are and what they must be.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    /// The folder.
    pub folder: PathBuf,
    /// Path below the folder, with `/`, to the sha256 of the file, in hexadecimal.
    pub digests: BTreeMap<String, String>,
}

/// Makes a script from its bytes; the command line wires it, so that the engine knows no sandbox.
pub type ScriptLoader = dyn Fn(&ScriptSource) -> Result<Box<dyn Script>> + Send + Sync;
