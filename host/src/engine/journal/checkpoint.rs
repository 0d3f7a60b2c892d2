//! Transforms: each chunk is committed together with how far it got.

use super::chunk::{self, Claimant, Effect};
use super::step::Found;
use super::store::{self, Checkpoint, Entry};
use super::{Journal, crash, damaged};
use crate::database::{DatabaseError, DatabaseErrorKind, HostSession, SharedDatabase, TransactionOptions};
use crate::engine::call::Call;
use crate::engine::call::answer::{Position, Transformed, pack, unpack};
use crate::engine::call::transform::Work;
use crate::engine::stopped::stopped;
use crate::engine::transcript::{self, Evidence, TransformRecord, store as evidence};
use crate::error::{Error, Result};

/// Room for the batches of one chunk, in bits of the number under which its record is kept.
const BATCHES_OF_CHUNK: u32 = 16;

/// A transform that has begun.
pub enum TransformStep {
    /// The journal holds what it answered.
    Recorded(u64, std::result::Result<Transformed, DatabaseError>),
    /// It is to be run now, from its beginning or from its checkpoint.
    Live(Box<LiveTransform>),
}

/// A transform under way.
pub struct LiveTransform {
    entry: Entry,
    /// How far an earlier run came.
    pub checkpoint: Option<Checkpoint>,
}

impl LiveTransform {
    /// The number of its step.
    pub fn number(&self) -> u64 {
        self.entry.step
    }
}

impl Journal {
    /// Begins a transform. An error ends the migration.
    pub async fn begin_transform(&self, database: &SharedDatabase, call: &Call<'_>) -> Result<TransformStep> {
        let mut database = database.lock().await;
        let database = &mut database.host();
        let mut state = self.state.lock().await;
        let (entry, checkpoint) = match self.find(database, &mut state, call).await? {
            Found::Answered(step, packed) => {
                let answer = unpack(&packed).ok_or_else(|| damaged(format!("the answer of step {step}")))?;
                return Ok(TransformStep::Recorded(step, answer));
            }
            Found::Intended(entry) => {
                let checkpoint = store::checkpoint(database, self.run, entry.step).await?;
                chunk::check(database, self.run, entry.step, &checkpoint, false).await?;
                (entry, Some(checkpoint))
            }
            Found::Nothing(entry) => (entry, None),
        };
        Ok(TransformStep::Live(Box::new(LiveTransform { entry, checkpoint })))
    }

    /// Records, in the open transaction, where a transform begins, and commits.
    pub async fn begin_chunks(
        &self,
        database: &mut HostSession<'_>,
        transform: &LiveTransform,
        work: &Work,
        position: &Position,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        self.still_ours(database).await?;
        store::insert(database, self.run, &transform.entry).await?;
        store::begin_checkpoint(database, self.run, transform.number(), work, position).await?;
        let committed = self.commit_part(database, transform.number()).await;
        crash::point();
        committed
    }

    /// Records, in the open transaction, that a chunk was written by who works alone, and commits. `position`: where it
    /// began, and where the next one does.
    pub async fn finish_chunk(
        &self,
        database: &mut HostSession<'_>,
        claimant: &Claimant,
        [from, position]: [&Position; 2],
        done: &Transformed,
        effect: &Effect,
        record: &transcript::Chunk,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        crash::point();
        self.still_ours(database).await?;
        self.note_chunk(database, claimant.step, (done.chunks, 0), record).await?;
        store::move_checkpoint(database, self.run, claimant.step, position, done).await?;
        chunk::insert_done(database, claimant, done.chunks, [&from.last, &position.last], effect).await?;
        let committed = self.commit_part(database, claimant.step).await?;
        crash::point();
        if committed.is_ok() && done.chunks == 1 {
            self.state.lock().await.effects += 1;
        }
        Ok(committed)
    }

    /// How far a transform has come that somebody is at; none: nobody is.
    pub async fn checkpoint(&self, database: &mut HostSession<'_>, step: u64) -> Result<Option<Checkpoint>> {
        store::find_checkpoint(database, self.run, step).await
    }

    /// Notes, in the transaction of a batch's rows, what it was and what it became: the n-th of a chunk.
    pub async fn note_chunk(
        &self,
        database: &mut HostSession<'_>,
        step: u64,
        (chunk, batch): (u64, u64),
        record: &transcript::Chunk,
    ) -> Result<()> {
        evidence::put_chunk(database, self.run, step, (chunk << BATCHES_OF_CHUNK) + batch, record).await
    }

    /// Notes that chunks of a transform were committed on other connections.
    pub async fn note_chunks(&self) {
        self.state.lock().await.effects += 1;
    }

    /// Ends a transform: records what it did. `record`: what it is; its chunks are those of all runs. `is_sample`: a dry run
    /// left chunks out.
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
        record.ledger = evidence::take_chunks(database, self.run, transform.number()).await?;
        if record.ledger.rows_in != done.rows_read {
            return Err(damaged(format!("the chunks of step {}", transform.number())));
        }
        Evidence::write_transform(database, self.run, transform.number(), &record).await?;
        done.content = record.ledger.content;
        transform.entry.rows = done.rows_written;
        transform.entry.effect = done.chunks > 0;
        state.sealed(&mut transform.entry, pack(Ok(&done)));
        store::answer(database, self.run, &transform.entry).await?;
        store::clear_checkpoint(database, self.run, transform.number()).await?;
        if let Err(error) = self.commit(database, transform.number()).await? {
            return Err(error.into());
        }
        crash::point();
        state.recorded(&transform.entry);
        if done.chunks > 0 {
            // Its chunks have been counted as one effect already.
            state.effects -= 1;
        }
        Ok(done)
    }

    /// Ends a transform that the database refused something: the chunk is rolled back, those before it stay.
    pub async fn fail_transform(
        &self,
        database: &mut HostSession<'_>,
        mut transform: Box<LiveTransform>,
        done: &Transformed,
        error: DatabaseError,
    ) -> Result<DatabaseError> {
        if error.kind == DatabaseErrorKind::Connection {
            let error = Error::from(error);
            return Err(match database.reconnect().await {
                Ok(()) => error,
                Err(second) => error.cause(second),
            });
        }
        match database.rollback().await {
            Err(second) if second.is_not_undone() => {
                // What stays of the chunk, by triggers for one, keeps the revision from counting as untouched.
                self.state.lock().await.effects += 1;
                let told = Error::from(error).cause(&second);
                return Err(second.hint.into_iter().fold(told, Error::hint));
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

    /// Commits a part. Where the answer to that got lost the next run reads from the checkpoint how far it came.
    async fn commit_part(
        &self,
        database: &mut HostSession<'_>,
        step: u64,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        match database.commit().await {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.kind != DatabaseErrorKind::Connection => Ok(Err(error)),
            Err(error) => {
                let error = Error::from(error).at("step", step.to_string());
                Err(match database.reconnect().await {
                    Ok(()) => error,
                    Err(second) => error.cause(second),
                })
            }
        }
    }
}
