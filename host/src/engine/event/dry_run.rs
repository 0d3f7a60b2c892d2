//! What is told of a dry run.

use std::time::Duration;

use crate::engine::Direction;

/// Something that a dry run tells as it happens.
#[derive(Clone, Debug)]
pub enum DryRunEvent {
    /// A migration begins.
    Migration {
        /// `REVISION_name`.
        id: String,
        /// Which way.
        direction: Direction,
    },
    /// A step, or several equal ones.
    Step(Tried),
    /// Rows that a migration's own writers changed.
    Samples(Vec<Sample>),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran.
    Done,
    /// It was left out: it refuses a transaction.
    NotRun,
    /// The database refused it, with this message.
    Failed(String),
}

/// A step of a dry run.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Its number, counted from 1.
    pub number: u64,
    /// The statement, or what the step was; a very long one is cut.
    pub statement: String,
    /// The values of its placeholders, each shortened.
    pub parameters: Vec<String>,
    /// Rows it changed, or read.
    pub rows: u64,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
    /// So many steps with this statement, one behind the other, are told of as one.
    pub times: u64,
    /// Rows that a transform changed.
    pub samples: Vec<Sample>,
}

/// Some rows that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What was done to which table: `update flights`.
    pub what: String,
    /// How many rows were written in all.
    pub rows: u64,
    /// Some of them, in the order in which they were written.
    pub changes: Vec<Change>,
}

/// A row before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What identifies it; empty for an inserted row.
    pub key: Vec<Cell>,
    /// The other columns that were written, as they were; none: there was no such row.
    pub before: Option<Vec<Cell>>,
    /// As they are; none: the row is gone.
    pub after: Option<Vec<Cell>>,
}

/// A cell for people, shortened.
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
    /// Which way.
    pub direction: Direction,
    /// Its first steps.
    pub steps: Vec<Tried>,
    /// How many more there were.
    pub steps_left_out: u64,
    /// Rows that its own writers changed.
    pub samples: Vec<Sample>,
}

/// What a dry run has to tell in the end.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Where it ran: `transaction`, `copy` or `scratch database`.
    pub ground: &'static str,
    /// What it cannot show, or does not take back.
    pub caveats: Vec<String>,
    /// The migrations, as far as it came.
    pub migrations: Vec<TriedMigration>,
}
