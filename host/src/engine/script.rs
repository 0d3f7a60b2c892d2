//! What the engine needs from a migration's logic, whether it is SQL or a component.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Direction;
use super::batch_function::BatchFunction;
use super::control::RunControl;
use super::event::EventSink;
use super::recorder::RunRecorder;
use super::transcript::Replay;
use crate::data::Value;
use crate::database::{Connector, SharedDatabase, StopSignal};
use crate::engine::journal::Journal;
use crate::error::Result;

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
    /// How its calls are carried out.
    pub execution: Execution,
    /// What slows it down, and hears how far it is.
    pub control: Arc<RunControl>,
    /// What a dry run leaves out of it.
    pub left_out: LeftOut,
    /// How transforms are cut, and who works on them.
    pub transforms: Arc<Transforms>,
    /// The version of the server that the first run saw; none: as it is.
    pub server_version: Option<String>,
}

/// How the calls of a migration are carried out; chosen once, when its run begins.
#[derive(Clone)]
pub enum Execution {
    /// All in one transaction.
    Atomic,
    /// Each commits by itself and is recorded in the journal.
    Journalled(Arc<Journal>),
    /// Each is answered from a recording; the database is not used.
    Replayed(Arc<Replay>),
}

/// What a dry run leaves out of a migration; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// So many statements of a migration in SQL, which took effect in an earlier run.
    pub statements: u64,
    /// All chunks of a transform but so many, spread over the table.
    pub chunks_but: Option<u64>,
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
