//! The events and the report of a dry run.

use std::time::Duration;

use super::unrepeatable::Unrepeatable;
use crate::Direction;

/// An event of a dry run.
#[derive(Clone, Debug)]
pub enum DryRunEvent {
    /// A migration starts.
    Migration {
        /// `REVISION_name`.
        id: String,
        /// The direction.
        direction: Direction,
    },
    /// A step, or several equal consecutive ones.
    Step(Tried),
    /// Sampled rows that a migration changed through its own writers.
    Samples(Vec<Sample>),
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran.
    Done,
    /// It was skipped because it cannot run in a transaction.
    NotRun,
    /// The database rejected it with this message.
    Failed(String),
}

/// A step of a dry run.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Its number, counted from 1.
    pub number: u64,
    /// The statement, or a description of the step; very long ones are cut.
    pub statement: String,
    /// The values of its placeholders, each shortened.
    pub parameters: Vec<String>,
    /// The number of rows it changed or read.
    pub rows: u64,
    /// Its duration.
    pub duration: Duration,
    /// Its result.
    pub ending: Ending,
    /// The number of consecutive steps with this statement that are reported as one.
    pub times: u64,
    /// Sampled rows that a transform changed.
    pub samples: Vec<Sample>,
}

/// A sample of written rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The operation and the table: `update flights`.
    pub what: String,
    /// The total number of written rows.
    pub rows: u64,
    /// Some of them, in the order of writing.
    pub changes: Vec<Change>,
}

/// A row before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What identifies it; empty for an inserted row.
    pub key: Vec<Cell>,
    /// The other written columns before; `None` if the row did not exist.
    pub before: Option<Vec<Cell>>,
    /// The same columns after; `None` if the row was deleted.
    pub after: Option<Vec<Cell>>,
}

/// A cell, shortened for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

/// A migration of a dry run.
#[derive(Clone, Debug)]
pub struct TriedMigration {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// The direction.
    pub direction: Direction,
    /// Its first steps.
    pub steps: Vec<Tried>,
    /// The number of further steps.
    pub steps_left_out: u64,
    /// Sampled rows that it changed through its own writers.
    pub samples: Vec<Sample>,
    /// Statements of a component that may do something else in the real run.
    pub unrepeatable: Vec<Unrepeatable>,
}

/// The report of a dry run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Where it ran: `transaction`, `copy` or `scratch database`.
    pub ground: &'static str,
    /// What it cannot show or does not roll back.
    pub caveats: Vec<String>,
    /// The migrations that were run.
    pub migrations: Vec<TriedMigration>,
}
