//! The outcome of a run.

use std::time::Duration;

use serde::Serialize;

use super::dry_run::DryRunJson;
use super::refusal::RefusalJson;
use super::{DatabaseJson, ErrorJson, SCHEMA, milliseconds};
use runner_base::error::Error;
use runner_engine::Direction;
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

/// The outcome of `apply`, `rollback` or `redo`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    run_id: String,
    dry_run: bool,
    /// `done`, `up-to-date` or `failed`.
    result: &'static str,
    /// The current revision after the run.
    current: Option<String>,
    duration_ms: f64,
    applied: Vec<DoneJson>,
    rolled_back: Vec<DoneJson>,
    failed: Option<FailedJson>,
    not_run: Vec<PlannedMigrationJson>,
    error: Option<ErrorJson>,
    /// What cannot run in the downgrades of the migrations that were applied.
    warnings: Vec<RefusalJson>,
    /// Which of the migrations that were applied have no statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The backup that was made before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<BackupJson>,
    /// The report of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run_report: Option<DryRunJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BackupJson {
    path: String,
    bytes: u64,
    duration_ms: f64,
    restore: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DoneJson {
    revision: String,
    name: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    /// `atomic` or `stepwise`.
    mode: &'static str,
    /// Of a component: what held it back: `authorizer`, `separate-logins` or `shared-login`.
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<&'static str>,
    duration_ms: f64,
    steps: u64,
    rows_read: u64,
    rows_written: u64,
    transcript: String,
    /// Number of retries after lock conflicts.
    retries: u32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedMigrationJson {
    revision: String,
    name: String,
    /// `upgrade` or `downgrade`.
    direction: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailedJson {
    #[serde(flatten)]
    step: PlannedMigrationJson,
    /// Partial: number of statements that took effect and remain.
    statements_done: Option<u64>,
    statements: Option<u64>,
    /// Partial: number of steps of a component that are done.
    steps_done: Option<u64>,
    /// Partial: number of committed chunks of the unfinished transform.
    chunks_done: Option<u64>,
    /// Partial: number of rows that these chunks wrote.
    chunk_rows: Option<u64>,
}

impl RunJson {
    /// The outcome of a command, with what is worth saying of the migrations that it applied. `exit_code` returns the exit code of an error.
    pub fn new(
        command: &'static str,
        database: DatabaseJson,
        (outcome, told): (&Outcome, &Afterwards),
        took: Duration,
        current: Option<String>,
        exit_code: impl Fn(&Error) -> u8,
    ) -> Self {
        let of = |direction: Direction| {
            outcome.done.iter().filter(|done| done.direction == direction).map(DoneJson::new).collect()
        };
        Self {
            schema: SCHEMA,
            command,
            database,
            run_id: outcome.run_id.clone(),
            dry_run: outcome.dry_run,
            result: match (&outcome.error, outcome.is_up_to_date()) {
                (Some(_), _) => "failed",
                (None, true) => "up-to-date",
                (None, false) => "done",
            },
            current,
            duration_ms: milliseconds(took),
            applied: of(Direction::Up),
            rolled_back: of(Direction::Down),
            failed: outcome.failed.as_ref().map(FailedJson::new),
            not_run: outcome.not_run.iter().map(PlannedMigrationJson::new).collect(),
            error: outcome.error.as_ref().map(|error| ErrorJson::new(error, exit_code(error))),
            warnings: told.warnings.iter().map(RefusalJson::new).collect(),
            notes: told.notes.clone(),
            backup: outcome.backup.as_ref().map(|backup| BackupJson {
                path: backup.path.display().to_string(),
                bytes: backup.bytes,
                duration_ms: milliseconds(backup.duration),
                restore: backup.restore.clone(),
            }),
            dry_run_report: outcome.dry_run_report.as_ref().map(DryRunJson::new),
        }
    }
}

impl DoneJson {
    fn new(done: &Done) -> Self {
        Self {
            revision: done.revision.clone(),
            name: done.name.clone(),
            kind: done.kind.name(),
            mode: done.mode.name(),
            isolation: done.isolation.map(Barrier::name),
            duration_ms: milliseconds(done.duration),
            steps: done.steps,
            rows_read: done.rows_read,
            rows_written: done.rows_written,
            transcript: done.transcript.clone(),
            retries: done.retries,
        }
    }
}

impl PlannedMigrationJson {
    fn new(step: &PlannedMigration) -> Self {
        Self { revision: step.revision.clone(), name: step.name.clone(), direction: step.direction.to_string() }
    }
}

impl FailedJson {
    fn new(failed: &Failed) -> Self {
        Self {
            step: PlannedMigrationJson::new(&failed.step),
            statements_done: failed.took_effect.filter(|part| part.of.is_some()).map(|part| part.steps),
            statements: failed.took_effect.and_then(|part| part.of),
            steps_done: failed.took_effect.filter(|part| part.of.is_none()).map(|part| part.steps),
            chunks_done: failed.took_effect.map(|part| part.chunks),
            chunk_rows: failed.took_effect.map(|part| part.rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            RunJson::new("apply", database, (&outcome, &Afterwards::default()), took, Some("1_m".to_owned()), |_| 1);
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
