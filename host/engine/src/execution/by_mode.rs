//! The calls that differ by mode: readers, writers and transforms.

use std::sync::Arc;

use super::atomic::AtomicReader;
use super::calls::Calls;
use super::journalled::{JournalledReader, JournalledWriter};
use super::replayed::ReplayedReader;
use super::{Execution, Reader, ReaderMode, Writer, WriterMode};
use crate::CallError;
use crate::call::answer::Transformed;
use crate::call::{Call, CallKind};
use crate::transcript::tables::{of_parameters, of_source, of_target, of_transform};
use crate::transform::{BatchFunction, TransformTask};
use runner_data::digest::of_batch;
use runner_data::{Batch, Value};
use runner_database::{CursorRequest, DatabaseError, TableSource, TableTarget};

/// The result of a transform for the component. How the table was cut into chunks depends on time, on the number of
/// workers and on interruptions, so it is left out: a component that saw it could act differently the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformReport {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// The chunks that these rows make at the limit on a batch.
    pub chunks: u64,
}

impl Calls {
    /// Opens a reader over a SELECT.
    pub async fn read(&mut self, statement: String, parameters: Vec<Value>) -> Result<Reader, CallError> {
        self.note_calls(&statement);
        let digest = of_parameters(&parameters);
        let call = Call { kind: CallKind::Read, text: &statement, parameters: &digest };
        let request = || CursorRequest { statement: statement.clone(), parameters, ..CursorRequest::default() };
        Ok(Reader(match self.steps.run.execution.clone() {
            Execution::Atomic => ReaderMode::Atomic(AtomicReader::select(self, &call, &request()).await?),
            Execution::Journalled(journal) => {
                ReaderMode::Journalled(JournalledReader::select(self, journal, &call, &request()).await?)
            }
            Execution::Replayed(replay) => ReaderMode::Replayed(ReplayedReader::select(self, replay, &call)?),
        }))
    }

    /// Opens a reader over a table, in the order of its key.
    pub async fn read_table(&mut self, source: TableSource) -> Result<Reader, CallError> {
        if let Some(filter) = &source.filter {
            self.note_calls(filter);
        }
        let text = format!("read {}", source.table);
        let digest = of_source(&source);
        let call = Call { kind: CallKind::ReadTable, text: &text, parameters: &digest };
        Ok(Reader(match self.steps.run.execution.clone() {
            Execution::Atomic => ReaderMode::Atomic(AtomicReader::table(self, &call, source).await?),
            Execution::Journalled(journal) => {
                ReaderMode::Journalled(JournalledReader::table(self, journal, &call, source).await?)
            }
            Execution::Replayed(replay) => ReaderMode::Replayed(ReplayedReader::table(self, replay, &call, source)?),
        }))
    }

    /// Returns the next batch of a reader, or `None` after the last one.
    pub async fn next(&mut self, reader: &mut Reader) -> Result<Option<Batch>, CallError> {
        match &mut reader.0 {
            ReaderMode::Atomic(reader) => reader.next(self).await,
            ReaderMode::Journalled(reader) => reader.next(self).await,
            ReaderMode::Replayed(reader) => reader.next(self),
        }
    }

    /// Closes a reader.
    pub async fn close(&mut self, reader: Reader) {
        if let ReaderMode::Atomic(reader) = reader.0 {
            reader.close(self).await;
        }
    }

    /// Opens a writer.
    pub async fn write(&mut self, target: TableTarget) -> Result<Writer, CallError> {
        let name = format!("{} {}", target.mode, target.table);
        let digest = of_target(&target);
        let call = Call { kind: CallKind::Write, text: &name, parameters: &digest };
        let mode = match self.steps.run.execution.clone() {
            Execution::Atomic => WriterMode::Atomic(self.open_writer_atomic(&call, &target).await?),
            Execution::Journalled(journal) => {
                WriterMode::Journalled(JournalledWriter::open(self, journal, &call, target).await?)
            }
            Execution::Replayed(replay) => {
                self.steps.answer_replayed::<()>(&replay, &call)?;
                WriterMode::Replayed(replay)
            }
        };
        self.writers += 1;
        self.unfinished.insert(self.writers, name.clone());
        Ok(Writer { number: self.writers, name, mode })
    }

    /// Writes a batch; returns how many rows changed.
    pub async fn write_batch(&mut self, writer: &mut Writer, batch: &Batch) -> Result<u64, CallError> {
        let valid = batch.validate();
        let parameters = match &valid {
            Ok(()) => of_batch(batch).hex(),
            Err(what) => what.clone(),
        };
        let valid =
            valid.map_err(|what| DatabaseError::invalid(format!("the batch given to `write` is malformed: {what}")));
        // Where each batch has a writer of the database, that of a finished one is open to no one but this check.
        let valid = match self.unfinished.contains_key(&writer.number) {
            true => valid,
            false => Err(DatabaseError::closed("writer")),
        };
        let call = Call { kind: CallKind::WriteBatch, text: &writer.name, parameters: &parameters };
        let written = match &mut writer.mode {
            WriterMode::Atomic(it) => self.write_batch_atomic(it, &call, valid.map(|()| batch)).await?,
            WriterMode::Journalled(it) => it.write(self, &call, valid, batch).await?,
            WriterMode::Replayed(replay) => self.steps.answer_replayed(replay, &call)?,
        };
        self.steps.count(0, written);
        Ok(written)
    }

    /// Ends a writer; returns how many rows all its batches changed.
    pub async fn finish(&mut self, writer: &Writer) -> Result<u64, CallError> {
        if !self.unfinished.contains_key(&writer.number) {
            let message = "`finish` was called on a writer that is finished already";
            return Err(DatabaseError::invalid(message.to_owned()).into());
        }
        let call = Call { kind: CallKind::Finish, text: &writer.name, parameters: "" };
        let finished = match &writer.mode {
            WriterMode::Atomic(it) => self.finish_writer_atomic(it, &call).await,
            WriterMode::Journalled(it) => Ok(it.finish(self, &call)),
            WriterMode::Replayed(replay) => self.steps.answer_replayed(replay, &call),
        }?;
        // One that failed may have left a part of a batch: the migration fails even if the component ignores that.
        self.unfinished.remove(&writer.number);
        Ok(finished)
    }

    /// Runs a transform. `function` has the batch functions of the migration, if any.
    pub async fn transform(
        &mut self,
        function: Option<Arc<dyn BatchFunction>>,
        task: TransformTask,
    ) -> Result<TransformReport, CallError> {
        let TransformTask { name, source, target } = &task;
        if let Some(filter) = &source.filter {
            self.note_calls(filter);
        }
        let text = format!("transform `{name}`: {} -> {} {}", source.table, target.mode, target.table);
        let digest = of_transform(name, source, target);
        let call = Call { kind: CallKind::Transform, text: &text, parameters: &digest };
        let done: Transformed = match self.steps.run.execution.clone() {
            Execution::Atomic => self.transform_atomic(&call, function, task).await?,
            Execution::Journalled(journal) => self.transform_journalled(&journal, &call, function, task).await?,
            Execution::Replayed(replay) => self.transform_replayed(&replay, &call)?,
        };
        let chunks = done.rows_read.div_ceil((self.limits.batch.rows as u64).max(1));
        Ok(TransformReport { rows_read: done.rows_read, rows_written: done.rows_written, chunks })
    }
}
