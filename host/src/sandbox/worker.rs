//! One worker of a transform: a connection and an instance.

mod chunk;

use std::sync::Arc;
use std::time::Duration;

use self::chunk::Next;
use super::instance::Instance;
use super::workers::{Connection, Shared};
use crate::database::message::values_text;
use crate::database::stop::StopReason;
use crate::database::{DatabaseError, DatabaseErrorKind, Part, StopSignal};
use crate::engine::event::{Event, Level};
use crate::engine::journal::chunk::{Chunk, Effect};
use crate::engine::role::{as_host, as_migration};
use crate::error::Error;
use crate::keyset::{ChunkRange, TableReader};
use crate::project::catalog::Kind;
use crate::random::jittered;

/// The pause between two looks whether somebody else is done, or dead.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The pause before a chunk is tried again the first time; each one behind it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause before a chunk is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why a worker ends before everything is done.
pub(super) enum End {
    /// The run is to stop.
    Stopped(StopReason),
    /// The end of the migration.
    Error(Error),
    /// The database refused something: the guest's to handle.
    Database(DatabaseError),
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    connection: Connection,
    reader: Option<TableReader>,
    instance: Option<Instance>,
    /// The next chunk, if it was claimed with the end of the one before.
    claimed: Option<Chunk>,
    /// What was done since it was last noted beside the frontier.
    unnoted: Effect,
    /// Everything is cut.
    all_cut: bool,
    /// What others left was not looked for yet.
    is_new: bool,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection) -> Self {
        Self {
            shared,
            connection,
            reader: None,
            instance: None,
            claimed: None,
            unnoted: Effect::default(),
            all_cut: false,
            is_new: true,
        }
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Works until nothing is left. Whatever ends it earlier, what it has claimed is given up.
    pub(super) async fn work(&mut self) -> Result<(), End> {
        let ended = self.take_turns().await;
        if let Some(chunk) = self.claimed.take() {
            self.give_up(&chunk, None).await;
        }
        ended
    }

    async fn take_turns(&mut self) -> Result<(), End> {
        loop {
            if let Some(reason) = self.shared.run.stop.reason() {
                return Err(End::Stopped(reason));
            }
            if self.shared.is_ending() {
                return Ok(());
            }
            let control = self.shared.run.control.clone();
            if let Err(error) = control.before_chunk(&mut **self.connection).await {
                return Err(match self.shared.run.stop.reason() {
                    Some(reason) => End::Stopped(reason),
                    None => End::Error(error),
                });
            }
            let chunk = match self.claimed.take() {
                Some(chunk) => chunk,
                None => match self.claim_patiently().await? {
                    Next::Chunk(chunk) => chunk,
                    Next::Nothing => return Ok(()),
                    Next::Wait => {
                        pause(&self.shared.run.stop, LOOK_AGAIN).await;
                        continue;
                    }
                },
            };
            if let Err(end) = self.do_patiently(&chunk).await {
                let why = match &end {
                    End::Stopped(_) => None,
                    End::Error(error) => Some(error.message.clone()),
                    End::Database(error) => Some(error.to_string()),
                };
                self.give_up(&chunk, why.as_deref()).await;
                return Err(end);
            }
            if self.shared.claimant.owner.leads && self.shared.counts_now() {
                self.count().await?;
            }
        }
    }

    /// Does a chunk, again if it met somebody else's lock or lost its connection.
    async fn do_patiently(&mut self, chunk: &Chunk) -> Result<(), End> {
        let mut tries = 0;
        loop {
            let end = match self.attempt(chunk).await {
                Ok(()) => return Ok(()),
                Err(end) => end,
            };
            let place = self.place(chunk);
            self.try_again(end, &mut tries, Some(place)).await?;
        }
    }

    async fn claim_patiently(&mut self) -> Result<Next, End> {
        let mut tries = 0;
        loop {
            let end = match self.claim().await {
                Ok(next) => return Ok(next),
                Err(error) => End::Database(error),
            };
            self.try_again(end, &mut tries, None).await?;
        }
    }

    /// Behind a failure: takes back what was done, and pauses if it is worth another try; else answers the failure.
    async fn try_again(&mut self, end: End, tries: &mut u32, place: Option<String>) -> Result<(), End> {
        let database = &mut **self.connection;
        as_host(database);
        let error = match end {
            End::Database(error) => error,
            other => {
                let _ = database.rollback().await;
                return Err(other);
            }
        };
        let is_lost = error.kind == DatabaseErrorKind::Connection;
        if !is_lost {
            // What failed matters more than what a rollback says about it.
            let _ = database.rollback().await;
        }
        if let Some(reason) = self.shared.run.stop.reason() {
            return Err(End::Stopped(reason));
        }
        let place = place.unwrap_or_else(|| "the next one".to_owned());
        if !is_lost && !error.is_transient() {
            let detail = match &error.detail {
                Some(detail) => format!("{detail}; chunk {place}"),
                None => format!("chunk {place}"),
            };
            return Err(End::Database(error.detail(detail)));
        }
        if *tries >= self.shared.run.transforms.retries {
            let mut error = Error::from(error).at("chunk", place).at("transform", self.shared.work.name.clone());
            error = match *tries {
                0 => error,
                1 => error.cause("it was tried again once"),
                several => error.cause(format!("it was tried again {several} times")),
            };
            if error.hints.is_empty() {
                error = error.hint("look for a long transaction that keeps these rows, or run at a quieter time");
            }
            return Err(End::Error(error));
        }
        *tries += 1;
        self.shared.run.control.count_retry();
        self.shared.run.events.emit(&Event::Log {
            revision: self.shared.run.revision.clone(),
            level: Level::Debug,
            message: format!("chunk {place} is tried again: {error}"),
        });
        let longer = FIRST_PAUSE * (1 << (*tries - 1).min(10));
        pause(&self.shared.run.stop, jittered(longer.min(LONGEST_PAUSE))).await;
        if is_lost {
            // Where it fails, so does the next try, and counts.
            let _ = self.connection.reconnect().await;
            self.reader = None;
        }
        Ok(())
    }

    /// Counts the rows for those who watch. A failure is none of the transform.
    async fn count(&mut self) -> Result<(), End> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let database = &mut **self.connection;
        as_migration(database, Kind::Component, &self.shared.run.stop);
        reader.turn_to(ChunkRange { bound: self.shared.work.bound.clone(), ..ChunkRange::default() });
        let counted = reader.count(database).await;
        as_host(database);
        self.shared.counted(counted.unwrap_or_default());
        Ok(())
    }

    /// Leaves a chunk to whoever comes, as well as it goes: its lease ends in any case.
    async fn give_up(&mut self, chunk: &Chunk, why: Option<&str>) {
        let database = &mut **self.connection;
        as_host(database);
        let _ = database.rollback().await;
        if database.begin_part(Part::Claim).await.is_err() {
            return;
        }
        let _ = match self.shared.claimant.release(database, chunk, why).await {
            Ok(()) => database.commit().await,
            Err(_) => database.rollback().await,
        };
    }

    /// A chunk for people: its number and its keys.
    fn place(&self, chunk: &Chunk) -> String {
        let names = &self.shared.work.source.key;
        let from = chunk.from.as_deref().map(|key| format!(", behind {}", values_text(names, key))).unwrap_or_default();
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
