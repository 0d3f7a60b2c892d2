//! Transforms: each chunk is committed together with the checkpoint after it.

use super::chunk::{self, Claimant, Effect};
use super::step::Lookup;
use super::store::{self, Checkpoint, Entry};
use super::{Journal, crash, damaged};
use crate::call::answer::{Position, Transformed, pack, unpack};
use crate::call::transform::TransformSpec;
use crate::call::{Call, codec};
use crate::call_error::CallError;
use crate::settle::after_loss;
use crate::stopped::stopped;
use crate::transcript::store::EvidenceKind;
use crate::transcript::{self, Builders, TransformRecord, handover, store as evidence};
use runner_base::error::{Error, Result};
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, SharedDatabase, ToolChange, TransactionOptions};

/// The bits for the number of a batch within its chunk, in the number under which its record is stored.
const BATCHES_OF_CHUNK: u32 = 16;

/// The most batches in a chunk, so that none is stored under the number of another chunk's.
pub const MOST_BATCHES: u64 = 1 << BATCHES_OF_CHUNK;

/// How many bytes of records go into the message of a commit.
const IN_A_COMMIT: usize = 1 << 20;

/// A transform that has begun.
pub enum TransformStep {
    /// The journal contains its answer.
    Recorded(u64, std::result::Result<Transformed, DatabaseError>),
    /// It runs now, from its beginning or from its checkpoint.
    Live(Box<LiveTransform>),
}

/// A transform in progress.
pub struct LiveTransform {
    entry: Entry,
    /// The checkpoint of an earlier run, if there is one.
    pub checkpoint: Option<Checkpoint>,
}

impl LiveTransform {
    /// Returns the number of its step.
    pub fn number(&self) -> u64 {
        self.entry.step
    }
}

/// Returns the number under which the record of a batch is stored. Wide rows make more batches of a chunk than its
/// number of rows suggests.
fn number_of(chunk: u64, batch: u64) -> Result<u64> {
    if batch >= MOST_BATCHES {
        return Err(Error::failed(format!("chunk {chunk} has more than {MOST_BATCHES} batches"))
            .hint("set `--chunk-rows` to fewer rows"));
    }
    Ok((chunk << BATCHES_OF_CHUNK) + batch)
}

impl Journal {
    /// Begins a transform. An error ends the migration.
    pub async fn begin_transform(&self, database: &SharedDatabase, call: &Call<'_>) -> Result<TransformStep> {
        let mut database = database.lock().await;
        let database = &mut database.host();
        let mut state = self.state.lock().await;
        let (entry, checkpoint) = match self.find(database, &mut state, call, 1).await? {
            Lookup::Answered(step, packed) => {
                let answer =
                    unpack(&packed).ok_or_else(|| damaged(format!("the answer of step {step} cannot be read")))?;
                return Ok(TransformStep::Recorded(step, answer));
            }
            Lookup::Intended(entry) => {
                self.hand_over(database, &mut state, (entry.step, true)).await?;
                self.expect_columns(database, &mut state, entry.step).await?;
                let checkpoint = store::checkpoint(database, self.run, entry.step).await?;
                chunk::check(database, self.run, entry.step, &checkpoint, false).await?;
                (entry, Some(checkpoint))
            }
            Lookup::Absent(entry) => (entry, None),
        };
        Ok(TransformStep::Live(Box::new(LiveTransform { entry, checkpoint })))
    }

    /// Records the beginning of a transform in the open transaction, and commits.
    pub async fn begin_chunks(
        &self,
        database: &mut HostSession<'_>,
        transform: &LiveTransform,
        work: &TransformSpec,
        position: &Position,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        let mut changes = Vec::from(store::insert(self.run, &transform.entry));
        changes.push(store::checkpoint_begun(self.run, transform.number(), work, position));
        let committed = self.commit_part(database, transform.number(), &changes).await;
        crash::point();
        committed
    }

    /// Records a chunk of a lone worker in the open transaction, and commits. The positions are those at which the chunk
    /// and the next one begin.
    pub async fn finish_chunk(
        &self,
        database: &mut HostSession<'_>,
        claimant: &Claimant,
        [from, position]: [&Position; 2],
        done: &Transformed,
        effect: &Effect,
        record: &transcript::ChunkRecord,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        crash::point();
        let records = std::slice::from_ref(record);
        let mut changes =
            self.note_chunk(database, claimant.step, done.chunks, records).await.map_err(CallError::into_error)?;
        changes.push(store::checkpoint_moved(self.run, claimant.step, position, done));
        changes.push(chunk::added_done(claimant, done.chunks, [&from.last, &position.last], effect));
        let committed = self.commit_part(database, claimant.step, &changes).await?;
        crash::point();
        if committed.is_ok() && done.chunks == 1 {
            self.state.lock().await.effects += 1;
        }
        Ok(committed)
    }

    /// Takes part in a transform. Returns its checkpoint, or `None` if it is not in progress.
    pub async fn join_transform(&self, database: &mut HostSession<'_>, step: u64) -> Result<Option<Checkpoint>> {
        let found = store::find_checkpoint(database, self.run, step).await?;
        self.expect_columns(database, &mut *self.state.lock().await, step).await?;
        Ok(found)
    }

    /// Returns the changes that record the input and the output of the batches of a chunk, for the commit of its rows. What would be too
    /// much for the message of a commit, since the rows themselves are kept, is recorded at once, in the open transaction.
    pub async fn note_chunk(
        &self,
        database: &mut HostSession<'_>,
        step: u64,
        chunk: u64,
        records: &[transcript::ChunkRecord],
    ) -> std::result::Result<Vec<ToolChange>, CallError> {
        let (mut changes, mut room) = (Vec::with_capacity(records.len()), IN_A_COMMIT);
        for (batch, record) in (0..).zip(records) {
            self.check_columns(step, record).await?;
            let (added, bytes) = evidence::chunk_added(self.run, step, number_of(chunk, batch)?, record);
            match room.checked_sub(bytes) {
                Some(left) => {
                    room = left;
                    changes.push(added);
                }
                None => database.change(&added).await?,
            }
        }
        Ok(changes)
    }

    /// Counts the chunks of a transform that other connections committed as one effect.
    pub async fn note_chunks(&self) {
        self.state.lock().await.effects += 1;
    }

    /// Ends a transform and records its work. `record` receives the chunks of all runs. `is_sample` means that a dry run
    /// skipped chunks.
    pub async fn finish_transform(
        &self,
        database: &mut HostSession<'_>,
        mut transform: Box<LiveTransform>,
        mut done: Transformed,
        mut record: TransformRecord,
        is_sample: bool,
    ) -> Result<Transformed> {
        let mut state = self.state.lock().await;
        database.begin(TransactionOptions::default()).await?;
        if !is_sample {
            let checkpoint = store::checkpoint(database, self.run, transform.number()).await?;
            chunk::check(database, self.run, transform.number(), &checkpoint, true).await?;
        }
        let mut builders = Builders::default();
        let mut batches = 0;
        let last = state.builds.current(&self.inputs.sha256);
        let handovers = &state.builds.handovers;
        let seen = |part: u64| {
            let chunk = part >> BATCHES_OF_CHUNK;
            builders.add(batches, handover::builder_of(handovers, last, transform.number(), chunk));
            batches += 1;
        };
        record.ledger = evidence::take_chunks(database, self.run, transform.number(), seen).await?;
        if record.ledger.rows_in != done.rows_read {
            return Err(damaged(format!(
                "the recorded chunks of step {} do not match the rows it read",
                transform.number()
            )));
        }
        let packed = codec::pack(&record);
        evidence::put(database, self.run, EvidenceKind::Transform, transform.number(), &packed).await?;
        if !handovers.is_empty() {
            let packed = codec::pack(&builders);
            evidence::put(database, self.run, EvidenceKind::Builders, transform.number(), &packed).await?;
        }
        done.content = builders.seal(record.ledger.content);
        transform.entry.rows = done.rows_written;
        transform.entry.effect = done.chunks > 0;
        state.sealed(&mut transform.entry, pack(Ok(&done)));
        store::make(database, store::answer(self.run, &transform.entry)).await?;
        store::clear_checkpoint(database, self.run, transform.number()).await?;
        if let Err(error) = self.commit(database, &mut state, transform.number()).await? {
            return Err(error.into());
        }
        crash::point();
        state.recorded(&transform.entry);
        // Its chunks were counted as one effect, if this run knew of any.
        state.effects = store::effects(database, self.run).await?;
        Ok(done)
    }

    /// Ends a transform after an error of the database. The chunk is rolled back; those before it remain.
    pub async fn fail_transform(
        &self,
        database: &mut HostSession<'_>,
        mut transform: Box<LiveTransform>,
        done: &Transformed,
        error: DatabaseError,
    ) -> Result<DatabaseError> {
        if error.kind == DatabaseErrorKind::Connection {
            return Err(after_loss(database, error.into(), &self.stop).await);
        }
        match database.rollback().await {
            Err(second) if second.is_not_undone() => {
                // What remains of the chunk, for example because of a trigger, is an effect: the revision is not
                // untouched.
                self.state.lock().await.effects += 1;
                return Err(second.added_to(error));
            }
            rolled_back => rolled_back?,
        }
        if error.kind == DatabaseErrorKind::Interrupted
            && let Some(reason) = self.stop.reason()
        {
            return Err(stopped(reason));
        }
        let mut state = self.state.lock().await;
        transform.entry.effect = done.chunks > 0;
        state.sealed(&mut transform.entry, pack::<Transformed>(Err(&error)));
        state.failed = Some(transform.entry);
        Ok(error)
    }

    /// Commits a part with these changes. If the answer is lost, the next run continues from the checkpoint.
    async fn commit_part(
        &self,
        database: &mut HostSession<'_>,
        step: u64,
        changes: &[ToolChange],
    ) -> Result<std::result::Result<(), DatabaseError>> {
        match database.commit_with(changes).await {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.is_not_undone() => {
                self.state.lock().await.effects += 1;
                Err(error.into())
            }
            // Nothing that the migration could handle.
            Err(error) if error.kind == DatabaseErrorKind::Denied => Err(error.into()),
            Err(error) if error.is_unexpected_rows() => Err(store::unmade(error)),
            Err(error) if error.kind != DatabaseErrorKind::Connection => Ok(Err(error)),
            Err(error) => Err(after_loss(database, Error::from(error).at("step", step.to_string()), &self.stop).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_has_the_number_of_another_chunk() {
        assert_eq!(number_of(1, MOST_BATCHES - 1).expect("a number") + 1, number_of(2, 0).expect("a number"));
        assert!(number_of(1, MOST_BATCHES).is_err());
    }
}
