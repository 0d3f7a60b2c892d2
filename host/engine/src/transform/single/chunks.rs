//! Reads and writes the chunks of a transform on one connection: in the transaction of the whole migration, or each in its own
//! together with its checkpoint.

use std::sync::Arc;

use crate::call::answer::{Position, Transformed};
use crate::call::codec;
use crate::call_error::CallError;
use crate::dry_run::RowWriter;
use crate::journal::chunk::{ChunkRole, Claimant, Effect, Owner};
use crate::journal::{Journal, LiveTransform, crash};
use crate::script::RunContext;
use crate::transcript::TransformRecord;
use crate::transform::instance::{CheckedInstance, TransformedBatch};
use crate::transform::key_check::KeyCheck;
use crate::transform::read_ahead::ReadAhead;
use crate::transform::{chunk_record, position};
use runner_data::{Batch, Value};
use runner_database::keyset::TableReader;
use runner_database::{
    Database, DatabaseError, FixedInputs, HostSession, QueryLimits, Session, TableTarget, TransactionOptions, WriteHint,
};

/// What distinguishes the statements that read a chunk from those that write it.
const READ: &str = "read";
const WRITE: &str = "write";

/// The chunks of one transform.
pub struct ChunkIo<'a> {
    pub(super) run: &'a RunContext,
    pub(super) journalled: Option<JournalledTransform>,
    pub(super) target: Option<TableTarget>,
    pub(super) writer: Option<RowWriter>,
    done: Transformed,
    /// Reads instead of the migration's connection, where that is possible.
    pub(super) ahead: Option<ReadAhead>,
    /// What the transform is; in the transaction of its migration, its chunks, too.
    pub(super) record: Option<TransformRecord>,
}

/// A transform whose chunks commit by themselves.
pub struct JournalledTransform {
    /// The journal.
    pub journal: Arc<Journal>,
    /// The step.
    pub step: Box<LiveTransform>,
    /// The owner that claims its chunks.
    pub claimant: Claimant,
}

/// A chunk that was read.
pub struct ReadChunk {
    /// How many rows it has.
    rows: u64,
    /// Where it begins.
    from: Position,
    /// Where the next one begins.
    next: Position,
    /// The version of the database when it was read.
    version: i64,
}

/// The outcome of a chunk that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is written.
    Written,
    /// It was not: another connection has written since it was read.
    Outdated,
}

impl<'a> ChunkIo<'a> {
    /// The chunks of a transform. `step`: the journal and the step in it, if each chunk commits by itself.
    pub fn new(run: &'a RunContext, step: Option<(Arc<Journal>, Box<LiveTransform>)>) -> Self {
        let done = step.as_ref().and_then(|(_, step)| step.checkpoint.as_ref()).map(|it| it.done).unwrap_or_default();
        let journalled = step.map(|(journal, step)| {
            let owner = Owner::new(&run.transforms.run_id, &run.transforms.held_by, ChunkRole::Leader);
            let claimant = Claimant { run: journal.run(), step: step.number(), owner, build: None };
            JournalledTransform { journal, step, claimant }
        });
        Self { run, journalled, target: None, writer: None, done, ahead: None, record: None }
    }

    /// Whether each chunk commits by itself.
    pub fn is_journalled(&self) -> bool {
        self.journalled.is_some()
    }

    /// The journalled transform, for the executor with several connections.
    pub fn into_journalled(self) -> Option<JournalledTransform> {
        self.journalled
    }

    /// What was done so far, in earlier runs too.
    pub fn done(&self) -> Transformed {
        self.done
    }

    /// Waits as the throttle and the operator ask. No transaction is open, unless the whole migration runs in one.
    pub async fn before_chunk(&self) -> Result<(), CallError> {
        let ready = self.run.control.before_chunk(&mut **self.run.database.lock().await).await;
        ready.map_err(|error| match self.run.stop.reason() {
            Some(reason) => CallError::Stopped(reason),
            None => CallError::Failed(error),
        })
    }

    /// The next chunk.
    pub async fn read(&mut self, reader: &mut TableReader) -> Result<Option<(Batch, ReadChunk)>, DatabaseError> {
        let from = position(reader);
        let (batch, version) = match self.read_ahead(reader).await {
            Some(batch) => (batch, 0),
            None => self.read_here(reader).await?,
        };
        Ok(batch.map(|batch| {
            let chunk = ReadChunk { rows: batch.row_count as u64, from, next: position(reader), version };
            (batch, chunk)
        }))
    }

    async fn read_ahead(&mut self, reader: &mut TableReader) -> Option<Option<Batch>> {
        self.ahead.as_mut()?.next(self.run, reader).await
    }

    /// On the migration's connection; with the version of the database.
    async fn read_here(&self, reader: &mut TableReader) -> Result<(Option<Batch>, i64), DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        database.fix_inputs(self.inputs(READ, reader.last_key()));
        let batch = reader.next(&mut *database.component(&self.run.stop)).await?;
        let mut seen = 0;
        if self.is_journalled() {
            let host = &mut database.host();
            seen = data_version(host).await?;
            host.rollback().await?;
        }
        Ok((batch, seen))
    }

    /// Stops reading: from here on, only the migration's connection holds locks.
    pub async fn close(&mut self) {
        if let Some(mut ahead) = self.ahead.take() {
            ahead.end().await;
        }
    }

    /// Skips the next rows.
    pub async fn skip(&self, reader: &mut TableReader, rows: u64) -> Result<(), DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        reader.skip(&mut *database.component(&self.run.stop), rows).await?;
        self.close_part(&mut **database).await?;
        Ok(())
    }

    /// How many rows there are.
    pub async fn count(&self, reader: &TableReader) -> Result<u64, DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        let count = reader.count(&mut *database.component(&self.run.stop)).await?;
        self.close_part(&mut **database).await?;
        Ok(count)
    }

    /// Writes the outcome of a chunk.
    pub async fn write(&mut self, transformed: TransformedBatch, chunk: &ReadChunk) -> Result<WriteOutcome, CallError> {
        let mut database = self.run.database.clone().lock_owned().await;
        let database = &mut **database;
        self.open(database).await?;
        if self.is_journalled() && data_version(&mut database.host()).await? != chunk.version {
            self.close_part(database).await?;
            return Ok(WriteOutcome::Outdated);
        }
        self.write_in(database, transformed, chunk).await?;
        Ok(WriteOutcome::Written)
    }

    /// Reads, transforms and writes a chunk again in one transaction, and leaves the reader after it.
    pub async fn redo(
        &mut self,
        reader: &mut TableReader,
        chunk: &ReadChunk,
        instance: &mut CheckedInstance,
        name: &str,
        check: &KeyCheck,
    ) -> Result<(), CallError> {
        let mut database = self.run.database.clone().lock_owned().await;
        let database = &mut **database;
        self.open(database).await?;
        let from = chunk.from.clone();
        reader.resume_at(from.bound.clone(), from.last.clone(), &from.types);
        database.fix_inputs(self.inputs(READ, reader.last_key()));
        let Some(batch) = reader.next(&mut *database.component(&self.run.stop)).await? else {
            // The remaining rows have been deleted meanwhile.
            return Ok(self.close_part(database).await?);
        };
        let chunk = ReadChunk { rows: batch.row_count as u64, from, next: position(reader), version: 0 };
        let transformed = tokio::select! {
            biased;
            reason = self.run.stop.raised() => return Err(CallError::Stopped(reason)),
            transformed = instance.transform(name, batch, check) => transformed?,
        };
        self.write_in(database, transformed, &chunk).await
    }

    /// Writes the outcome of a chunk, in the open transaction, and commits it where it commits by itself.
    async fn write_in(
        &mut self,
        database: &mut dyn Database,
        transformed: TransformedBatch,
        chunk: &ReadChunk,
    ) -> Result<(), CallError> {
        let record = chunk_record(&transformed, &chunk.from, &chunk.next.last);
        database.fix_inputs(self.inputs(WRITE, chunk.from.last.as_deref()));
        let mut session = database.component(&self.run.stop);
        let written = self.write_rows(&mut *session, &transformed.rows, transformed.hint).await?;
        drop(session);
        let mut done = self.done;
        done.rows_read += chunk.rows;
        done.rows_written += written;
        done.chunks += 1;
        match (&self.journalled, &mut self.record) {
            (Some(JournalledTransform { journal, claimant, .. }), _) => {
                let effect = Effect { rows_read: chunk.rows, rows_written: written };
                let span = [&chunk.from, &chunk.next];
                journal.finish_chunk(&mut database.host(), claimant, span, &done, &effect, &record).await??;
            }
            (None, recorded) => {
                crash::point();
                if let Some(transform) = recorded {
                    transform.ledger.push(record);
                }
            }
        }
        self.done = done;
        // At once: a guest that is stopped never gets to the end of its transform.
        self.run.recorder.add_rows_read(chunk.rows);
        self.run.recorder.add_rows_written(written);
        Ok(())
    }

    /// What the statements of a chunk see as chance. `after`: the key before it.
    fn inputs(&self, what: &str, after: Option<&[Value]>) -> FixedInputs {
        self.run.fixed_inputs(&codec::encode(&(what, after)))
    }

    async fn write_rows(&self, session: &mut dyn Session, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        match (&self.writer, &self.target) {
            (Some(writer), _) => writer.write(session, rows, hint).await,
            (None, Some(target)) => {
                let writer = RowWriter::open(session, target, self.run.trial.as_ref()).await?;
                let written = writer.write(session, rows, hint).await?;
                writer.finish(session).await?;
                Ok(written)
            }
            (None, None) => Ok(0),
        }
    }

    /// Opens the transaction of a part, where each has one.
    pub(super) async fn open(&self, database: &mut dyn Database) -> Result<(), DatabaseError> {
        if self.is_journalled() { database.host().begin(TransactionOptions::default()).await } else { Ok(()) }
    }

    /// Ends the transaction of a part that only read, where each has one.
    pub(super) async fn close_part(&self, database: &mut dyn Database) -> Result<(), DatabaseError> {
        if self.is_journalled() { database.rollback().await } else { Ok(()) }
    }

    /// Counts what earlier runs have done, before this one adds to it.
    pub fn count_earlier(&self) {
        let Transformed { rows_read, rows_written, .. } = self.done;
        self.run.recorder.add_earlier(rows_read, rows_written);
        self.run.recorder.add_rows_read(rows_read);
        self.run.recorder.add_rows_written(rows_written);
    }

    /// All chunks are written.
    pub async fn finish(self) -> Result<Transformed, CallError> {
        let mut database = self.run.database.lock().await;
        if let Some(writer) = &self.writer {
            writer.finish(&mut *database.component(&self.run.stop)).await?;
        }
        let Some(record) = self.record else { return Ok(self.done) };
        match self.journalled {
            None => {
                let content = record.ledger.content;
                self.run.recorder.add_transform(record);
                Ok(Transformed { content, ..self.done })
            }
            Some(JournalledTransform { journal, step, .. }) => {
                let is_sample = self.run.left_out.chunks_but.is_some();
                Ok(journal.finish_transform(&mut database.host(), step, self.done, record, is_sample).await?)
            }
        }
    }

    /// The database refused something. Chunks that are committed stay.
    pub async fn fail(self, error: DatabaseError) -> CallError {
        let Some(JournalledTransform { journal, step, .. }) = self.journalled else { return error.into() };
        let mut database = self.run.database.lock().await;
        match journal.fail_transform(&mut database.host(), step, &self.done, error).await {
            Ok(error) => error.into(),
            Err(error) => error.into(),
        }
    }
}

/// A number that changes when another connection has written.
async fn data_version(host: &mut HostSession<'_>) -> Result<i64, DatabaseError> {
    // Without one, only the sample of a dry run gets here, on a copy that no other connection uses.
    let Some(question) = host.facts().sql.catalog.data_version else { return Ok(0) };
    let found = host.query(question, &[], QueryLimits::NONE).await?;
    Ok(found.rows.first().and_then(|row| row.first()).and_then(Value::as_int64).unwrap_or_default())
}
