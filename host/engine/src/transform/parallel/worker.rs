//! One worker of a transform: a connection and an instance of the batch function.

use std::sync::Arc;
use std::time::Duration;

use super::{Connection, SharedTransform};
use crate::call_error::CallError;
use crate::event::{Event, LogLevel};
use crate::journal::chunk::{ClaimedChunk, Effect};
use crate::transform::instance::CheckedInstance;
use runner_base::backoff::Backoff;
use runner_base::error::Error;
use runner_database::keyset::{ChunkRange, TableReader};
use runner_database::message::values_text;
use runner_database::{DatabaseError, DatabaseErrorKind, Part, StopSignal};

/// The pause between two checks whether the chunks of others are done or abandoned.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The pause before the first retry of a chunk; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Counts the tries of a chunk, or of a claim.
struct Tries {
    done: u32,
    pauses: Backoff,
}

impl Default for Tries {
    fn default() -> Self {
        Self { done: 0, pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }
}

/// What a worker does next.
pub(super) enum NextChunk {
    Chunk(ClaimedChunk),
    /// Others still work on their chunks: one of them may be abandoned.
    Wait,
    /// All chunks are done.
    None,
}

/// A worker of a transform.
pub(super) struct ChunkWorker {
    pub(super) shared: Arc<SharedTransform>,
    pub(super) connection: Connection,
    pub(super) reader: Option<TableReader>,
    pub(super) instance: Option<CheckedInstance>,
    /// The next chunk, if it was claimed at the end of the one before.
    pub(super) claimed: Option<ClaimedChunk>,
    /// What was done since it was last added to the frontier.
    pub(super) unnoted: Effect,
    /// How long the last commit took.
    pub(super) commit_took: Duration,
    /// Whether all chunks are cut.
    pub(super) all_cut: bool,
    /// Whether it has yet to look for chunks that others abandoned.
    pub(super) is_new: bool,
}

impl ChunkWorker {
    pub(super) fn new(shared: Arc<SharedTransform>, connection: Connection) -> Self {
        Self {
            shared,
            connection,
            reader: None,
            instance: None,
            claimed: None,
            unnoted: Effect::default(),
            commit_took: Duration::ZERO,
            all_cut: false,
            is_new: true,
        }
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Works until no chunk is left. If it ends earlier, it releases the chunk that it has claimed.
    pub(super) async fn run(&mut self) -> Result<(), CallError> {
        let ended = self.work().await;
        if let Some(chunk) = self.claimed.take() {
            self.release(&chunk, None).await;
        }
        ended
    }

    async fn work(&mut self) -> Result<(), CallError> {
        loop {
            if let Some(reason) = self.shared.run.stop.reason() {
                return Err(CallError::Stopped(reason));
            }
            if self.shared.is_ending() {
                return Ok(());
            }
            let control = self.shared.run.control.clone();
            if let Err(error) = control.before_chunk(&mut **self.connection).await {
                return Err(match self.shared.run.stop.reason() {
                    Some(reason) => CallError::Stopped(reason),
                    None => CallError::Failed(error),
                });
            }
            let chunk = match self.claimed.take() {
                Some(chunk) => chunk,
                None => match self.claim_with_retries().await? {
                    NextChunk::Chunk(chunk) => chunk,
                    NextChunk::None => return Ok(()),
                    NextChunk::Wait => {
                        pause(&self.shared.run.stop, LOOK_AGAIN).await;
                        continue;
                    }
                },
            };
            if let Err(end) = self.do_with_retries(&chunk).await {
                let why = match &end {
                    CallError::Stopped(_) => None,
                    CallError::Failed(error) => Some(error.message.clone()),
                    CallError::Database(error) => Some(error.to_string()),
                };
                self.release(&chunk, why.as_deref()).await;
                return Err(end);
            }
            if self.shared.claimant.owner.leads() && self.shared.counts_now() {
                self.count().await?;
            }
        }
    }

    /// Processes a chunk; retries after a lock conflict or a lost connection, and with its rows locked after others changed them.
    async fn do_with_retries(&mut self, chunk: &ClaimedChunk) -> Result<(), CallError> {
        let mut tries = Tries::default();
        loop {
            let part = self.part();
            let end = match self.attempt(chunk, part).await {
                Ok(()) => return Ok(()),
                Err(end) => end,
            };
            if let CallError::Database(error) = &end {
                self.shared.row_locks.failed(error);
                if part == Part::LockedChunk && self.shared.row_locks.are_refused(error) {
                    // If that was not the reason, the next attempt shows it.
                    match self.remains().await {
                        None => continue,
                        Some(second) => return Err(CallError::Failed(second.added_to(end.into_error()))),
                    }
                }
            }
            let place = self.place(chunk);
            self.prepare_retry(end, &mut tries, Some(place)).await?;
        }
    }

    async fn claim_with_retries(&mut self) -> Result<NextChunk, CallError> {
        let mut tries = Tries::default();
        loop {
            let end = match self.claim().await {
                Ok(next) => return Ok(next),
                Err(error) => CallError::Database(error),
            };
            self.prepare_retry(end, &mut tries, None).await?;
        }
    }

    /// After a failure: rolls back, and pauses if a retry is worth it; otherwise returns the failure.
    async fn prepare_retry(
        &mut self,
        end: CallError,
        tries: &mut Tries,
        place: Option<String>,
    ) -> Result<(), CallError> {
        let error = match end {
            CallError::Database(error) => error,
            other => {
                return Err(match self.remains().await {
                    Some(second) => CallError::Failed(second.added_to(other.into_error())),
                    None => other,
                });
            }
        };
        if error.is_not_undone() {
            self.shared.journal.note_chunks().await;
            return Err(CallError::Database(error));
        }
        let is_lost = error.kind == DatabaseErrorKind::Connection;
        if !is_lost && let Some(second) = self.remains().await {
            return Err(CallError::Failed(second.added_to(error)));
        }
        if let Some(reason) = self.shared.run.stop.reason() {
            return Err(CallError::Stopped(reason));
        }
        let place = place.unwrap_or_else(|| "the next one".to_owned());
        if !is_lost && !error.is_transient() {
            let detail = match &error.detail {
                Some(detail) => format!("{detail}; chunk {place}"),
                None => format!("chunk {place}"),
            };
            return Err(CallError::Database(error.detail(detail)));
        }
        if tries.done >= self.shared.run.transforms.retries {
            let mut error = Error::from(error).at("chunk", place).at("transform", self.shared.work.name.clone());
            error = match tries.done {
                0 => error,
                1 => error.cause("after 1 retry"),
                several => error.cause(format!("after {several} retries")),
            };
            if error.hints.is_empty() {
                error = error.hint("look for a long transaction that locks these rows, or run at a quieter time");
            }
            return Err(CallError::Failed(error));
        }
        tries.done += 1;
        self.shared.run.control.count_retry();
        self.shared.run.events.emit(&Event::Log {
            revision: self.shared.run.revision.clone(),
            level: LogLevel::Debug,
            message: format!("retrying chunk {place}: {error}"),
        });
        pause(&self.shared.run.stop, tries.pauses.pause()).await;
        if is_lost {
            // If this fails, so does the next attempt, which counts.
            let _ = self.connection.reconnect().await;
            self.reader = None;
        }
        Ok(())
    }

    /// Rolls back, and returns why some of the chunk remains all the same, as where a trigger writes to a table without transactions:
    /// another attempt would write that again. Any other error of the rollback matters less than what led to it.
    async fn remains(&mut self) -> Option<DatabaseError> {
        let second = self.connection.rollback().await.err().filter(DatabaseError::is_not_undone)?;
        self.shared.journal.note_chunks().await;
        Some(second)
    }

    /// Counts the rows for progress. A failure does not fail the transform.
    async fn count(&mut self) -> Result<(), CallError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let mut session = self.connection.component(&self.shared.run.stop);
        reader.turn_to(ChunkRange { bound: self.shared.work.bound.clone(), ..ChunkRange::default() });
        if let Ok(rows) = reader.count(&mut *session).await {
            self.shared.counted(rows);
        }
        Ok(())
    }

    /// Releases a chunk for other workers, if possible: its lease ends in any case.
    async fn release(&mut self, chunk: &ClaimedChunk, why: Option<&str>) {
        let database = &mut self.connection.host();
        let _ = database.rollback().await;
        if database.begin_part(Part::Claim).await.is_err() {
            return;
        }
        let _ = match self.shared.claimant.release(database, chunk, why).await {
            Ok(()) => database.commit_or_roll_back().await,
            Err(_) => database.rollback().await,
        };
    }

    /// A chunk as messages name it: its number and its keys.
    fn place(&self, chunk: &ClaimedChunk) -> String {
        let names = &self.shared.work.source.key;
        let from = chunk.from.as_deref().map(|key| format!(", after {}", values_text(names, key))).unwrap_or_default();
        let to = chunk.to.as_deref().map(|key| format!(", up to {}", values_text(names, key))).unwrap_or_default();
        format!("{}{from}{to}", chunk.number)
    }
}

async fn pause(stop: &StopSignal, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stop.raised() => {}
    }
}
