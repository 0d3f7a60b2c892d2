//! The beginning of a transform: its source and its target are opened, from the start or where an earlier run stopped.

use std::sync::Arc;

use super::chunks::{ChunkIo, JournalledTransform};
use crate::call::transform::TransformSpec;
use crate::call_error::CallError;
use crate::chunks::Chunks;
use crate::control::total::estimate;
use crate::dry_run::RowWriter;
use crate::event::Total;
use crate::transform::key_check::KeyCheck;
use crate::transform::read_ahead::ReadAhead;
use crate::transform::{TransformTask, key_check_of, position, record_of};
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, Session, TableSource, TableTarget, WriteMode};
use runner_project::catalog::Kind;

/// A transform that has begun to read.
pub struct OpenedTransform {
    /// Reads the chunks.
    pub reader: TableReader,
    /// How many rows there are, including those that are done, as far as that is known.
    pub total: Option<Total>,
    /// Checks the keys that come back.
    pub check: Arc<KeyCheck>,
    /// Whether a chunk may be read before the one before it is written.
    pub may_read_ahead: bool,
    /// The transform with all columns and keys by name.
    pub work: TransformSpec,
}

impl ChunkIo<'_> {
    /// Opens source and target. Rows that the transform deletes, or moves out of its own filter, are counted now, as they cannot be
    /// counted later; other sources are counted once the transform has run for a while, because counting reads the
    /// whole table.
    pub async fn begin(&mut self, task: &TransformTask, limits: BatchLimits) -> Result<OpenedTransform, CallError> {
        let TransformTask { name, source, target } = task;
        let checkpoint = self.journalled.as_ref().and_then(|it| it.step.checkpoint.clone());
        let mut source = match &checkpoint {
            Some(it) => TableSource {
                columns: it.work.source.columns.clone(),
                key: it.work.source.key.clone(),
                ..source.clone()
            },
            None => source.clone(),
        };
        let mut database = self.run.database.lock().await;
        let database = &mut **database;
        self.open(database).await?;
        if let Some(trial) = &self.run.trial {
            trial.check_source(&source, Kind::Component, &mut database.host()).await?;
        }
        database.fix_inputs(self.run.fixed_inputs(b"begin"));
        let mut session = database.component(&self.run.stop);
        if checkpoint.is_none() {
            leave_generated_out(&mut *session, &mut source, target).await;
        }
        if self.journalled.is_none() {
            // Before the greatest key is asked for.
            session.hold(&source, target).await?;
        }
        let mut reader = TableReader::open_bounded(&mut *session, source.clone(), self.limits(limits)).await?;
        if let Some(it) = &checkpoint {
            reader.resume_at(it.position.bound.clone(), it.position.last.clone(), &it.position.types);
        }
        let total = match (task.shrinks_its_source(), &checkpoint) {
            (true, None) => Some(Total::counted(reader.count(&mut *session).await?)),
            (true, Some(it)) => Some(Total::counted(it.done.rows_read + reader.count_rest(&mut *session).await?)),
            (false, _) => estimate(&mut *session, &source).await?,
        };
        let named = session.table(&target.table).await?;
        let target_key = match target.key.as_slice() {
            [] => named.key,
            key => key.iter().map(|name| named.known_column(name).unwrap_or_else(|_| name.clone())).collect(),
        };
        let read = TableSource { columns: reader.columns(), key: reader.key().to_vec(), ..source.clone() };
        let written = TableTarget { key: target_key, ..target.clone() };
        // Where several connections work, each chunk is read in the transaction that writes it.
        let mut may_read_ahead = false;
        if self.journalled.is_none() || !session.facts().dialect.has_many_writers() {
            let ahead = session.reading_ahead(&read, &written).await?;
            may_read_ahead = ahead.here;
            if let Some(is) = ahead.elsewhere.filter(|_| self.journalled.is_none()) {
                self.ahead = ReadAhead::of(self.run, session.facts(), &source, is, self.limits(limits));
            }
        }
        let writer = RowWriter::open(&mut *session, target, self.run.trial.as_ref()).await?;
        let work = match &checkpoint {
            Some(it) => it.work.clone(),
            None => TransformSpec {
                name: name.clone(),
                bound: reader.bound().map(<[_]>::to_vec),
                source: read,
                target: written,
            },
        };
        drop(session);
        let dialect = database.facts().dialect;
        match &self.journalled {
            None => self.writer = Some(writer),
            Some(_) if checkpoint.is_some() => database.rollback().await?,
            Some(JournalledTransform { journal, step, .. }) => {
                journal.begin_chunks(&mut database.host(), step, &work, &position(&reader)).await??;
            }
        }
        let check = Arc::new(key_check_of(self.run, &work, &reader, dialect));
        self.record = Some(record_of(&work));
        self.target = Some(target.clone());
        Ok(OpenedTransform { reader, total, check, may_read_ahead, work })
    }

    /// With one connection a chunk is one batch.
    fn limits(&self, limits: BatchLimits) -> BatchLimits {
        let Chunks { most, .. } = Chunks::of_one_writer(self.run.transforms.rows, limits.rows as u64);
        let most = usize::try_from(most).unwrap_or(limits.rows);
        BatchLimits { rows: self.run.control.chunk_rows(most, 1), ..limits }
    }
}

/// Where all columns are asked for, names those that the target does not generate: the batch comes back, and they cannot be written. One
/// that is named is read.
async fn leave_generated_out(session: &mut dyn Session, source: &mut TableSource, target: &TableTarget) {
    if !source.columns.is_empty() || target.mode == WriteMode::Delete {
        return;
    }
    // What cannot be asked is an error where it is needed.
    let (Ok(read), Ok(written)) = (session.table(&source.table).await, session.table(&target.table).await) else {
        return;
    };
    let is_generated = |name: &str| written.column(name).is_some_and(|column| column.generated);
    if read.columns.iter().any(|column| is_generated(&column.name)) {
        let names = read.columns.iter().map(|column| column.name.clone()).filter(|name| !is_generated(name));
        source.columns = names.map(|name| (name, None)).collect();
    }
}
