//! Runs a plan: under the lock, each migration in its own transaction together with its history row.

mod accept;
mod atomic;
mod dry_run;
mod load;
mod on_scratch;
#[cfg(test)]
mod on_servers_tests;
mod opening;
#[cfg(test)]
mod partial_tests;
mod preload;
mod record;
mod report;
mod request;
mod retry;
mod share;
mod stepwise;
#[cfg(test)]
mod tests;
mod unfinished;

use dry_run::DryRunTransaction;
pub use load::{PlannedSql, planned_sql};
pub use on_scratch::for_scratch;
pub use preload::Preload;
pub use request::{AcceptChanged, Action, Request};
use retry::Retries;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Direction;
use super::backup::{Backup, BackupJob};
use super::control::{RunControl, RunningMigration};
use super::dry_run::DryRun;
use super::event::{Event, EventSink, LogLevel};
use super::history::{self, Numbers, RunMode};
use super::outcome::{Done, Failed, Outcome, TookEffect};
use super::plan::{Plan, PlanInput, PlannedMigration, plan_apply, plan_redo, plan_rollback};
use crate::identity::Identity;
use crate::script::{ScriptLoader, Transforms};
use crate::stopped::stopped;
use runner_base::error::{Error, ErrorKind, Result};
use runner_data::Value;
use runner_database::{Facts, LockRequest, SharedDatabase, StopSignal};
use runner_project::catalog::{Catalog, Kind};
use runner_project::limits::Limits;
use runner_project::settings::{ComponentGrants, RequiredIsolation};

/// Runs a project's migrations on a database.
#[derive(Clone)]
pub struct Engine {
    /// The database.
    pub database: SharedDatabase,
    /// The project's migrations.
    pub catalog: Arc<Catalog>,
    /// Builds scripts from their bytes.
    pub loader: Arc<dyn ScriptLoader>,
    /// Those that are loaded before their turn.
    pub ahead: Preload,
    /// Receives the run's events.
    pub events: Arc<dyn EventSink>,
    /// Ends the run early when raised.
    pub stop: StopSignal,
    /// The parameters passed to components.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// What components may do with the database, as far as the operator restricts them.
    pub grants: Arc<ComponentGrants>,
    /// The limits of components.
    pub limits: Arc<Limits>,
    /// What must confine a component.
    pub isolation: RequiredIsolation,
    /// The process that runs and the time of the run.
    pub identity: Identity,
    /// The largest artifact kept in history, in bytes.
    pub stored_artifact_bytes: u64,
    /// The largest recording of a component's calls kept in history, in bytes.
    pub stored_call_bytes: u64,
    /// How often a migration is retried after a lock conflict rolled it back.
    pub retries: u32,
    /// Slows the run down and receives its progress.
    pub control: Arc<RunControl>,
    /// How to perform a dry run and where to report it.
    pub dry_run: Option<DryRun>,
    /// Makes a backup before anything runs.
    pub backup: Option<Arc<dyn Backup>>,
    /// How transforms are divided into chunks, and the connections that process them.
    pub transforms: Arc<Transforms>,
}

/// Where migrations run.
enum Ground {
    /// Each commits, and has the next number of the history.
    Committed(Numbers),
    /// All in one transaction, which is rolled back.
    RolledBack(DryRunTransaction),
}

/// The result of one migration.
type StepResult = std::result::Result<Done, Box<Failure>>;

/// Why a migration failed, and what it left in the database.
struct Failure {
    error: Error,
    took_effect: Option<TookEffect>,
    /// Another session held a lock: resuming may succeed.
    met_a_lock: bool,
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        let met_a_lock = error.is_transient;
        Box::new(Failure { error, took_effect: None, met_a_lock })
    }
}

impl Engine {
    /// Carries out the request. An error means that nothing was started; later failures are in the outcome.
    pub async fn run(&self, request: &Request) -> Result<Outcome> {
        self.check_sharing().await?;
        // A run with nothing to do needs no lock and does not wait for one.
        let plan = match self.plan(request).await {
            Ok(plan) => Some(plan),
            // What looks interrupted may be what another run is doing at this moment: that is decided under the lock.
            Err(error) if error.kind == ErrorKind::Partial => None,
            Err(error) => return Err(error),
        };
        if plan.as_ref().is_some_and(Plan::is_empty) {
            self.check_accept(request).await?;
            return Ok(self.outcome(request));
        }
        self.check_writable().await?;
        if let Some(plan) = &plan {
            self.check_accept(request).await?;
            self.check_plan(plan).await?;
            plan.steps.first().into_iter().for_each(|migration| self.preload(migration));
        }
        match self.transforms.share {
            true => self.lock_sharing(request).await?,
            false => self.lock(request).await?,
        }
        let mut outcome = self.run_locked(request, plan.is_some()).await.map_err(|error| self.control.explain(error));
        if let Ok(outcome) = &mut outcome {
            outcome.error = outcome.error.take().map(|error| self.control.explain(error));
        }
        // The session of a component's login ends with the run.
        let _ = self.database.lock().await.set_grants(None);
        // A failure here needs no handling: the lock ends with the connection at the latest.
        let unlocked = self.database.lock().await.unlock().await;
        if let Err(error) = unlocked {
            self.warn("", format!("the lock could not be released: {error}"));
        }
        outcome
    }

    /// `is_checked`: the plan that was made before the lock.
    async fn run_locked(&self, request: &Request, is_checked: bool) -> Result<Outcome> {
        self.control.start(&mut **self.database.lock().await).await?;
        // Another run may have changed the database between the first plan and the lock.
        let plan = self.plan(request).await?;
        if plan.is_empty() {
            return Ok(self.outcome(request));
        }
        self.check_accept(request).await?;
        if !is_checked {
            self.check_plan(&plan).await?;
        }
        self.control.plan(plan.steps.iter().map(|migration| migration.revision.clone()));
        let _watch = self.control.monitor();
        self.sweep().await;
        if request.dry_run {
            return match &self.dry_run {
                Some(dry_run @ DryRun { on_scratch: Some(on_scratch), .. }) => {
                    self.dry_run_on_scratch(request, dry_run, on_scratch).await
                }
                _ => self.dry_run(request, plan).await,
            };
        }
        let backup = match &self.backup {
            Some(backup) => {
                let (stop, events) = (self.stop.clone(), self.events.clone());
                let job = BackupJob { current: plan.current.clone(), stop, events };
                Some(self.control.poll_during(&self.database, backup.make(&job)).await?)
            }
            None => None,
        };
        let ran = self.run_plan(request, plan).await;
        let mut outcome = ran.map_err(|error| match &backup {
            Some(backup) => error.hint(format!("the backup `{}` was made before", backup.path.display())),
            None => error,
        })?;
        if let (Some(error), Some(backup)) = (&mut outcome.error, &backup) {
            error.hints.push(backup.advice().into());
        }
        outcome.backup = backup;
        Ok(outcome)
    }

    /// Runs a plan, each migration with its own transactions.
    async fn run_plan(&self, request: &Request, plan: Plan) -> Result<Outcome> {
        self.ensure_history().await?;
        Ok(self.run_each(request, plan.steps, &Ground::Committed(Numbers::default())).await)
    }

    /// Runs planned migrations one after the other, until one fails.
    async fn run_each(&self, request: &Request, planned: Vec<PlannedMigration>, ground: &Ground) -> Outcome {
        let mut outcome = self.outcome(request);
        let mut steps = planned.into_iter();
        let mut direction = None;
        while let Some(step) = steps.next() {
            self.emit_turn(&mut direction, &step, steps.as_slice());
            let begun = match self.stop.reason() {
                Some(reason) => Err(stopped(reason)),
                None => self.begin_migration(&step, steps.as_slice().first(), ground).await,
            };
            if let Err(error) = begun {
                outcome.error = Some(error);
                outcome.not_run.push(step);
                break;
            }
            match self.run_migration(request, &step, steps.len(), ground).await {
                Ok(done) => {
                    self.events.emit(&Self::finished(&done));
                    outcome.done.push(done);
                }
                Err(failure) => {
                    self.note_failure(request, step, *failure, &mut outcome);
                    break;
                }
            }
        }
        outcome.not_run.extend(steps);
        outcome
    }

    /// Says that a migration has started, and what observers see of it.
    async fn begin_migration(
        &self,
        migration: &PlannedMigration,
        next: Option<&PlannedMigration>,
        ground: &Ground,
    ) -> Result<()> {
        match ground {
            Ground::Committed(_) => {
                self.begin_control(migration).await?;
                next.into_iter().for_each(|next| self.preload(next));
            }
            Ground::RolledBack(_) => {
                self.control.try_out(&migration.revision);
                self.events.emit(&Self::started(migration));
            }
        }
        Ok(())
    }

    /// Runs one migration. `left` is the number of those after it.
    async fn run_migration(
        &self,
        request: &Request,
        migration: &PlannedMigration,
        left: usize,
        ground: &Ground,
    ) -> StepResult {
        let numbers = match ground {
            Ground::Committed(numbers) => numbers,
            Ground::RolledBack(transaction) => return Ok(self.dry_run_migration(migration, left, transaction).await?),
        };
        let result = match migration.mode {
            RunMode::Atomic => self.run_atomic(migration, numbers).await,
            RunMode::Stepwise => self.run_stepwise_patiently(request, migration, numbers).await,
        };
        let result = result.and_then(|done| self.not_refused().map(|()| done).map_err(Into::into));
        let failure = result.as_ref().err();
        let stays = failure.filter(|failure| failure.took_effect.is_some() || migration.is_half_done());
        self.end_control(stays.map(|failure| &failure.error)).await;
        result
    }

    /// The end of a run at a migration that failed.
    fn note_failure(&self, request: &Request, migration: PlannedMigration, failure: Failure, outcome: &mut Outcome) {
        let mut error = self.control.explain(self.explain(failure.error, &migration));
        if request.action == Action::Redo && migration.direction == Direction::Up && !request.dry_run {
            let id = migration.id();
            error = error.hint(format!("`{id}` is now rolled back: fix it and run `runner apply` to apply it again"));
        }
        self.emit_failed(&migration, &error);
        outcome.error = Some(error);
        outcome.failed = Some(Failed { step: migration, took_effect: failure.took_effect });
    }

    /// Plans the request for the database's current state. Fails if one of the components could not run as it is to be confined.
    async fn plan(&self, request: &Request) -> Result<Plan> {
        let plan = self.plan_alone(request).await?;
        self.database.lock().await.host().check_logins(&plan.logins()).await?;
        Ok(plan)
    }

    /// The same without a check of the logins.
    async fn plan_alone(&self, request: &Request) -> Result<Plan> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let history = match request.action {
            Action::Apply(_) => history::read(database).await?,
            Action::Rollback(_) | Action::Redo => history::read_with_artifacts(database).await?,
        };
        let facts = database.facts().clone();
        let input = PlanInput { catalog: &self.catalog, history: &history, facts: &facts, options: request.options };
        let plan = match &request.action {
            Action::Apply(target) => plan_apply(&input, target),
            Action::Rollback(target) => plan_rollback(&input, target),
            Action::Redo => plan_redo(&input),
        };
        let mut plan = plan?;
        if request.options.one_schema {
            for migration in &mut plan.steps {
                migration.description.renames = Arc::new(migration.description.renames.without_schemas());
            }
        }
        let plan = plan.with_grants(&input, &self.grants, &self.limits)?;
        plan.check(self.isolation, &facts)?;
        Ok(plan)
    }

    /// Rejects SQL that cannot run, and says what isolates the components.
    async fn check_plan(&self, plan: &Plan) -> Result<()> {
        self.control
            .check_flags(!plan.steps.is_empty() && plan.steps.iter().all(|migration| migration.kind == Kind::Sql))?;
        self.check_sql(plan).await?;
        if let Some(message) = plan.isolation(&self.facts().await) {
            self.events.emit(&Event::Log { revision: String::new(), level: LogLevel::Info, message });
        }
        Ok(())
    }

    async fn facts(&self) -> Facts {
        self.database.lock().await.facts().clone()
    }

    /// Fails before anything has run if the server accepts no changes.
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

    /// Begins the control of a migration, and says that it has started; waits while the run is paused.
    async fn begin_control(&self, planned: &PlannedMigration) -> Result<()> {
        let migration = RunningMigration {
            revision: planned.revision.clone(),
            direction: planned.direction,
            mode: planned.mode,
            resumed: planned.record.filter(|_| planned.is_half_done()),
        };
        let (mut has_started, mut retries) = (false, Retries::new(self.retries));
        loop {
            let begun = self.control.begin(&mut **self.database.lock().await, migration.clone()).await;
            // On SQLite, what it writes meets the lock that the migration would meet.
            let waits = begun.as_ref().is_err_and(|error| error.is_transient && !self.stop.is_raised());
            if (begun.is_ok() || waits) && !std::mem::replace(&mut has_started, true) {
                self.events.emit(&Self::started(planned));
            }
            let error = match begun {
                Ok(()) => return Ok(()),
                Err(error) if waits && self.pause_before_retry(planned, &mut retries, &error).await => continue,
                Err(error) if waits => retries.explain(error),
                Err(error) => error,
            };
            if has_started {
                self.emit_failed(planned, &error);
            }
            self.end_control(Some(&error).filter(|_| planned.is_half_done())).await;
            return Err(error);
        }
    }

    /// Ends the control of a migration. `error` says why it is left partly done. A failure to write is ignored: it
    /// affects only observers.
    async fn end_control(&self, error: Option<&Error>) {
        let _ = self.control.end(&mut **self.database.lock().await, error).await;
    }

    async fn ensure_history(&self) -> Result<()> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        history::ensure_apart(database).await
    }

    fn outcome(&self, request: &Request) -> Outcome {
        Outcome { run_id: self.identity.run_id.clone(), dry_run: request.dry_run, ..Outcome::default() }
    }
}
