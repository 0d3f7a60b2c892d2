//! Reads a transform's chunks on a connection of its own while the migration's connection writes, where another connection
//! finds the same rows. Whatever goes wrong with it, the migration's connection reads on by itself where it stands.
//!
//! The thread connects while the first chunks are read and written without it, says when it is ready, and is told then where to
//! begin: nobody ever waits for a connection that does not come.

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::host::position;
use crate::data::Batch;
use crate::database::{
    BatchLimits, Connector, Database, DatabaseError, StopSignal, TableIdentity, TableSource, TableTarget,
};
use crate::engine::event::{Event, Level};
use crate::engine::journal::answer::Position;
use crate::engine::script::RunContext;
use crate::keyset::TableReader;

/// Chunks of a transform before a connection is made for it: most tables are smaller.
const AFTER: u32 = 3;

/// Chunks that wait to be turned; one more is being read.
const WAITING: usize = 1;

/// A chunk and where the next one begins; none behind the last one.
type Read = Option<(Batch, Position)>;

/// The reading of one transform.
pub(super) struct Ahead {
    work: Work,
    state: State,
}

enum State {
    /// So many chunks were read without it.
    Alone(u32),
    /// It gets ready.
    Called(Called),
    /// It reads.
    Reads(Thread),
    /// There is nothing more to have from it.
    Over,
}

struct Called {
    ready: oneshot::Receiver<()>,
    begin: oneshot::Sender<Position>,
    thread: Thread,
}

struct Thread {
    chunks: mpsc::Receiver<Result<Read, DatabaseError>>,
    handle: JoinHandle<()>,
    /// Given up when dropped.
    wanted: oneshot::Sender<()>,
    /// It has nothing more to send.
    is_done: bool,
}

impl Ahead {
    /// Where others see what the open transaction sees, which has not begun to write.
    pub(super) async fn of(
        run: &RunContext,
        database: &mut dyn Database,
        source: &TableSource,
        target: &TableTarget,
        limits: BatchLimits,
    ) -> Result<Option<Self>, DatabaseError> {
        let Some(connector) = run.transforms.connector.clone() else { return Ok(None) };
        let Some(is) = database.others_see(source, target).await? else { return Ok(None) };
        let (stop, source) = (run.stop.clone(), source.clone());
        Ok(Some(Self { work: Work { connector, stop, source, limits, is }, state: State::Alone(0) }))
    }

    /// The next chunk of the reader, which then stands behind it; the inner none: there is no more. The outer one: it is not
    /// to be had here.
    pub(super) async fn next(&mut self, run: &RunContext, reader: &mut TableReader) -> Option<Option<Batch>> {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Alone(chunks) if chunks < AFTER => State::Alone(chunks + 1),
            State::Alone(_) => State::Called(self.call()),
            State::Called(mut called) => match called.ready.try_recv() {
                Err(TryRecvError::Empty) => State::Called(called),
                // Where it failed it says so in the place of the first chunk.
                _ => {
                    let _ = called.begin.send(position(reader));
                    State::Reads(called.thread)
                }
            },
            state => state,
        };
        let State::Reads(thread) = &mut self.state else { return None };
        let why = match thread.chunks.recv().await {
            Some(Ok(Some((batch, behind)))) => {
                reader.resume_at(behind.bound, behind.last, &behind.types);
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
        run.events.emit(&Event::Log {
            revision: run.revision.clone(),
            level: Level::Debug,
            message: format!("reading ahead on a second connection is given up: {why}"),
        });
        None
    }

    /// Ends the connection: whatever it has locked is free, and no chunks come any more.
    pub(super) async fn end(&mut self) {
        let thread = match std::mem::replace(&mut self.state, State::Over) {
            State::Called(Called { mut ready, thread, begin: _ }) => {
                Thread { is_done: ready.try_recv() != Err(TryRecvError::Empty), ..thread }
            }
            State::Reads(thread) => thread,
            State::Alone(_) | State::Over => return,
        };
        let Thread { chunks, handle, wanted, is_done } = thread;
        drop(chunks);
        // Who has nothing more to do takes its leave of the server; who is in the middle of something is cut off.
        if !is_done {
            drop(wanted);
        }
        let _ = handle.await;
    }

    fn call(&self) -> Called {
        let (ready_here, ready) = oneshot::channel();
        let (begin, begin_here) = oneshot::channel();
        let (wanted, mut unwanted) = oneshot::channel::<()>();
        let (chunks_here, chunks) = mpsc::channel(WAITING);
        let work = self.work.clone();
        // A thread of its own: it computes, and it waits for its connection alone.
        let handle = tokio::task::spawn_blocking(move || {
            let Ok(runtime) = crate::runtime::new() else { return };
            runtime.block_on(async {
                tokio::select! {
                    read = work.read(ready_here, begin_here, &chunks_here) => {
                        if let Err(error) = read {
                            let _ = chunks_here.send(Err(error)).await;
                        }
                    }
                    _ = &mut unwanted => {}
                }
            });
        });
        Called { ready, begin, thread: Thread { chunks, handle, wanted, is_done: false } }
    }
}

/// What the thread has to do.
#[derive(Clone)]
struct Work {
    connector: Connector,
    stop: StopSignal,
    source: TableSource,
    limits: BatchLimits,
    is: TableIdentity,
}

impl Work {
    async fn read(
        self,
        ready: oneshot::Sender<()>,
        begin: oneshot::Receiver<Position>,
        chunks: &mpsc::Sender<Result<Read, DatabaseError>>,
    ) -> Result<(), DatabaseError> {
        let mut database = self.connector.connect().await?;
        crate::database::role::set_role(&mut *database, crate::database::Role::Host, &self.stop);
        database.begin_reading(&self.source.table, &self.is).await?;
        let mut reader = TableReader::join(&mut *database, self.source, self.limits).await?;
        let _ = ready.send(());
        if let Ok(from) = begin.await {
            reader.resume_at(from.bound, from.last, &from.types);
            loop {
                let read = reader.next(&mut *database).await?.map(|batch| (batch, position(&reader)));
                let is_last = read.is_none();
                if chunks.send(Ok(read)).await.is_err() || is_last {
                    break;
                }
            }
        }
        database.rollback().await
    }
}
