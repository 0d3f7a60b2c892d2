//! The host's side of the contract: one WIT interface, one file.

mod batches;
mod context;
mod sql;
mod writers;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use super::bindings::Migration;
use super::bindings::runner::migration::{description_types, types};
use super::convert;
use super::failure::{HostFailure, Stopped};
use super::state::{Fault, GuestState, Purpose};
use crate::data::Batch;
use crate::database::stop::StopReason;
use crate::database::{Database, DatabaseError, DatabaseErrorKind, MigrationSession, StopSignal};
use crate::engine::CallError;
use crate::engine::call;
use crate::engine::call::{Call, CallKind};
use crate::engine::event::{Event, Level};
use crate::engine::journal;
use crate::engine::journal::{Journal, Live, crash};
use crate::engine::script::RunContext;
use crate::error::{Error, Result};
use crate::sql::classify::is_unordered;

/// What a host call answers: a value or an error for the guest, or a trap.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// A linker with every interface of the contract.
pub fn linker(engine: &Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    Migration::add_to_linker::<GuestState, HasSelf<GuestState>>(&mut linker, |state| state)
        .map_err(|error| Error::failed("the sandbox's functions cannot be linked").cause(format!("{error:#}")))?;
    Ok(linker)
}

impl types::Host for GuestState {}
impl description_types::Host for GuestState {}

/// A step under way: a host call that touches the database. Nobody else comes to the database before it has ended.
struct Step {
    number: u64,
    statement: String,
    started: Instant,
    access: Access,
}

/// How a step comes to the database.
enum Access {
    /// In the transaction of the whole migration, until the run's stop signal is raised.
    Direct(OwnedMutexGuard<Box<dyn Database>>, StopSignal),
    /// In a transaction of its own, recorded in the journal.
    Journalled(Box<Live>),
}

impl Step {
    /// The session in which the component speaks.
    fn session(&mut self) -> MigrationSession<'_> {
        match &mut self.access {
            Access::Direct(database, stop) => database.component(stop),
            Access::Journalled(live) => live.session(),
        }
    }

    fn is_journalled(&self) -> bool {
        matches!(self.access, Access::Journalled(_))
    }

    /// Puts a part of the step's result into the journal, if it is recorded there.
    async fn put_part(&mut self, journal: &Journal, part: u64, batch: &Batch) -> Result<()> {
        match &mut self.access {
            Access::Direct(..) => Ok(()),
            Access::Journalled(live) => journal.put_part(live, part, batch).await,
        }
    }
}

/// A step that has begun.
enum Begun<T> {
    /// There is nothing to do: it was refused, or an earlier run did it.
    Answered(u64, Result<T, types::Error>),
    /// It is to be done.
    Live(Step),
}

impl GuestState {
    /// Whether a recording answers in the place of the database.
    fn is_replayed(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.replay.is_some())
    }

    /// Adds to the transcript what is answered without a step, as it would be in another mode.
    fn note<T: call::Answer>(&self, call: &Call<'_>, answer: &T) {
        if let Some(run) = &self.run {
            run.recorder.called(call);
            run.recorder.answered(answer);
        }
    }

    /// Remembers a statement that answered several rows and asked for no order: they may come in another one.
    fn note_order(&self, statement: &str, rows: u64) {
        let (Some(run), Some((dialect, _))) = (&self.run, &self.server) else { return };
        if run.replay.is_none() && is_unordered(statement, *dialect, rows) && run.recorder.note_unordered(statement) {
            let message = format!(
                "rows were read without an ORDER BY, and may come in another order next time: {}",
                crate::sql::excerpt(statement)
            );
            run.events.emit(&Event::Log { revision: run.revision.clone(), level: Level::Warning, message });
        }
    }

    /// The journal, if each step commits by itself.
    fn journal(&self) -> Option<Arc<Journal>> {
        self.run.as_ref().and_then(|run| run.journal.clone())
    }

    /// Refuses a step to an instance that may not touch the database.
    fn may_step(&self, kind: CallKind) -> Result<&RunContext, types::Error> {
        match (self.purpose, &self.run) {
            (Purpose::Migrate, Some(run)) => Ok(run),
            _ => {
                let place = if self.purpose == Purpose::Transform { "transform-batch" } else { "describe" };
                let kind = kind.name();
                Err(convert::error_out(&DatabaseError::new(
                    DatabaseErrorKind::Denied,
                    format!("`{kind}` cannot be called inside `{place}`, which must depend on its arguments alone"),
                )))
            }
        }
    }

    /// Begins a step, answers it from the journal, or refuses it.
    async fn begin_step<T: call::Answer>(&mut self, call: &Call<'_>) -> wasmtime::Result<Begun<T>> {
        let run = match self.may_step(call.kind) {
            Ok(run) => run.clone(),
            Err(denied) => return Ok(Begun::Answered(0, Err(denied))),
        };
        let counted = run.recorder.begin_step(call);
        if let Some(replay) = &run.replay {
            let (number, answer) = replay.answer(call).map_err(ends)?;
            self.last_step = Some((number, call.text.to_owned()));
            return Ok(Begun::Answered(number, self.answered(number, call.text, answer)));
        }
        let (number, access) = match &run.journal {
            None => {
                crash::point();
                (counted, Access::Direct(run.database.clone().lock_owned().await, run.stop.clone()))
            }
            Some(journal) => {
                run.control.before_step(&run.database).await.map_err(ends)?;
                match journal.begin(&run.database, call).await.map_err(ends)? {
                    journal::Begun::Live(live) => (live.number(), Access::Journalled(Box::new(live))),
                    journal::Begun::Recorded(number, answer) => {
                        self.last_step = Some((number, call.text.to_owned()));
                        return Ok(Begun::Answered(number, self.answered(number, call.text, answer)));
                    }
                }
            }
        };
        self.last_step = Some((number, call.text.to_owned()));
        Ok(Begun::Live(Step { number, statement: call.text.to_owned(), started: Instant::now(), access }))
    }

    /// What the journal answers, told as a live answer would be.
    fn answered<T: call::Answer>(
        &mut self,
        step: u64,
        statement: &str,
        answer: Result<T, DatabaseError>,
    ) -> Result<T, types::Error> {
        match answer {
            Ok(answer) => {
                if let Some(run) = &self.run {
                    run.recorder.answered(&answer);
                }
                Ok(answer)
            }
            Err(error) => Err(self.fault(step, statement.to_owned(), error)),
        }
    }

    /// Ends a step: records it, tells who watches, remembers an error's place, and turns a stop into a trap.
    async fn end_step<T: call::Answer>(&mut self, step: Step, result: Result<T, DatabaseError>) -> Answer<T> {
        let Some(run) = self.run.clone() else {
            return Err(wasmtime::Error::new(HostFailure("a step ended outside a run".to_owned())));
        };
        let Step { number, statement, started, access } = step;
        let result = match (access, &run.journal) {
            (Access::Journalled(live), Some(journal)) => journal.finish(*live, result).await.map_err(ends)?,
            _ => result,
        };
        self.tell(&run, number, statement, started, result)
    }

    /// Counts rows read and written.
    fn count(&self, read: u64, written: u64) {
        if let Some(run) = &self.run {
            run.recorder.add_rows_read(read);
            run.recorder.add_rows_written(written);
        }
    }

    /// Tells who watches of the end of a step.
    fn tell<T: call::Answer>(
        &mut self,
        run: &RunContext,
        step: u64,
        statement: String,
        started: Instant,
        result: Result<T, DatabaseError>,
    ) -> Answer<T> {
        match result {
            Ok(value) => {
                let rows = value.rows();
                run.recorder.answered(&value);
                let duration = started.elapsed();
                run.events.emit(&Event::StepFinished {
                    revision: run.revision.clone(),
                    step,
                    statement,
                    rows,
                    duration,
                });
                Ok(Ok(value))
            }
            Err(error) if error.kind == DatabaseErrorKind::Interrupted => {
                let reason = run.stop.reason().unwrap_or(StopReason::Interrupt);
                Err(wasmtime::Error::new(Stopped(reason)))
            }
            Err(error) => Ok(Err(self.fault(step, statement, error))),
        }
    }

    /// An error for the guest; its place is remembered.
    fn fault(&mut self, step: u64, statement: String, error: DatabaseError) -> types::Error {
        if let Some(run) = &self.run {
            run.recorder.note_error(&error);
        }
        let answer = convert::error_out(&error);
        self.fault = Some(Fault { step, statement, error });
        answer
    }
}

/// The error of a call as wasmtime passes it on: the database's is the guest's to handle.
fn passed_on<T>(result: Result<T, CallError>) -> wasmtime::Result<Result<T, DatabaseError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(CallError::Database(error)) => Ok(Err(error)),
        Err(CallError::Stopped(reason)) => Err(wasmtime::Error::new(Stopped(reason))),
        Err(CallError::Failed(error)) => Err(ends(error)),
    }
}

/// An error that is the end of the migration, whatever the guest would say to it.
fn ends(error: Error) -> wasmtime::Error {
    wasmtime::Error::new(error)
}

/// A limit as a count of this machine's memory.
fn saturating(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
