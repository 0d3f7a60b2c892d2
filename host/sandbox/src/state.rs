//! The data of a store: the guest's purpose, what it may call, and what it has open.

use std::sync::{Arc, Mutex};

use wasmtime::component::ResourceTable;

use super::assets::GuestAssets;
use super::lines::{LineBuffer, Tail};
use super::usage::{LogBudget, UsageLimiter};
use super::weight::Weigh;
use runner_database::{BatchLimits, DatabaseError, DatabaseErrorKind, Dialect, QueryLimits, Renames, StopSignal};
use runner_engine::CallError;
use runner_engine::call::CallKind;
use runner_engine::execution::{CallLimits, Calls};
use runner_engine::script::RunContext;
use runner_engine::transform::BatchFunction;
use runner_project::limits::Limits;

/// Bytes of a description, which the guest returns and the lockfile keeps. A summary has 500, and the longest known lists of
/// tables take a few thousand.
pub const DESCRIPTION_BYTES: usize = 256 << 10;

/// The purpose of an instance, which decides which imports work.
pub enum Purpose {
    /// To describe itself: it can read its assets and log, and no other import works.
    Describe,
    /// To upgrade or downgrade: all imports work.
    Migrate(Box<Calls>),
    /// To transform batches: `context` and `process` work, `sql` and `batches` are denied.
    Transform,
}

impl Purpose {
    /// The calls that reach the database, or the reason why there are none. `kind` is the call being made.
    pub fn calls(&mut self, kind: CallKind) -> Result<&mut Calls, CallError> {
        let place = match self {
            Self::Migrate(calls) => return Ok(calls),
            Self::Transform => "transform-batch",
            Self::Describe => "describe",
        };
        let kind = kind.name();
        let message = format!("`{kind}` cannot be called inside `{place}`, which must depend on its arguments alone");
        Err(DatabaseError::new(DatabaseErrorKind::Denied, message).into())
    }

    /// Bytes that one call may pass from the guest to the host.
    pub fn call_bytes(&self, limits: &Limits) -> usize {
        match self {
            Self::Describe => DESCRIPTION_BYTES.min(saturating(limits.host_call_bytes)),
            Self::Migrate(_) | Self::Transform => saturating(limits.host_call_bytes),
        }
    }

    /// The calls made so far.
    pub fn made(&self) -> Option<&Calls> {
        match self {
            Self::Migrate(calls) => Some(calls),
            Self::Describe | Self::Transform => None,
        }
    }
}

/// What a guest may ask for while it describes itself, although its description must not depend on it.
#[derive(Default)]
pub struct Chance {
    /// Which of two answers it gets.
    pub answers: usize,
    /// Whether it asked.
    pub asked: bool,
}

impl Chance {
    /// The time, in microseconds since 1970, and the seed: of 2001, or of 2033.
    pub const fn ask(&mut self) -> (i64, u64) {
        self.asked = true;
        if self.answers == 0 { (1_000_000_000_000_000, 1) } else { (2_000_000_000_000_000, 2) }
    }
}

/// The data of a store.
pub struct GuestState {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its handles.
    pub table: ResourceTable,
    /// Its memory and tables.
    pub usage: UsageLimiter,
    /// What it may still log, shared by all instances of a migration.
    pub log_budget: Arc<Mutex<LogBudget>>,
    /// What it has printed to standard output, up to the last end of a line.
    pub standard_output: LineBuffer,
    /// The same of standard error.
    pub standard_error: LineBuffer,
    /// The end of what it has printed to standard error in this call.
    pub last_errors: Tail,
    /// The limits.
    pub limits: Arc<Limits>,
    /// The run it is part of; `None` while it describes itself.
    pub run: Option<RunContext>,
    /// The time and the seed while it describes itself.
    pub chance: Chance,
    /// The database's family and version, as of the start of the run.
    pub server: Option<(Dialect, String)>,
    /// Ends the guest at its next call of the host, and between two slices of its code.
    pub stop: StopSignal,
    /// The component's batch functions; `None` if it has none, or does something else than to migrate.
    pub batch_function: Option<Arc<dyn BatchFunction>>,
    /// The files that it can read.
    pub assets: Option<Arc<GuestAssets>>,
    /// The last warning that it logged in this call: it may say why the guest trapped.
    pub last_words: Option<String>,
    /// Where a script was when it was ended.
    pub was_at: Option<String>,
}

/// The limits on one batch.
pub fn batch_limits(limits: &Limits) -> BatchLimits {
    BatchLimits {
        rows: saturating(limits.batch_rows),
        bytes: saturating(limits.batch_bytes),
        cell_bytes: saturating(limits.cell_bytes),
        call_bytes: saturating(limits.host_call_bytes),
    }
}

/// The limits on what a call returns.
pub fn call_limits(limits: &Limits) -> CallLimits {
    let query = QueryLimits { rows: saturating(limits.query_rows), bytes: saturating(limits.query_bytes) };
    CallLimits { batch: batch_limits(limits), query }
}

/// A limit as a count of this machine's memory.
fn saturating(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl GuestState {
    /// What its tables are called in the database.
    pub fn renames(&self) -> Arc<Renames> {
        self.run.as_ref().map(|run| run.renames.clone()).unwrap_or_default()
    }

    /// Whether it is the runtime of a script.
    pub fn is_script(&self) -> bool {
        self.assets.as_ref().is_some_and(|assets| assets.are_of_script())
    }

    /// Counts a call of one of the host's functions and what it passes, which each of them does first; a trap if there were too
    /// many. Others have their turn if it was the guest's for long.
    pub async fn count_call(&mut self, passed: &(impl Weigh + ?Sized)) -> wasmtime::Result<()> {
        let is_due = self.usage.count_call(passed.weight()).map_err(wasmtime::Error::new)?;
        if is_due {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Counts what is passed to the guest.
    pub fn weighed<T: Weigh>(&mut self, passed: T) -> T {
        self.usage.count_bytes(passed.weight());
        passed
    }

    /// A state with nothing open.
    pub fn new(purpose: Purpose, limits: Arc<Limits>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Self {
            purpose,
            chance: Chance::default(),
            table,
            usage: UsageLimiter::new(&limits),
            log_budget: Arc::new(Mutex::new(LogBudget::new(&limits))),
            standard_output: LineBuffer::default(),
            standard_error: LineBuffer::default(),
            last_errors: Tail::default(),
            limits,
            run: None,
            server: None,
            stop: StopSignal::never(),
            batch_function: None,
            assets: None,
            last_words: None,
            was_at: None,
        }
    }
}
