//! Results of tests.

use std::fmt;
use std::time::Duration;

use crate::dump::Difference;
use runner_base::error::Error;
use runner_project::migration_id;

/// Results on one database.
#[derive(Clone, Debug)]
pub struct DatabaseReport {
    /// The engine and its version; only the name of the engine if the server could not be reached.
    pub engine: String,
    /// The server, or the kind of database, without a password.
    pub database: String,
    /// Each migration, in order.
    pub migrations: Vec<MigrationReport>,
    /// Why the test was aborted or not started.
    pub error: Option<Error>,
    /// Duration.
    pub took: Duration,
}

impl DatabaseReport {
    /// Whether all tests passed.
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.migrations.iter().all(|migration| migration.verdict() != Verdict::Failed)
    }
}

runner_base::named! {
    /// Result of a migration.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verdict {
        /// All phases passed.
        Passed = "passed",
        /// A phase failed.
        Failed = "failed",
        /// It was only applied, for later migrations.
        Applied = "applied",
        /// It was not run.
        NotRun = "not-run",
    }
}

/// Results of a migration.
#[derive(Clone, Debug, Default)]
pub struct MigrationReport {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// Whether it was to be tested.
    pub chosen: bool,
    /// Whether it is irreversible.
    pub irreversible: bool,
    /// The phases in order.
    pub phases: Vec<PhaseReport>,
    /// What the test could not show, and what it found that need not be a mistake.
    pub warnings: Vec<Warning>,
    /// Results of the crash test.
    pub crashes: Option<Crashes>,
    /// Duration.
    pub took: Duration,
}

impl MigrationReport {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// The result.
    pub fn verdict(&self) -> Verdict {
        match self {
            _ if self.phases.iter().any(|phase| !phase.failures.is_empty()) => Verdict::Failed,
            _ if self.phases.is_empty() => Verdict::NotRun,
            _ if self.chosen => Verdict::Passed,
            _ => Verdict::Applied,
        }
    }

    /// Number of checks.
    pub fn checks(&self) -> usize {
        self.phases.iter().map(|phase| phase.checks).sum()
    }
}

runner_base::named! {
    /// A phase of a migration's test.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Phase {
        /// The upgrade, and its checks.
        Up = "up",
        /// The downgrade, its checks, and the comparison with the state before.
        Down = "down",
        /// The second upgrade, and the comparison with the first.
        UpAgain = "up-again",
        /// Runs that were killed.
        Crash = "crash",
        /// Rows for later migrations.
        Fixtures = "fixtures",
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "after the upgrade",
            Self::Down => "after the downgrade",
            Self::UpAgain => "after the second upgrade",
            Self::Crash => "after a crash",
            Self::Fixtures => "in the fixtures",
        })
    }
}

/// Result of a phase.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// The phase.
    pub phase: Phase,
    /// Duration.
    pub took: Duration,
    /// Number of checks.
    pub checks: usize,
    /// Failures.
    pub failures: Vec<Failure>,
}

/// A warning, with which a migration passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about, for programs.
    pub kind: WarningKind,
    /// The tables concerned.
    pub tables: Vec<String>,
    /// The warning, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

runner_base::named! {
    /// What a warning is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum WarningKind {
        /// All tables that the migration worked on were empty.
        EmptyTables = "empty-tables",
        /// The columns of a table are in another order after the round trip.
        ColumnOrder = "column-order",
    }
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, without a full stop.
    pub message: String,
    /// Details, one per line.
    pub details: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// The failure, prefixed with when it happened.
    pub(super) fn at(self, moment: &str) -> Self {
        Self { message: format!("{moment}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut details: Vec<String> = error.places.iter().map(|(label, place)| format!("{label}: {place}")).collect();
        details.extend(error.causes);
        Self { message: error.message, details, hint: error.hints.into_iter().next().map(String::from) }
    }
}

impl From<Difference> for Failure {
    fn from(difference: Difference) -> Self {
        Self { message: difference.message, details: difference.details, hint: None }
    }
}

/// Results of a crash test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crashes {
    /// Number of upgrades that were killed.
    pub up: u64,
    /// Number of downgrades that were killed.
    pub down: u64,
    /// Duration of each next run, including connecting.
    pub healed: Vec<Duration>,
}

impl Crashes {
    /// The longest and the median of [`Crashes::healed`].
    pub fn longest_and_median(&self) -> (Duration, Duration) {
        let mut sorted = self.healed.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        (sorted.last().copied().unwrap_or_default(), median)
    }
}
