//! The output of `runner test`.

use std::time::Duration;

use serde::Serialize;

use super::milliseconds;
use super::{ErrorJson, SCHEMA};
use runner_base::error::Error;
use runner_testing::migration_tests::{Crashes, DatabaseReport, Failure, MigrationReport, PhaseReport, Warning};

/// The results of the tests.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestJson {
    schema: u32,
    command: &'static str,
    passed: bool,
    crash: bool,
    duration_ms: f64,
    databases: Vec<TestedDatabaseJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TestedDatabaseJson {
    /// The engine and its version.
    engine: String,
    database: String,
    passed: bool,
    duration_ms: f64,
    migrations: Vec<TestedMigrationJson>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TestedMigrationJson {
    revision: String,
    name: String,
    /// `passed`, `failed`, `applied` or `not-run`.
    result: &'static str,
    irreversible: bool,
    checks: usize,
    duration_ms: f64,
    phases: Vec<PhaseJson>,
    crashes: Option<CrashesJson>,
    warnings: Vec<WarningJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WarningJson {
    /// `empty-tables` or `column-order`.
    kind: &'static str,
    tables: Vec<String>,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PhaseJson {
    /// `up`, `down`, `up-again`, `crash` or `fixtures`.
    phase: &'static str,
    duration_ms: f64,
    checks: usize,
    failures: Vec<FailureJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureJson {
    message: String,
    details: Vec<String>,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CrashesJson {
    /// Number of upgrades that were killed.
    killed_up: u64,
    /// Number of downgrades that were killed.
    killed_down: u64,
    /// How long the next run took.
    recovery_ms_median: f64,
    recovery_ms_max: f64,
}

impl TestJson {
    /// The reports of all databases. `exit_code` returns the exit code of an error.
    pub fn new(
        reports: &[DatabaseReport],
        crash: bool,
        took: Duration,
        exit_code: impl Fn(&Error) -> u8 + Copy,
    ) -> Self {
        Self {
            schema: SCHEMA,
            command: "test",
            passed: reports.iter().all(DatabaseReport::passed),
            crash,
            duration_ms: milliseconds(took),
            databases: reports.iter().map(|report| TestedDatabaseJson::new(report, exit_code)).collect(),
        }
    }
}

impl TestedDatabaseJson {
    fn new(report: &DatabaseReport, exit_code: impl Fn(&Error) -> u8) -> Self {
        Self {
            engine: report.engine.clone(),
            database: report.database.clone(),
            passed: report.passed(),
            duration_ms: milliseconds(report.took),
            migrations: report.migrations.iter().map(TestedMigrationJson::new).collect(),
            error: report.error.as_ref().map(|error| ErrorJson::new(error, exit_code(error))),
        }
    }
}

impl TestedMigrationJson {
    fn new(migration: &MigrationReport) -> Self {
        Self {
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            result: migration.verdict().name(),
            irreversible: migration.irreversible,
            checks: migration.checks(),
            duration_ms: milliseconds(migration.took),
            phases: migration.phases.iter().map(PhaseJson::new).collect(),
            crashes: migration.crashes.as_ref().map(CrashesJson::new),
            warnings: migration.warnings.iter().map(WarningJson::new).collect(),
        }
    }
}

impl WarningJson {
    fn new(warning: &Warning) -> Self {
        let Warning { kind, tables, message, hint } = warning.clone();
        Self { kind: kind.name(), tables, message, hint }
    }
}

impl PhaseJson {
    fn new(phase: &PhaseReport) -> Self {
        Self {
            phase: phase.phase.name(),
            duration_ms: milliseconds(phase.took),
            checks: phase.checks,
            failures: phase.failures.iter().map(FailureJson::new).collect(),
        }
    }
}

impl FailureJson {
    fn new(failure: &Failure) -> Self {
        Self { message: failure.message.clone(), details: failure.details.clone(), hint: failure.hint.clone() }
    }
}

impl CrashesJson {
    fn new(crashes: &Crashes) -> Self {
        let (longest, median) = crashes.longest_and_median();
        Self {
            killed_up: crashes.up,
            killed_down: crashes.down,
            recovery_ms_median: milliseconds(median),
            recovery_ms_max: milliseconds(longest),
        }
    }
}
