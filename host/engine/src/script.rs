//! What the engine needs from a migration's logic, in SQL or as a component.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Direction;
use super::batch_function::BatchFunction;
use super::control::RunControl;
use super::dry_run::Trial;
use super::event::EventSink;
use super::history::ComponentBytes;
use super::recorder::RunRecorder;
use super::transcript::Replay;
use crate::journal::Journal;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{FixedInputs, Grants, Renames, SharedDatabase, StopSignal};
use runner_drivers::Connector;
use runner_project::script::LoadedScript;
use runner_sql::Sql;

/// The logic of one migration, loaded and ready to run.
#[async_trait]
pub trait Script: Send + Sync {
    /// Upgrades or downgrades the database. Either the caller has opened a transaction and ends it, or there is none
    /// and the
    /// steps go through the journal. The places of an error say where the script failed: the call, the step, the
    /// statement.
    async fn run(&self, direction: Direction, context: &RunContext) -> Result<()>;

    /// Returns its batch functions for use outside of a run, if it has any.
    async fn batch_function(&self, _context: &RunContext) -> Option<Arc<dyn BatchFunction>> {
        None
    }

    /// Returns the number of steps, if it is known in advance.
    fn steps(&self, _direction: Direction) -> Option<u64> {
        None
    }
}

/// How transforms are divided into chunks, and the connections that process them.
#[derive(Clone, Debug)]
pub struct Transforms {
    /// The most rows in a chunk; `None` for up to the size of a batch.
    pub rows: Option<u64>,
    /// How long a chunk may hold its rows; `None` if that depends on whether others wait for them.
    pub time: Option<Duration>,
    /// The number of connections to use at a time, if the database allows several writers.
    pub connections: usize,
    /// How often a chunk is retried after a lock conflict or a lost connection.
    pub retries: u32,
    /// Opens further connections; `None` if there are none.
    pub connector: Option<Connector>,
    /// While waiting for the lock, take part in the transform of the run that holds it.
    pub share: bool,
    /// The run's ID, shown with a claimed chunk.
    pub run_id: String,
    /// The run's process and host.
    pub held_by: String,
    /// How many compressed bytes of the rows that a transform reads are stored for `verify`.
    pub stored_row_bytes: u64,
}

impl Default for Transforms {
    fn default() -> Self {
        let (run_id, held_by) = (String::new(), String::new());
        Self {
            rows: None,
            time: None,
            connections: 1,
            retries: 10,
            connector: None,
            share: false,
            run_id,
            held_by,
            stored_row_bytes: 0,
        }
    }
}

impl RunContext {
    /// What the statements of the present call see as chance and as the current time. It follows from the run's inputs
    /// and from all calls and answers so far, and so is the same however often the run was interrupted. `part`
    /// distinguishes the statements of one call.
    pub fn fixed_inputs(&self, part: &[u8]) -> FixedInputs {
        let mut hasher = blake3::Hasher::new_derive_key("runner 0.1 what the statements of a call see as chance");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.recorder.transcript().0);
        hasher.update(part);
        FixedInputs { time: self.run_timestamp, seed: *hasher.finalize().as_bytes() }
    }
}

/// Everything that a script receives.
#[derive(Clone)]
pub struct RunContext {
    /// The database, in the transaction of this migration.
    pub database: SharedDatabase,
    /// The destination of progress, logs and statements.
    pub events: Arc<dyn EventSink>,
    /// Ends the run early when raised.
    pub stop: StopSignal,
    /// The revision that is running.
    pub revision: String,
    /// The run's timestamp, in microseconds since 1970-01-01T00:00:00Z.
    pub run_timestamp: i64,
    /// The run's seed.
    pub seed: u64,
    /// The operator's parameters.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// What the script has done so far.
    pub recorder: Arc<RunRecorder>,
    /// How its calls are executed.
    pub execution: Execution,
    /// Whether the migration itself asks that each statement commits by itself.
    pub each_commits: bool,
    /// Slows it down and receives its progress.
    pub control: Arc<RunControl>,
    /// Judges and records each call, in a dry run.
    pub trial: Option<Trial>,
    /// What a dry run leaves out.
    pub left_out: LeftOut,
    /// How transforms are divided into chunks, and the connections that process them.
    pub transforms: Arc<Transforms>,
    /// The server version that the first run saw; `None` for the actual one.
    pub server_version: Option<String>,
    /// What a component may do with the database; `None`: what SQL may.
    pub grants: Option<Arc<Grants>>,
    /// What its tables are called in the database.
    pub renames: Arc<Renames>,
}

/// How the calls of a migration are executed; chosen once, when its run begins.
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
    /// The number of leading statements to skip in a migration in SQL: they took effect in an earlier run.
    pub statements: u64,
    /// The number of chunks to process in a transform, spread over the table; the others are skipped.
    pub chunks_but: Option<u64>,
}

/// Where a script's bytes come from.
#[derive(Clone, Debug)]
pub enum ScriptSource {
    /// SQL, split by the loader.
    Sql {
        /// The upgrade.
        up: Sql,
        /// The downgrade.
        down: Option<Sql>,
        /// How they are written, if the values of parameters were filled in.
        template: Option<Template>,
    },
    /// A component.
    Component {
        /// Its bytes.
        bytes: Arc<ComponentBytes>,
        /// Their SHA-256 digest, in hexadecimal.
        sha256: String,
        /// The location and digests of its assets; `None` for bytes from the database, which does not keep assets.
        assets: Option<Assets>,
    },
    /// A script.
    Script(Arc<LoadedScript>),
}

impl ScriptSource {
    /// What a component can read; a script's own files are read by its runtime.
    pub fn assets(&self) -> Option<Assets> {
        match self {
            Self::Sql { .. } => None,
            Self::Component { assets, .. } => assets.clone(),
            Self::Script(script) => Some(Assets::of_script(script)),
        }
    }
}

/// SQL with parameters as it is written, and their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The upgrade.
    pub up: Sql,
    /// The downgrade.
    pub down: Option<Sql>,
    /// The value of each parameter that they name.
    pub values: BTreeMap<String, String>,
}

/// Where the assets of a component are.
#[derive(Clone, Debug)]
pub enum AssetPlace {
    /// In a directory.
    Directory(PathBuf),
    /// In the program: a map from path to bytes.
    Embedded(Arc<BTreeMap<String, &'static [u8]>>),
    /// A script's own: its source, its path and its companion files, which were checked when they were read.
    Script(Arc<LoadedScript>),
}

/// The assets of a component: their location and expected digests.
#[derive(Clone, Debug)]
pub struct Assets {
    /// Where they are.
    pub place: AssetPlace,
    /// A map from path relative to the directory, with `/`, to the file's SHA-256 digest, in hexadecimal.
    pub digests: BTreeMap<String, String>,
}

impl Assets {
    /// What the runtime of a script reads.
    pub fn of_script(script: &Arc<LoadedScript>) -> Self {
        Self { place: AssetPlace::Script(script.clone()), digests: BTreeMap::new() }
    }
}

/// A component that is compiled: makes the script of the migration that it belongs to.
pub type Compiled = Box<dyn FnOnce(&ScriptSource) -> Box<dyn Script> + Send>;

/// Builds scripts from their bytes. The library's wiring provides it, so that the engine does not depend on the sandbox.
pub trait ScriptLoader: Send + Sync {
    /// Builds a script. A component may have to be compiled first, which takes seconds.
    fn load(&self, source: &ScriptSource) -> Result<Box<dyn Script>>;

    /// The component with that digest, if it is compiled already and fits.
    fn compiled(&self, _sha256: &str) -> Option<Compiled> {
        None
    }
}

impl<F: Fn(&ScriptSource) -> Result<Box<dyn Script>> + Send + Sync> ScriptLoader for F {
    fn load(&self, source: &ScriptSource) -> Result<Box<dyn Script>> {
        self(source)
    }
}
