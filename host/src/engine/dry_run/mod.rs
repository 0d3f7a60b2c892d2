//! What a dry run tells: each statement with its values and rows, and rows before and after.
//!
//! A [`RecordingDatabase`] database stands between the migrations and the real one. It notes what they ask, looks at some rows before
//! and behind each batch that is written, and refuses what no rollback takes back. The [`DryRunRecorder`] puts that together with
//! the engine's own events, tells it as it happens, and keeps a bounded record for those who want it at the end.

mod judge;
mod recorder;
mod recording;
mod samples;

pub use judge::Ground;
pub use recorder::{DryRunRecorder, RecorderOptions};
pub use recording::RecordingDatabase;

use std::sync::Arc;

use crate::database::ConnectOptions;

/// How a dry run is done.
#[derive(Clone)]
pub struct DryRun {
    /// Hears what the watched database and the engine have to tell.
    pub recorder: Arc<DryRunRecorder>,
    /// Runs on a copy of the database; else in a transaction that is rolled back.
    pub on_scratch: Option<OnScratch>,
    /// Only so many chunks of each transform, spread over the table.
    pub chunks: Option<u64>,
}

/// What is copied, and how the copy is reached.
#[derive(Clone, Debug)]
pub struct OnScratch {
    /// At most so many rows of each table, where a copy can be a part; none: all.
    pub rows: Option<u64>,
    /// As the run's own connection was made.
    pub connect: ConnectOptions,
}
