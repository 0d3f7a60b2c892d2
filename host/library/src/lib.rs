//! The library's door: a [`Runner`] has a project and a database, and does what the command line's verbs do. The command line
//! uses the same wiring.
//!
//! # How a program is affected
//!
//! * A call has a thread with a runtime of its own, and the caller awaits a channel: SQLite blocks its thread for as
//!   long as a statement takes. So the futures are `Send` and need no runtime of the caller's. (`spawn_blocking` around
//!   SQLite would cross threads with every statement.)
//! * A run has its own connections: a pool's have settings, size and lifetime that are not ours. It takes the connect
//!   options as they are, since the driver's own conversion to a URL loses some.
//! * Embedded files pass the same checks as a directory, and nothing is unpacked to a disk.
//! * A failed migration is an error of `apply` and `rollback`: a program that ignored an outcome would serve on a
//!   database that is half migrated.
//! * Signals, allocator and variables of the process belong to `cli`.
//!
//! It may import `runner-sandbox`, `runner-engine` and what is below them.

// The futures of a run are nested deeply: with the driver of MySQL alone the default of 128 is not enough.
#![recursion_limit = "256"]

pub mod backup;
mod builder;
mod database;
pub mod distinct;
mod drive;
mod events;
pub mod fleet;
#[cfg(not(feature = "components"))]
mod no_sandbox;
pub mod run;
pub mod setup;
mod status;
pub mod verify;

use std::future::Future;
use std::sync::Arc;

pub use builder::Builder;
pub use database::DatabaseLocation;
pub use events::Events;
pub use status::Status;

use drive::ActiveRuns;
pub use drive::clock;
use run::RunOrder;
use runner_base::error::Result;
use runner_database::StopSignal;
use runner_engine::EventSink;
use runner_engine::apply::Action;
use runner_engine::control;
use runner_engine::identity::Identity;
use runner_engine::outcome::Outcome;
use runner_engine::plan::{Plan, PlanInput, PlanOptions, plan_towards};
use runner_engine::target::Target;
use runner_engine::verify::{Extent, Verified};
use setup::{HistoryDetail, OpenError, OpenedDatabase, Setup};

/// Chunks of each transform that `verify` checks, spread over the transform.
const VERIFIED_CHUNKS: usize = 8;

/// A project and its database.
///
/// Each method opens connections of its own and does its work on a thread of its own, so that it can be awaited in any
/// runtime and never blocks it; the futures are `Send`. Dropping a future stops its run at the next safe point, as
/// [`stop`](Self::stop) does. The process itself is not changed: no signal handler, no panic hook, no allocator.
///
/// A runner is cheap to clone.
#[derive(Clone)]
pub struct Runner {
    parts: Arc<Parts>,
    runs: ActiveRuns,
}

/// What every run of a runner needs.
struct Parts {
    setup: Setup,
    options: PlanOptions,
    locked: bool,
    jobs: usize,
    connections: usize,
    events: Arc<dyn EventSink>,
}

impl Runner {
    /// Begins a runner.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Shows what [`apply`](Self::apply) would run.
    pub async fn plan(&self) -> Result<Plan> {
        self.plan_to(Target::Latest).await
    }

    /// Shows what leads to a target, up or down.
    pub async fn plan_to(&self, target: Target) -> Result<Plan> {
        self.drive(move |parts, _| async move {
            let catalog = parts.setup.catalog(parts.locked)?;
            let OpenedDatabase { history, facts, .. } = parts.setup.open(HistoryDetail::ForPlan).await?;
            plan_towards(
                &PlanInput { catalog: &catalog, history: &history, facts: &facts, options: parts.options },
                &target,
            )
        })
        .await
    }

    /// Applies all pending migrations, under the lock. Returns once the database has them all, whichever program applied
    /// them. With nothing pending, no lock is taken and no component is loaded.
    pub async fn apply(&self) -> Result<Outcome> {
        self.apply_to(Target::Latest).await
    }

    /// Applies pending migrations up to a target.
    pub async fn apply_to(&self, target: Target) -> Result<Outcome> {
        self.run(Action::Apply(target)).await?.into_result()
    }

    /// Rolls back to a target, which stays applied: [`Target::Back`]`(1)` rolls back the newest migration, [`Target::Base`] all,
    /// which fails with [`ErrorKind::Denied`](runner_base::error::ErrorKind::Denied) where the settings say `protected = true`.
    pub async fn rollback(&self, target: Target) -> Result<Outcome> {
        self.run(Action::Rollback(target)).await?.into_result()
    }

    /// Runs an action. Unlike with [`apply`](Self::apply) and [`rollback`](Self::rollback), a migration that fails is
    /// not an error here but part of the outcome, next to what was finished before it; an error means that nothing was
    /// begun.
    pub async fn run(&self, action: Action) -> Result<Outcome> {
        self.drive(move |parts, stop| async move {
            let Parts { setup, options, locked, jobs, connections, events } = &*parts;
            let order = RunOrder {
                action,
                options: *options,
                dry_run: None,
                jobs: *jobs,
                connections: *connections,
                share: setup.settings.switches.share,
                locked: *locked,
                accept: None,
            };
            let catalog = Arc::new(run::catalog(setup, &order)?);
            Ok(run::run(setup, &order, catalog, (Identity::now(), events.clone()), stop).await?.outcome)
        })
        .await
    }

    /// Shows the state of each migration and the progress of runs.
    pub async fn status(&self) -> Result<Status> {
        self.drive(|parts, _| async move {
            let project = parts.setup.inspect()?;
            let (history, runs) = match parts.setup.connect(false).await {
                Ok(mut database) => {
                    control::overview::read(&mut database.host()).await.map_err(|error| parts.setup.place(error))?
                }
                Err(OpenError::Missing(_)) => Default::default(),
                Err(OpenError::Other(error)) => return Err(error),
            };
            Ok(Status { project, history, runs })
        })
        .await
    }

    /// Proves the applied components again from what history keeps of them. Writes nothing.
    pub async fn verify(&self) -> Result<Vec<Verified>> {
        self.verify_revisions(Vec::new(), Extent::Sample(VERIFIED_CHUNKS)).await
    }

    /// Proves some revisions again, or all components if there are none.
    pub async fn verify_revisions(&self, revisions: Vec<String>, extent: Extent) -> Result<Vec<Verified>> {
        self.drive(move |parts, stop| async move {
            let project = parts.setup.inspect()?;
            verify::verify(&parts.setup, project, &revisions, extent, parts.events.clone(), stop).await
        })
        .await
    }

    /// Stops all runs under way at their next safe points; their futures return errors of kind
    /// [`Interrupted`](runner_base::error::ErrorKind::Interrupted). For a program that is shutting down and wants to wait for them.
    pub fn stop(&self) {
        self.runs.stop();
    }

    async fn drive<T, F>(&self, work: impl FnOnce(Arc<Parts>, StopSignal) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>>,
    {
        let parts = self.parts.clone();
        let wall_time = parts.setup.settings.limits.wall_time;
        self.runs.drive(wall_time, move |stop| work(parts, stop)).await
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("database", &self.parts.setup.settings.database_url.value)
            .finish_non_exhaustive()
    }
}
