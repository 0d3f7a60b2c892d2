//! What came of a test.

use std::fmt;
use std::time::Duration;

use crate::dump::Difference;
use crate::error::Error;

/// What came of the tests on one database.
#[derive(Clone, Debug)]
pub struct DatabaseReport {
    /// The engine and its version; only the engine's name if it was never reached.
    pub engine: String,
    /// The server, or the kind of database, without a password.
    pub database: String,
    /// Each migration, in order.
    pub migrations: Vec<MigrationReport>,
    /// Why the rest was not run, or the test not begun.
    pub error: Option<Error>,
    /// How long it took.
    pub took: Duration,
}

impl DatabaseReport {
    /// Whether everything is as it should be.
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.migrations.iter().all(|migration| migration.verdict() != Verdict::Failed)
    }
}

/// How a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Passed,
    /// Something is not.
    Failed,
    /// It was only applied, because others come after it.
    Applied,
    /// It was not run.
    NotRun,
}

impl Verdict {
    /// The name as tables and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Applied => "applied",
            Self::NotRun => "not-run",
        }
    }
}

/// What came of the tests of a migration.
#[derive(Clone, Debug, Default)]
pub struct MigrationReport {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// Whether it was to be tested.
    pub chosen: bool,
    /// Whether it has no way back.
    pub irreversible: bool,
    /// What was done, in order.
    pub phases: Vec<PhaseReport>,
    /// What came of killing its runs.
    pub crashes: Option<Crashes>,
    /// How long it took.
    pub took: Duration,
}

impl MigrationReport {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        format!("{}_{}", self.revision, self.name)
    }

    /// How it did.
    pub fn verdict(&self) -> Verdict {
        match self {
            _ if self.phases.iter().any(|phase| !phase.failures.is_empty()) => Verdict::Failed,
            _ if self.phases.is_empty() => Verdict::NotRun,
            _ if self.chosen => Verdict::Passed,
            _ => Verdict::Applied,
        }
    }

    /// The checks that were asked.
    pub fn checks(&self) -> usize {
        self.phases.iter().map(|phase| phase.checks).sum()
    }
}

/// A part of a migration's test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The upgrade, and its checks.
    Up,
    /// The downgrade, its checks, and whether everything is as before.
    Down,
    /// The upgrade once more, and whether everything is as after the first.
    UpAgain,
    /// Runs that were killed.
    Crash,
    /// Rows for the migrations behind it.
    Fixtures,
}

impl Phase {
    /// The name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::UpAgain => "up-again",
            Self::Crash => "crash",
            Self::Fixtures => "fixtures",
        }
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

/// What came of a part.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// Which.
    pub phase: Phase,
    /// How long it took.
    pub took: Duration,
    /// The checks that were asked.
    pub checks: usize,
    /// What is not as it should be.
    pub failures: Vec<Failure>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What, without a full stop.
    pub message: String,
    /// How, a line each.
    pub details: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// The same, which happened at a moment.
    pub(super) fn at(self, moment: &str) -> Self {
        Self { message: format!("{moment}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut details: Vec<String> = error.places.iter().map(|(label, place)| format!("{label}: {place}")).collect();
        details.extend(error.causes);
        Self { message: error.message, details, hint: error.hints.into_iter().next() }
    }
}

impl From<Difference> for Failure {
    fn from(difference: Difference) -> Self {
        Self { message: difference.message, details: difference.details, hint: None }
    }
}

/// What came of runs that were killed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crashes {
    /// Runs that were killed on the way up.
    pub up: u64,
    /// Runs that were killed on the way down.
    pub down: u64,
    /// How long each next run took, connecting included.
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
