//! Runs a plan: under the lock, each migration in its own transaction together with its row of history.

mod atomic;
mod dry_run;
mod load;
mod on_scratch;
#[cfg(test)]
mod partial_tests;
mod record;
mod request;
mod retry;
#[cfg(test)]
mod server_tests;
mod share;
mod stepwise;
mod tell;
#[cfg(test)]
mod tests;

pub use load::planned_sql;
pub use request::{Action, Request};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Direction;
use super::backup::{Backup, BackupJob};
use super::control::{Migration, RunControl};
use super::dry_run::DryRun;
use super::event::{Event, EventSink};
use super::history::{self, RunMode};
use super::outcome::{Done, Failed, Outcome, TookEffect};
use super::plan::{Input, Plan, PlannedMigration, plan_apply, plan_redo, plan_rollback};
use crate::data::Value;
use crate::database::{LockRequest, SharedDatabase, StopSignal, TransactionOptions};
use crate::engine::identity::Identity;
use crate::engine::script::{ScriptLoader, Transforms};
use crate::engine::stopped::stopped;
use crate::error::{Error, Result};
use crate::project::catalog::Catalog;

/// Runs migrations of a project on a database.
pub struct Engine {
    /// The database.
    pub database: SharedDatabase,
    /// The project's migrations.
    pub catalog: Arc<Catalog>,
    /// Makes scripts from their bytes.
    pub loader: Arc<ScriptLoader>,
    /// Hears what happens.
    pub events: Arc<dyn EventSink>,
    /// Ends the run early.
    pub stop: StopSignal,
    /// Handed to components.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// Who runs, and when.
    pub identity: Identity,
    /// The largest artifact that history keeps, in bytes.
    pub stored_artifact_bytes: u64,
    /// The largest recording of a component's calls that history keeps, in bytes.
    pub stored_call_bytes: u64,
    /// How often a migration that met somebody else's lock, and was rolled back, is tried again.
    pub retries: u32,
    /// What slows the run down, and hears how far it is.
    pub control: Arc<RunControl>,
    /// How a dry run is done, and who hears of it.
    pub dry_run: Option<DryRun>,
    /// Makes a backup before anything is run.
    pub backup: Option<Arc<dyn Backup>>,
    /// How transforms are cut, and who works on them.
    pub transforms: Arc<Transforms>,
}

/// What came of one step.
type StepResult = std::result::Result<Done, Box<Failure>>;

/// Why a step failed, and what of it stays.
struct Failure {
    error: Error,
    took_effect: Option<TookEffect>,
    /// Somebody else held a lock: it may get on if it is taken up again.
    met_a_lock: bool,
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        Box::new(Failure { error, took_effect: None, met_a_lock: false })
    }
}

impl Engine {
    /// Does what is asked. An error means that nothing was begun; what ends later stands in the outcome.
    pub async fn run(&self, request: &Request) -> Result<Outcome> {
        self.check_sharing().await?;
        // Who has nothing to do needs no lock, and waits for nobody.
        let plan = self.plan(request).await?;
        if plan.is_empty() {
            return Ok(self.outcome(request));
        }
        self.check_writable().await?;
        self.check_sql(&plan).await?;
        match self.transforms.share {
            true => self.lock_sharing(request).await?,
            false => self.lock(request).await?,
        }
        let outcome = self.run_locked(request).await;
        // Nothing is to be done if this fails: the lock ends with the connection at the latest.
        let unlocked = self.database.lock().await.unlock().await;
        if let Err(error) = unlocked {
            self.warn("", format!("the lock could not be released: {error}"));
        }
        outcome
    }

    async fn run_locked(&self, request: &Request) -> Result<Outcome> {
        // Somebody may have been at work between the first look and the lock.
        let plan = self.plan(request).await?;
        if plan.is_empty() {
            return Ok(self.outcome(request));
        }
        self.sweep().await;
        if request.dry_run {
            return match &self.dry_run {
                Some(dry_run @ DryRun { on_scratch: Some(on_scratch), .. }) => {
                    self.dry_run_on_scratch(request, dry_run, on_scratch).await
                }
                _ => self.dry_run(request, &plan).await,
            };
        }
        let backup = match &self.backup {
            Some(backup) => {
                let (stop, events) = (self.stop.clone(), self.events.clone());
                Some(backup.make(&BackupJob { current: plan.current.clone(), stop, events }).await?)
            }
            None => None,
        };
        let ran = self.run_plan(request, plan).await;
        let mut outcome = ran.map_err(|error| match &backup {
            Some(backup) => error.hint(format!("the backup `{}` was made before", backup.path.display())),
            None => error,
        })?;
        if let (Some(error), Some(backup)) = (&mut outcome.error, &backup) {
            let place = backup.path.display();
            error
                .hints
                .push(format!("the backup `{place}` holds the database as it was before this run; {}", backup.restore));
        }
        outcome.backup = backup;
        Ok(outcome)
    }

    /// Works a plan off.
    async fn run_plan(&self, request: &Request, plan: Plan) -> Result<Outcome> {
        self.ensure_history().await?;
        let _watch = self.control.watch(self.database.lock().await.url());
        let mut outcome = self.outcome(request);
        let mut steps = plan.steps.into_iter();
        let mut direction = None;
        while let Some(step) = steps.next() {
            self.emit_turn(&mut direction, &step, steps.as_slice());
            if let Some(reason) = self.stop.reason() {
                outcome.error = Some(stopped(reason));
                outcome.not_run.push(step);
                break;
            }
            if let Err(error) = self.begin_control(&step).await {
                self.end_control(Some(&error).filter(|_| step.is_half_done())).await;
                outcome.error = Some(error);
                outcome.not_run.push(step);
                break;
            }
            self.emit_started(&step);
            let result = match step.mode {
                RunMode::Atomic => self.run_atomic(&step).await,
                RunMode::Stepwise => self.run_stepwise_patiently(request, &step).await,
            };
            let result = result.and_then(|done| self.not_refused().map(|()| done).map_err(Into::into));
            let failure = result.as_ref().err();
            let stays = failure.filter(|failure| failure.took_effect.is_some() || step.is_half_done());
            self.end_control(stays.map(|failure| &failure.error)).await;
            match result {
                Ok(done) => {
                    self.emit_finished(&done);
                    outcome.done.push(done);
                }
                Err(failure) => {
                    self.emit_failed(&step);
                    let mut error = self.control.explain(self.explain(failure.error, &step));
                    if request.action == Action::Redo && step.direction == Direction::Up {
                        error = error.hint(format!(
                            "`{}` is rolled back now: mend it, and `runner apply` applies it again",
                            step.id()
                        ));
                    }
                    outcome.error = Some(error);
                    outcome.failed = Some(Failed { step, took_effect: failure.took_effect });
                    break;
                }
            }
        }
        outcome.not_run.extend(steps);
        Ok(outcome)
    }

    /// What the request means for the database as it is now.
    async fn plan(&self, request: &Request) -> Result<Plan> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let history = match request.action {
            Action::Apply(_) => history::read(database).await?,
            Action::Rollback(_) | Action::Redo => history::read_with_artifacts(database).await?,
        };
        let facts = database.facts().clone();
        let input = Input { catalog: &self.catalog, history: &history, facts: &facts, options: request.options };
        match &request.action {
            Action::Apply(target) => plan_apply(&input, target),
            Action::Rollback(target) => plan_rollback(&input, target),
            Action::Redo => plan_redo(&input),
        }
    }

    /// Refuses a server that takes no changes while nothing has run yet.
    async fn check_writable(&self) -> Result<()> {
        let database = self.database.lock().await;
        if !database.facts().read_only {
            return Ok(());
        }
        Err(Error::failed("the database takes no changes: the server is a standby or a replica, or was set read-only")
            .hint("give the URL of the server that takes writes; `runner status` and `runner plan` work here"))
    }

    async fn lock(&self, request: &Request) -> Result<()> {
        let owner = self.identity.lock_owner(request.action.verb());
        let lock = LockRequest { wait: request.lock_wait, run_id: self.identity.run_id.clone(), owner };
        let events = self.events.clone();
        let waiting = move |holder: &str| events.emit(&Event::LockWaiting { holder: holder.to_owned() });
        let mut database = self.database.lock().await;
        match database.lock(&lock, &self.stop, &waiting).await {
            Ok(()) => Ok(()),
            Err(error) => match self.stop.reason() {
                Some(reason) => Err(stopped(reason)),
                None => Err(error.into()),
            },
        }
    }

    /// The control of a migration begins: it waits while a pause is on.
    async fn begin_control(&self, step: &PlannedMigration) -> Result<()> {
        let migration = Migration { revision: step.revision.clone(), direction: step.direction, mode: step.mode };
        let mut database = self.database.lock().await;
        self.control.begin(&mut **database, migration).await
    }

    /// The control of a migration ends; `error`: why it stays half done. What it could not write down is for onlookers alone.
    async fn end_control(&self, error: Option<&Error>) {
        let _ = self.control.end(&mut **self.database.lock().await, error).await;
    }

    async fn ensure_history(&self) -> Result<()> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        if !database.facts().transactional_ddl {
            return history::ensure(database).await;
        }
        database.begin(TransactionOptions::default()).await?;
        let made = history::ensure(database).await;
        if let Err(error) = made {
            // The error matters more than what a rollback says about it.
            let _ = database.rollback().await;
            return Err(error);
        }
        Ok(database.commit().await?)
    }

    fn outcome(&self, request: &Request) -> Outcome {
        Outcome { run_id: self.identity.run_id.clone(), dry_run: request.dry_run, ..Outcome::default() }
    }
}
