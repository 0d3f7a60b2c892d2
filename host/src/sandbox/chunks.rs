//! The database's side of a transform on one connection: chunks are read, written and counted, in the transaction of the whole
//! migration, or each in its own together with its checkpoint.

mod begin;

pub use begin::Begun;
pub(super) use begin::{check_of, record_of};

use std::sync::Arc;

use super::ahead::Ahead;
use super::failure::Stopped;
use super::host::position;
use super::instance::{Instance, Turned};
use super::keys::KeyCheck;
use super::transform::{TransformError, trap};
use crate::data::{Batch, Value};
use crate::database::{Database, DatabaseError, QueryLimits, StopSignal, TableTarget, WriteHint, WriterId};
use crate::engine::journal::answer::{Position, Transformed};
use crate::engine::journal::chunk::{Claimant, Effect, Owner};
use crate::engine::journal::{Journal, LiveTransform, crash};
use crate::engine::role::{as_host, as_migration};
use crate::engine::script::RunContext;
use crate::engine::transcript::{self, TransformRecord};
use crate::keyset::TableReader;
use crate::project::catalog::Kind;

/// The chunks of one transform.
pub struct Chunks<'a> {
    run: &'a RunContext,
    live: Option<Live>,
    target: Option<TableTarget>,
    writer: Option<WriterId>,
    done: Transformed,
    /// Reads in the place of the migration's connection, where that may be.
    ahead: Option<Ahead>,
    /// What the transform is; of one that is in a transaction of its migration, its chunks too.
    record: Option<TransformRecord>,
}

/// Where a transform is recorded.
pub struct Live {
    /// The journal.
    pub journal: Arc<Journal>,
    /// The step.
    pub transform: Box<LiveTransform>,
    /// Who works.
    pub claimant: Claimant,
}

/// A chunk that was read.
pub struct ReadChunk {
    /// How many rows it has.
    rows: u64,
    /// Where it begins.
    from: Position,
    /// Where the next one begins.
    behind: Position,
    /// What the database was when it was read.
    seen: i64,
}

/// What became of a chunk that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is.
    Done,
    /// Nothing of it: somebody else has written since it was read.
    Outdated,
}

impl<'a> Chunks<'a> {
    /// The chunks of a transform that is recorded, or not.
    pub fn new(run: &'a RunContext, live: Option<Box<LiveTransform>>) -> Self {
        let done = live.as_ref().and_then(|live| live.checkpoint.as_ref()).map(|it| it.done).unwrap_or_default();
        let live = run.journal.clone().zip(live).map(|(journal, transform)| {
            let owner = Owner::new(&run.transforms.run_id, &run.transforms.held_by, true);
            let claimant = Claimant { run: journal.run(), step: transform.number(), owner };
            Live { journal, transform, claimant }
        });
        Self { run, live, target: None, writer: None, done, ahead: None, record: None }
    }

    /// Whether each chunk commits by itself.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Where it is recorded, for who goes on with it in another way.
    pub fn into_live(self) -> Option<Live> {
        self.live
    }

    /// What was done so far, in earlier runs too.
    pub fn done(&self) -> Transformed {
        self.done
    }

    /// Waits for whatever slows the run down. No transaction is open, unless the whole migration runs in one.
    pub async fn before_chunk(&self) -> Result<(), TransformError> {
        self.run.control.before_chunk(&mut **self.run.database.lock().await).await.map_err(trap)
    }

    /// The next chunk.
    pub async fn read(&mut self, reader: &mut TableReader) -> Result<Option<(Batch, ReadChunk)>, DatabaseError> {
        let from = position(reader);
        let (batch, seen) = match self.read_ahead(reader).await {
            Some(batch) => (batch, 0),
            None => self.read_here(reader).await?,
        };
        Ok(batch.map(|batch| {
            let chunk = ReadChunk { rows: batch.row_count as u64, from, behind: position(reader), seen };
            (batch, chunk)
        }))
    }

    async fn read_ahead(&mut self, reader: &mut TableReader) -> Option<Option<Batch>> {
        self.ahead.as_mut()?.next(self.run, reader).await
    }

    /// By the migration's connection; with what the database was then.
    async fn read_here(&self, reader: &mut TableReader) -> Result<(Option<Batch>, i64), DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        let batch = reader.next(&mut **database).await?;
        let mut seen = 0;
        if let Some(live) = &self.live {
            seen = version(&mut **database, &self.run.stop).await?;
            live.journal.close_part(&mut **database).await?;
        }
        Ok((batch, seen))
    }

    /// No more chunks are read, and no connection but the migration's keeps anything locked.
    pub async fn close(&mut self) {
        if let Some(mut ahead) = self.ahead.take() {
            ahead.end().await;
        }
    }

    /// Leaves out the next rows.
    pub async fn skip(&self, reader: &mut TableReader, rows: u64) -> Result<(), DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        reader.skip(&mut **database, rows).await?;
        if let Some(live) = &self.live {
            live.journal.close_part(&mut **database).await?;
        }
        Ok(())
    }

    /// How many rows there are.
    pub async fn count(&self, reader: &TableReader) -> Result<u64, DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        let count = reader.count(&mut **database).await?;
        if let Some(live) = &self.live {
            live.journal.close_part(&mut **database).await?;
        }
        Ok(count)
    }

    /// Writes what was made of a chunk.
    pub async fn write(&mut self, turned: Turned, chunk: &ReadChunk) -> Result<Written, TransformError> {
        let mut database = self.run.database.clone().lock_owned().await;
        let database = &mut **database;
        self.open(database).await?;
        if let Some(live) = &self.live
            && version(database, &self.run.stop).await? != chunk.seen
        {
            live.journal.close_part(database).await?;
            return Ok(Written::Outdated);
        }
        self.write_in(database, turned, chunk).await?;
        Ok(Written::Done)
    }

    /// Does a chunk anew from its reading, with nobody else in between, and has the reader go on behind it.
    pub async fn redo(
        &mut self,
        reader: &mut TableReader,
        chunk: &ReadChunk,
        instance: &mut Instance,
        name: &str,
        check: &KeyCheck,
    ) -> Result<(), TransformError> {
        let mut database = self.run.database.clone().lock_owned().await;
        let database = &mut **database;
        self.open(database).await?;
        let from = chunk.from.clone();
        reader.resume_at(from.bound.clone(), from.last.clone(), &from.types);
        let Some(batch) = reader.next(database).await? else {
            // All that was left has gone meanwhile.
            if let Some(live) = &self.live {
                live.journal.close_part(database).await?;
            }
            return Ok(());
        };
        let chunk = ReadChunk { rows: batch.row_count as u64, from, behind: position(reader), seen: 0 };
        let turned = tokio::select! {
            biased;
            reason = self.run.stop.raised() => return Err(TransformError::Trap(wasmtime::Error::new(Stopped(reason)))),
            turned = instance.turn(name, batch, check) => turned.map_err(trap)?,
        };
        self.write_in(database, turned, &chunk).await
    }

    /// Writes what was made of a chunk, in the open transaction, and commits it where it commits by itself.
    async fn write_in(
        &mut self,
        database: &mut dyn Database,
        turned: Turned,
        chunk: &ReadChunk,
    ) -> Result<(), TransformError> {
        let record = turned_chunk(&turned, &chunk.from, &chunk.behind.last);
        let written = self.write_rows(database, &turned.rows, turned.hint).await?;
        let mut done = self.done;
        done.rows_read += chunk.rows;
        done.rows_written += written;
        done.chunks += 1;
        match (&self.live, &mut self.record) {
            (Some(Live { journal, claimant, .. }), _) => {
                let effect = Effect { rows_read: chunk.rows, rows_written: written };
                let span = [&chunk.from, &chunk.behind];
                journal.finish_chunk(database, claimant, span, &done, &effect, &record).await.map_err(trap)??;
            }
            (None, recorded) => {
                crash::point();
                if let Some(transform) = recorded {
                    transform.ledger.push(record);
                }
            }
        }
        self.done = done;
        Ok(())
    }

    async fn write_rows(
        &self,
        database: &mut dyn Database,
        rows: &Batch,
        hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        match (self.writer, &self.target) {
            (Some(writer), _) => database.write(writer, rows, hint).await,
            (None, Some(target)) => {
                let writer = database.open_writer(target).await?;
                let written = database.write(writer, rows, hint).await?;
                database.finish_writer(writer).await?;
                Ok(written)
            }
            (None, None) => Ok(0),
        }
    }

    /// Opens the transaction of a part, where each has one.
    async fn open(&self, database: &mut dyn Database) -> Result<(), DatabaseError> {
        match &self.live {
            Some(live) => live.journal.open_part(database).await,
            None => Ok(()),
        }
    }

    /// Counts what was done, in whatever way it ends.
    pub fn give_up(&self) {
        self.run.recorder.add_rows_read(self.done.rows_read);
        self.run.recorder.add_rows_written(self.done.rows_written);
    }

    /// All chunks are written.
    pub async fn finish(self) -> Result<Transformed, TransformError> {
        self.give_up();
        let mut database = self.run.database.lock().await;
        if let Some(writer) = self.writer {
            database.finish_writer(writer).await?;
        }
        let Some(record) = self.record else { return Ok(self.done) };
        match self.live {
            None => {
                let content = record.ledger.content;
                self.run.recorder.add_transform(record);
                Ok(Transformed { content, ..self.done })
            }
            Some(live) => {
                let is_sample = self.run.left_out.chunks_but.is_some();
                let ended =
                    live.journal.finish_transform(&mut **database, live.transform, self.done, record, is_sample);
                ended.await.map_err(trap)
            }
        }
    }

    /// The database refused something. Chunks that are committed stay.
    pub async fn fail(self, error: DatabaseError) -> TransformError {
        self.give_up();
        let Some(live) = self.live else { return TransformError::Database(error) };
        let mut database = self.run.database.lock().await;
        match live.journal.fail_transform(&mut **database, live.transform, &self.done, error).await {
            Ok(error) => TransformError::Database(error),
            Err(error) => trap(error),
        }
    }
}

/// A number that changes when another connection has written. Only SQLite has it, and only there it is needed: elsewhere a
/// chunk is read in the transaction that writes it.
async fn version(database: &mut dyn Database, stop: &StopSignal) -> Result<i64, DatabaseError> {
    if database.facts().dialect.has_many_writers() {
        // Here only a part of a transform in a dry run, on a copy that nobody else knows.
        return Ok(0);
    }
    as_host(database);
    let found = database.query("SELECT data_version FROM pragma_data_version", &[], QueryLimits::NONE).await;
    as_migration(database, Kind::Component, stop);
    Ok(found?.rows.first().and_then(|row| row.first()).and_then(Value::as_int64).unwrap_or_default())
}

/// What is kept of a batch of a transform: which rows went in, and what came out. `from`: where it begins.
pub(super) fn turned_chunk(turned: &Turned, from: &Position, last: &Option<Vec<Value>>) -> transcript::Chunk {
    let [input, output] = turned.digests;
    let columns = turned.rows.columns.iter().map(|it| (it.name.clone(), it.values.column_type()));
    transcript::Chunk {
        after: from.last.clone(),
        last: last.clone(),
        types: from.types.clone(),
        columns: columns.collect(),
        aligned: turned.aligned,
        rows_in: turned.rows_in,
        rows_out: turned.rows.row_count as u64,
        input,
        output,
    }
}
