//! `runner test`: tests migrations on scratch databases. Each migration is applied, rolled back and applied again, and the content
//! of the database is compared; fixtures and checks come from the project. On request, each run is killed at every step, and the
//! next run must reach the same result.
//!
//! # How
//!
//! Contents are compared as a *dump*: each object by its definition, and each table by its number of rows and the sum
//! of their digests, which needs no key, no order and little memory. Cells are read as text by expressions that lose
//! nothing. Definitions are compared by meaning: SQLite keeps the text of statements, so `sql::definition` reads it and
//! writes it in one spelling. Another order of columns is a warning, since no downgrade can restore one; so is a test
//! whose tables were all empty, which proves nothing about rows.
//!
//! Scratch databases are made on a server that was named for this; `DATABASE_URL` does not count. Whether one is in use
//! is told by what ends with its owner: a lock on a file, a session, a user lock. So the next test can drop what a
//! killed one left.
//!
//! A child process kills itself with SIGKILL at the N-th crash point, for N = 1, 2, … until a run completes: before and
//! after a step and a commit, with no call in progress. The hidden command that does so refuses every database that is
//! not a scratch one. Upgrade and downgrade alternate, so that the downgrade, killed as well, prepares the next point.
//!
//! Rejected: a language for tests, for what files and names can say; an environment variable that crashes release
//! builds, which some day is set by accident; crashing by dropped futures, with which destructors run; SQLite in
//! memory, which the child cannot share.

mod check;
mod crash;
mod load;
mod report;
mod run;
mod warnings;

pub use load::run_script;
pub use report::{
    Crashes, DatabaseReport, Failure, MigrationReport, Phase, PhaseReport, Verdict, Warning, WarningKind,
};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::dump::Ignore;
use runner_base::error::Result;
use runner_database::{ConnectOptions, DatabaseUrl, StopSignal};
use runner_engine::Direction;
use runner_engine::apply::Action;
use runner_project::Catalog;
use runner_project::fixtures::MigrationTests;

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
