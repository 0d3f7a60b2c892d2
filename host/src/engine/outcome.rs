//! What came of a run.

use std::fmt;
use std::time::Duration;

use super::Direction;
use super::backup::BackupDone;
use super::history::RunMode;
use super::plan::PlannedMigration;
use crate::engine::event::dry_run::Report;
use crate::error::{Error, Result};
use crate::project::catalog::Kind;

/// A migration that a run finished.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// How it is written.
    pub kind: Kind,
    /// How it was committed.
    pub mode: RunMode,
    /// How long it took.
    pub duration: Duration,
    /// Steps it took.
    pub steps: u64,
    /// Rows it read.
    pub rows_read: u64,
    /// Rows it wrote.
    pub rows_written: u64,
    /// The digest of what it did.
    pub transcript: String,
    /// How often it was tried again, because somebody else held a lock.
    pub retries: u32,
}

/// What of a stepwise migration took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TookEffect {
    /// Its first statements, or steps.
    pub steps: u64,
    /// Of so many, if that is known: of a migration in SQL.
    pub of: Option<u64>,
    /// Chunks that a transform under way has committed.
    pub chunks: u64,
    /// Rows that these chunks wrote.
    pub rows: u64,
}

impl fmt::Display for TookEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.steps, self.of) {
            (steps, Some(1)) => write!(f, "{steps} of 1 statement"),
            (steps, Some(of)) => write!(f, "{steps} of {of} statements"),
            (1, None) => f.write_str("1 step"),
            (steps, None) => write!(f, "{steps} steps"),
        }?;
        let several = |number: u64| if number == 1 { "" } else { "s" };
        match (self.chunks, self.rows) {
            (0, _) => Ok(()),
            (chunks, rows) => {
                write!(f, " and {chunks} chunk{} of a transform ({rows} row{})", several(chunks), several(rows))
            }
        }
    }
}

/// The migration at which a run ended.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What was to be run.
    pub step: PlannedMigration,
    /// What of it stays in the database; none: nothing does.
    pub took_effect: Option<TookEffect>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The run.
    pub run_id: String,
    /// Whether everything was rolled back in the end, as asked.
    pub dry_run: bool,
    /// The backup that was made before anything was run.
    pub backup: Option<BackupDone>,
    /// What a dry run has to tell.
    pub dry_run_report: Option<Report>,
    /// What was finished, in order.
    pub done: Vec<Done>,
    /// What failed.
    pub failed: Option<Failed>,
    /// What was not begun.
    pub not_run: Vec<PlannedMigration>,
    /// Why the run ended early.
    pub error: Option<Error>,
}

impl Outcome {
    /// The outcome of a run that did all it was to do, or why it ended early.
    pub fn into_result(mut self) -> Result<Self> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Whether there was nothing to do.
    pub fn is_up_to_date(&self) -> bool {
        self.done.is_empty() && self.error.is_none()
    }
}
