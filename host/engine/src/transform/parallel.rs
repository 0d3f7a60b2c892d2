//! The executor with several connections, in one process or several. Each worker has a connection and an instance of its own: it
//! claims a chunk, reads, transforms and writes it in one transaction, and claims the next.
//!
//! The process that holds the lock leads: it begins the transform, and ends it once all chunks are done. Others help: they find
//! the transform in the database, and leave when no chunk is left to claim.

mod attempt;
mod row_locks;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;

use self::row_locks::RowLocks;
use self::worker::ChunkWorker;
use super::chunk_size::ChunkSizer;
use super::key_check::KeyCheck;
use super::single::{ChunkIo, JournalledTransform, OpenedTransform};
use super::{COUNT_AFTER, TransformTask, key_check_of, no_transformer, record_of};
use crate::batch_function::BatchFunction;
use crate::call::answer::Transformed;
use crate::call::transform::TransformSpec;
use crate::call_error::CallError;
use crate::chunks::Chunks;
use crate::control::CommittedChunk;
use crate::control::total::is_to_be_counted;
use crate::event::Total;
use crate::event::{Event, LogLevel};
use crate::journal::Journal;
use crate::journal::chunk::{ChunkRole, Claimant, Frontier, Owner};
use crate::script::{Execution, RunContext};
use runner_base::error::{Error, Result};
use runner_database::keyset::{ChunkRange, TableReader};
use runner_database::{BatchLimits, Database, TransactionOptions, WriteMode};

/// A worker's own connection, or the run's.
pub(super) type Connection = OwnedMutexGuard<Box<dyn Database>>;

/// What all workers of a transform in this process share.
pub(super) struct SharedTransform {
    pub function: Arc<dyn BatchFunction>,
    pub run: RunContext,
    pub journal: Arc<Journal>,
    pub claimant: Claimant,
    pub work: TransformSpec,
    pub check: Arc<KeyCheck>,
    pub limits: BatchLimits,
    pub sizer: ChunkSizer,
    /// Whether the rows of a chunk are locked when they are read.
    pub holds_rows: bool,
    /// Whether they are locked where only a conflict requires that.
    pub row_locks: RowLocks,
    /// Whether this worker may be the only one of the transform: on Claims::Alone, it claims the next chunk with the one before.
    is_alone: AtomicBool,
    /// Set when no further chunk is to be begun: one failed, or the caller needs no more help.
    ending: Arc<AtomicBool>,
    /// How many rows there are.
    total: Mutex<Option<Total>>,
    /// Whether a worker counts them, or has.
    is_counting: AtomicBool,
    began: Instant,
    /// Chunks that were done in this process.
    pub done: AtomicU64,
    /// Chunks that were cut before this process cut one, and those that it has cut.
    cut_before: OnceLock<u64>,
    cut_here: AtomicU64,
}

impl SharedTransform {
    fn new(
        run: &RunContext,
        function: Arc<dyn BatchFunction>,
        journal: Arc<Journal>,
        (claimant, work): (Claimant, TransformSpec),
        check: Arc<KeyCheck>,
        (ending, total): (Arc<AtomicBool>, Option<Total>),
    ) -> Self {
        let limits = function.limits();
        let (rows, bytes) = (limits.rows as u64, limits.bytes as u64);
        let transforms = &run.transforms;
        let Chunks { most, pace } = Chunks::of(transforms.rows, transforms.time, rows);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            function,
            run: run.clone(),
            journal,
            // A copy would be outdated as soon as it is made, locks or not: it overwrites nothing.
            holds_rows: work.target.mode != WriteMode::Insert,
            row_locks: RowLocks::default(),
            is_alone: AtomicBool::new(claimant.owner.leads() && transforms.connections <= 1),
            work,
            claimant,
            check,
            limits,
            sizer: ChunkSizer::new(run.control.chunk_rows(most, transforms.connections) as u64, pace, rows, bytes),
            ending,
            total: Mutex::new(total),
            is_counting: AtomicBool::new(false),
            began: Instant::now(),
            done: AtomicU64::new(0),
            cut_before: OnceLock::new(),
            cut_here: AtomicU64::new(0),
        }
    }

    /// Whether no further chunk is to be begun.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Whether no other worker takes part in the transform, as far as this process has seen.
    pub fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// Another process has claimed a chunk, or is about to.
    pub fn note_company(&self) {
        self.is_alone.store(false, Ordering::Relaxed);
    }

    /// Lets each worker finish its chunk, and begin no other.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Reports a chunk that was done in this process.
    pub fn chunk_done(&self, chunk: CommittedChunk) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if !self.claimant.owner.leads() {
            self.run.recorder.add_steps(1);
        }
        self.run.control.chunk_done(chunk);
    }

    /// Reads a batch to measure the width of the rows, so that the first chunk of a table with wide rows is not too
    /// large. A failure is ignored: it happens again when the chunk is read.
    async fn weigh(&self, database: &mut dyn Database, reader: &mut TableReader) {
        if database.host().begin(TransactionOptions::default()).await.is_err() {
            return;
        }
        let batch = reader.next(&mut *database.component(&self.run.stop)).await;
        let closed = database.rollback().await;
        if let (Ok(Some(batch)), Ok(())) = (batch, closed) {
            self.sizer.weigh(batch.row_count as u64, batch.byte_len() as u64);
        }
    }

    /// Takes the progress of all processes from the database, if there are others. Chunks of this process are counted when they
    /// are done, a moment after they are in the database.
    pub fn note_frontier(&self, frontier: &Frontier) {
        let before = *self.cut_before.get_or_init(|| frontier.chunks);
        if frontier.chunks > before + self.cut_here.load(Ordering::Acquire) {
            self.run.control.set_rows_done(frontier.rows_read);
        }
    }

    /// Notes that a chunk was cut here, before it is committed.
    pub fn has_cut(&self) {
        self.cut_here.fetch_add(1, Ordering::Release);
    }

    /// Whether the worker that asks is to count the rows now, for progress. Only one of them is, once: the whole table is read.
    pub fn counts_now(&self) -> bool {
        let total = *self.total.lock().unwrap_or_else(PoisonError::into_inner);
        is_to_be_counted(total)
            && self.began.elapsed() >= COUNT_AFTER
            && !self.is_counting.swap(true, Ordering::Relaxed)
    }

    /// How many rows there are.
    pub fn counted(&self, rows: u64) {
        let total = Total::counted(rows);
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) = Some(total);
        self.run.control.total(total);
    }
}

/// Runs a transform to its end, together with the processes that help.
pub(super) async fn lead(
    run: &RunContext,
    function: Arc<dyn BatchFunction>,
    task: TransformTask,
    mut chunks: ChunkIo<'_>,
) -> Result<Transformed, CallError> {
    let OpenedTransform { mut reader, check, total, work, .. } = match chunks.begin(&task, function.limits()).await {
        Ok(opened) => opened,
        Err(error) => {
            chunks.count_earlier();
            return Err(match error {
                CallError::Database(error) => chunks.fail(error).await,
                other => other,
            });
        }
    };
    let Some(JournalledTransform { journal, step, claimant }) = chunks.into_journalled() else {
        return Err(Error::failed("a transform without a journal cannot be shared").into());
    };
    let mut main = run.database.clone().lock_owned().await;
    let before = claimant.totals(&mut main.host()).await.map_err(Error::from)?;
    let ending = Arc::new(AtomicBool::new(false));
    let shared =
        Arc::new(SharedTransform::new(run, function, journal.clone(), (claimant, work), check, (ending, total)));
    shared.weigh(&mut **main, &mut reader).await;
    run.control.transform(&task.name, before.rows_read, before.chunks, total)?;
    let (mut main, ended) = run_workers(&shared, main).await;
    let database = &mut main.host();
    // Ends a transaction that a failure left open. If that fails too, the next statement reports why.
    let _ = database.rollback().await;
    let here = shared.done.load(Ordering::Relaxed);
    let done = match shared.claimant.totals(database).await {
        Ok(done) => done,
        Err(_) if ended.is_err() => Transformed { chunks: before.chunks + here, ..before },
        Err(error) => return Err(Error::from(error).into()),
    };
    if before.chunks == 0 && done.chunks > 0 {
        journal.note_chunks().await;
    }
    run.recorder.add_earlier(before.rows_read, before.rows_written);
    run.recorder.add_rows_read(done.rows_read);
    run.recorder.add_rows_written(done.rows_written);
    match ended {
        Ok(()) => {
            let record = record_of(&shared.work);
            let done = journal.finish_transform(database, step, done, record, false).await?;
            run.control.set_rows_done(done.rows_read);
            run.control.transform_done();
            Ok(done)
        }
        Err(CallError::Database(error)) => Err(journal.fail_transform(database, step, &done, error).await?.into()),
        Err(other) => Err(other),
    }
}

/// Takes part in a transform that another process leads, until no chunk is left to claim or `halt` is set. Returns what was done
/// here. The context's database is a connection of its own.
pub async fn help(
    run: &RunContext,
    function: Option<Arc<dyn BatchFunction>>,
    step: u64,
    halt: &Arc<AtomicBool>,
) -> Result<Transformed> {
    let function = function.ok_or_else(no_transformer)?;
    let Execution::Journalled(journal) = run.execution.clone() else {
        return Err(Error::failed("a transform without a journal cannot be shared"));
    };
    let mut main = run.database.clone().lock_owned().await;
    let owner = Owner::new(&run.transforms.run_id, &run.transforms.held_by, ChunkRole::Helper);
    let build = Some(journal.build().await);
    let claimant = Claimant { run: journal.run(), step, owner, build };
    // The transform may have ended since it was found.
    let Some(checkpoint) = journal.join_transform(&mut main.host(), step).await? else {
        return Ok(Transformed::default());
    };
    let work = checkpoint.work;
    let limits = function.limits();
    let mut reader = TableReader::join(&mut *main.component(&run.stop), work.source.clone(), limits).await?;
    let check = Arc::new(key_check_of(run, &work, &reader, main.facts().dialect));
    let ending = halt.clone();
    let shared = Arc::new(SharedTransform::new(run, function, journal, (claimant, work), check, (ending, None)));
    run.control.transform(&shared.work.name, checkpoint.done.rows_read, checkpoint.done.chunks, None)?;
    reader.turn_to(ChunkRange {
        bound: checkpoint.position.bound,
        after: checkpoint.position.last,
        ..ChunkRange::default()
    });
    shared.weigh(&mut **main, &mut reader).await;
    let (_main, ended) = run_workers(&shared, main).await;
    let done = Transformed { chunks: shared.done.load(Ordering::Relaxed), ..Transformed::default() };
    match ended {
        Ok(()) => Ok(done),
        Err(error) => Err(error.into_error()),
    }
}

/// Runs all workers until no chunk is left, or until one of them has failed and the others have finished their chunks. Returns
/// the first connection, and the first failure.
async fn run_workers(shared: &Arc<SharedTransform>, main: Connection) -> (Connection, Result<(), CallError>) {
    let mut others = JoinSet::new();
    for number in 1..shared.run.transforms.connections.max(1) {
        let shared = shared.clone();
        // A separate thread, because the batch function takes CPU time; it waits for its own connection only.
        others.spawn_blocking(move || {
            let ended = match runner_base::runtime::new() {
                Ok(runtime) => runtime.block_on(run_on_own_connection(&shared, number)),
                Err(error) => Err(error.into()),
            };
            if ended.is_err() {
                shared.end();
            }
            ended
        });
    }
    let shared_by_first = shared.clone();
    let first = tokio::spawn(async move {
        let mut worker = ChunkWorker::new(shared_by_first.clone(), main);
        let ended = worker.run().await;
        if ended.is_err() {
            shared_by_first.end();
        }
        (worker.into_connection(), ended)
    });
    let first = first.await;
    let mut failures = Vec::new();
    if first.is_err() {
        shared.end();
    }
    while let Some(ended) = others.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(error),
            Err(error) => failures.push(ended_early(error)),
        }
    }
    let main = match first {
        Ok((main, Ok(()))) => main,
        Ok((main, Err(error))) => {
            failures.insert(0, error);
            main
        }
        Err(error) => {
            failures.insert(0, ended_early(error));
            shared.run.database.clone().lock_owned().await
        }
    };
    // A stop was requested; any other failure meanwhile happens again in the next run.
    let stop = failures.iter().position(|error| matches!(error, CallError::Stopped(_)));
    let first = stop.unwrap_or(0);
    let ended = if failures.is_empty() { Ok(()) } else { Err(failures.swap_remove(first)) };
    (main, ended)
}

/// A worker on a connection of its own. If the server accepts no more connections, the other workers do its work.
async fn run_on_own_connection(shared: &Arc<SharedTransform>, number: usize) -> Result<(), CallError> {
    let Some(connector) = &shared.run.transforms.connector else { return Ok(()) };
    let connected = connector.connect().await;
    let database = match connected.and_then(|mut made| made.set_grants(shared.run.grants.clone()).map(|()| made)) {
        Ok(database) => database,
        Err(error) => {
            shared.run.events.emit(&Event::Log {
                revision: shared.run.revision.clone(),
                level: LogLevel::Warning,
                message: format!(
                    "connection {} could not be made; the other connections do its work: {error}",
                    number + 1
                ),
            });
            return Ok(());
        }
    };
    let connection = Arc::new(tokio::sync::Mutex::new(database)).lock_owned().await;
    ChunkWorker::new(shared.clone(), connection).run().await
}

fn ended_early(error: tokio::task::JoinError) -> CallError {
    Error::failed("a worker of a transform ended unexpectedly").cause(error).into()
}
