//! The output of commands on several databases.

use std::time::Duration;

use super::milliseconds;
use super::problem::ProblemJson;
use super::refusal::RefusalJson;
use super::run::{Afterwards, RunJson};
use super::{DatabaseJson, ErrorJson, SCHEMA, exit_code};
use runner_engine::plan::{Plan, PlannedMigration};
use runner_library::fleet::{DatabaseState, Each, Ended};
use runner_library::run::Ran;
use runner_project::CatalogReport;

document! {
    /// `runner apply` or `runner rollback` on several databases.
    pub struct FleetRunJson(
        (command, dry_run): (&'static str, bool), each: &[Each<Ran>], told: &Afterwards, (took, code): (Duration, u8),
    ) with {
        let databases: Vec<_> = each.iter().map(|it| MemberRunJson::new(command, it)).collect();
        let counts = CountsJson::new(&databases);
    } {
        schema: u32 = SCHEMA,
        command: &'static str = command,
        /// Whether everything was undone.
        dry_run: bool = dry_run,
        /// `done` or `failed`: whether every database is done.
        result: &'static str = if counts.failed + counts.not_run == 0 { "done" } else { "failed" },
        exit_code: u8 = code,
        duration_ms: f64 = milliseconds(took),
        counts: CountsJson = counts,
        databases: Vec<MemberRunJson> = databases,
        /// What cannot run in the downgrades of the migrations that were applied.
        warnings: Vec<RefusalJson> = told.warnings.iter().map(RefusalJson::new).collect(),
        /// Which of the migrations that were applied have no statement.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String> = told.notes.clone(),
    }

    /// How many databases there are, and what came of them.
    struct CountsJson(databases: &[MemberRunJson]) with {
        let count = |result: &str| databases.iter().filter(|it| it.result == result).count();
    } {
        databases: usize = databases.len(),
        done: usize = count("done"),
        up_to_date: usize = count("up-to-date"),
        failed: usize = count("failed"),
        not_run: usize = count("not-run"),
    }

    struct MemberRunJson(command: &'static str, it: &Each<Ran>) with {
        let error = match &it.ended {
            Ended::Ran(Ok(ran)) => ran.outcome.error.as_ref(),
            Ended::Ran(Err(error)) => Some(error),
            Ended::NotRun => None,
        };
        let run = |ran: &Ran| {
            let told = (&ran.outcome, &Afterwards::default());
            RunJson::new(command, database(it), told, it.took, ran.current.clone())
        };
        let result = match (&it.ended, error) {
            (Ended::NotRun, _) => "not-run",
            (_, Some(_)) => "failed",
            (Ended::Ran(ran), None) if ran.as_ref().is_ok_and(|ran| ran.outcome.is_up_to_date()) => "up-to-date",
            _ => "done",
        };
    } {
        name: String = it.name.clone(),
        /// `done`, `up-to-date`, `failed` or `not-run`.
        result: &'static str = result,
        /// The exit code of a run on this database alone; null if it was not run.
        exit_code: Option<u8> = (result != "not-run").then(|| error.map_or(0, |error| exit_code(error.kind))),
        duration_ms: f64 = milliseconds(it.took),
        /// The outcome, as of a run on this database alone; null if none was begun.
        run: Option<RunJson> = it.ended.done().map(run),
        /// Why the run failed, or could not begin.
        error: Option<ErrorJson> = error.map(ErrorJson::new),
    }

    /// `runner status` on several databases.
    pub struct FleetStatusJson(each: &[Each<DatabaseState>], reports: &[CatalogReport]) {
        schema: u32 = SCHEMA,
        command: &'static str = "status",
        databases: Vec<MemberStatusJson> = each.iter().map(MemberStatusJson::new).collect(),
        /// Where the project does not match the lockfile.
        problems: Vec<ProblemJson> = reports.iter().flat_map(ProblemJson::all).collect(),
    }

    struct MemberStatusJson(it: &Each<DatabaseState>) with {
        let state = it.ended.done();
    } {
        database: DatabaseJson = database(it),
        current: Option<String> = state.and_then(|state| state.current.clone()),
        /// Null if the database could not be asked.
        counts: Option<StateJson> = state.map(StateJson::new),
        /// Whether a run holds its lock.
        running: bool = state.is_some_and(|state| state.is_running),
        error: Option<ErrorJson> = it.ended.error().map(ErrorJson::new),
    }

    /// Numbers of migrations.
    struct StateJson(state: &DatabaseState) {
        applied: usize = state.applied,
        pending: usize = state.pending,
        partial: usize = state.partial,
        missing: usize = state.missing,
        changed: usize = state.changed,
    }

    /// `runner plan` on several databases.
    pub struct FleetPlanJson(target: String, each: &[Each<Plan>]) {
        schema: u32 = SCHEMA,
        command: &'static str = "plan",
        target: String = target,
        databases: Vec<MemberPlanJson> = each.iter().map(MemberPlanJson::new).collect(),
    }

    struct MemberPlanJson(it: &Each<Plan>) with {
        let plan = it.ended.done();
    } {
        database: DatabaseJson = database(it),
        current: Option<String> = plan.and_then(|plan| plan.current.clone()),
        migrations: Vec<StepJson> = plan.into_iter().flat_map(|plan| &plan.steps).map(StepJson::new).collect(),
        error: Option<ErrorJson> = it.ended.error().map(ErrorJson::new),
    }

    struct StepJson(step: &PlannedMigration) {
        /// `upgrade` or `downgrade`.
        direction: String = step.direction.to_string(),
        revision: String = step.revision.clone(),
        name: String = step.name.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = step.kind.name(),
        /// `atomic` or `stepwise`.
        mode: &'static str = step.mode.name(),
    }
}

fn database<T>(it: &Each<T>) -> DatabaseJson {
    DatabaseJson::new(Some(&it.name), it.url.clone(), it.source.clone())
}
