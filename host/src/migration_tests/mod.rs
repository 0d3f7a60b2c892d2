//! `runner test`: migrations are proven on scratch databases, which come and go with the test. Each goes up, down and up again,
//! and what the database holds is compared; fixtures and checks stand in the project. On request each run is killed at every
//! one of its moments, and the next must bring everything to the same end.

mod check;
mod crash;
mod load;
mod report;
mod run;
mod scratch;

pub use report::{Crashes, DatabaseReport, Failure, MigrationReport, Phase, PhaseReport, Verdict};
pub use scratch::is_scratch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::database::{ConnectOptions, DatabaseUrl, StopSignal};
use crate::dump::Ignore;
use crate::engine::Direction;
use crate::engine::apply::Action;
use crate::error::Result;
use crate::project::Catalog;
use crate::project::fixtures::MigrationTests;

/// How migrations are run; the command line wires it, so that a test runs what `apply` and `rollback` run.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Runs migrations on the database. An error is what ended the run.
    async fn run(&self, url: &DatabaseUrl, action: Action) -> Result<()>;

    /// A process that goes to the revision, or for none to where nothing is applied, and that dies at a moment.
    fn victim(
        &self,
        url: &DatabaseUrl,
        direction: Direction,
        target: Option<&str>,
        moment: u64,
    ) -> std::process::Command;
}

/// Hears of a migration that was tested, and of where.
pub type Hears = dyn Fn(&DatabaseReport, &MigrationReport) + Send + Sync;

/// What is to be tested, and on which database.
#[derive(Clone)]
pub struct MigrationTest {
    /// The server on which scratch databases are made; for SQLite its parameters.
    pub url: DatabaseUrl,
    /// How to connect.
    pub options: ConnectOptions,
    /// The project's migrations.
    pub catalog: Arc<Catalog>,
    /// Fixtures and checks, by revision.
    pub tests: Arc<BTreeMap<String, MigrationTests>>,
    /// The revisions to test; those before them are only applied.
    pub chosen: Arc<BTreeSet<String>>,
    /// What is not compared, of any migration.
    pub ignore: Ignore,
    /// Whether to kill runs at every moment.
    pub crash: bool,
    /// Runs migrations.
    pub runs: Arc<dyn Runs>,
    /// Hears of each migration that was tested.
    pub hears: Arc<Hears>,
    /// Ends the test early.
    pub stop: StopSignal,
}
