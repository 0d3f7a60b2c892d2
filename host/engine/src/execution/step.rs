//! Steps: calls that touch the database. They are counted, recorded in the transcript, reported to the run's listeners, and an
//! error keeps its place.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::Execution;
use crate::CallError;
use crate::call::{Answer, Call};
use crate::dry_run::Watch;
use crate::event::Event;
use crate::implicit_delete::ImplicitDelete;
use crate::journal::{Journal, LiveStep};
use crate::role::{StepSession, session_of};
use crate::script::RunContext;
use runner_data::Batch;
use runner_database::{Database, DatabaseError, DatabaseErrorKind, Grants, HostSession, SchemaChange, StopSignal};
use runner_project::catalog::Kind;

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
    watch: Option<Arc<Watch>>,
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
    pub fn session(&mut self) -> StepSession<'_> {
        match &mut self.access {
            Access::Atomic(database) => session_of(&mut ***database, self.kind, &self.stop, self.watch.as_deref()),
            Access::Journalled(_, live) => live.session(self.watch.as_deref()),
        }
    }

    /// The session for a statement of the migration's own, as opposed to a reader of a table or a writer. Fails if the component
    /// is granted none.
    pub fn raw_session(&mut self) -> Result<StepSession<'_>, DatabaseError> {
        self.grants.as_ref().map_or(Ok(()), |grants| grants.check_raw_sql())?;
        Ok(self.session())
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

    /// The session for a change of the schema. Fails if the component is not granted it.
    pub fn schema_session(&mut self, change: &SchemaChange) -> Result<StepSession<'_>, DatabaseError> {
        let grants = self.grants.clone();
        let session = self.session();
        grants.map_or(Ok(()), |grants| grants.check_change(change, session.facts()))?;
        Ok(session)
    }

    /// The error of a change of the schema as a component under grants may see it: where rows are in the way, servers quote them,
    /// also from columns that the component may not read.
    pub fn without_rows(&self, error: DatabaseError) -> DatabaseError {
        if self.grants.is_none() || error.kind != DatabaseErrorKind::Constraint {
            return error;
        }
        DatabaseError::new(DatabaseErrorKind::Constraint, "the rows of the table do not allow this change")
            .code(error.code)
            .hint("make the change by hand to see the server's own message; a component under grants is not told it")
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
        match self.run.execution.clone() {
            Execution::Atomic => Ok(StepStart::Running(self.begin_atomic(call).await)),
            Execution::Journalled(journal) => self.begin_journalled(&journal, call).await,
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
        let (kind, stop, grants, watch) =
            (self.kind, self.run.stop.clone(), self.run.grants.clone(), self.run.watch.clone());
        RunningStep {
            number,
            statement: call.text.to_owned(),
            started: Instant::now(),
            kind,
            stop,
            grants,
            watch,
            access,
        }
    }

    /// Remembers the step for the places of errors.
    pub(super) fn at(&mut self, number: u64, call: &Call<'_>) {
        self.last = Some((number, call.text.to_owned()));
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
        self.fault = Some(Fault { step, statement, error: error.clone() });
        error.into()
    }
}
