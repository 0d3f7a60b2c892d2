//! What a worker does with one chunk: it takes hold of it, and reads, turns and writes it.

use std::time::{Duration, Instant};

use super::{End, Worker};
use crate::database::{Claims, DatabaseError, Part};
use crate::engine::control;
use crate::engine::journal::chunk::{Chunk, Effect, Held};
use crate::engine::journal::crash;
use crate::engine::role::{as_host, as_migration};
use crate::engine::transcript;
use crate::error::Error;
use crate::keyset::{ChunkRange, TableReader};
use crate::project::catalog::Kind;
use crate::sandbox::chunks::turned_chunk;
use crate::sandbox::host::position;
use crate::sandbox::instance::Instance;

/// What there is to do.
pub(super) enum Next {
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

impl Worker {
    /// Takes hold of a chunk, in a transaction of its own. What somebody left who is dead is looked for when a worker begins, and
    /// when there is nothing else.
    pub(super) async fn claim(&mut self) -> Result<Next, DatabaseError> {
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
        shared.saw(&frontier);
        let chunk = shared.claimant.cut(database, frontier, end, &self.unnoted).await?;
        shared.has_cut();
        // Only for those who watch: what counts are the chunks themselves.
        self.unnoted = Effect::default();
        Ok(Some(chunk))
    }

    /// Reads, turns and writes a chunk in one transaction, which ends with the note that it is done.
    pub(super) async fn attempt(&mut self, chunk: &Chunk) -> Result<(), End> {
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
}

/// A chunk as those who watch are told of it.
fn told(rows_read: u64, rows_written: u64, took: Duration) -> control::Chunk {
    control::Chunk { rows_read, rows_written, took }
}
