//! `batches`: what it opens, its readers and transforms.

use std::time::Instant;

use wasmtime::component::Resource;

use super::{Answer, Begun, Step, ends, passed_on};
use crate::database::{BatchLimits, CursorId, CursorRequest, DatabaseError, DatabaseErrorKind};
use crate::engine::call;
use crate::engine::call::answer::{Page, Position, Resolved, Spooled, Transformed};
use crate::engine::call::{Call, CallKind};
use crate::engine::journal::{Journal, TransformStep};
use crate::engine::transcript::tables::{of_parameters, of_source, of_target, of_transform};
use crate::engine::transform::{self, TransformTask, position};
use crate::keyset::TableReader;
use crate::sandbox::bindings::runner::migration::batches::{
    Host, HostReader, TableSource, TableTarget, TransformReport,
};
use crate::sandbox::bindings::runner::migration::types::{self, Value};
use crate::sandbox::convert;
use crate::sandbox::instance::ComponentFunction;
use crate::sandbox::state::{Dormant, GuestState, Reader, Writer, WriterWay, batch_limits};

impl GuestState {
    /// The bounds on one batch of this run.
    pub(in crate::sandbox) fn batch_limits(&self) -> BatchLimits {
        batch_limits(&self.limits)
    }
}

impl Host for GuestState {
    async fn read(&mut self, statement: String, parameters: Vec<Value>) -> Answer<Resource<Reader>> {
        let parameters = convert::values_in(parameters);
        let call = Call { kind: CallKind::Read, text: &statement, parameters: &of_parameters(&parameters) };
        let mut cursor = None;
        let (number, answer) = match self.begin_step::<Spooled>(&call).await? {
            Begun::Answered(number, answer) => (number, answer),
            Begun::Live(mut step) => {
                let number = step.number;
                let request = CursorRequest { statement: statement.clone(), parameters, ..CursorRequest::default() };
                let result = match self.journal() {
                    Some(journal) => spool(&mut step, &journal, &request, self.batch_limits()).await?,
                    None => step.session().open_cursor(&request).await.map(|opened| {
                        cursor = Some(opened);
                        Spooled::default()
                    }),
                };
                (number, self.end_step(step, result).await?)
            }
        };
        match (answer, cursor) {
            (Ok(_), Some(cursor)) => Ok(Ok(self.table.push(Reader::Cursor { cursor, statement, rows: 0 })?)),
            (Ok(_), None) if self.is_replayed() => Ok(Ok(self.table.push(Reader::Replayed { table: None })?)),
            (Ok(spooled), None) => {
                self.note_order(&statement, spooled.rows);
                Ok(Ok(self.table.push(Reader::Spooled { step: number, next: 1, parts: spooled.parts })?))
            }
            (Err(error), _) => Ok(Err(error)),
        }
    }

    async fn read_table(&mut self, source: TableSource) -> Answer<Resource<Reader>> {
        let source = convert::source_in(source);
        let text = format!("read {}", source.table);
        let call = Call { kind: CallKind::ReadTable, text: &text, parameters: &of_source(&source) };
        let limits = self.batch_limits();
        let mut opened = None;
        let answer = match self.begin_step::<Resolved>(&call).await? {
            Begun::Answered(_, answer) => answer,
            Begun::Live(mut step) => {
                let result = TableReader::open(&mut *step.session(), source.clone(), limits).await.map(|reader| {
                    let resolved = Resolved { columns: reader.columns(), key: reader.key().to_vec() };
                    opened = Some(reader);
                    resolved
                });
                self.end_step(step, result).await?
            }
        };
        Ok(match (answer, opened) {
            (Ok(_), Some(reader)) => Ok(self.table.push(Reader::Table(Box::new(reader)))?),
            (Ok(_), None) if self.is_replayed() => {
                Ok(self.table.push(Reader::Replayed { table: Some(source.table.to_string()) })?)
            }
            (Ok(Resolved { columns, key }), None) => {
                let source = crate::database::TableSource { columns, key, ..source };
                let dormant = Dormant { source, position: Position::default() };
                Ok(self.table.push(Reader::Dormant(Box::new(dormant)))?)
            }
            (Err(error), _) => Err(error),
        })
    }

    async fn write(&mut self, target: TableTarget) -> Answer<Resource<Writer>> {
        let target = convert::target_in(target);
        let name = format!("{} {}", target.mode, target.table);
        let call = Call { kind: CallKind::Write, text: &name, parameters: &of_target(&target) };
        let mut opened = None;
        let answer = match self.begin_step::<()>(&call).await? {
            Begun::Answered(_, answer) => answer,
            Begun::Live(mut step) => {
                // In a step of its own the writer ends with it, and has only shown that the target is fit.
                let is_kept = !step.is_journalled();
                let result = step.session().open_writer(&target).await.map(|id| opened = Some(id).filter(|_| is_kept));
                self.end_step(step, result).await?
            }
        };
        match answer {
            Ok(()) => {
                let way = match opened {
                    Some(id) => WriterWay::Open(id),
                    None => WriterWay::Stepwise { target, columns: None, rows: 0 },
                };
                self.writers += 1;
                self.unfinished.insert(self.writers, name.clone());
                Ok(Ok(self.table.push(Writer { number: self.writers, name, way })?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn transform(&mut self, name: String, source: TableSource, target: TableTarget) -> Answer<TransformReport> {
        let (source, target) = (convert::source_in(source), convert::target_in(target));
        let text = format!("transform `{name}`: {} -> {} {}", source.table, target.mode, target.table);
        let parameters = of_transform(&name, &source, &target);
        let call = Call { kind: CallKind::Transform, text: &text, parameters: &parameters };
        let run = match self.may_step(call.kind) {
            Ok(run) => run.clone(),
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(loaded) = self.loaded.clone() else {
            return Ok(Err(convert::error_out(&DatabaseError::new(DatabaseErrorKind::Denied, "no run is under way"))));
        };
        if let Some(replay) = &run.replay {
            let Begun::Answered(_, answer) = self.begin_step::<Transformed>(&call).await? else {
                return Err(wasmtime::Error::msg("a replay has answered nothing"));
            };
            if let Ok(done) = &answer {
                replay.transformed(done.content);
            }
            return Ok(answer.map(|done| self.report(done)));
        }
        let counted = run.recorder.begin_step(&call);
        let started = Instant::now();
        let mut number = counted;
        let mut live = None;
        if let Some(journal) = &run.journal {
            match journal.begin_transform(&run.database, &call).await.map_err(ends)? {
                TransformStep::Live(transform) => {
                    number = transform.number();
                    live = Some(transform);
                }
                TransformStep::Recorded(number, answer) => {
                    self.last_step = Some((number, text.clone()));
                    let answer = self.answered(number, &text, answer);
                    if let Ok(done) = &answer {
                        self.count(done.rows_read, done.rows_written);
                    }
                    return Ok(answer.map(|done| self.report(done)));
                }
            }
        }
        self.last_step = Some((number, text.clone()));
        let task = TransformTask { name, source, target };
        let function = ComponentFunction::new(&loaded, &run, self.server.clone(), &self.log);
        let result = passed_on(transform::run(&run, function, task, live).await)?;
        let answer = self.tell(&run, number, text, started, result)?;
        Ok(answer.map(|done| self.report(done)))
    }
}

impl GuestState {
    /// What the guest hears of a transform. How it was really cut depends on time, on who worked and on what broke off: a
    /// component that saw that could do something else the next time.
    fn report(&self, done: Transformed) -> TransformReport {
        let chunks = done.rows_read.div_ceil(self.limits.batch_rows.max(1));
        TransformReport { rows_read: done.rows_read, rows_written: done.rows_written, chunks }
    }

    /// The next batch of a reader whose result the journal holds. It was a step when it was read; this is none.
    async fn next_part(&mut self, reader: &Resource<Reader>) -> wasmtime::Result<Option<types::Batch>> {
        let (Some(run), Some(journal)) = (self.run.clone(), self.journal()) else { return Ok(None) };
        let entry = self.table.get_mut(reader)?;
        let Reader::Spooled { step, next, parts } = entry else { return Ok(None) };
        if next > parts {
            *entry = Reader::Done;
            self.note(&NEXT, &Page::default());
            return Ok(None);
        }
        let (step, part) = (*step, *next);
        *next += 1;
        let batch = journal.part(&run.database, step, part).await.map_err(ends)?;
        run.recorder.add_rows_read(batch.row_count as u64);
        let page = Page { batch: Some(batch), position: Position::default() };
        self.note(&NEXT, &page);
        Ok(page.batch.map(convert::batch_out))
    }

    /// The next page of a table, in a step of its own.
    async fn next_page(&mut self, reader: Resource<Reader>) -> Answer<Option<types::Batch>> {
        let Reader::Dormant(dormant) = std::mem::replace(self.table.get_mut(&reader)?, Reader::Done) else {
            return Ok(Ok(None));
        };
        let call = next_call(&dormant.source.table.to_string());
        let call = Call { kind: CallKind::Next, text: &call, parameters: "" };
        let mut dormant = dormant;
        match self.begin_step::<Page>(&call).await? {
            Begun::Answered(_, answer) => {
                if let Ok(page) = &answer {
                    dormant.position = page.position.clone();
                }
                let is_over = matches!(&answer, Ok(Page { batch: None, .. }));
                if !is_over {
                    *self.table.get_mut(&reader)? = Reader::Dormant(dormant);
                }
                Ok(self.turn_page(answer))
            }
            Begun::Live(mut step) => {
                let limits = self.batch_limits();
                let result = open_dormant(&mut step, &dormant, limits).await;
                let (mut table, result) = match result {
                    Ok((table, page)) => (Some(table), Ok(page)),
                    Err(error) => (None, Err(error)),
                };
                let answer = self.end_step(step, result).await?;
                let is_over = matches!(&answer, Ok(Page { batch: None, .. }));
                *self.table.get_mut(&reader)? = match table.take() {
                    Some(table) if !is_over => Reader::Table(Box::new(table)),
                    Some(_) => Reader::Done,
                    None => Reader::Dormant(dormant),
                };
                Ok(self.turn_page(answer))
            }
        }
    }

    /// The next batch as it was when it was recorded.
    async fn next_replayed(&mut self, reader: Resource<Reader>) -> Answer<Option<types::Batch>> {
        let Reader::Replayed { table } = self.table.get(&reader)? else { return Ok(Ok(None)) };
        let text = table.as_deref().map_or_else(|| NEXT.text.to_owned(), next_call);
        let Begun::Answered(_, answer) = self.begin_step::<Page>(&Call { text: &text, ..NEXT }).await? else {
            return Ok(Ok(None));
        };
        if matches!(&answer, Ok(Page { batch: None, .. })) {
            *self.table.get_mut(&reader)? = Reader::Replayed { table: None };
        }
        Ok(self.turn_page(answer))
    }

    fn turn_page(&self, answer: Result<Page, types::Error>) -> Result<Option<types::Batch>, types::Error> {
        let page = answer?;
        self.count(call::Answer::rows(&page), 0);
        Ok(page.batch.map(convert::batch_out))
    }
}

/// Puts the whole result of a SELECT into the journal: a cursor would end with the transaction of its step, and read
/// something else when it was opened again.
async fn spool(
    step: &mut Step,
    journal: &Journal,
    request: &CursorRequest,
    limits: BatchLimits,
) -> wasmtime::Result<Result<Spooled, DatabaseError>> {
    let cursor = match step.session().open_cursor(request).await {
        Ok(cursor) => cursor,
        Err(error) => return Ok(Err(error)),
    };
    let mut spooled = Spooled::default();
    loop {
        let fetched = step.session().fetch(cursor, limits).await;
        match fetched {
            Ok(Some(batch)) => {
                spooled.parts += 1;
                spooled.rows += batch.row_count as u64;
                step.put_part(journal, spooled.parts, &batch).await.map_err(ends)?;
            }
            Ok(None) => return Ok(Ok(spooled)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// The next batch of a reader that is over no table, or at its end.
const NEXT: Call<'static> = Call { kind: CallKind::Next, text: "read the next batch", parameters: "" };

fn next_call(table: &str) -> String {
    format!("read the next batch of {table}")
}

/// Opens the table where an earlier run stood, and reads the next page.
async fn open_dormant(
    step: &mut Step,
    dormant: &Dormant,
    limits: BatchLimits,
) -> Result<(TableReader, Page), DatabaseError> {
    let Position { bound, last, types } = dormant.position.clone();
    let mut reader = TableReader::open(&mut *step.session(), dormant.source.clone(), limits).await?;
    reader.resume_at(bound, last, &types);
    let page = read_page(step, &mut reader).await?;
    Ok((reader, page))
}

async fn read_page(step: &mut Step, reader: &mut TableReader) -> Result<Page, DatabaseError> {
    let batch = reader.next(&mut *step.session()).await?;
    Ok(Page { batch, position: position(reader) })
}

impl HostReader for GuestState {
    async fn next(&mut self, reader: Resource<Reader>) -> Answer<Option<types::Batch>> {
        match self.table.get(&reader)? {
            Reader::Spooled { .. } => return self.next_part(&reader).await.map(Ok),
            Reader::Dormant(_) => return self.next_page(reader).await,
            Reader::Replayed { .. } => return self.next_replayed(reader).await,
            Reader::Cursor { .. } | Reader::Table(_) | Reader::Done => {}
        }
        let text = match self.table.get(&reader)? {
            Reader::Table(table) => next_call(&table.table().to_string()),
            _ => NEXT.text.to_owned(),
        };
        if self.journal().is_some() && matches!(self.table.get(&reader)?, Reader::Done) {
            // Behind the last batch there is nothing to put into the journal.
            self.note(&NEXT, &Page::default());
            return Ok(Ok(None));
        }
        let call = Call { kind: CallKind::Next, text: &text, parameters: "" };
        let mut step = match self.begin_step::<Page>(&call).await? {
            Begun::Answered(_, answer) => return Ok(self.turn_page(answer)),
            Begun::Live(step) => step,
        };
        let limits = self.batch_limits();
        let is_journalled = step.is_journalled();
        let entry = self.table.get_mut(&reader)?;
        let result: Result<Page, DatabaseError> = match entry {
            Reader::Cursor { cursor, .. } => fetch(&mut step, *cursor, limits).await,
            Reader::Table(table) if is_journalled => read_page(&mut step, table).await,
            Reader::Table(table) => {
                table.next(&mut *step.session()).await.map(|batch| Page { batch, position: Position::default() })
            }
            Reader::Spooled { .. } | Reader::Dormant(_) | Reader::Replayed { .. } | Reader::Done => Ok(Page::default()),
        };
        let mut read = None;
        if let (Reader::Cursor { statement, rows, .. }, Ok(page)) = (&mut *entry, &result) {
            *rows += call::Answer::rows(page);
            read = Some((statement.clone(), *rows));
        }
        if matches!(result, Ok(Page { batch: None, .. })) {
            *entry = Reader::Done;
        }
        if let Some((statement, rows)) = read {
            self.note_order(&statement, rows);
        }
        let answer = self.end_step(step, result).await?;
        Ok(self.turn_page(answer))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        let reader = self.table.delete(reader)?;
        if let (Reader::Cursor { cursor, .. }, Some(run)) = (reader, &self.run) {
            // A cursor that will not close ends with the transaction at the latest.
            let _ = run.database.lock().await.component(&run.stop).close_cursor(cursor).await;
        }
        Ok(())
    }
}

async fn fetch(step: &mut Step, cursor: CursorId, limits: BatchLimits) -> Result<Page, DatabaseError> {
    let batch = step.session().fetch(cursor, limits).await?;
    Ok(Page { batch, position: Position::default() })
}
