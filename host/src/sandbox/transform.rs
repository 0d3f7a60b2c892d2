//! Drives `transform-batch`: the host reads a chunk, other instances of the component turn it, the host writes the answer.
//!
//! One connection reads and writes, in the migration's transaction or in one for each chunk; the guests work beside it. While a chunk is
//! written the next ones are being turned, and results are written in the order of the source's key whatever the number of
//! instances, so that every run does the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::bindings::runner::migration::types as wit;
use super::chunks::{Begun, Chunks};
use super::convert;
use super::failure::{self, Stopped};
use super::inspect::TRANSFORMER;
use super::keys::{KeyCheck, Keys};
use super::meter::LogBudget;
use super::script::{Loaded, refuel, store};
use super::state::{GuestState, Role};
use crate::data::Batch;
use crate::database::{BatchLimits, DatabaseError, DatabaseErrorKind, TableSource, TableTarget, WriteHint, WriteMode};
use crate::engine::event::Event;
use crate::engine::journal::LiveTransform;
use crate::engine::journal::answer::{Position, Transformed};
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

type TransformBatch = TypedFunc<(String, wit::Batch), (Result<wit::Batch, String>,)>;

/// An instance that turns batches.
struct Worker {
    store: Store<GuestState>,
    function: TransformBatch,
}

/// What a worker made of a chunk.
pub(super) struct Turned {
    pub(super) rows: Batch,
    pub(super) hint: WriteHint,
}

/// How long a transform runs before its rows are counted for those who watch.
const COUNT_AFTER: Duration = Duration::from_millis(500);

/// A chunk that is being turned; given up when dropped.
struct Flight {
    task: JoinHandle<Option<(Worker, Result<Turned, Error>)>>,
    /// Dropped with the flight, which the thread that turns hears between two slices of guest code.
    _wanted: oneshot::Sender<()>,
    /// How many rows it has.
    rows: u64,
    /// Where the next chunk begins.
    behind: Position,
}

/// What is to be transformed.
pub struct Task {
    /// The name of the batch function.
    pub name: String,
    /// What is read.
    pub source: TableSource,
    /// What is written.
    pub target: TableTarget,
    /// The bounds on a chunk.
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
    let mut chunks = Chunks::new(run, live);
    match drive(loaded, run, task, &mut chunks).await {
        Ok(()) => chunks.finish().await,
        Err(TransformError::Database(error)) => Err(chunks.fail(error).await),
        Err(trap) => Err(trap),
    }
}

async fn drive(
    loaded: &Arc<Loaded>,
    run: &RunContext,
    task: Task,
    chunks: &mut Chunks<'_>,
) -> Result<(), TransformError> {
    if !loaded.transformer {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            "the component exports no transformer, so it has no batch function to call",
        )
        .hint("build it for the world `data-migration`")
        .into());
    }
    let Task { name, source, target, limits, log } = task;
    let name = name.as_str();
    let dwindles = source.filter.is_some() || target.mode == WriteMode::Delete;
    let Begun { mut reader, mut total, check } = chunks.begin(source, target, limits, dwindles).await?;
    let mut idle = Vec::with_capacity(loaded.shared.jobs);
    let mut started = 0;
    let mut flights: VecDeque<Flight> = VecDeque::new();
    let mut at_end = false;
    let mut waiting: Option<(Batch, Position)> = None;
    let mut read = chunks.done().rows_read;
    let begun = Instant::now();
    progress(run, name, read, total);
    loop {
        loop {
            if waiting.is_none() && !at_end {
                waiting = chunks.read(&mut reader).await?;
                at_end = waiting.is_none();
            }
            // Instances are made as they are needed: a small table needs one.
            if waiting.is_some() && idle.is_empty() && started < loaded.shared.jobs {
                idle.push(Worker::start(loaded, run, name, &log).await.map_err(trap)?);
                started += 1;
            }
            if waiting.is_none() || idle.is_empty() {
                break;
            }
            if let (Some(rows), Some(worker)) = (waiting.take(), idle.pop()) {
                flights.push_back(worker.send(name, rows, &check, &mut read));
            }
        }
        let Some(mut flight) = flights.pop_front() else { break };
        let (worker, turned) = tokio::select! {
            biased;
            reason = run.stop.raised() => return Err(TransformError::Trap(wasmtime::Error::new(Stopped(reason)))),
            landed = &mut flight.task => match landed {
                Ok(Some(landed)) => landed,
                Ok(None) => return Err(trap(gone())),
                Err(error) => return Err(trap(gone().cause(error))),
            },
        };
        // The next chunk takes off before this one is written.
        match waiting.take() {
            Some(rows) if turned.is_ok() => flights.push_back(worker.send(name, rows, &check, &mut read)),
            _ => idle.push(worker),
        }
        chunks.write(turned.map_err(trap)?, flight.rows, &flight.behind).await?;
        if total.is_none() && begun.elapsed() >= COUNT_AFTER {
            total = Some(chunks.count(&reader).await?);
        }
        progress(run, name, read, total);
    }
    Ok(())
}

fn gone() -> Error {
    Error::failed("an instance of the component ended unexpectedly")
}

fn trap(error: Error) -> TransformError {
    TransformError::Trap(wasmtime::Error::new(error))
}

fn progress(run: &RunContext, name: &str, done: u64, total: Option<u64>) {
    run.events.emit(&Event::Progress {
        revision: run.revision.clone(),
        what: name.to_owned(),
        done,
        total,
        unit: "rows".to_owned(),
    });
}

impl Worker {
    async fn start(
        loaded: &Arc<Loaded>,
        run: &RunContext,
        name: &str,
        log: &Arc<Mutex<LogBudget>>,
    ) -> Result<Self, Error> {
        let mut state = loaded.state(Role::Transform, run).await;
        state.log = log.clone();
        let mut store = store(&loaded.shared, state)?;
        let function = async {
            let instance = loaded.pre.instantiate_async(&mut store).await?;
            let missing = || wasmtime::Error::msg("the transformer is not exported");
            let interface = instance.get_export_index(&mut store, None, TRANSFORMER).ok_or_else(missing)?;
            let function =
                instance.get_export_index(&mut store, Some(&interface), "transform-batch").ok_or_else(missing)?;
            instance.get_typed_func(&mut store, function)
        };
        match function.await {
            Ok(function) => Ok(Self { store, function }),
            Err(error) => Err(failure::of_trap(&error, store.data(), "transform-batch").at("transform", name)),
        }
    }

    /// Has the chunk turned on another thread: one that computes must not be one that waits for the database.
    fn send(self, name: &str, chunk: (Batch, Position), check: &Arc<KeyCheck>, read: &mut u64) -> Flight {
        let (batch, behind) = chunk;
        let rows = batch.row_count as u64;
        *read += rows;
        let (name, check) = (name.to_owned(), check.clone());
        let (wanted, mut unwanted) = oneshot::channel();
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    turned = self.turn(name, batch, check) => Some(turned),
                    _ = &mut unwanted => None,
                }
            })
        });
        Flight { task, _wanted: wanted, rows, behind }
    }

    async fn turn(mut self, name: String, rows: Batch, check: Arc<KeyCheck>) -> (Self, Result<Turned, Error>) {
        let keys = check.keys_of(&rows);
        let place = |error: Error| {
            let error = match keys.as_ref().and_then(Keys::span) {
                Some(span) => error.at("chunk", span),
                None => error,
            };
            error.at("transform", name.clone())
        };
        let limits = self.store.data().limits.clone();
        if let Err(error) = refuel(&mut self.store, &limits) {
            return (self, Err(place(Error::failed(format!("the sandbox has no fuel: {error}")))));
        }
        let called = self.function.call_async(&mut self.store, (name.clone(), convert::batch_out(rows))).await;
        let turned = match called {
            Ok((Ok(answer),)) => judge(convert::batch_in(answer), keys.as_ref(), &check, &limits).map_err(place),
            Ok((Err(message),)) => Err(place(Error::failed(message).at("call", "transform-batch"))),
            Err(error) => Err(place(failure::of_trap(&error, self.store.data(), "transform-batch"))),
        };
        (self, turned)
    }
}

/// Whether what the guest answered can be written.
fn judge(
    rows: Batch,
    keys: Option<&Keys>,
    check: &KeyCheck,
    limits: &crate::project::limits::Limits,
) -> Result<Turned, Error> {
    let malformed = |what: String| {
        Error::failed(format!("`transform-batch` answered a malformed batch: {what}")).at("call", "transform-batch")
    };
    rows.validate().map_err(malformed)?;
    if let Some((column, bytes)) = rows.largest_cell().filter(|(_, bytes)| *bytes as u64 > limits.cell_bytes) {
        return Err(Error::denied(format!(
            "`transform-batch` answered a cell of {bytes} bytes in column `{column}`, more than the limit `cell_bytes`"
        ))
        .hint("raise it with `--limit cell_bytes=…`, or have the migration write less into one cell"));
    }
    let covers_key_range = match keys {
        Some(keys) => check.compare(keys, &rows).map_err(malformed)?,
        None => false,
    };
    Ok(Turned { rows, hint: WriteHint { covers_key_range } })
}
