//! The output of commands on several databases.

use std::time::Duration;

use serde::Serialize;

use super::milliseconds;
use super::problem::ProblemJson;
use super::refusal::RefusalJson;
use super::run::{Afterwards, RunJson};
use super::{DatabaseJson, ErrorJson, SCHEMA};
use runner_base::error::Error;
use runner_engine::plan::{Plan, PlannedMigration};
use runner_library::fleet::{DatabaseState, Each, Ended};
use runner_library::run::Ran;
use runner_project::CatalogReport;

/// `runner apply` or `runner rollback` on several databases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetRunJson {
    schema: u32,
    command: &'static str,
    /// Whether everything was undone.
    dry_run: bool,
    /// `done` or `failed`: whether every database is done.
    result: &'static str,
    exit_code: u8,
    duration_ms: f64,
    counts: CountsJson,
    databases: Vec<MemberRunJson>,
    /// What cannot run in the downgrades of the migrations that were applied.
    warnings: Vec<RefusalJson>,
    /// Which of the migrations that were applied have no statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// How many databases there are, and what came of them.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CountsJson {
    databases: usize,
    done: usize,
    up_to_date: usize,
    failed: usize,
    not_run: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MemberRunJson {
    name: String,
    /// `done`, `up-to-date`, `failed` or `not-run`.
    result: &'static str,
    /// The exit code of a run on this database alone; null if it was not run.
    exit_code: Option<u8>,
    duration_ms: f64,
    /// The outcome, as of a run on this database alone; null if none was begun.
    run: Option<RunJson>,
    /// Why the run failed, or could not begin.
    error: Option<ErrorJson>,
}

impl FleetRunJson {
    /// What came of each database, and of all, of a command and whether it was a dry run. `exit_code` returns the exit code of an
    /// error.
    pub fn new(
        (command, dry_run): (&'static str, bool),
        each: &[Each<Ran>],
        told: &Afterwards,
        (took, code): (Duration, u8),
        exit_code: impl Fn(&Error) -> u8,
    ) -> Self {
        let databases: Vec<_> = each.iter().map(|it| MemberRunJson::new(command, it, &exit_code)).collect();
        let count = |result: &str| databases.iter().filter(|it| it.result == result).count();
        let counts = CountsJson {
            databases: databases.len(),
            done: count("done"),
            up_to_date: count("up-to-date"),
            failed: count("failed"),
            not_run: count("not-run"),
        };
        Self {
            schema: SCHEMA,
            command,
            dry_run,
            result: if counts.failed + counts.not_run == 0 { "done" } else { "failed" },
            exit_code: code,
            duration_ms: milliseconds(took),
            counts,
            databases,
            warnings: told.warnings.iter().map(RefusalJson::new).collect(),
            notes: told.notes.clone(),
        }
    }
}

impl MemberRunJson {
    fn new(command: &'static str, it: &Each<Ran>, exit_code: impl Fn(&Error) -> u8) -> Self {
        let error = match &it.ended {
            Ended::Ran(Ok(ran)) => ran.outcome.error.as_ref(),
            Ended::Ran(Err(error)) => Some(error),
            Ended::NotRun => None,
        };
        let run = it.ended.done().map(|ran| {
            let database = DatabaseJson::new(Some(&it.name), it.url.clone(), it.source.clone());
            RunJson::new(
                command,
                database,
                (&ran.outcome, &Afterwards::default()),
                it.took,
                ran.current.clone(),
                &exit_code,
            )
        });
        let result = match (&it.ended, error) {
            (Ended::NotRun, _) => "not-run",
            (_, Some(_)) => "failed",
            (Ended::Ran(ran), None) if ran.as_ref().is_ok_and(|ran| ran.outcome.is_up_to_date()) => "up-to-date",
            _ => "done",
        };
        Self {
            name: it.name.clone(),
            result,
            exit_code: (result != "not-run").then(|| error.map_or(0, &exit_code)),
            duration_ms: milliseconds(it.took),
            run,
            error: error.map(|error| ErrorJson::new(error, exit_code(error))),
        }
    }
}

/// `runner status` on several databases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetStatusJson {
    schema: u32,
    command: &'static str,
    databases: Vec<MemberStatusJson>,
    /// Where the project does not match the lockfile.
    problems: Vec<ProblemJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MemberStatusJson {
    database: DatabaseJson,
    current: Option<String>,
    /// Null if the database could not be asked.
    counts: Option<StateJson>,
    /// Whether a run holds its lock.
    running: bool,
    error: Option<ErrorJson>,
}

/// Numbers of migrations.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StateJson {
    applied: usize,
    pending: usize,
    partial: usize,
    missing: usize,
    changed: usize,
}

impl FleetStatusJson {
    /// The state of each database. `exit_code` returns the exit code of an error.
    pub fn new(each: &[Each<DatabaseState>], reports: &[CatalogReport], exit_code: impl Fn(&Error) -> u8) -> Self {
        let member = |it: &Each<DatabaseState>| {
            let state = it.ended.done();
            MemberStatusJson {
                database: DatabaseJson::new(Some(&it.name), it.url.clone(), it.source.clone()),
                current: state.and_then(|state| state.current.clone()),
                counts: state.map(|state| StateJson {
                    applied: state.applied,
                    pending: state.pending,
                    partial: state.partial,
                    missing: state.missing,
                    changed: state.changed,
                }),
                running: state.is_some_and(|state| state.is_running),
                error: error(it, &exit_code),
            }
        };
        Self {
            schema: SCHEMA,
            command: "status",
            databases: each.iter().map(member).collect(),
            problems: reports.iter().flat_map(ProblemJson::all).collect(),
        }
    }
}

/// `runner plan` on several databases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetPlanJson {
    schema: u32,
    command: &'static str,
    target: String,
    databases: Vec<MemberPlanJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MemberPlanJson {
    database: DatabaseJson,
    current: Option<String>,
    migrations: Vec<StepJson>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StepJson {
    /// `upgrade` or `downgrade`.
    direction: String,
    revision: String,
    name: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    /// `atomic` or `stepwise`.
    mode: &'static str,
}

impl StepJson {
    fn new(step: &PlannedMigration) -> Self {
        Self {
            direction: step.direction.to_string(),
            revision: step.revision.clone(),
            name: step.name.clone(),
            kind: step.kind.name(),
            mode: step.mode.name(),
        }
    }
}

impl FleetPlanJson {
    /// What would run on each database. `exit_code` returns the exit code of an error.
    pub fn new(target: String, each: &[Each<Plan>], exit_code: impl Fn(&Error) -> u8) -> Self {
        let member = |it: &Each<Plan>| {
            let plan = it.ended.done();
            MemberPlanJson {
                database: DatabaseJson::new(Some(&it.name), it.url.clone(), it.source.clone()),
                current: plan.and_then(|plan| plan.current.clone()),
                migrations: plan.map_or_else(Vec::new, |plan| plan.steps.iter().map(StepJson::new).collect()),
                error: error(it, &exit_code),
            }
        };
        Self { schema: SCHEMA, command: "plan", target, databases: each.iter().map(member).collect() }
    }
}

fn error<T>(it: &Each<T>, exit_code: impl Fn(&Error) -> u8) -> Option<ErrorJson> {
    it.ended.error().map(|error| ErrorJson::new(error, exit_code(error)))
}
