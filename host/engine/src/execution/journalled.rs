//! Journalled execution: each step commits by itself, together with its entry in the journal. Steps that the journal
//! holds are answered from it.

use std::sync::Arc;
use std::time::Instant;

use super::calls::Calls;
use super::step::{Access, RunningStep, StepStart, Steps};
use super::{NEXT, next_of_table};
use crate::CallError;
use crate::call::answer::{Page, Position, Resolved, Spooled, Transformed};
use crate::call::{Answer, Call};
use crate::journal::{Journal, JournalStep, TransformStep};
use crate::transform::{self, BatchFunction, TransformTask, position};
use runner_data::Batch;
use runner_database::keyset::TableReader;
use runner_database::write::other_columns;
use runner_database::{CursorRequest, DatabaseError, Session, TableSource, TableTarget, WriteHint};

impl Steps {
    /// Begins a step, or as many as the call counts as: it waits as the operator and the throttle require, and then looks up the
    /// journal.
    pub(super) async fn begin_journalled<T: Answer>(
        &mut self,
        journal: &Arc<Journal>,
        call: &Call<'_>,
        steps: u64,
    ) -> Result<StepStart<T>, CallError> {
        self.run.recorder.begin_step(call);
        self.run.recorder.add_steps(steps - 1);
        if self.run.control.may_wait() {
            journal.flush_shared(&self.run.database).await?;
        }
        self.run.control.before_step(&self.run.database).await?;
        match journal.begin(&self.run.database, call, steps).await? {
            JournalStep::Live(live) => {
                let number = live.number();
                let access = Access::Journalled(journal.clone(), Box::new(live));
                Ok(StepStart::Running(self.running(number, call, access)))
            }
            JournalStep::Recorded(number, answer) => self.answered(number, call, answer).map(StepStart::Answered),
        }
    }
}

/// A reader whose transaction ends with each step.
pub(super) struct JournalledReader {
    journal: Arc<Journal>,
    at: ReaderState,
}

enum ReaderState {
    /// Over a SELECT: a cursor would end with the transaction of its step, and read something else when reopened, so the
    /// journal holds the whole result.
    Spooled {
        /// The step that read it.
        step: u64,
        /// The next part, counted from 1.
        next: u64,
        /// How many parts there are.
        parts: u64,
    },
    /// Over the pages of a table.
    Table(Box<TableReader>),
    /// Over the pages of a table, known from the journal only: this run has not opened it.
    Unopened(Box<UnopenedTable>),
    /// After the last batch.
    AtEnd,
}

/// A table that an earlier run began to read.
struct UnopenedTable {
    /// What is read, with the columns and the key that it had then.
    source: TableSource,
    /// How far it was read.
    position: Position,
}

impl JournalledReader {
    /// Puts the whole result into the journal.
    pub(super) async fn select(
        calls: &mut Calls,
        journal: Arc<Journal>,
        call: &Call<'_>,
        request: &CursorRequest,
    ) -> Result<Self, CallError> {
        let spooled: Spooled = match calls.steps.begin_journalled(&journal, call, 1).await? {
            StepStart::Answered(spooled) => spooled,
            StepStart::Running(mut step) => {
                let result = spool(calls, &mut step, request).await?;
                calls.steps.end(step, result).await?
            }
        };
        calls.note_order(&request.statement, spooled.rows);
        let step = calls.steps.last().map_or(0, |(number, _)| *number);
        Ok(Self { journal, at: ReaderState::Spooled { step, next: 1, parts: spooled.parts } })
    }

    /// Opens a table, or takes its state from the journal.
    pub(super) async fn table(
        calls: &mut Calls,
        journal: Arc<Journal>,
        call: &Call<'_>,
        source: TableSource,
    ) -> Result<Self, CallError> {
        let at = match calls.steps.begin_journalled::<Resolved>(&journal, call, 1).await? {
            StepStart::Answered(Resolved { columns, key }) => {
                let source = TableSource { columns, key, ..source };
                ReaderState::Unopened(Box::new(UnopenedTable { source, position: Position::default() }))
            }
            StepStart::Running(mut step) => {
                let mut opened = None;
                let result = step.open_table(source, calls.limits.batch).await.map(|reader| {
                    let resolved = Resolved { columns: reader.columns(), key: reader.key().to_vec() };
                    opened = Some(Box::new(reader));
                    resolved
                });
                calls.steps.end(step, result).await?;
                opened.map_or(ReaderState::AtEnd, ReaderState::Table)
            }
        };
        Ok(Self { journal, at })
    }

    /// Reads the next batch: a part of a result is not a step, because the whole result was read in one; a page of a
    /// table is a step.
    pub(super) async fn next(&mut self, calls: &mut Calls) -> Result<Option<Batch>, CallError> {
        let table = match &mut self.at {
            ReaderState::AtEnd => {
                // There is nothing to put into the journal.
                calls.steps.note(&NEXT, &Page::default());
                return Ok(None);
            }
            ReaderState::Spooled { next, parts, .. } if *next > *parts => {
                self.at = ReaderState::AtEnd;
                calls.steps.note(&NEXT, &Page::default());
                return Ok(None);
            }
            ReaderState::Spooled { step, next, .. } => {
                let (step, part) = (*step, *next);
                *next += 1;
                let batch = self.journal.part(&calls.steps.run.database, step, part).await?;
                calls.steps.count(batch.row_count as u64, 0);
                let page = Page { batch: Some(batch), position: Position::default() };
                calls.steps.note(&NEXT, &page);
                return Ok(page.batch);
            }
            ReaderState::Table(reader) => reader.table().to_string(),
            ReaderState::Unopened(unopened) => unopened.source.table.to_string(),
        };
        let text = next_of_table(&table);
        let call = Call { text: &text, ..NEXT };
        let page = match calls.steps.begin_journalled::<Page>(&self.journal, &call, 1).await? {
            StepStart::Answered(page) => {
                if let ReaderState::Unopened(unopened) = &mut self.at {
                    unopened.position = page.position.clone();
                }
                page
            }
            StepStart::Running(step) => self.read_page(calls, step).await?,
        };
        if page.batch.is_none() {
            self.at = ReaderState::AtEnd;
        }
        calls.steps.count(page.rows(), 0);
        Ok(page.batch)
    }

    /// Reads the next page in its step. A table that is not open yet is opened where an earlier run stopped.
    async fn read_page(&mut self, calls: &mut Calls, mut step: RunningStep) -> Result<Page, CallError> {
        let mut opened = None;
        let result = match &mut self.at {
            ReaderState::Table(reader) => page_of(reader, &mut *step.session()).await,
            ReaderState::Unopened(unopened) => {
                let UnopenedTable { source, position } = &**unopened;
                match step.open_table(source.clone(), calls.limits.batch).await {
                    Ok(mut reader) => {
                        reader.resume_at(position.bound.clone(), position.last.clone(), &position.types);
                        let page = page_of(&mut reader, &mut *step.session()).await;
                        opened = Some(reader).filter(|_| page.is_ok());
                        page
                    }
                    Err(error) => Err(error),
                }
            }
            ReaderState::Spooled { .. } | ReaderState::AtEnd => Ok(Page::default()),
        };
        let ended = calls.steps.end(step, result).await;
        if let Some(reader) = opened {
            self.at = ReaderState::Table(Box::new(reader));
        }
        ended
    }
}

async fn page_of(reader: &mut TableReader, session: &mut dyn Session) -> Result<Page, DatabaseError> {
    let batch = reader.next(session).await?;
    Ok(Page { batch, position: position(reader) })
}

/// Puts the whole result of a SELECT into the journal.
async fn spool(
    calls: &Calls,
    step: &mut RunningStep,
    request: &CursorRequest,
) -> Result<Result<Spooled, DatabaseError>, CallError> {
    let cursor = match step.open_cursor(request).await {
        Ok(cursor) => cursor,
        Err(error) => return Ok(Err(error)),
    };
    let mut spooled = Spooled::default();
    loop {
        let fetched = step.session().fetch(cursor, calls.limits.batch).await;
        match fetched {
            Ok(Some(batch)) => {
                spooled.parts += 1;
                spooled.rows += batch.row_count as u64;
                step.put_part(spooled.parts, &batch).await?;
            }
            Ok(None) => return Ok(Ok(spooled)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// A writer that opens one of the database for each batch, which commits with it.
pub(super) struct JournalledWriter {
    journal: Arc<Journal>,
    target: TableTarget,
    /// The columns of the first batch.
    columns: Option<Vec<String>>,
    /// Rows written so far.
    rows: u64,
}

impl JournalledWriter {
    /// Shows that the target can be written: the writer of this step ends with it.
    pub(super) async fn open(
        calls: &mut Calls,
        journal: Arc<Journal>,
        call: &Call<'_>,
        target: TableTarget,
    ) -> Result<Self, CallError> {
        match calls.steps.begin_journalled::<()>(&journal, call, 1).await? {
            StepStart::Answered(()) => {}
            StepStart::Running(mut step) => {
                let result = step.open_writer(&target).await.map(drop);
                calls.steps.end(step, result).await?;
            }
        }
        Ok(Self { journal, target, columns: None, rows: 0 })
    }

    /// Writes a batch, or refuses a malformed one.
    pub(super) async fn write(
        &mut self,
        calls: &mut Calls,
        call: &Call<'_>,
        valid: Result<(), DatabaseError>,
        batch: &Batch,
    ) -> Result<u64, CallError> {
        let written = match calls.steps.begin_journalled(&self.journal, call, 1).await? {
            StepStart::Answered(written) => written,
            StepStart::Running(mut step) => {
                let result = match valid {
                    Ok(()) => self.write_rows(&mut step, batch).await,
                    Err(malformed) => Err(malformed),
                };
                calls.steps.end(step, result).await?
            }
        };
        self.rows += written;
        if batch.row_count > 0 {
            self.columns.get_or_insert_with(|| names(batch));
        }
        Ok(written)
    }

    async fn write_rows(&self, step: &mut RunningStep, batch: &Batch) -> Result<u64, DatabaseError> {
        if let Some(columns) = self.columns.as_ref().filter(|columns| batch.row_count > 0 && **columns != names(batch))
        {
            return Err(other_columns(&self.target.table, columns));
        }
        let writer = step.open_writer(&self.target).await?;
        let session = &mut *step.session();
        let written = writer.write(session, batch, WriteHint::default()).await?;
        writer.finish(session).await?;
        Ok(written)
    }

    /// Ends the writer: each of its batches is committed.
    pub(super) fn finish(&self, calls: &Calls, call: &Call<'_>) -> u64 {
        calls.steps.note(call, &self.rows);
        self.rows
    }
}

fn names(batch: &Batch) -> Vec<String> {
    batch.columns.iter().map(|column| column.name.clone()).collect()
}

impl Calls {
    /// Runs a transform whose chunks commit by themselves, from its beginning or from its checkpoint.
    pub(super) async fn transform_journalled(
        &mut self,
        journal: &Arc<Journal>,
        call: &Call<'_>,
        function: Option<Arc<dyn BatchFunction>>,
        task: TransformTask,
    ) -> Result<Transformed, CallError> {
        let run = &self.steps.run;
        run.recorder.begin_step(call);
        let started = Instant::now();
        let step = match journal.begin_transform(&run.database, call).await? {
            TransformStep::Live(step) => step,
            TransformStep::Recorded(number, answer) => {
                let done = self.steps.answered(number, call, answer)?;
                self.steps.count(done.rows_read, done.rows_written);
                return Ok(done);
            }
        };
        let number = step.number();
        self.steps.at(number, call);
        let ended = transform::run(&self.steps.run, function, task, Some((journal.clone(), step))).await;
        self.steps.end_transform(number, call, started, ended)
    }
}
