//! The outcome of a run.

use std::time::Duration;

use super::dry_run::DryRunJson;
use super::refusal::RefusalJson;
use super::{DatabaseJson, ErrorJson, SCHEMA, milliseconds};
use runner_engine::Direction;
use runner_engine::backup::BackupDone;
use runner_engine::isolation::Barrier;
use runner_engine::outcome::{Done, Failed, Outcome};
use runner_engine::plan::{PlannedMigration, Refusal};

/// What is worth saying of migrations that were applied.
#[derive(Debug, Default)]
pub struct Afterwards {
    /// What cannot run in their downgrades.
    pub warnings: Vec<Refusal>,
    /// Which of them do nothing.
    pub notes: Vec<String>,
}

document! {
    /// The outcome of `apply`, `rollback` or `redo`.
    pub struct RunJson(
        command: &'static str, database: DatabaseJson, (outcome, told): (&Outcome, &Afterwards), took: Duration,
        current: Option<String>,
    ) with {
        let of = |direction: Direction| {
            outcome.done.iter().filter(|done| done.direction == direction).map(DoneJson::new).collect()
        };
    } {
        schema: u32 = SCHEMA,
        command: &'static str = command,
        database: DatabaseJson = database,
        run_id: String = outcome.run_id.clone(),
        dry_run: bool = outcome.dry_run,
        /// `done`, `up-to-date` or `failed`.
        result: &'static str = match (&outcome.error, outcome.is_up_to_date()) {
            (Some(_), _) => "failed",
            (None, true) => "up-to-date",
            (None, false) => "done",
        },
        /// The current revision after the run.
        current: Option<String> = current,
        duration_ms: f64 = milliseconds(took),
        applied: Vec<DoneJson> = of(Direction::Up),
        rolled_back: Vec<DoneJson> = of(Direction::Down),
        failed: Option<FailedJson> = outcome.failed.as_ref().map(FailedJson::new),
        not_run: Vec<PlannedMigrationJson> = outcome.not_run.iter().map(PlannedMigrationJson::new).collect(),
        error: Option<ErrorJson> = outcome.error.as_ref().map(ErrorJson::new),
        /// What cannot run in the downgrades of the migrations that were applied.
        warnings: Vec<RefusalJson> = told.warnings.iter().map(RefusalJson::new).collect(),
        /// Which of the migrations that were applied have no statement.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String> = told.notes.clone(),
        /// The backup that was made before the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        backup: Option<BackupJson> = outcome.backup.as_ref().map(BackupJson::new),
        /// The report of a dry run.
        #[serde(skip_serializing_if = "Option::is_none")]
        dry_run_report: Option<DryRunJson> = outcome.dry_run_report.as_ref().map(DryRunJson::new),
    }

    struct BackupJson(backup: &BackupDone) {
        path: String = backup.path.display().to_string(),
        bytes: u64 = backup.bytes,
        duration_ms: f64 = milliseconds(backup.duration),
        restore: String = backup.restore.clone(),
    }

    struct DoneJson(done: &Done) {
        revision: String = done.revision.clone(),
        name: String = done.name.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = done.kind.name(),
        /// `atomic` or `stepwise`.
        mode: &'static str = done.mode.name(),
        /// Of a component: what held it back: `authorizer`, `separate-logins` or `shared-login`.
        #[serde(skip_serializing_if = "Option::is_none")]
        isolation: Option<&'static str> = done.isolation.map(Barrier::name),
        duration_ms: f64 = milliseconds(done.duration),
        steps: u64 = done.steps,
        rows_read: u64 = done.rows_read,
        rows_written: u64 = done.rows_written,
        transcript: String = done.transcript.clone(),
        /// Number of retries after lock conflicts.
        retries: u32 = done.retries,
    }

    struct PlannedMigrationJson(step: &PlannedMigration) {
        revision: String = step.revision.clone(),
        name: String = step.name.clone(),
        /// `upgrade` or `downgrade`.
        direction: String = step.direction.to_string(),
    }

    struct FailedJson(failed: &Failed) {
        #[serde(flatten)]
        step: PlannedMigrationJson = PlannedMigrationJson::new(&failed.step),
        /// Partial: number of statements that took effect and remain.
        statements_done: Option<u64> = failed.took_effect.filter(|part| part.of.is_some()).map(|part| part.steps),
        statements: Option<u64> = failed.took_effect.and_then(|part| part.of),
        /// Partial: number of steps of a component that are done.
        steps_done: Option<u64> = failed.took_effect.filter(|part| part.of.is_none()).map(|part| part.steps),
        /// Partial: number of committed chunks of the unfinished transform.
        chunks_done: Option<u64> = failed.took_effect.map(|part| part.chunks),
        /// Partial: number of rows that these chunks wrote.
        chunk_rows: Option<u64> = failed.took_effect.map(|part| part.rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::error::Error;
    use runner_engine::history::RunMode;
    use runner_engine::plan::Source;
    use runner_project::catalog::{Description, Kind};

    #[test]
    fn a_failed_run_lists_what_was_done_what_failed_and_what_was_not_run() {
        let step = |revision: &str| PlannedMigration {
            direction: Direction::Up,
            revision: revision.to_owned(),
            name: "m".to_owned(),
            kind: Kind::Sql,
            sha256: String::new(),
            mode: RunMode::Atomic,
            description: Description::default(),
            source: Source::Project,
            record: None,
            resume_after: None,
            broken: None,
            grants: None,
            not_granted: Vec::new(),
            above_limits: Vec::new(),
            isolation: None,
        };
        let done = Done {
            revision: "1".to_owned(),
            name: "m".to_owned(),
            direction: Direction::Up,
            kind: Kind::Sql,
            mode: RunMode::Atomic,
            isolation: None,
            duration: Duration::from_micros(1_234),
            steps: 2,
            rows_read: 0,
            rows_written: 3,
            transcript: "ab".to_owned(),
            retries: 1,
        };
        let outcome = Outcome {
            run_id: "run".to_owned(),
            dry_run: false,
            done: vec![done],
            failed: Some(Failed { step: step("2"), took_effect: None }),
            not_run: vec![step("3")],
            error: Some(Error::failed("it broke")),
            ..Outcome::default()
        };
        let database = DatabaseJson::new(None, "sqlite:///app.db".to_owned(), "by default".to_owned());
        let took = Duration::from_millis(5);
        let document =
            RunJson::new("apply", database, (&outcome, &Afterwards::default()), took, Some("1_m".to_owned()));
        let expected = serde_json::json!({
            "schema": 1,
            "command": "apply",
            "database": { "name": null, "url": "sqlite:///app.db", "source": "by default" },
            "run_id": "run",
            "dry_run": false,
            "result": "failed",
            "current": "1_m",
            "duration_ms": 5.0,
            "applied": [{
                "revision": "1", "name": "m", "kind": "sql", "mode": "atomic", "duration_ms": 1.234, "steps": 2,
                "rows_read": 0, "rows_written": 3, "transcript": "ab", "retries": 1,
            }],
            "rolled_back": [],
            "failed": {
                "revision": "2", "name": "m", "direction": "upgrade", "statements_done": null, "statements": null,
                "steps_done": null,
                "chunks_done": null,
                "chunk_rows": null,
            },
            "not_run": [{ "revision": "3", "name": "m", "direction": "upgrade" }],
            "warnings": [],
            "error": {
                "kind": "failed", "message": "it broke", "places": [], "causes": [], "hints": [], "exit_code": 1,
            },
        });
        assert_eq!(serde_json::to_value(document).expect("JSON"), expected);
    }
}
