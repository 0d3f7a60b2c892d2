//! Atomic execution: all steps run in the single transaction of the migration, which this room does not end.

use std::sync::Arc;
use std::time::Instant;

use super::calls::Calls;
use super::step::{Access, RunningStep, Steps};
use super::{NEXT, next_of_table};
use crate::CallError;
use crate::call::answer::{Page, Position, Resolved, Spooled, Transformed};
use crate::call::{Answer, Call};
use crate::dry_run::RowWriter;
use crate::journal::crash;
use crate::transform::{self, BatchFunction, TransformTask};
use runner_data::Batch;
use runner_database::keyset::TableReader;
use runner_database::{CursorId, CursorRequest, DatabaseError, TableSource, TableTarget, WriteHint};

impl Steps {
    /// Begins a step: it waits for the connection only.
    pub async fn begin_atomic(&mut self, call: &Call<'_>) -> RunningStep {
        let number = self.run.recorder.begin_step(call);
        crash::point();
        let database = self.run.database.clone().lock_owned().await;
        self.running(number, call, Access::Atomic(database))
    }
}

/// A reader in the transaction of the migration.
pub(super) enum AtomicReader {
    /// Over a SELECT.
    Cursor {
        cursor: CursorId,
        statement: String,
        /// Rows read so far.
        rows: u64,
    },
    /// Over the pages of a table.
    Table(Box<TableReader>),
    /// After the last batch.
    AtEnd,
}

impl AtomicReader {
    /// Opens a cursor, which stays open between calls.
    pub(super) async fn select(calls: &mut Calls, call: &Call<'_>, request: &CursorRequest) -> Result<Self, CallError> {
        let mut step = calls.steps.begin_atomic(call).await;
        let mut opened = CursorId(0);
        let result = step.open_cursor(request).await.map(|cursor| {
            opened = cursor;
            Spooled::default()
        });
        calls.steps.end(step, result).await?;
        Ok(Self::Cursor { cursor: opened, statement: request.statement.clone(), rows: 0 })
    }

    /// Opens a table.
    pub(super) async fn table(calls: &mut Calls, call: &Call<'_>, source: TableSource) -> Result<Self, CallError> {
        let mut step = calls.steps.begin_atomic(call).await;
        let opened = step.open_table(source, calls.limits.batch).await;
        match opened {
            Ok(reader) => calls.steps.end(step, Ok(Resolved::default())).await.map(|_| Self::Table(Box::new(reader))),
            Err(error) => calls.steps.end::<Resolved>(step, Err(error)).await.map(|_| Self::AtEnd),
        }
    }

    /// Reads the next batch.
    pub(super) async fn next(&mut self, calls: &mut Calls) -> Result<Option<Batch>, CallError> {
        let text = match self {
            Self::Table(table) => next_of_table(&table.table().to_string()),
            Self::Cursor { .. } | Self::AtEnd => NEXT.text.to_owned(),
        };
        let mut step = calls.steps.begin_atomic(&Call { text: &text, ..NEXT }).await;
        let read = match self {
            Self::Cursor { cursor, .. } => step.session().fetch(*cursor, calls.limits.batch).await,
            Self::Table(table) => table.next(&mut *step.session()).await,
            Self::AtEnd => Ok(None),
        };
        let result = read.map(|batch| Page { batch, position: Position::default() });
        if let (Self::Cursor { statement, rows, .. }, Ok(page)) = (&mut *self, &result) {
            *rows += page.rows();
            calls.note_order(statement, *rows);
        }
        if matches!(result, Ok(Page { batch: None, .. })) {
            *self = Self::AtEnd;
        }
        let page = calls.steps.end(step, result).await?;
        calls.steps.count(page.rows(), 0);
        Ok(page.batch)
    }

    /// Closes the cursor.
    pub(super) async fn close(self, calls: &Calls) {
        if let Self::Cursor { cursor, .. } = self {
            // A cursor that cannot be closed ends with the transaction at the latest.
            let _ = calls.steps.run.database.lock().await.component(&calls.steps.run.stop).close_cursor(cursor).await;
        }
    }
}

impl Calls {
    /// Opens a writer, which stays open between calls.
    pub(super) async fn open_writer_atomic(
        &mut self,
        call: &Call<'_>,
        target: &TableTarget,
    ) -> Result<RowWriter, CallError> {
        let mut step = self.steps.begin_atomic(call).await;
        let (opened, result) =
            step.open_writer(target).await.map_or_else(|error| (None, Err(error)), |it| (Some(it), Ok(())));
        self.steps.end(step, result).await?;
        opened.ok_or_else(|| DatabaseError::closed("writer").into())
    }

    /// Writes a batch, or refuses a malformed one.
    pub(super) async fn write_batch_atomic(
        &mut self,
        writer: &RowWriter,
        call: &Call<'_>,
        batch: Result<&Batch, DatabaseError>,
    ) -> Result<u64, CallError> {
        let mut step = self.steps.begin_atomic(call).await;
        let result = match batch {
            Ok(batch) => writer.write(&mut *step.session(), batch, WriteHint::default()).await,
            Err(malformed) => Err(malformed),
        };
        self.steps.end(step, result).await
    }

    /// Ends a writer.
    pub(super) async fn finish_writer_atomic(&mut self, writer: &RowWriter, call: &Call<'_>) -> Result<u64, CallError> {
        let mut step = self.steps.begin_atomic(call).await;
        let result = writer.finish(&mut *step.session()).await;
        self.steps.end(step, result).await
    }

    /// Runs a transform in the transaction.
    pub(super) async fn transform_atomic(
        &mut self,
        call: &Call<'_>,
        function: Option<Arc<dyn BatchFunction>>,
        task: TransformTask,
    ) -> Result<Transformed, CallError> {
        let number = self.steps.run.recorder.begin_step(call);
        let started = Instant::now();
        self.steps.at(number, call);
        let ended = transform::run(&self.steps.run, function, task, None).await;
        self.steps.end_transform(number, call, started, ended)
    }
}

impl Steps {
    /// Records the end of a transform, whatever transactions it ran in.
    pub(super) fn end_transform(
        &mut self,
        number: u64,
        call: &Call<'_>,
        started: Instant,
        ended: Result<Transformed, CallError>,
    ) -> Result<Transformed, CallError> {
        let result = match ended {
            Ok(done) => Ok(done),
            Err(CallError::Database(error)) => Err(error),
            Err(other) => return Err(other),
        };
        self.finished(number, call.text.to_owned(), started, result)
    }
}
