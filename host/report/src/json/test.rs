//! The output of `runner test`.

use std::time::Duration;

use super::milliseconds;
use super::{ErrorJson, SCHEMA};
use runner_testing::migration_tests::{Crashes, DatabaseReport, Failure, MigrationReport, PhaseReport, Warning};

document! {
    /// The results of the tests.
    pub struct TestJson(reports: &[DatabaseReport], crash: bool, took: Duration) {
        schema: u32 = SCHEMA,
        command: &'static str = "test",
        passed: bool = reports.iter().all(DatabaseReport::passed),
        crash: bool = crash,
        duration_ms: f64 = milliseconds(took),
        databases: Vec<TestedDatabaseJson> = reports.iter().map(TestedDatabaseJson::new).collect(),
    }

    struct TestedDatabaseJson(report: &DatabaseReport) {
        /// The engine and its version.
        engine: String = report.engine.clone(),
        database: String = report.database.clone(),
        passed: bool = report.passed(),
        duration_ms: f64 = milliseconds(report.took),
        migrations: Vec<TestedMigrationJson> = report.migrations.iter().map(TestedMigrationJson::new).collect(),
        error: Option<ErrorJson> = report.error.as_ref().map(ErrorJson::new),
    }

    struct TestedMigrationJson(migration: &MigrationReport) {
        revision: String = migration.revision.clone(),
        name: String = migration.name.clone(),
        /// `passed`, `failed`, `applied` or `not-run`.
        result: &'static str = migration.verdict().name(),
        irreversible: bool = migration.irreversible,
        checks: usize = migration.checks(),
        duration_ms: f64 = milliseconds(migration.took),
        phases: Vec<PhaseJson> = migration.phases.iter().map(PhaseJson::new).collect(),
        crashes: Option<CrashesJson> = migration.crashes.as_ref().map(CrashesJson::new),
        warnings: Vec<WarningJson> = migration.warnings.iter().map(WarningJson::new).collect(),
    }

    struct WarningJson(warning: &Warning) {
        /// `empty-tables` or `column-order`.
        kind: &'static str = warning.kind.name(),
        tables: Vec<String> = warning.tables.clone(),
        message: String = warning.message.clone(),
        hint: Option<String> = warning.hint.clone(),
    }

    struct PhaseJson(phase: &PhaseReport) {
        /// `up`, `down`, `up-again`, `crash` or `fixtures`.
        phase: &'static str = phase.phase.name(),
        duration_ms: f64 = milliseconds(phase.took),
        checks: usize = phase.checks,
        failures: Vec<FailureJson> = phase.failures.iter().map(FailureJson::new).collect(),
    }

    struct FailureJson(failure: &Failure) {
        message: String = failure.message.clone(),
        details: Vec<String> = failure.details.clone(),
        hint: Option<String> = failure.hint.clone(),
    }

    struct CrashesJson(crashes: &Crashes) with {
        let (longest, median) = crashes.longest_and_median();
    } {
        /// Number of upgrades that were killed.
        killed_up: u64 = crashes.up,
        /// Number of downgrades that were killed.
        killed_down: u64 = crashes.down,
        /// How long the next run took.
        recovery_ms_median: f64 = milliseconds(median),
        recovery_ms_max: f64 = milliseconds(longest),
    }
}
