//! The outcome of a run.

use std::fmt;
use std::time::Duration;

use super::Direction;
use super::backup::BackupDone;
use super::history::RunMode;
use super::plan::PlannedMigration;
use crate::call::answer::Transformed;
use crate::event::dry_run::Report;
use crate::isolation::Barrier;
use runner_base::error::{Error, Result};
use runner_data::count::{count, counted};
use runner_project::catalog::Kind;

/// A migration that a run completed.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// The direction.
    pub direction: Direction,
    /// How it is written.
    pub kind: Kind,
    /// How it was committed.
    pub mode: RunMode,
    /// What held a component back; `None` for SQL.
    pub isolation: Option<Barrier>,
    /// Its duration.
    pub duration: Duration,
    /// The number of steps.
    pub steps: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// The digest of its calls and their answers.
    pub transcript: String,
    /// How often it was retried after a lock conflict.
    pub retries: u32,
}

/// The part of a stepwise migration that took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TookEffect {
    /// The number of statements or steps, from the first.
    pub steps: u64,
    /// The total, if known: for a migration in SQL.
    pub of: Option<u64>,
    /// Chunks committed by a transform in progress.
    pub chunks: u64,
    /// Rows written by these chunks.
    pub rows: u64,
}

impl fmt::Display for TookEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Some(of) => write!(f, "{} of {}", count(self.steps), counted(of, "statement", "statements")),
            None => {
                let committed = Transformed { chunks: self.chunks, rows_written: self.rows, ..Transformed::default() };
                f.write_str(&committed.after(self.steps, "step", "steps"))
            }
        }
    }
}

/// The migration that ended a run.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The planned migration.
    pub step: PlannedMigration,
    /// What it left in the database; `None` if nothing.
    pub took_effect: Option<TookEffect>,
}

/// What a dry run left in the database, as far as that is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    #[default]
    Nothing,
    /// Nothing but a scratch copy that could not be removed.
    Copy,
    /// It is unknown: the rollback failed, or came after the transaction had ended.
    Unknown,
}

/// The outcome of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The run's ID.
    pub run_id: String,
    /// Whether everything was rolled back at the end, as requested.
    pub dry_run: bool,
    /// The backup made before anything ran.
    pub backup: Option<BackupDone>,
    /// What a dry run left.
    pub dry_run_left: Left,
    /// The report of a dry run.
    pub dry_run_report: Option<Report>,
    /// The completed migrations, in order.
    pub done: Vec<Done>,
    /// The migration that failed.
    pub failed: Option<Failed>,
    /// The migrations that were not started.
    pub not_run: Vec<PlannedMigration>,
    /// Why the run ended early.
    pub error: Option<Error>,
}

impl Outcome {
    /// Returns the outcome if the run did everything, otherwise the error that ended it early.
    pub fn into_result(mut self) -> Result<Self> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Whether anything of an upgrade took effect.
    pub fn took_effect(&self, revision: &str) -> bool {
        let is_done = |done: &Done| done.revision == revision && done.direction == Direction::Up;
        let is_part = |failed: &Failed| failed.step.revision == revision && failed.took_effect.is_some();
        !self.dry_run && (self.done.iter().any(is_done) || self.failed.as_ref().is_some_and(is_part))
    }

    /// Whether there was nothing to do.
    pub fn is_up_to_date(&self) -> bool {
        self.done.is_empty() && self.error.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_effect_reads_well() {
        for (steps, of, chunks, rows, shown) in [
            (1, Some(1), 0, 0, "1 of 1 statement"),
            (1_000, Some(2_000), 0, 0, "1,000 of 2,000 statements"),
            (1, None, 0, 0, "1 step"),
            (2, None, 1, 1, "2 steps and 1 chunk of a transform (1 row)"),
            (0, None, 16, 16_000, "16 chunks of a transform (16,000 rows)"),
            (0, None, 0, 0, "0 steps"),
        ] {
            assert_eq!(TookEffect { steps, of, chunks, rows }.to_string(), shown);
        }
    }
}
