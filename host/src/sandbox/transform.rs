//! Drives `transform-batch`: the host reads a chunk, other instances of the component turn it, the host writes the answer.
//!
//! Here one connection reads and writes, in the migration's transaction or, on SQLite, in one for each chunk; the guests work
//! beside it. While a chunk is written the next ones are being turned, and results are written in the order of the source's
//! key whatever the number of instances, so that every run does the same. Where several connections can write, and each chunk
//! commits by itself, [`workers`] does it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::chunks::{Begun, Chunks, ReadChunk, Written};
use super::failure::Stopped;
use super::instance::{Instance, Turned};
use super::keys::KeyCheck;
use super::meter::LogBudget;
use super::script::Loaded;
use super::spread::Spread;
use super::workers;
use crate::data::Batch;
use crate::database::{BatchLimits, DatabaseError, DatabaseErrorKind, TableSource, TableTarget, WriteMode};
use crate::engine::control::total::is_to_be_counted;
use crate::engine::control::{Chunk, Total};
use crate::engine::journal::LiveTransform;
use crate::engine::journal::answer::Transformed;
use crate::engine::script::RunContext;
use crate::error::Error;

/// Why a transform ended early.
pub enum TransformError {
    /// The database refused something: the guest's to handle.
    Database(DatabaseError),
    /// A batch function failed, or the run is to stop: the end of the migration.
    Trap(wasmtime::Error),
}

impl From<DatabaseError> for TransformError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// How long a transform runs before its rows are counted for those who watch.
pub(super) const COUNT_AFTER: Duration = Duration::from_millis(500);

/// A chunk that is being turned; given up when dropped.
struct Flight {
    task: JoinHandle<Option<(Instance, Result<Turned, Error>)>>,
    /// Dropped with the flight, which the thread that turns hears between two slices of guest code.
    _wanted: oneshot::Sender<()>,
    chunk: ReadChunk,
    /// When it took off.
    since: Instant,
}

/// What is to be transformed.
pub struct Task {
    /// The name of the batch function.
    pub name: String,
    /// What is read.
    pub source: TableSource,
    /// What is written.
    pub target: TableTarget,
    /// The bounds on a batch.
    pub limits: BatchLimits,
    /// What the instances may still log.
    pub log: Arc<Mutex<LogBudget>>,
}

/// Runs a transform to its end. `live`: where it is recorded, if each chunk commits by itself.
pub async fn run(
    loaded: &Arc<Loaded>,
    run: &RunContext,
    task: Task,
    live: Option<Box<LiveTransform>>,
) -> Result<Transformed, TransformError> {
    let facts = run.database.lock().await.facts().clone();
    let mut chunks = Chunks::new(run, live);
    // A part of the chunks is spread by one reader.
    let is_shared = chunks.is_live() && facts.dialect.has_many_writers() && run.left_out.chunks_but.is_none();
    let ended = match (loaded.transformer, is_shared) {
        (false, _) => Err(no_transformer().into()),
        (true, true) => return workers::lead(loaded, run, task, chunks).await,
        (true, false) => Line { loaded, run, chunks: &mut chunks, task: &task }.drive().await,
    };
    chunks.close().await;
    match ended {
        Ok(()) => chunks.finish().await,
        Err(TransformError::Database(error)) => Err(chunks.fail(error).await),
        Err(trap) => {
            chunks.give_up();
            Err(trap)
        }
    }
}

fn no_transformer() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::InvalidArgument,
        "the component exports no transformer, so it has no batch function to call",
    )
    .hint("build it for the world `data-migration`")
}

/// Whether the rows that a transform reads become fewer by it, so that they can be counted only before.
pub(super) fn dwindles(task: &Task) -> bool {
    task.source.filter.is_some() || task.target.mode == WriteMode::Delete
}

/// One connection, and instances beside it.
struct Line<'a, 'b> {
    loaded: &'a Arc<Loaded>,
    run: &'a RunContext,
    chunks: &'a mut Chunks<'b>,
    task: &'a Task,
}

impl Line<'_, '_> {
    async fn drive(self) -> Result<(), TransformError> {
        let Task { name, source, target, limits, log } = self.task;
        let (run, chunks, jobs) = (self.run, self.chunks, self.loaded.shared.jobs);
        let facts = run.database.lock().await.facts().clone();
        let begun = chunks.begin(source.clone(), target.clone(), *limits, dwindles(self.task), name).await?;
        let Begun { mut reader, mut total, check, .. } = begun;
        let mut idle = Vec::with_capacity(jobs);
        let mut started = 0;
        let mut flights: VecDeque<Flight> = VecDeque::new();
        let mut at_end = false;
        let mut waiting: Option<(Batch, ReadChunk)> = None;
        let mut spread = Spread::new(run);
        let began = Instant::now();
        let done = chunks.done();
        run.control.transform(name, done.rows_read, done.chunks, total).map_err(trap)?;
        loop {
            loop {
                if waiting.is_none() && !at_end {
                    if !flights.is_empty() && run.control.may_wait() {
                        // What is read is written before anything holds the run.
                        break;
                    }
                    chunks.before_chunk().await?;
                    waiting = chunks.read(&mut reader).await?;
                    if let Some((rows, _)) = &waiting {
                        spread.go_on(run, name, chunks, &mut reader, rows.row_count as u64).await?;
                    }
                    at_end = waiting.is_none() || spread.is_over();
                }
                // Instances are made as they are needed: a small table needs one.
                if waiting.is_some() && idle.is_empty() && started < jobs {
                    idle.push(Instance::start(self.loaded, run, &facts, name, log).await.map_err(trap)?);
                    started += 1;
                }
                if waiting.is_none() || idle.is_empty() {
                    break;
                }
                if let (Some(chunk), Some(instance)) = (waiting.take(), idle.pop()) {
                    flights.push_back(send(instance, name, chunk, &check));
                }
            }
            let Some(mut flight) = flights.pop_front() else { break };
            let (instance, turned) = land(run, &mut flight).await?;
            // The next chunk takes off before this one is written.
            match waiting.take() {
                Some(chunk) if turned.is_ok() => flights.push_back(send(instance, name, chunk, &check)),
                other => {
                    waiting = other;
                    idle.push(instance);
                }
            }
            let before = chunks.done();
            let written = chunks.write(turned.map_err(trap)?, &flight.chunk).await?;
            if written == Written::Outdated {
                // Somebody else has written since it was read, and so to what was read behind it, maybe.
                while let Some(mut flight) = flights.pop_front() {
                    idle.push(land(run, &mut flight).await?.0);
                }
                (waiting, at_end) = (None, false);
                if let Some(instance) = idle.last_mut() {
                    chunks.redo(&mut reader, &flight.chunk, instance, name, &check).await?;
                }
            }
            let done = chunks.done();
            if done.chunks > before.chunks {
                let (rows_read, rows_written) =
                    (done.rows_read - before.rows_read, done.rows_written - before.rows_written);
                run.control.chunk_done(Chunk { rows_read, rows_written, took: flight.since.elapsed() });
            }
            if is_to_be_counted(total) && began.elapsed() >= COUNT_AFTER {
                let counted = Total::counted(chunks.count(&reader).await?);
                total = Some(counted);
                run.control.total(counted);
            }
        }
        run.control.transform_done();
        Ok(())
    }
}

/// Waits for a chunk that is being turned, or for the stop signal.
async fn land(run: &RunContext, flight: &mut Flight) -> Result<(Instance, Result<Turned, Error>), TransformError> {
    tokio::select! {
        biased;
        reason = run.stop.raised() => Err(TransformError::Trap(wasmtime::Error::new(Stopped(reason)))),
        landed = &mut flight.task => match landed {
            Ok(Some(landed)) => Ok(landed),
            Ok(None) => Err(trap(gone())),
            Err(error) => Err(trap(gone().cause(error))),
        },
    }
}

fn gone() -> Error {
    Error::failed("an instance of the component ended unexpectedly")
}

/// Has the chunk turned on another thread: one that computes must not be one that waits for the database.
fn send(mut instance: Instance, name: &str, chunk: (Batch, ReadChunk), check: &Arc<KeyCheck>) -> Flight {
    let (batch, chunk) = chunk;
    let (name, check) = (name.to_owned(), check.clone());
    let (wanted, mut unwanted) = oneshot::channel();
    let runtime = Handle::current();
    let task = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            let turned = tokio::select! {
                turned = instance.turn(&name, batch, &check) => turned,
                _ = &mut unwanted => return None,
            };
            Some((instance, turned))
        })
    });
    Flight { task, _wanted: wanted, chunk, since: Instant::now() }
}

pub(super) fn trap(error: Error) -> TransformError {
    TransformError::Trap(wasmtime::Error::new(error))
}

/// Turns one batch, apart from any transform under way.
pub(super) async fn turn_once(loaded: &Arc<Loaded>, run: &RunContext, name: &str, rows: Batch) -> Result<Batch, Error> {
    let log = Arc::new(Mutex::new(LogBudget::new(&loaded.shared.limits)));
    let facts = run.database.lock().await.facts().clone();
    let mut instance = Instance::start(loaded, run, &facts, name, &log).await?;
    let check = KeyCheck::none();
    tokio::select! {
        biased;
        reason = run.stop.raised() => Err(crate::engine::script::stopped(reason)),
        turned = instance.turn(name, rows, &check) => turned.map(|turned| turned.rows),
    }
}
