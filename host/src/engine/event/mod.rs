//! What happens during a run, as typed events. The engine prints nothing.

pub mod dry_run;
mod progress;

pub use progress::{Progress, Total, percent};

use std::time::Duration;

use crate::engine::Direction;
use crate::engine::event::dry_run::DryRunEvent;

/// Hears events. Called from any thread, in order for one run; must not block for long.
pub trait EventSink: Send + Sync {
    /// Hears one event.
    fn emit(&self, event: &Event);
}

/// How much a log message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// For everybody.
    Info,
    /// Something is not as it should be.
    Warning,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody else holds the lock; `holder` says who.
    LockWaiting {
        /// Who holds it.
        holder: String,
    },
    /// The run begins with that many migrations to go.
    RunStarted {
        /// Which way.
        direction: Direction,
        /// How many migrations.
        migrations: usize,
    },
    /// A migration begins.
    MigrationStarted {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// Which way.
        direction: Direction,
    },
    /// A step ended well.
    StepFinished {
        /// The revision that runs.
        revision: String,
        /// The step's number, counted from 1.
        step: u64,
        /// The statement, or what the step was.
        statement: String,
        /// Rows it changed, or read.
        rows: u64,
        /// How long it took.
        duration: Duration,
    },
    /// A migration speaks.
    Log {
        /// The revision that runs.
        revision: String,
        /// How much it matters.
        level: Level,
        /// The message, as the guest wrote it: escape it before it meets a terminal.
        message: String,
    },
    /// How far something has come.
    Progress {
        /// The revision that runs.
        revision: String,
        /// What counts: the name of a transform, a table, or what the guest calls it.
        what: String,
        /// Done so far.
        done: u64,
        /// Of so many, if that is known.
        total: Option<u64>,
        /// What is counted, such as `rows`.
        unit: String,
    },
    /// How far a transform is.
    Transform {
        /// The revision that runs.
        revision: String,
        /// The numbers.
        progress: Progress,
    },
    /// Something holds the run; it goes on by itself when that is over.
    Held {
        /// The revision that runs.
        revision: String,
        /// The name of what holds it, such as `replica-lag`.
        reason: &'static str,
        /// In words.
        text: String,
        /// Whether an operator has to end it.
        is_pause: bool,
    },
    /// The run goes on.
    GoesOn {
        /// The revision that runs.
        revision: String,
        /// The name of what held it.
        reason: &'static str,
    },
    /// A migration met somebody else's lock and was rolled back; it is tried again after a pause.
    Retrying {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// What it met, and where.
        reason: String,
        /// How long the pause is.
        pause: Duration,
        /// Which retry comes next, counted from 1.
        retry: u32,
        /// Of so many at most.
        of: u32,
    },
    /// A migration ended well and is committed.
    MigrationFinished {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// Which way.
        direction: Direction,
        /// How long it took.
        duration: Duration,
        /// Rows read.
        rows_read: u64,
        /// Rows written.
        rows_written: u64,
    },
    /// A dry run tells what it does.
    DryRunEvent(Box<DryRunEvent>),
    /// A migration failed and was rolled back.
    MigrationFailed {
        /// Its revision.
        revision: String,
        /// Its name.
        name: String,
        /// Which way.
        direction: Direction,
    },
}
