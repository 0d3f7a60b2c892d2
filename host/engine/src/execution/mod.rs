//! How the calls of a migration are carried out: in one transaction, each in its own with a journal, or answered from a recording.
//!
//! The mode is chosen once, when the run begins: [`Execution`] in the run's context. [`Calls`] offers the calls that a
//! component can make. What differs by mode is in three files with the same outline (begin a step, readers, writers,
//! transforms):
//! `atomic`, `journalled` and `replayed`. A reader or a writer keeps the mode that opened it.

mod atomic;
mod by_mode;
mod calls;
mod journalled;
mod replayed;
mod step;

use std::sync::Arc;

pub use self::by_mode::TransformReport;
pub use self::calls::{CallLimits, Calls};
pub use self::step::{Access, Fault, RunningStep, StepStart, Steps};
pub use super::script::Execution;

use self::atomic::AtomicReader;
use self::journalled::{JournalledReader, JournalledWriter};
use self::replayed::ReplayedReader;
use super::call::{Call, CallKind};
use super::dry_run::RowWriter;
use super::transcript::Replay;

/// A reader that a migration has open.
pub struct Reader(ReaderMode);

enum ReaderMode {
    Atomic(AtomicReader),
    Journalled(JournalledReader),
    Replayed(ReplayedReader),
}

/// A writer that a migration has open.
pub struct Writer {
    /// Distinguishes it from other writers of the run.
    number: u64,
    /// The target, for messages: `update flights`.
    name: String,
    mode: WriterMode,
}

enum WriterMode {
    Atomic(RowWriter),
    Journalled(JournalledWriter),
    Replayed(Arc<Replay>),
}

/// The call for the next batch of a result, or of a reader at its end.
const NEXT: Call<'static> = Call { kind: CallKind::Next, text: "read the next batch", parameters: "" };

/// The text of the call for the next batch of a table.
fn next_of_table(table: &str) -> String {
    format!("read the next batch of {table}")
}
