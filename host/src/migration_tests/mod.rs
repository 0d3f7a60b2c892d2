//! `runner test`: tests migrations on scratch databases. Each migration is applied, rolled back and applied again, and the content
//! of the database is compared; fixtures and checks come from the project. On request, each run is killed at every step, and the
//! next run must reach the same result.

mod check;
mod crash;
mod load;
mod report;
mod run;
mod warnings;

pub use report::{
    Crashes, DatabaseReport, Failure, MigrationReport, Phase, PhaseReport, Verdict, Warning, WarningKind,
};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::database::{ConnectOptions, DatabaseUrl, StopSignal};
use crate::dump::Ignore;
use crate::engine::Direction;
use crate::engine::apply::Action;
use crate::project::Catalog;
use crate::project::fixtures::MigrationTests;
use runner_base::error::Result;

/// Runs migrations. Implemented by the command line, so that a test runs the same code as `apply` and `rollback`.
#[async_trait]
pub trait TestRunner: Send + Sync {
    /// Runs migrations on the database; fails if the run fails.
    async fn run(&self, url: &DatabaseUrl, action: Action) -> Result<()>;

    /// A process that runs to the target, `None` for `base`, and crashes at a step.
    fn victim(
        &self,
        url: &DatabaseUrl,
        direction: Direction,
        target: Option<&str>,
        moment: u64,
    ) -> std::process::Command;
}

/// Called for each tested migration.
pub type Hears = dyn Fn(&DatabaseReport, &MigrationReport) + Send + Sync;

/// A test of migrations on one database.
#[derive(Clone)]
pub struct MigrationTest {
    /// The server for scratch databases; for SQLite, its parameters.
    pub url: DatabaseUrl,
    /// How to connect.
    pub options: ConnectOptions,
    /// The project's migrations.
    pub catalog: Arc<Catalog>,
    /// Fixtures and checks, by revision.
    pub tests: Arc<BTreeMap<String, MigrationTests>>,
    /// The revisions to test; those before them are only applied.
    pub chosen: Arc<BTreeSet<String>>,
    /// What to ignore for all migrations.
    pub ignore: Ignore,
    /// Whether to kill runs at every step.
    pub crash: bool,
    /// Runs migrations.
    pub runs: Arc<dyn TestRunner>,
    /// Called for each tested migration.
    pub hears: Arc<Hears>,
    /// Ends the test early.
    pub stop: StopSignal,
}
