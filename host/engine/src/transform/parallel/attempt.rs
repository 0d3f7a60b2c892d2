//! One attempt at a chunk: a worker claims it, and reads, transforms and writes it.

use std::time::Instant;

use super::worker::{ChunkWorker, NextChunk};
use crate::call::transform::TransformSpec;
use crate::call_error::CallError;
use crate::control::CommittedChunk;
use crate::dry_run::RowWriter;
use crate::journal::chunk::{ClaimState, Claimant, ClaimedChunk, Effect, FrontierLock};
use crate::journal::crash;
use crate::transcript;
use crate::transform::instance::CheckedInstance;
use crate::transform::{chunk_record, position};
use runner_base::error::Error;
use runner_database::keyset::{ChunkRange, TableReader};
use runner_database::{Claims, DatabaseError, DatabaseErrorKind, Meaning, Part, ToolChange};

/// The outcome of a chunk.
struct TransformedChunk {
    effect: Effect,
    /// The size of its rows.
    bytes: u64,
    /// The records of its few batches, written together after the last change of role.
    records: Vec<transcript::ChunkRecord>,
    /// How many rows it holds that others may want to change.
    held_rows: u64,
    /// Since when, if it does.
    holds_since: Option<Instant>,
}

impl ChunkWorker {
    /// Claims a chunk, in a transaction of its own. A worker looks for chunks that others abandoned when it begins, and
    /// when all are cut.
    pub(super) async fn claim(&mut self) -> Result<NextChunk, DatabaseError> {
        self.open_reader().await?;
        self.connection.host().begin_part(Part::Claim).await?;
        let (mut chunk, mut changes) = (None, Vec::new());
        if std::mem::take(&mut self.is_new) || self.all_cut {
            chunk = self.shared.claimant.take_over(&mut self.connection.host()).await?;
            if chunk.is_none() && !self.all_cut {
                // Looking may have locked chunks, and no worker waits for the frontier with those.
                self.connection.rollback().await?;
                self.connection.host().begin_part(Part::Claim).await?;
            }
        }
        if chunk.is_none() {
            chunk = self.cut(FrontierLock::Wait, &mut changes).await?;
        }
        let next = match chunk {
            Some(chunk) => NextChunk::Chunk(chunk),
            None if self.shared.claimant.has_claimed(&mut self.connection.host()).await? => NextChunk::Wait,
            None => NextChunk::None,
        };
        self.connection.host().commit_with(&changes).await?;
        if matches!(next, NextChunk::Chunk(_)) {
            crash::point();
        }
        Ok(next)
    }

    /// Cuts the next chunk off the rest of the table; adds what claims it to the changes with which the open transaction commits. Without
    /// waiting, `None` may mean that another worker is about to cut one.
    async fn cut(
        &mut self,
        lock: FrontierLock,
        changes: &mut Vec<ToolChange>,
    ) -> Result<Option<ClaimedChunk>, DatabaseError> {
        let shared = &self.shared;
        if self.all_cut {
            return Ok(None);
        }
        let Some(frontier) = shared.claimant.frontier(&mut self.connection.host(), lock).await? else {
            self.all_cut = lock == FrontierLock::Wait;
            return Ok(None);
        };
        let (Some(bound), Some(reader)) = (&frontier.position.bound, &self.reader) else {
            self.all_cut = true;
            return Ok(None);
        };
        let after = frontier.position.last.as_deref();
        let size = shared.sizer.rows(frontier.chunks + 1);
        let to = if reader.asks_the_migration() {
            reader.cut(&mut *self.connection.component(&shared.run.stop), Some(bound), after, size).await?
        } else {
            reader.cut(&mut *self.connection.host(), Some(bound), after, size).await?
        };
        let end = match to {
            // The bound is the greatest key: the last one going up, the first one going down.
            Some(key) => {
                let is_last = !reader.descends() && Claimant::is_same(&key, bound);
                (Some(key), Some(size as u64), is_last)
            }
            None if reader.descends() => (None, None, true),
            None => (Some(bound.clone()), None, true),
        };
        // Without the chunk that is about to be committed: it is counted when it is.
        shared.note_frontier(&frontier);
        let (chunk, claimed) = shared.claimant.cut(frontier, end, &self.unnoted);
        changes.extend(claimed);
        shared.has_cut();
        // For progress only: what counts are the chunks themselves.
        self.unnoted = Effect::default();
        Ok(Some(chunk))
    }

    /// The kind of transaction of the next attempt. A view has no rows of its own that could be locked, and
    /// where none are locked, each page of a chunk has to show the same moment.
    pub(super) fn part(&self) -> Part {
        let has_rows = self.reader.as_ref().is_some_and(|reader| !reader.reads_a_view());
        let may_lock = has_rows && self.shared.holds_rows;
        if may_lock && self.shared.row_locks.are_wanted() { Part::LockedChunk } else { Part::Chunk }
    }

    /// Reads, transforms and writes a chunk in one transaction, which also records that it is done.
    pub(super) async fn attempt(&mut self, chunk: &ClaimedChunk, part: Part) -> Result<(), CallError> {
        let shared = self.shared.clone();
        self.open_reader().await?;
        if self.instance.is_none() {
            self.instance = Some(CheckedInstance::start(&*shared.function, &shared.work.name).await?);
        }
        let TransformSpec { source, target, .. } = &shared.work;
        let claims = match &shared.run.trial {
            None => self.connection.host().begin_chunk(part, source, target).await?,
            // Samples are taken in it as well.
            Some(_) => self.connection.host().begin_part(part).await?,
        };
        crash::point();
        let held = shared.claimant.hold(&mut self.connection.host(), chunk).await?;
        match held {
            ClaimState::Held => {}
            ClaimState::Lost => return Ok(self.connection.rollback().await?),
            // The reply to its commit was lost, and it is not counted yet.
            ClaimState::Done(effect) => {
                shared.chunk_done(CommittedChunk { rows_read: effect.rows_read, rows_written: effect.rows_written });
                return Ok(self.connection.rollback().await?);
            }
        }
        let TransformedChunk { effect, bytes, records, held_rows, holds_since } = self.transform(chunk, part).await?;
        crash::point();
        let facts = self.connection.facts();
        let server = facts.sql.server;
        if shared.sizer.asks_for_others(held_rows, server.same_answer_for(facts))
            && server.others_wait(&mut self.connection.host()).await?
        {
            shared.sizer.others_wait(effect.rows_read);
        }
        let (journal, step) = (&shared.journal, shared.claimant.step);
        let mut changes = journal.note_chunk(&mut self.connection.host(), step, chunk.number, &records).await?;
        changes.push(shared.claimant.completed(chunk, &effect));
        let (read, written) = (effect.rows_read, effect.rows_written);
        // Before the next chunk is cut; the commit takes as long as the last one did.
        shared.sizer.learn(read, bytes, holds_since.map(|since| since.elapsed() + self.commit_took));
        let unnoted = self.unnoted.clone();
        self.unnoted.rows_read += read;
        self.unnoted.rows_written += written;
        let may_claim = claims == Claims::Within || claims == Claims::Alone && shared.is_alone();
        let goes_on = may_claim && !shared.is_ending() && !shared.run.stop.is_raised();
        let next = if goes_on { self.cut(FrontierLock::IfFree, &mut changes).await } else { Ok(None) };
        let is_missed = match &next {
            Ok(next) => next.is_none() && !self.all_cut,
            Err(error) => error.meaning == Meaning::Outdated,
        };
        if goes_on && claims == Claims::Alone && is_missed {
            shared.note_company();
        }
        let commits = Instant::now();
        let committed = match next {
            Ok(next) => self.connection.host().commit_with(&changes).await.map(|()| next),
            Err(error) => Err(error),
        };
        match &committed {
            Ok(_) => self.commit_took = commits.elapsed(),
            Err(_) => self.unnoted = unnoted,
        }
        self.claimed = match committed {
            // It is not ours any more.
            Err(error) if error.is_unexpected_rows() => return Ok(()),
            // Nothing that the migration could handle.
            Err(error) if error.kind == DatabaseErrorKind::Denied => return Err(Error::from(error).into()),
            committed => committed?,
        };
        crash::point();
        shared.row_locks.done();
        shared.chunk_done(CommittedChunk { rows_read: read, rows_written: written });
        Ok(())
    }

    /// Reads, transforms and writes the rows of a chunk, a batch at a time.
    async fn transform(&mut self, chunk: &ClaimedChunk, part: Part) -> Result<TransformedChunk, CallError> {
        let shared = self.shared.clone();
        let (Some(reader), Some(instance)) = (&mut self.reader, &mut self.instance) else {
            return Err(Error::failed("a worker of a transform has no reader or no instance").into());
        };
        let may_lock = part == Part::LockedChunk || self.connection.facts().dialect.locks_rows();
        let locks_rows = shared.holds_rows && may_lock;
        let mut session = self.connection.component(&shared.run.stop);
        let bound = shared.work.bound.clone().filter(|_| reader.descends());
        reader.turn_to(ChunkRange {
            bound,
            after: chunk.from.clone(),
            to: chunk.to.clone(),
            size: chunk.size.and_then(|size| usize::try_from(size).ok()),
            holds_rows: locks_rows,
        });
        let mut holds_since = locks_rows.then(Instant::now);
        if part == Part::LockedChunk {
            reader.lock(&mut *session).await?;
        }
        let (mut effect, mut bytes, mut writer) = (Effect::default(), 0, None);
        let mut from = position(reader);
        let mut records = Vec::new();
        while let Some(batch) = reader.next(&mut *session).await? {
            effect.rows_read += batch.row_count as u64;
            bytes += batch.byte_len() as u64;
            let transformed = tokio::select! {
                biased;
                reason = shared.run.stop.raised() => Err(CallError::Stopped(reason)),
                transformed = instance.transform(&shared.work.name, batch, &shared.check) => {
                    transformed.map_err(CallError::from)
                }
            };
            let transformed = match transformed {
                Ok(transformed) => transformed,
                Err(error) => {
                    // It may be in the middle of the batch.
                    self.instance = None;
                    return Err(error);
                }
            };
            let next = position(reader);
            records.push(chunk_record(&transformed, &from, &next.last));
            from = next;
            if transformed.rows.row_count == 0 {
                continue;
            }
            let writer = match &writer {
                Some(writer) => writer,
                None => {
                    holds_since.get_or_insert_with(Instant::now);
                    let trial = shared.run.trial.as_ref();
                    writer.insert(RowWriter::open(&mut *session, &shared.work.target, trial).await?)
                }
            };
            effect.rows_written += writer.write(&mut *session, &transformed.rows, transformed.hint).await?;
        }
        if let Some(writer) = writer {
            writer.finish(&mut *session).await?;
        }
        let held_rows = if locks_rows { effect.rows_read } else { effect.rows_written };
        Ok(TransformedChunk { effect, bytes, records, held_rows, holds_since })
    }

    async fn open_reader(&mut self) -> Result<(), DatabaseError> {
        if self.reader.is_none() {
            let (source, limits) = (self.shared.work.source.clone(), self.shared.limits);
            self.reader = Some(TableReader::join(&mut *self.connection.host(), source, limits).await?);
        }
        Ok(())
    }
}
