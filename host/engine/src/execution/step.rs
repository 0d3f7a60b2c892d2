//! Steps: calls that touch the database. They are counted, recorded in the transcript, reported to the run's listeners, and an
//! error keeps its place.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::Execution;
use crate::CallError;
use crate::call::{Answer, Call};
use crate::dry_run::{RowWriter, Trial};
use crate::event::Event;
use crate::implicit_delete::ImplicitDelete;
use crate::journal::{Journal, LiveStep, crash};
use crate::role::session_of;
use crate::script::RunContext;
use runner_data::{Batch, RowSet, Value};
use runner_database::keyset::TableReader;
use runner_database::{
    BatchLimits, CursorId, CursorRequest, Database, DatabaseError, DatabaseErrorKind, Grants, HostSession,
    MigrationSession, QueryLimits, SchemaChange, StopSignal, TableSource, TableTarget,
};
use runner_project::catalog::Kind;
use runner_sql::without_rows;

/// The steps of one migration's run.
pub struct Steps {
    pub(super) run: RunContext,
    kind: Kind,
    last: Option<(u64, String)>,
    fault: Option<Fault>,
    /// Whether an earlier run did the last step.
    is_earlier: bool,
}

/// The last error that a call returned to the migration, and where: if the migration passes it on, the report shows the
/// place.
pub struct Fault {
    /// The step's number.
    pub step: u64,
    /// The statement, or what the step was.
    pub statement: String,
    /// The error.
    pub error: DatabaseError,
}

/// A step that has begun.
pub enum StepStart<T> {
    /// Done by an earlier run, with this answer.
    Answered(T),
    /// To be done.
    Running(RunningStep),
}

/// A step in progress. Nothing else uses the database before it ends.
pub struct RunningStep {
    pub(super) number: u64,
    statement: String,
    started: Instant,
    kind: Kind,
    stop: StopSignal,
    grants: Option<Arc<Grants>>,
    trial: Option<Trial>,
    access: Access,
}

/// How a step reaches the database.
pub enum Access {
    /// In the transaction of the whole migration.
    Atomic(OwnedMutexGuard<Box<dyn Database>>),
    /// In a transaction of its own, recorded in the journal.
    Journalled(Arc<Journal>, Box<LiveStep>),
}

impl RunningStep {
    /// The session in which the migration does the step.
    pub(super) fn session(&mut self) -> MigrationSession<'_> {
        match &mut self.access {
            Access::Atomic(database) => session_of(&mut ***database, self.kind, &self.stop),
            Access::Journalled(_, live) => live.session(),
        }
    }

    /// Executes a statement. As with other statements of the migration's own, as opposed to a reader of a table or a writer, it
    /// fails if the component is granted none.
    pub async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        self.check_raw_sql()?;
        let execute = async |mut session: MigrationSession<'_>| session.execute(statement, parameters).await;
        self.send(statement, parameters, Some(0), execute).await
    }

    /// Executes statements of a migration in SQL, one after the other: see [`Session::execute_each`](runner_database::Session).
    pub async fn execute_each(
        &mut self,
        statements: &[&str],
        changed: &mut Vec<u64>,
    ) -> Result<(), (usize, DatabaseError)> {
        self.session().execute_each(statements, changed).await
    }

    /// Runs a statement and collects its rows.
    pub async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        self.check_raw_sql()?;
        let query = async |mut session: MigrationSession<'_>| session.query(statement, parameters, limits).await;
        self.send(statement, parameters, Some(RowSet::default()), query).await
    }

    /// Opens a cursor.
    pub async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        self.check_raw_sql()?;
        let open = async |mut session: MigrationSession<'_>| session.open_cursor(request).await;
        // The database rejects a cursor over a statement that cannot run in a transaction.
        self.send(&request.statement, &request.parameters, None, open).await
    }

    /// Changes the schema by this statement. Fails if the component is not granted it.
    pub async fn change_schema(&mut self, change: &SchemaChange, statement: &str) -> Result<(), DatabaseError> {
        if let Some(grants) = self.grants.clone() {
            grants.check_change(change, self.session().facts())?;
        }
        let change = async |mut session: MigrationSession<'_>| session.change_schema(change).await;
        self.send(statement, &[], Some(()), change).await
    }

    fn check_raw_sql(&self) -> Result<(), DatabaseError> {
        self.grants.as_ref().map_or(Ok(()), |grants| grants.check_raw_sql())
    }

    /// Sends a statement of the migration. A dry run judges it before, and records it; `skipped` is the answer to one that it leaves out.
    async fn send<T>(
        &mut self,
        statement: &str,
        parameters: &[Value],
        skipped: Option<T>,
        send: impl AsyncFnOnce(MigrationSession<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let Some(trial) = self.trial.clone() else { return send(self.session()).await };
        let allowed = trial.allows(statement, self.kind, &mut self.host()).await;
        let answer = match (allowed, skipped) {
            (Ok(false), Some(skipped)) => {
                trial.skip(statement, parameters);
                return Ok(skipped);
            }
            (Ok(_), _) => send(self.session()).await,
            (Err(error), _) => Err(error),
        };
        trial.note(statement, parameters, answer.as_ref().err());
        answer
    }

    /// Opens a table to read it in the order of its key.
    pub(super) async fn open_table(
        &mut self,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<TableReader, DatabaseError> {
        if let Some(trial) = self.trial.clone() {
            trial.check_source(&source, self.kind, &mut self.host()).await?;
        }
        TableReader::open(&mut *self.session(), source, limits).await
    }

    /// Opens a writer.
    pub(super) async fn open_writer(&mut self, target: &TableTarget) -> Result<RowWriter, DatabaseError> {
        let trial = self.trial.clone();
        RowWriter::open(&mut *self.session(), target, trial.as_ref()).await
    }

    /// Does something, and refuses what it deletes without saying so. Under grants, what follows is denied already, and the names of other
    /// tables are not shown.
    pub async fn guarding<T>(
        &mut self,
        deletes: Option<&ImplicitDelete>,
        act: impl AsyncFnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let Some(deletes) = deletes.filter(|_| self.grants.is_none()) else { return act(self).await };
        let before = deletes.before(&mut self.host()).await?;
        let done = act(self).await?;
        deletes.after(&mut self.host(), before).await?;
        Ok(done)
    }

    /// The error of a change of the schema as a component under grants may see it: where rows are in the way, servers quote them,
    /// also from columns that the component may not read.
    pub fn without_rows(&self, error: DatabaseError) -> DatabaseError {
        if self.grants.is_none() || error.kind != DatabaseErrorKind::Constraint {
            return error;
        }
        DatabaseError::new(DatabaseErrorKind::Constraint, "the rows of the table do not allow this change")
            .code(error.code)
            .hint("make the change by hand to see the server's own message; a component under grants does not see it")
    }

    /// The host's session, in the transaction of the step.
    pub fn host(&mut self) -> HostSession<'_> {
        match &mut self.access {
            Access::Atomic(database) => database.host(),
            Access::Journalled(_, live) => live.host(),
        }
    }

    /// The host's session, of a step that has a transaction of its own.
    pub fn own_transaction(&mut self) -> Option<HostSession<'_>> {
        match &mut self.access {
            Access::Atomic(_) => None,
            Access::Journalled(_, live) => Some(live.host()),
        }
    }

    /// Puts a part of the step's result into the journal, if the step is recorded there.
    pub(super) async fn put_part(&mut self, part: u64, batch: &Batch) -> Result<(), CallError> {
        match &mut self.access {
            Access::Atomic(_) => Ok(()),
            Access::Journalled(journal, live) => Ok(journal.put_part(live, part, batch).await?),
        }
    }
}

impl Steps {
    /// The steps of a run of a migration of this kind.
    pub fn new(run: RunContext, kind: Kind) -> Self {
        Self { run, kind, last: None, fault: None, is_earlier: false }
    }

    /// The last step that began: its number and its statement.
    pub fn last(&self) -> Option<&(u64, String)> {
        self.last.as_ref()
    }

    /// The last error that was returned.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Begins a step in the mode of the run, or answers it from an earlier run.
    pub async fn begin<T: Answer>(&mut self, call: &Call<'_>) -> Result<StepStart<T>, CallError> {
        self.begin_several(call, 1).await
    }

    /// Like [`Steps::begin`], for a call that counts as several steps where each commits by itself.
    pub async fn begin_several<T: Answer>(&mut self, call: &Call<'_>, steps: u64) -> Result<StepStart<T>, CallError> {
        match self.run.execution.clone() {
            Execution::Atomic => Ok(StepStart::Running(self.begin_atomic(call).await)),
            Execution::Journalled(journal) => self.begin_journalled(&journal, call, steps).await,
            Execution::Replayed(replay) => self.answer_replayed(&replay, call).map(StepStart::Answered),
        }
    }

    /// Ends a step: commits it where it commits by itself, and records what it answered.
    pub async fn end<T: Answer>(
        &mut self,
        step: RunningStep,
        result: Result<T, DatabaseError>,
    ) -> Result<T, CallError> {
        let RunningStep { number, statement, started, access, .. } = step;
        let result = match access {
            // The transaction stays open.
            Access::Atomic(_) => result,
            Access::Journalled(journal, live) => journal.finish(*live, result).await?,
        };
        self.finished(number, statement, started, result)
    }

    /// Ends the step of the first of several calls that were done together in the transaction of the migration; each of the others is
    /// a step, too. `results`: those of the calls that were done, and of the one that failed, with their numbers, counted from 0; all
    /// take the same share of the time. Returns the number of the last one.
    pub fn end_each(
        &mut self,
        first: RunningStep,
        calls: &[Call<'_>],
        results: Vec<(usize, Result<u64, DatabaseError>)>,
    ) -> (usize, Result<(), CallError>) {
        let each = first.started.elapsed() / u32::try_from(results.len()).unwrap_or(u32::MAX).max(1);
        let (mut next, mut last) = (Some(first.number), 0);
        for (at, result) in results {
            let Some(call) = calls.get(at) else { continue };
            let number = next.take().unwrap_or_else(|| {
                let number = self.run.recorder.begin_step(call);
                crash::point();
                number
            });
            last = at;
            self.at(number, call);
            let started = Instant::now().checked_sub(each).unwrap_or(first.started);
            match self.finished(number, call.text.to_owned(), started, result) {
                Ok(rows) => self.count(0, rows),
                Err(error) => return (at, Err(error)),
            }
        }
        (last, Ok(()))
    }

    /// A step that is to be done.
    pub(super) fn running(&mut self, number: u64, call: &Call<'_>, mut access: Access) -> RunningStep {
        self.at(number, call);
        self.is_earlier = false;
        if self.kind.is_sandboxed() {
            let inputs = self.run.fixed_inputs(&[]);
            match &mut access {
                Access::Atomic(database) => database.fix_inputs(inputs),
                Access::Journalled(_, live) => live.fix_inputs(inputs),
            }
        }
        let run = &self.run;
        RunningStep {
            number,
            statement: without_rows(call.text).to_owned(),
            started: Instant::now(),
            kind: self.kind,
            stop: run.stop.clone(),
            grants: run.grants.clone(),
            trial: run.trial.clone(),
            access,
        }
    }

    /// Remembers the step for the places of errors.
    pub(super) fn at(&mut self, number: u64, call: &Call<'_>) {
        self.last = Some((number, without_rows(call.text).to_owned()));
    }

    /// Returns an earlier run's answer as if it were given now.
    pub(super) fn answered<T: Answer>(
        &mut self,
        number: u64,
        call: &Call<'_>,
        answer: Result<T, DatabaseError>,
    ) -> Result<T, CallError> {
        self.at(number, call);
        self.is_earlier = true;
        match answer {
            Ok(answer) => {
                self.run.recorder.answered(&answer);
                Ok(answer)
            }
            Err(error) => Err(self.refused(number, call.text.to_owned(), error)),
        }
    }

    /// Records the end of a step and reports it. An interruption is the end of the run.
    pub(super) fn finished<T: Answer>(
        &mut self,
        number: u64,
        statement: String,
        started: Instant,
        result: Result<T, DatabaseError>,
    ) -> Result<T, CallError> {
        match result {
            Ok(answer) => {
                self.run.recorder.answered(&answer);
                self.run.events.emit(&Event::StepFinished {
                    revision: self.run.revision.clone(),
                    step: number,
                    statement,
                    rows: answer.rows(),
                    duration: started.elapsed(),
                });
                Ok(answer)
            }
            Err(error) if error.kind == DatabaseErrorKind::Interrupted => {
                // Without a stop signal it was cancelled on the server.
                Err(self.run.stop.reason().map_or_else(|| CallError::Failed(error.into()), CallError::Stopped))
            }
            Err(error) => Err(self.refused(number, statement, error)),
        }
    }

    /// Adds a call to the transcript that is a step in another mode but not in this one.
    pub(super) fn note<T: Answer>(&self, call: &Call<'_>, answer: &T) {
        self.run.recorder.called(call);
        self.run.recorder.answered(answer);
    }

    /// Counts rows of the last step.
    pub fn count(&self, read: u64, written: u64) {
        if self.is_earlier {
            self.run.recorder.add_earlier(read, written);
        }
        self.run.recorder.add_rows_read(read);
        self.run.recorder.add_rows_written(written);
    }

    /// An error for the migration; its place is remembered.
    fn refused(&mut self, step: u64, statement: String, error: DatabaseError) -> CallError {
        self.run.recorder.note_error(&error);
        if let Some(trial) = &self.run.trial {
            trial.recorder.failed(&statement, &error);
        }
        self.fault = Some(Fault { step, statement, error: error.clone() });
        error.into()
    }
}
