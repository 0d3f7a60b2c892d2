//! The calls that a component can make, in every mode.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::atomic::AtomicReader;
use super::journalled::{JournalledReader, JournalledWriter};
use super::replayed::ReplayedReader;
use super::step::{Fault, StepStart, Steps};
use super::{Execution, Reader, ReaderMode, Writer, WriterMode};
use crate::CallError;
use crate::call::answer::Transformed;
use crate::call::{Call, CallKind};
use crate::event::{Event, Unrepeatable, Why};
use crate::implicit_delete::ImplicitDelete;
use crate::script::RunContext;
use crate::transcript::tables::{of_parameters, of_source, of_target, of_transform};
use crate::transform::{BatchFunction, TransformTask};
use runner_data::digest::of_batch;
use runner_data::{Batch, RowSet, Value};
use runner_database::{
    BatchLimits, CursorRequest, DatabaseError, Dialect, QueryLimits, SchemaChange, TableSource, TableTarget,
};
use runner_project::catalog::Kind;
use runner_sql::order::is_unordered;
use runner_sql::volatile::volatile_calls;

/// The limits on what one call returns.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// On a batch.
    pub batch: BatchLimits,
    /// On the result of a query.
    pub query: QueryLimits,
}

/// The calls of one migration's run.
pub struct Calls {
    pub(super) steps: Steps,
    pub(super) limits: CallLimits,
    pub(super) dialect: Dialect,
    /// The last statement that was searched for calls.
    checked: String,
    /// The targets of writers that are not finished, by their numbers.
    unfinished: BTreeMap<u64, String>,
    /// Writers opened so far.
    writers: u64,
}

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
    /// The calls of a run.
    pub fn new(run: RunContext, dialect: Dialect, limits: CallLimits) -> Self {
        Self {
            steps: Steps::new(run, Kind::Component),
            limits,
            dialect,
            checked: String::new(),
            unfinished: BTreeMap::new(),
            writers: 0,
        }
    }

    /// The last step that began: its number and its statement.
    pub fn last_step(&self) -> Option<&(u64, String)> {
        self.steps.last()
    }

    /// The last error that a call returned.
    pub fn fault(&self) -> Option<&Fault> {
        self.steps.fault()
    }

    /// The target of a writer that is not finished.
    pub fn unfinished_writer(&self) -> Option<&str> {
        self.unfinished.values().next().map(String::as_str)
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, CallError> {
        self.note_calls(statement);
        let call = Call { kind: CallKind::Execute, text: statement, parameters: &of_parameters(parameters) };
        let rows = match self.steps.begin(&call).await? {
            StepStart::Answered(rows) => rows,
            StepStart::Running(mut step) => {
                let deletes = ImplicitDelete::of_call(statement, self.dialect);
                let result = step.guarding(deletes.as_ref(), async |step| step.execute(statement, parameters).await);
                let result = result.await;
                self.steps.end(step, result).await?
            }
        };
        self.steps.count(0, rows);
        Ok(rows)
    }

    /// Runs a statement and collects its rows.
    pub async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<RowSet, CallError> {
        self.note_calls(statement);
        let call = Call { kind: CallKind::Query, text: statement, parameters: &of_parameters(parameters) };
        let rows: RowSet = match self.steps.begin(&call).await? {
            StepStart::Answered(rows) => rows,
            StepStart::Running(mut step) => {
                let result = step.query(statement, parameters, self.limits.query).await;
                self.steps.end(step, result).await?
            }
        };
        let count = rows.rows.len() as u64;
        self.note_order(statement, count);
        self.steps.count(count, 0);
        Ok(rows)
    }

    /// Changes the schema.
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), CallError> {
        let statement = change.statement(self.dialect)?;
        let call = Call { kind: CallKind::Schema, text: &statement, parameters: "" };
        match self.steps.begin(&call).await? {
            StepStart::Answered(()) => Ok(()),
            StepStart::Running(mut step) => {
                let deletes = ImplicitDelete::of_call(&statement, self.dialect);
                let result = step.guarding(deletes.as_ref(), async |step| step.change_schema(change, &statement).await);
                let result = result.await.map_err(|error| step.without_rows(error));
                self.steps.end(step, result).await
            }
        }
    }

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

    /// Warns of a statement that returned several rows and asked for no order: the order may differ the next time.
    pub(super) fn note_order(&self, statement: &str, rows: u64) {
        if !self.is_replayed() && is_unordered(statement, self.dialect, rows) {
            self.note(statement, Why::NoOrder);
        }
    }

    /// Warns of a statement that asks the server for the time or for chance.
    fn note_calls(&mut self, statement: &str) {
        // A loop runs the same statement many times.
        if self.is_replayed() || self.checked == statement {
            return;
        }
        statement.clone_into(&mut self.checked);
        let calls = volatile_calls(statement, self.dialect);
        if !calls.is_empty() {
            self.note(statement, Why::Calls(calls));
        }
    }

    fn is_replayed(&self) -> bool {
        matches!(self.steps.run.execution, Execution::Replayed(_))
    }

    fn note(&self, statement: &str, why: Why) {
        let run = &self.steps.run;
        let statement = Unrepeatable { statement: runner_sql::excerpt(statement), why };
        if run.recorder.note_unrepeatable(&statement) {
            run.events.emit(&Event::Unrepeatable { revision: run.revision.clone(), statement });
        }
    }
}
