//! Typed events of a run. The engine prints nothing.

pub mod dry_run;
mod progress;
mod unrepeatable;

pub use progress::{Total, TransformProgress, percent};
pub use unrepeatable::{Unrepeatable, Why};

use std::time::Duration;

use crate::Direction;
use crate::event::dry_run::DryRunEvent;
use runner_base::error::Error;

/// Receives events. Called from any thread, in order for one run; must not block for long.
pub trait EventSink: Send + Sync {
    /// Receives one event.
    fn emit(&self, event: &Event);
}

runner_base::named! {
    /// The severity of a log message.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum LogLevel {
        /// For debugging.
        Debug = "debug",
        /// For information.
        Info = "info",
        /// A possible problem.
        Warning = "warning",
    }
}

/// An event of a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// Another run holds the lock.
    LockWaiting {
        /// The description of its holder.
        holder: String,
    },
    /// The run starts.
    RunStarted {
        /// The direction.
        direction: Direction,
        /// The number of migrations to run.
        migrations: usize,
    },
    /// A migration starts.
    MigrationStarted {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// The direction.
        direction: Direction,
    },
    /// A step succeeded.
    StepFinished {
        /// The revision that runs.
        revision: String,
        /// The step's number, counted from 1.
        step: u64,
        /// The statement, or a description of the step.
        statement: String,
        /// The number of rows it changed or read.
        rows: u64,
        /// Its duration.
        duration: Duration,
    },
    /// A SQL migration begins one of its statements.
    StatementStarted {
        /// The revision that runs.
        revision: String,
        /// Its number in the file, counted from 1.
        statement: u64,
        /// The number of statements in the file.
        of: u64,
    },
    /// A migration logs a message.
    Log {
        /// The revision that runs; empty if it is about none.
        revision: String,
        /// The severity.
        level: LogLevel,
        /// The message, as the guest wrote it: escape it before printing it to a terminal.
        message: String,
    },
    /// A component runs a statement that makes the run unrepeatable.
    Unrepeatable {
        /// The revision that runs.
        revision: String,
        /// The statement, and why.
        statement: Unrepeatable,
    },
    /// Progress of a migration.
    Progress {
        /// The revision that runs; empty if it is about none.
        revision: String,
        /// The subject: the name of a transform, a table, or the guest's own description.
        what: String,
        /// The number done so far.
        done: u64,
        /// The total, if known.
        total: Option<u64>,
        /// The unit, such as `rows`.
        unit: String,
    },
    /// Progress of a transform.
    Transform {
        /// The revision that runs.
        revision: String,
        /// The progress.
        progress: TransformProgress,
    },
    /// Something holds the run, which continues by itself afterwards.
    Held {
        /// The revision that runs.
        revision: String,
        /// The name of what holds it, such as `replica-lag`.
        reason: &'static str,
        /// Its description.
        text: String,
        /// Whether an operator has to end it.
        is_pause: bool,
    },
    /// The run continues.
    Resumed {
        /// The revision that runs.
        revision: String,
        /// The name of what held it.
        reason: &'static str,
    },
    /// A migration failed because of another transaction's lock and was rolled back. It is retried after a pause.
    Retrying {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// The error, and where it occurred.
        reason: String,
        /// The duration of the pause.
        pause: Duration,
        /// The number of the next retry, counted from 1.
        retry: u32,
        /// The maximum number of retries.
        of: u32,
    },
    /// A migration succeeded and is committed.
    MigrationFinished {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// The direction.
        direction: Direction,
        /// Its duration.
        duration: Duration,
        /// Rows read.
        rows_read: u64,
        /// Rows written.
        rows_written: u64,
    },
    /// A report of a dry run.
    DryRunEvent(Box<DryRunEvent>),
    /// A migration failed.
    MigrationFailed {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// The direction.
        direction: Direction,
        /// Why.
        error: Error,
    },
}
