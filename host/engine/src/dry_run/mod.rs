//! What a dry run reports: each statement with its values and rows, and rows before and after.
//!
//! Each call of a migration passes a [`Trial`], which records it and refuses what a rollback cannot undo. A [`RowWriter`] reads some
//! rows before and after each batch that is written. The [`DryRunRecorder`] combines this with the engine's own events, reports
//! it as it happens, and keeps a bounded record for the final report.
//!
//! The rows are read from the database itself, so conversions and triggers are visible: batches of the guest would show
//! what it intended. Samples are spread by halving: every s-th batch gives one row, and when there is no more room,
//! every second row is dropped and s doubles.
//!
//! Where schema changes are transactional, all of it is one transaction. Elsewhere the transaction has row changes
//! only, and a statement that would commit is refused before it is sent. The rest runs on a scratch copy, on request: a
//! copy costs space, and is a database with everyone's data in it. What runs on a copy has the rights of the real
//! session, so each statement is inspected first, and refused if it cannot be decided that nothing escapes. The name of
//! a copy follows from the original's, so the holder of the lock may drop one that a killed run left.

mod judge;
mod lasting;
mod recorder;
mod samples;
mod trial;
mod writer;

pub use judge::Ground;
pub use lasting::lasting_table;
pub use recorder::{DryRunRecorder, RecorderOptions};
pub use trial::Trial;
pub use writer::RowWriter;

use runner_drivers::Connector;

/// How a dry run is performed.
#[derive(Clone)]
pub struct DryRun {
    /// What happens at each call of a migration.
    pub trial: Trial,
    /// Runs on a scratch copy of the database; otherwise in a transaction that is rolled back.
    pub on_scratch: Option<OnScratch>,
    /// Processes only this many chunks of each transform, spread over the table.
    pub chunks: Option<u64>,
}

/// What is copied, and how to connect to the copy.
#[derive(Clone, Debug)]
pub struct OnScratch {
    /// The most rows to copy from each table, where partial copies are possible; `None` copies all.
    pub rows: Option<u64>,
    /// How the run's own connection was made.
    pub connect: Connector,
}
