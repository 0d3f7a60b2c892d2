//! A transform whose chunks are shared by several connections, and by several processes: each worker has a connection and an
//! instance of its own, takes a chunk, reads, turns and writes it in one transaction, and takes the next.
//!
//! The process that holds the lock leads: it begins the transform and ends it, when no chunk is left that anybody is at. Others
//! help: they find the transform in the database, and leave when there is nothing more to take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;

use super::chunks::{Begun, Chunks, Live, check_of, record_of};
use super::failure::Stopped;
use super::keys::KeyCheck;
use super::meter::LogBudget;
use super::script::Loaded;
use super::sizer::Sizer;
use super::transform::{Task, TransformError, dwindles, trap};
use super::worker::{End, Worker};
use crate::database::{BatchLimits, Database, DatabaseError, WriteMode};
use crate::engine::control::total::is_to_be_counted;
use crate::engine::control::{Chunk, Total};
use crate::engine::event::{Event, Level};
use crate::engine::journal::Journal;
use crate::engine::journal::answer::Transformed;
use crate::engine::journal::chunk::{Claimant, Frontier, Owner};
use crate::engine::journal::work::Work;
use crate::engine::role::as_host;
use crate::engine::script::{RunContext, stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::keyset::{ChunkRange, TableReader};

/// A connection of a worker's own, or the run's.
pub(super) type Connection = OwnedMutexGuard<Box<dyn Database>>;

/// What all workers of a transform in this process share.
pub(super) struct Shared {
    pub loaded: Arc<Loaded>,
    pub run: RunContext,
    pub journal: Arc<Journal>,
    pub claimant: Claimant,
    pub work: Work,
    pub check: Arc<KeyCheck>,
    pub limits: BatchLimits,
    pub log: Arc<Mutex<LogBudget>>,
    pub sizer: Sizer,
    /// Whether the rows of a chunk are locked when they are read.
    pub holds_rows: bool,
    /// No further chunk is to be begun: one of them failed, or whoever asked for help needs none any more.
    ending: Arc<AtomicBool>,
    /// How many rows there are.
    total: Mutex<Option<Total>>,
    began: Instant,
    /// Chunks that were done here.
    pub done: AtomicU64,
    /// Chunks that were cut before anybody here cut one, and those that were cut here.
    cut_before: OnceLock<u64>,
    cut_here: AtomicU64,
}

impl Shared {
    /// Whether no further chunk is to be begun.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Lets everybody come to the end of the chunk that they are at.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Tells of a chunk that was done here.
    pub fn chunk_done(&self, chunk: Chunk) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if !self.claimant.owner.leads {
            self.run.recorder.add_step();
        }
        self.run.control.chunk_done(chunk);
    }

    /// Reads a batch to learn how many bytes rows have: the first chunk of wide rows must not be larger than others. What fails
    /// here fails again where it matters.
    async fn weigh(&self, database: &mut dyn Database, reader: &mut TableReader) {
        if self.journal.open_part(database).await.is_err() {
            return;
        }
        let batch = reader.next(database).await;
        let closed = self.journal.close_part(database).await;
        if let (Ok(Some(batch)), Ok(())) = (batch, closed) {
            self.sizer.weigh(batch.row_count as u64, batch.byte_len() as u64);
        }
    }

    /// Takes in what all processes have done, as far as the database has it, if there are others. What is done here is counted
    /// here: a chunk is in the database a moment before.
    pub fn saw(&self, frontier: &Frontier) {
        let before = *self.cut_before.get_or_init(|| frontier.chunks);
        if frontier.chunks > before + self.cut_here.load(Ordering::Acquire) {
            self.run.control.saw(frontier.rows_read);
        }
    }

    /// Notes that a chunk was cut here, before it is committed.
    pub fn has_cut(&self) {
        self.cut_here.fetch_add(1, Ordering::Release);
    }

    /// Whether the rows are to be counted now, for those who watch. Only once.
    pub fn counts_now(&self) -> bool {
        let total = *self.total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        is_to_be_counted(total) && self.began.elapsed() >= super::transform::COUNT_AFTER
    }

    /// How many rows there are.
    pub fn counted(&self, rows: u64) {
        let total = Total::counted(rows);
        *self.total.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(total);
        self.run.control.total(total);
    }
}

/// Runs a transform to its end, with everybody who helps.
pub(super) async fn lead(
    loaded: &Arc<Loaded>,
    run: &RunContext,
    task: Task,
    mut chunks: Chunks<'_>,
) -> std::result::Result<Transformed, TransformError> {
    let source = task.source.clone();
    let begun = chunks.begin(source, task.target.clone(), task.limits, dwindles(&task), &task.name).await;
    let Begun { mut reader, check, total, work } = match begun {
        Ok(begun) => begun,
        Err(TransformError::Database(error)) => return Err(chunks.fail(error).await),
        Err(trap) => return Err(trap),
    };
    let Some(Live { journal, transform, claimant }) = chunks.into_live() else {
        return Err(trap(Error::failed("a transform without a journal cannot be shared")));
    };
    let mut main = run.database.clone().lock_owned().await;
    as_host(&mut **main);
    let before = claimant.totals(&mut **main).await.map_err(|error| trap(error.into()))?;
    let ending = Arc::new(AtomicBool::new(false));
    let crew = Crew { loaded, run, journal: &journal, work, check, limits: task.limits, log: task.log };
    let shared = Arc::new(crew.shared(claimant, ending, total));
    shared.weigh(&mut **main, &mut reader).await;
    run.control.transform(&task.name, before.rows_read, before.chunks, total).map_err(trap)?;
    let (mut main, ended) = work_all(&shared, main).await;
    let database = &mut **main;
    as_host(database);
    // A transaction that a failure left open; where that fails the next statement says why.
    let _ = database.rollback().await;
    let here = shared.done.load(Ordering::Relaxed);
    let done = match shared.claimant.totals(database).await {
        Ok(done) => done,
        Err(_) if ended.is_err() => Transformed { chunks: before.chunks + here, ..before },
        Err(error) => return Err(trap(error.into())),
    };
    if before.chunks == 0 && done.chunks > 0 {
        journal.note_chunks().await;
    }
    run.recorder.add_rows_read(done.rows_read);
    run.recorder.add_rows_written(done.rows_written);
    match ended {
        Ok(()) => {
            let record = record_of(&shared.work);
            let done = journal.finish_transform(database, transform, done, record, false).await.map_err(trap)?;
            run.control.saw(done.rows_read);
            run.control.transform_done();
            Ok(done)
        }
        Err(End::Stopped(reason)) => Err(TransformError::Trap(wasmtime::Error::new(Stopped(reason)))),
        Err(End::Error(error)) => Err(trap(error)),
        Err(End::Database(error)) => match journal.fail_transform(database, transform, &done, error).await {
            Ok(error) => Err(TransformError::Database(error)),
            Err(error) => Err(trap(error)),
        },
    }
}

/// Takes part in a transform that another process leads. Answers what was done here.
pub(super) async fn help(
    loaded: &Arc<Loaded>,
    run: &RunContext,
    step: u64,
    halt: &Arc<AtomicBool>,
) -> Result<Transformed> {
    let Some(journal) = run.journal.clone() else {
        return Err(Error::failed("a transform without a journal cannot be shared"));
    };
    let mut main = run.database.clone().lock_owned().await;
    as_host(&mut **main);
    let owner = Owner::new(&run.transforms.run_id, &run.transforms.held_by, false);
    let claimant = Claimant { run: journal.run(), step, owner };
    // It may have come to its end since it was found.
    let Some(checkpoint) = journal.checkpoint(&mut **main, step).await? else { return Ok(Transformed::default()) };
    let work = checkpoint.work;
    let limits = super::state::batch_limits(&loaded.shared.limits);
    let mut reader = TableReader::join(&mut **main, work.source.clone(), limits).await?;
    let check = Arc::new(check_of(&work, &reader, main.facts().dialect));
    let log = Arc::new(Mutex::new(LogBudget::new(&loaded.shared.limits)));
    let crew = Crew { loaded, run, journal: &journal, work, check, limits, log };
    let shared = Arc::new(crew.shared(claimant, halt.clone(), None));
    run.control.transform(&shared.work.name, checkpoint.done.rows_read, checkpoint.done.chunks, None)?;
    reader.turn_to(ChunkRange {
        bound: checkpoint.position.bound,
        after: checkpoint.position.last,
        ..ChunkRange::default()
    });
    shared.weigh(&mut **main, &mut reader).await;
    let (_main, ended) = work_all(&shared, main).await;
    let done = Transformed { chunks: shared.done.load(Ordering::Relaxed), ..Transformed::default() };
    match ended {
        Ok(()) => Ok(done),
        Err(End::Stopped(reason)) => Err(stopped(reason)),
        Err(End::Error(error)) => Err(error),
        Err(End::Database(error)) => Err(error.into()),
    }
}

/// What workers are made from.
struct Crew<'a> {
    loaded: &'a Arc<Loaded>,
    run: &'a RunContext,
    journal: &'a Arc<Journal>,
    work: Work,
    check: Arc<KeyCheck>,
    limits: BatchLimits,
    log: Arc<Mutex<LogBudget>>,
}

impl Crew<'_> {
    fn shared(self, claimant: Claimant, ending: Arc<AtomicBool>, total: Option<Total>) -> Shared {
        let transforms = &self.run.transforms;
        let (rows, bytes) = (self.limits.rows as u64, self.limits.bytes as u64);
        let most =
            self.run.control.chunk_rows(usize::try_from(transforms.rows.unwrap_or(rows)).unwrap_or(usize::MAX)) as u64;
        Shared {
            loaded: self.loaded.clone(),
            run: self.run.clone(),
            journal: self.journal.clone(),
            claimant,
            // A copy would be out of date when it was made, locks or not: nothing of it overwrites anything.
            holds_rows: self.work.target.mode != WriteMode::Insert,
            work: self.work,
            check: self.check,
            limits: self.limits,
            log: self.log,
            sizer: Sizer::new(most, transforms.time, rows, bytes),
            ending,
            total: Mutex::new(total),
            began: Instant::now(),
            done: AtomicU64::new(0),
            cut_before: OnceLock::new(),
            cut_here: AtomicU64::new(0),
        }
    }
}

/// Has all workers work until nothing is left, or one of them failed and the others have come to the end of their chunks.
/// Answers the first connection, and the first failure.
async fn work_all(shared: &Arc<Shared>, main: Connection) -> (Connection, std::result::Result<(), End>) {
    let mut others = JoinSet::new();
    for number in 1..shared.run.transforms.connections.max(1) {
        let shared = shared.clone();
        // A thread of its own: it computes, and it waits for its connection alone.
        others.spawn_blocking(move || {
            let ended = match crate::runtime::new() {
                Ok(runtime) => runtime.block_on(work_apart(&shared, number)),
                Err(error) => Err(End::Error(error)),
            };
            if ended.is_err() {
                shared.end();
            }
            ended
        });
    }
    let shared_by_first = shared.clone();
    let first = tokio::spawn(async move {
        let mut worker = Worker::new(shared_by_first.clone(), main);
        let ended = worker.work().await;
        if ended.is_err() {
            shared_by_first.end();
        }
        (worker.into_connection(), ended)
    });
    let landed = first.await;
    let mut failures = Vec::new();
    if landed.is_err() {
        shared.end();
    }
    while let Some(ended) = others.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(end)) => failures.push(end),
            Err(error) => failures.push(lost(error)),
        }
    }
    let main = match landed {
        Ok((main, Ok(()))) => main,
        Ok((main, Err(end))) => {
            failures.insert(0, end);
            main
        }
        Err(error) => {
            failures.insert(0, lost(error));
            shared.run.database.clone().lock_owned().await
        }
    };
    // A stop is what was asked for; what else failed meanwhile comes again.
    let stop = failures.iter().position(|end| matches!(end, End::Stopped(_)));
    let first = stop.unwrap_or(0);
    let ended = if failures.is_empty() { Ok(()) } else { Err(failures.swap_remove(first)) };
    (main, ended)
}

/// A worker on a connection of its own. A server that gives no more connections is no reason to fail: the others do it.
async fn work_apart(shared: &Arc<Shared>, number: usize) -> std::result::Result<(), End> {
    let Some(connector) = &shared.run.transforms.connector else { return Ok(()) };
    let database = match connector.connect().await {
        Ok(database) => database,
        Err(error) => {
            shared.run.events.emit(&Event::Log {
                revision: shared.run.revision.clone(),
                level: Level::Warning,
                message: format!("connection {} could not be made, and the others do its work: {error}", number + 1),
            });
            return Ok(());
        }
    };
    let connection = Arc::new(tokio::sync::Mutex::new(database)).lock_owned().await;
    Worker::new(shared.clone(), connection).work().await
}

fn lost(error: tokio::task::JoinError) -> End {
    End::Error(Error::new(ErrorKind::Failed, "a worker of a transform ended unexpectedly").cause(error))
}

impl From<DatabaseError> for End {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}
