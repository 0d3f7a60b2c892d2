//! Reads the chunks of a transform on a second connection while the migration's connection writes, where both see the same rows.
//! If the second connection fails, the migration's connection continues reading from the same position.
//!
//! The reading thread connects while the first chunks are read and written without it, reports when it is ready, and
//! then receives the position to begin at: the transform never waits for a connection that cannot be made.

use std::sync::Arc;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::position;
use crate::call::answer::Position;
use crate::event::{Event, LogLevel};
use crate::script::RunContext;
use runner_data::Batch;
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, Begin, DatabaseError, Facts, Grants, StopSignal, TableIdentity, TableSource};
use runner_drivers::Connector;

/// Chunks that are read before a second connection is made to a server: most tables are smaller.
const AFTER_ON_SERVER: u32 = 3;

/// The same for a file, which takes no time to open.
const AFTER_IN_FILE: u32 = 1;

/// Chunks that wait to be transformed; one more is being read.
const WAITING: usize = 1;

/// The message when it has begun.
pub(super) const BEGUN: &str = "reading ahead on a second connection";

/// A chunk and where the next one begins; none after the last one.
type ReadChunk = Option<(Batch, Position)>;

/// The second connection of one transform.
pub(super) struct ReadAhead {
    task: ReadTask,
    /// Chunks that are read before it connects.
    after: u32,
    stage: Stage,
}

enum Stage {
    /// Not started; this many chunks were read without it.
    Unstarted(u32),
    /// Connecting.
    Starting(StartingThread),
    /// Reading.
    Reading(ReaderThread),
    /// Ended.
    Over,
}

struct StartingThread {
    ready: oneshot::Receiver<()>,
    begin: oneshot::Sender<Position>,
    thread: ReaderThread,
}

struct ReaderThread {
    chunks: mpsc::Receiver<Result<ReadChunk, DatabaseError>>,
    handle: JoinHandle<()>,
    /// The thread stops when this is dropped.
    keep: oneshot::Sender<()>,
    /// Closes when the thread has nothing more to send.
    is_done: bool,
}

impl ReadAhead {
    /// Reads a source with this identity, which another connection sees as the open transaction does. `None` without a second
    /// connection.
    pub(super) fn of(
        run: &RunContext,
        facts: &Facts,
        source: &TableSource,
        is: TableIdentity,
        limits: BatchLimits,
    ) -> Option<Self> {
        let mut connector = run.transforms.connector.clone()?;
        // It reads what is there.
        connector.options.create = false;
        let after = if facts.dialect.has_server() { AFTER_ON_SERVER } else { AFTER_IN_FILE };
        let (stop, source, grants) = (run.stop.clone(), source.clone(), run.grants.clone());
        let task = ReadTask { connector, stop, source, limits, is, grants };
        Some(Self { task, after, stage: Stage::Unstarted(0) })
    }

    /// Returns the next chunk and moves the reader past it. `None`: it must be read on the migration's connection.
    /// `Some(None)`: there are no more chunks.
    pub(super) async fn next(&mut self, run: &RunContext, reader: &mut TableReader) -> Option<Option<Batch>> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Unstarted(chunks) if chunks < self.after => Stage::Unstarted(chunks + 1),
            Stage::Unstarted(_) => Stage::Starting(self.start()),
            Stage::Starting(mut called) => match called.ready.try_recv() {
                Err(TryRecvError::Empty) => Stage::Starting(called),
                // If it failed, its error arrives in place of the first chunk.
                found => {
                    if found.is_ok() {
                        report(run, BEGUN.to_owned());
                    }
                    let _ = called.begin.send(position(reader));
                    Stage::Reading(called.thread)
                }
            },
            stage => stage,
        };
        let Stage::Reading(thread) = &mut self.stage else { return None };
        let why = match thread.chunks.recv().await {
            Some(Ok(Some((batch, next)))) => {
                reader.resume_at(next.bound, next.last, &next.types);
                return Some(Some(batch));
            }
            Some(Ok(None)) => {
                thread.is_done = true;
                return Some(None);
            }
            Some(Err(error)) => error.to_string(),
            None => "it ended unexpectedly".to_owned(),
        };
        self.end().await;
        report(run, format!("{BEGUN} has stopped: {why}"));
        None
    }

    /// Ends the connection, so that it holds no locks.
    pub(super) async fn end(&mut self) {
        let thread = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Starting(StartingThread { mut ready, thread, begin: _ }) => {
                ReaderThread { is_done: ready.try_recv() != Err(TryRecvError::Empty), ..thread }
            }
            Stage::Reading(thread) => thread,
            Stage::Unstarted(_) | Stage::Over => return,
        };
        let ReaderThread { chunks, handle, keep, is_done } = thread;
        drop(chunks);
        // A thread that has finished closes its connection cleanly; one that is still working is cut off.
        if !is_done {
            drop(keep);
        }
        let _ = handle.await;
    }

    fn start(&self) -> StartingThread {
        let (ready_here, ready) = oneshot::channel();
        let (begin, begin_here) = oneshot::channel();
        let (keep, mut dropped) = oneshot::channel::<()>();
        let (chunks_here, chunks) = mpsc::channel(WAITING);
        let task = self.task.clone();
        // A separate thread, because decoding rows takes CPU time; it waits for its own connection only.
        let handle = tokio::task::spawn_blocking(move || {
            let Ok(runtime) = runner_base::runtime::new() else { return };
            runtime.block_on(async {
                tokio::select! {
                    read = task.read(ready_here, begin_here, &chunks_here) => {
                        if let Err(error) = read {
                            let _ = chunks_here.send(Err(error)).await;
                        }
                    }
                    _ = &mut dropped => {}
                }
            });
        });
        StartingThread { ready, begin, thread: ReaderThread { chunks, handle, keep, is_done: false } }
    }
}

fn report(run: &RunContext, message: String) {
    run.events.emit(&Event::Log { revision: run.revision.clone(), level: LogLevel::Debug, message });
}

/// What the thread reads.
#[derive(Clone)]
struct ReadTask {
    connector: Connector,
    stop: StopSignal,
    source: TableSource,
    limits: BatchLimits,
    is: TableIdentity,
    grants: Option<Arc<Grants>>,
}

impl ReadTask {
    async fn read(
        self,
        ready: oneshot::Sender<()>,
        begin: oneshot::Receiver<Position>,
        chunks: &mpsc::Sender<Result<ReadChunk, DatabaseError>>,
    ) -> Result<(), DatabaseError> {
        let mut database = self.connector.connect().await?;
        database.set_grants(self.grants)?;
        // The pages are the tool's own SELECTs, without a filter of the migration, in a transaction that cannot be committed.
        let mut session = database.host_until(&self.stop);
        session.connection().begin_transaction(Begin::Reading(&self.source.table, &self.is)).await?;
        let mut reader = TableReader::join(&mut *session, self.source, self.limits).await?;
        let _ = ready.send(());
        if let Ok(from) = begin.await {
            reader.resume_at(from.bound, from.last, &from.types);
            loop {
                let read = reader.next(&mut *session).await?.map(|batch| (batch, position(&reader)));
                let is_last = read.is_none();
                if chunks.send(Ok(read)).await.is_err() || is_last {
                    break;
                }
            }
        }
        session.rollback().await
    }
}
