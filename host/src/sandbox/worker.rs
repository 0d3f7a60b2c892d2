//! One worker of a transform: a connection and an instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chunks::turned_chunk;
use super::host::position;
use super::instance::Instance;
use super::workers::{Connection, Shared};
use crate::batches::{ChunkRange, TableReader};
use crate::database::message::values_text;
use crate::database::stop::StopReason;
use crate::database::{Claims, DatabaseError, DatabaseErrorKind, Part, StopSignal};
use crate::engine::event::{Event, Level};
use crate::engine::journal::chunk::{Chunk, Effect, Held};
use crate::engine::journal::crash;
use crate::engine::pace;
use crate::engine::speaker::{as_host, as_migration};
use crate::engine::transcript;
use crate::error::Error;
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

/// What there is to do.
enum Next {
    Chunk(Chunk),
    /// Others are still at their chunks: one of them may be left over.
    Wait,
    /// Everything is done.
    Nothing,
}

/// The work on a chunk.
struct Done {
    effect: Effect,
    /// What its rows took.
    bytes: u64,
    /// What is kept of its batches, few as they are: written down when the host speaks again, which the server has to be told.
    records: Vec<transcript::Chunk>,
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
            let pace = self.shared.run.pace.clone();
            if let Err(error) = pace.before_chunk(&mut **self.connection).await {
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
        self.shared.run.pace.count_retry();
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

    /// Takes hold of a chunk, in a transaction of its own. What somebody left who is dead is looked for when a worker begins, and
    /// when there is nothing else.
    async fn claim(&mut self) -> Result<Next, DatabaseError> {
        as_host(&mut **self.connection);
        self.open_reader().await?;
        self.connection.begin_part(Part::Claim).await?;
        let mut chunk = None;
        if self.all_cut || std::mem::take(&mut self.is_new) {
            chunk = self.shared.claimant.take_over(&mut **self.connection).await?;
        }
        if chunk.is_none() {
            chunk = self.cut().await?;
        }
        let next = match chunk {
            Some(chunk) => Next::Chunk(chunk),
            None if self.shared.claimant.has_claimed(&mut **self.connection).await? => Next::Wait,
            None => Next::Nothing,
        };
        self.connection.commit().await?;
        if matches!(next, Next::Chunk(_)) {
            crash::point();
        }
        Ok(next)
    }

    /// Cuts a chunk off what nobody has begun, in the open transaction.
    async fn cut(&mut self) -> Result<Option<Chunk>, DatabaseError> {
        let (database, shared) = (&mut **self.connection, &self.shared);
        if self.all_cut {
            return Ok(None);
        }
        let Some(frontier) = shared.claimant.frontier(database).await? else {
            self.all_cut = true;
            return Ok(None);
        };
        let (Some(bound), Some(reader)) = (&frontier.position.bound, &self.reader) else {
            self.all_cut = true;
            return Ok(None);
        };
        if reader.asks_the_migration() {
            as_migration(database, Kind::Component, &shared.run.stop);
        }
        let behind = frontier.position.last.as_deref();
        let size = shared.sizer.rows();
        let to = reader.cut(database, Some(bound), behind, size).await;
        as_host(database);
        let end = match to? {
            Some(key) => (Some(key), Some(size as u64)),
            None if reader.descends() => (None, None),
            None => (Some(bound.clone()), None),
        };
        // Without the chunk that is about to be committed: it is counted when it is.
        shared.saw(frontier.rows_read);
        let chunk = shared.claimant.cut(database, frontier, end, &self.unnoted).await?;
        // Only for those who watch: what counts are the chunks themselves.
        self.unnoted = Effect::default();
        Ok(Some(chunk))
    }

    /// Reads, turns and writes a chunk in one transaction, which ends with the note that it is done.
    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), End> {
        let shared = self.shared.clone();
        let began = Instant::now();
        as_host(&mut **self.connection);
        self.open_reader().await?;
        if self.instance.is_none() {
            let (run, name, facts) = (&shared.run, &shared.work.name, self.connection.facts().clone());
            let started = Instance::start(&shared.loaded, run, &facts, name, &shared.log).await;
            self.instance = Some(started.map_err(End::Error)?);
        }
        let claims = self.connection.begin_part(Part::Chunk).await?;
        crash::point();
        match shared.claimant.hold(&mut **self.connection, chunk).await? {
            Held::Ours => {}
            Held::Lost => return Ok(self.connection.rollback().await?),
            // The answer to its commit got lost, and it was counted by nobody here.
            Held::Done(effect) => {
                shared.chunk_done(told(effect.rows_read, effect.rows_written, began.elapsed()));
                return Ok(self.connection.rollback().await?);
            }
        }
        let done = self.turn(chunk).await?;
        let Done { effect, bytes, records } = done;
        let database = &mut **self.connection;
        as_host(database);
        crash::point();
        shared.journal.still_ours(database).await.map_err(End::Error)?;
        for (batch, record) in (0..).zip(&records) {
            let place = (chunk.number, batch);
            shared.journal.note_chunk(database, shared.claimant.step, place, record).await.map_err(End::Error)?;
        }
        if !shared.claimant.complete(database, chunk, &effect).await? {
            return Ok(database.rollback().await?);
        }
        let (read, written) = (effect.rows_read, effect.rows_written);
        self.unnoted.rows_read += read;
        self.unnoted.rows_written += written;
        let goes_on = claims == Claims::Within && !shared.is_ending() && !shared.run.stop.is_raised();
        let next = if goes_on { self.cut().await } else { Ok(None) };
        let committed = match next {
            Ok(next) => self.connection.commit().await.map(|()| next),
            Err(error) => Err(error),
        };
        self.claimed = committed?;
        crash::point();
        shared.sizer.learn(read, bytes, began.elapsed());
        shared.chunk_done(told(read, written, began.elapsed()));
        Ok(())
    }

    /// The work on a chunk, a batch at a time.
    async fn turn(&mut self, chunk: &Chunk) -> Result<Done, End> {
        let shared = self.shared.clone();
        let (Some(reader), Some(instance)) = (&mut self.reader, &mut self.instance) else {
            return Err(End::Error(Error::failed("a worker of a transform has nothing to work with")));
        };
        let database = &mut **self.connection;
        as_migration(database, Kind::Component, &shared.run.stop);
        let bound = shared.work.bound.clone().filter(|_| reader.descends());
        reader.turn_to(ChunkRange {
            bound,
            after: chunk.from.clone(),
            to: chunk.to.clone(),
            size: chunk.size.and_then(|size| usize::try_from(size).ok()),
            holds_rows: shared.holds_rows,
        });
        let (mut effect, mut bytes, mut writer) = (Effect::default(), 0, None);
        let mut from = position(reader);
        let mut records = Vec::new();
        while let Some(batch) = reader.next(database).await? {
            effect.rows_read += batch.row_count as u64;
            bytes += batch.byte_len() as u64;
            let turned = tokio::select! {
                biased;
                reason = shared.run.stop.raised() => Err(End::Stopped(reason)),
                turned = instance.turn(&shared.work.name, batch, &shared.check) => turned.map_err(End::Error),
            };
            let turned = match turned {
                Ok(turned) => turned,
                Err(end) => {
                    // It may stand half-way.
                    self.instance = None;
                    return Err(end);
                }
            };
            let behind = position(reader);
            records.push(turned_chunk(&turned, &from, &behind.last));
            from = behind;
            if turned.rows.row_count == 0 {
                continue;
            }
            let writer = match writer {
                Some(writer) => writer,
                None => *writer.insert(database.open_writer(&shared.work.target).await?),
            };
            effect.rows_written += database.write(writer, &turned.rows, turned.hint).await?;
        }
        if let Some(writer) = writer {
            database.finish_writer(writer).await?;
        }
        Ok(Done { effect, bytes, records })
    }

    async fn open_reader(&mut self) -> Result<(), DatabaseError> {
        if self.reader.is_none() {
            let (source, limits) = (self.shared.work.source.clone(), self.shared.limits);
            self.reader = Some(TableReader::join(&mut **self.connection, source, limits).await?);
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

/// A chunk as those who watch are told of it.
fn told(rows_read: u64, rows_written: u64, took: Duration) -> pace::Chunk {
    pace::Chunk { rows_read, rows_written, took }
}

async fn pause(stop: &StopSignal, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stop.raised() => {}
    }
}
