//! The database's side of a transform: chunks are read, written and counted, in the transaction of the whole migration, or each
//! in its own together with its checkpoint.

use std::sync::Arc;

use super::host::position;
use super::keys::KeyCheck;
use super::transform::{TransformError, Turned};
use crate::batches::TableReader;
use crate::data::Batch;
use crate::database::{BatchLimits, Database, DatabaseError, TableSource, TableTarget, WriteHint, WriterId};
use crate::engine::journal::answer::{Position, Resolved, Transformed};
use crate::engine::journal::{Journal, LiveTransform, crash};
use crate::engine::script::RunContext;
use crate::error::Error;

/// The chunks of one transform.
pub struct Chunks<'a> {
    run: &'a RunContext,
    live: Option<(Arc<Journal>, Box<LiveTransform>)>,
    target: Option<TableTarget>,
    writer: Option<WriterId>,
    done: Transformed,
}

/// A transform that has begun to read.
pub struct Begun {
    /// Reads the chunks.
    pub reader: TableReader,
    /// How many rows there are, if they were counted.
    pub total: Option<u64>,
    /// Holds what comes back against what was given.
    pub check: Arc<KeyCheck>,
}

impl<'a> Chunks<'a> {
    /// The chunks of a transform that is recorded, or not.
    pub fn new(run: &'a RunContext, live: Option<Box<LiveTransform>>) -> Self {
        let live = run.journal.clone().zip(live);
        let done = live.as_ref().and_then(|(_, live)| live.checkpoint.as_ref()).map(|it| it.done).unwrap_or_default();
        run.tally.add_rows_written(done.rows_written);
        Self { run, live, target: None, writer: None, done }
    }

    /// What was done so far, in earlier runs too.
    pub fn done(&self) -> Transformed {
        self.done
    }

    /// Opens source and target. `count`: rows that go, or no longer fit the filter, can be counted only now. Other sources are
    /// counted once the transform proves long: counting reads the whole table.
    pub async fn begin(
        &mut self,
        source: TableSource,
        target: TableTarget,
        limits: BatchLimits,
        count: bool,
    ) -> Result<Begun, TransformError> {
        let checkpoint = self.live.as_ref().and_then(|(_, live)| live.checkpoint.clone());
        let source = match &checkpoint {
            Some(it) => TableSource { columns: it.source.columns.clone(), key: it.source.key.clone(), ..source },
            None => source,
        };
        let mut database = self.run.database.lock().await;
        let database = &mut **database;
        self.open(database).await?;
        let mut reader = TableReader::open_bounded(database, source.clone(), limits).await?;
        if let Some(it) = &checkpoint {
            reader.resume_at(it.position.bound.clone(), it.position.last.clone(), &it.position.types);
        }
        let total = if count { Some(reader.count(database).await?) } else { None };
        let writer = database.open_writer(&target).await?;
        let target_key = match target.key.as_slice() {
            [] => database.table(&target.table).await?.key,
            key => key.to_vec(),
        };
        match &self.live {
            None => self.writer = Some(writer),
            Some((journal, _)) if checkpoint.is_some() => journal.close_part(database).await?,
            Some((journal, live)) => {
                let resolved = Resolved { columns: reader.columns(), key: reader.key().to_vec() };
                journal.begin_chunks(database, live, &resolved, &position(&reader)).await.map_err(ends)??;
            }
        }
        // Between the reading and the writing of a chunk that commits by itself somebody else may add rows.
        let whole = self.live.is_none()
            && source.table == target.table
            && reader.key() == target_key
            && reader.covers_key_range();
        let check = Arc::new(KeyCheck::new(target.mode, target_key, whole));
        self.target = Some(target);
        Ok(Begun { reader, total, check })
    }

    /// The next chunk, and where the one behind it begins.
    pub async fn read(&self, reader: &mut TableReader) -> Result<Option<(Batch, Position)>, DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        let batch = reader.next(&mut **database).await?;
        if let Some((journal, _)) = &self.live {
            journal.close_part(&mut **database).await?;
        }
        Ok(batch.map(|batch| (batch, position(reader))))
    }

    /// How many rows there are.
    pub async fn count(&self, reader: &TableReader) -> Result<u64, DatabaseError> {
        let mut database = self.run.database.lock().await;
        self.open(&mut **database).await?;
        let count = reader.count(&mut **database).await?;
        if let Some((journal, _)) = &self.live {
            journal.close_part(&mut **database).await?;
        }
        Ok(count)
    }

    /// Writes what was made of a chunk.
    pub async fn write(&mut self, turned: Turned, rows: u64, behind: &Position) -> Result<(), TransformError> {
        let mut database = self.run.database.lock().await;
        let database = &mut **database;
        self.open(database).await?;
        let written = self.write_rows(database, &turned.rows, turned.hint).await?;
        let mut done = self.done;
        done.rows_read += rows;
        done.rows_written += written;
        done.chunks += 1;
        match &self.live {
            Some((journal, live)) => journal.finish_chunk(database, live, behind, &done).await.map_err(ends)??,
            None => crash::point(),
        }
        self.done = done;
        self.run.tally.add_rows_written(written);
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
            Some((journal, _)) => journal.open_part(database).await,
            None => Ok(()),
        }
    }

    /// All chunks are written.
    pub async fn finish(self) -> Result<Transformed, TransformError> {
        self.run.tally.add_rows_read(self.done.rows_read);
        let mut database = self.run.database.lock().await;
        if let Some(writer) = self.writer {
            database.finish_writer(writer).await?;
        }
        match self.live {
            None => Ok(self.done),
            Some((journal, live)) => {
                journal.finish_transform(&mut **database, live, self.done).await.map_err(ends)?;
                Ok(self.done)
            }
        }
    }

    /// The database refused something. Chunks that are committed stay.
    pub async fn fail(self, error: DatabaseError) -> TransformError {
        let Some((journal, live)) = self.live else { return TransformError::Database(error) };
        self.run.tally.add_rows_read(self.done.rows_read);
        let mut database = self.run.database.lock().await;
        match journal.fail_transform(&mut **database, live, &self.done, error).await {
            Ok(error) => TransformError::Database(error),
            Err(error) => ends(error),
        }
    }
}

/// An error that is the end of the migration, whatever the guest would say to it.
fn ends(error: Error) -> TransformError {
    TransformError::Trap(wasmtime::Error::new(error))
}
