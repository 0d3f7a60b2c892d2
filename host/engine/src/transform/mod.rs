//! Transforms: rows of a table are read in the order of its key, passed through a batch function a chunk at a time, and written.
//!
//! Two executors share the parts of this room. `single` has one connection, which reads and writes, and several instances of
//! the batch function that compute on other threads: in the single transaction of an atomic migration, or on SQLite,
//! which has one writer. `parallel` has several connections, each with an instance of its own, and other processes may
//! take part: each chunk is claimed in the database and commits by itself.
//!
//! The computation is a [`BatchFunction`]; this room depends on nothing else of a migration's code.

mod chunk_size;
mod instance;
mod key_check;
mod notes;
mod parallel;
mod read_ahead;
mod row_names;
mod single;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use super::batch_function::{BatchFunction, BatchInstance};
pub use parallel::help;

use self::instance::{CheckedInstance, TransformedBatch};
use self::key_check::KeyCheck;
use self::notes::ChunkNotes;
use self::single::ChunkIo;
use super::call_error::CallError;
use super::journal::{Journal, LiveTransform};
use super::transcript::{self, Ledger, TransformRecord};
use crate::call::answer::{Position, Transformed};
use crate::call::transform::TransformSpec;
use crate::script::RunContext;
use crate::stopped::stopped;
use runner_base::error::Result;
use runner_data::Batch;
use runner_database::keyset::TableReader;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, TableSource, TableTarget, WriteMode};

/// How long a transform runs before its rows are counted for progress, because counting reads the whole table.
const COUNT_AFTER: Duration = Duration::from_millis(500);

/// A transform to run.
pub struct TransformTask {
    /// The name of the batch function.
    pub name: String,
    /// What is read.
    pub source: TableSource,
    /// What is written.
    pub target: TableTarget,
}

impl TransformTask {
    /// Whether the transform reduces the rows that it reads, so that they can be counted only before it begins.
    fn shrinks_its_source(&self) -> bool {
        self.source.filter.is_some() || self.target.mode == WriteMode::Delete
    }
}

/// Runs a transform to its end. `function` is `None` if the migration has no batch functions. `step` is the journal and
/// the step in it, if each chunk commits by itself.
pub async fn run(
    run: &RunContext,
    function: Option<Arc<dyn BatchFunction>>,
    task: TransformTask,
    step: Option<(Arc<Journal>, Box<LiveTransform>)>,
) -> Result<Transformed, CallError> {
    let dialect = run.database.lock().await.facts().dialect;
    let mut chunks = ChunkIo::new(run, step);
    let Some(function) = function else {
        chunks.count_earlier();
        return Err(chunks.fail(no_transformer()).await);
    };
    // Samples of a dry run are spread over the table by one reader.
    let is_shared = chunks.is_journalled() && dialect.has_many_writers() && run.left_out.chunks_but.is_none();
    if is_shared {
        return parallel::lead(run, function, task, chunks).await;
    }
    let ended = single::drive(run, &*function, &task, &mut chunks).await;
    chunks.close().await;
    match ended {
        Ok(()) => chunks.finish().await,
        Err(CallError::Database(error)) => Err(chunks.fail(error).await),
        Err(other) => Err(other),
    }
}

/// Passes one batch through a batch function outside of any transform: `verify` compares the result.
pub async fn once(
    run: &RunContext,
    function: Option<Arc<dyn BatchFunction>>,
    name: &str,
    rows: Batch,
) -> Result<Batch> {
    let function = function.ok_or_else(no_transformer)?;
    let mut instance = CheckedInstance::start(&*function, name).await?;
    let check = KeyCheck::none();
    tokio::select! {
        biased;
        reason = run.stop.raised() => Err(stopped(reason)),
        transformed = instance.transform(name, rows, &check) => transformed.map(|it| it.rows),
    }
}

fn no_transformer() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::InvalidArgument,
        "the component exports no transformer, so it has no batch function to call",
    )
    .hint("build it for the world `data-migration`")
}

/// The position of a reader, as the journal keeps it.
pub fn position(reader: &TableReader) -> Position {
    Position {
        bound: reader.bound().map(<[_]>::to_vec),
        last: reader.last_key().map(<[_]>::to_vec),
        types: reader.types().to_vec(),
    }
}

/// The check of the returned keys. Where only the rows of a chunk are locked, others may insert between them.
fn key_check_of(run: &RunContext, work: &TransformSpec, reader: &TableReader, dialect: Dialect) -> KeyCheck {
    let whole = work.source.table == work.target.table
        && reader.key() == work.target.key
        && reader.covers_key_range()
        && !dialect.locks_rows();
    let notes = ChunkNotes::new(work.target.key.clone(), run.transforms.stored_row_bytes);
    KeyCheck::new(work.target.mode, work.target.key.clone(), reader.key().to_vec(), whole, notes)
}

/// The record of a transform, without its chunks.
fn record_of(work: &TransformSpec) -> TransformRecord {
    TransformRecord {
        name: work.name.clone(),
        source: work.source.clone(),
        target: work.target.clone(),
        bound: work.bound.clone(),
        ledger: Ledger::default(),
    }
}

/// The record of a batch: which rows went in, and what came out. `from`: where it begins.
fn chunk_record(
    transformed: &TransformedBatch,
    from: &Position,
    last: &Option<Vec<runner_data::Value>>,
) -> transcript::ChunkRecord {
    let [input, output] = transformed.digests;
    let columns = transformed.rows.columns.iter().map(|it| (it.name.clone(), it.values.column_type()));
    transcript::ChunkRecord {
        after: from.last.clone(),
        last: last.clone(),
        types: from.types.clone(),
        columns: columns.collect(),
        aligned: transformed.aligned,
        rows_in: transformed.rows_in,
        rows_out: transformed.rows.row_count as u64,
        input,
        output,
        written: transformed.written.clone(),
        rows: transformed.stored.clone(),
    }
}
