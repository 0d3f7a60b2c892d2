//! Progress of runs, and the output of `pause`, `resume` and `cancel`.

use super::{DatabaseJson, SCHEMA};
use runner_engine::control::overview::{ObservedRun, Overview};
use runner_engine::control::work::Work;
use runner_engine::event::TransformProgress;
use runner_engine::throttle::Pause;
use runner_engine::throttle::time;

document! {
    /// Progress of a transform.
    pub(super) struct ProgressJson(progress: &TransformProgress) {
        transform: Option<String> = Some(progress.transform.clone()),
        rows_done: u64 = progress.rows_done,
        rows_total: Option<u64> = progress.total.map(|total| total.rows),
        /// Whether the total is an estimate of the server.
        total_is_estimate: bool = progress.total.is_some_and(|total| total.is_estimate),
        percent: Option<f64> = progress.percent().map(tenth),
        rows_per_second: Option<u64> = progress.rate.map(|rate| rate as u64),
        remaining_ms: Option<u64> = progress.left.map(|left| left.as_millis() as u64),
        chunks: u64 = progress.chunks,
        retries: u64 = progress.retries,
        held: Option<HeldJson> = progress.held.as_ref().map(|(reason, text)| HeldJson::new(reason, text)),
    }

    /// What a run waits for, or what throttles it.
    struct HeldJson(reason: &str, text: &str) {
        reason: String = reason.to_owned(),
        text: String = text.to_owned(),
    }
}

/// A percentage with one decimal place, rounded down: 100 % means done.
fn tenth(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

document! {
    /// The runs on a database.
    pub struct RunsJson(overview: &Overview) {
        /// Owner of the lock.
        lock_holder: Option<String> = overview.holder.as_ref().map(|holder| holder.name.clone()),
        /// What it works at, if it has no entry in `runs`, which an open transaction hides on SQLite.
        lock_holder_at: Option<WorkJson> = overview.unreported_work().map(WorkJson::new),
        runs: Vec<RunJson> = overview.runs.iter().map(RunJson::new).collect(),
        pauses: Vec<PauseJson> = overview.pauses.iter().map(PauseJson::new).collect(),
    }

    struct RunJson(seen: &ObservedRun) with {
        let row = &seen.row;
        let progress = ProgressJson {
            transform: row.transform.clone(),
            rows_done: row.rows_done,
            rows_total: row.total.map(|total| total.rows),
            total_is_estimate: row.total.is_some_and(|total| total.is_estimate),
            percent: seen.percent().map(tenth),
            rows_per_second: row.rate.filter(|_| seen.liveness.is_alive()),
            remaining_ms: seen.left.map(|left| left.as_millis() as u64),
            chunks: row.chunks,
            retries: row.retries,
            held: row.held.as_ref().map(|(reason, text)| HeldJson::new(reason, text)),
        };
    } {
        run_id: String = row.run_id.clone(),
        /// `running`, `waiting`, `ended`, `lost` or `silent`.
        state: &'static str = seen.liveness.name(),
        owner: String = row.owner.clone(),
        /// Whether it works alongside the run that holds the lock; its numbers are those of its own share.
        shares: bool = row.shares,
        revision: String = row.revision.clone(),
        direction: String = row.direction.clone(),
        mode: String = row.mode.clone(),
        /// The statement that it executes, counted from 1, if the migration is in SQL.
        statement: Option<u64> = row.statement.map(|(number, _)| number),
        /// How many there are.
        statements: Option<u64> = row.statement.map(|(_, of)| of),
        #[serde(flatten)]
        progress: ProgressJson = progress,
        last_seen_ms_ago: Option<u64> = seen.last_seen.map(|ago| ago.as_millis() as u64),
        started_at: Option<String> = seen.last_seen.map(|_| time(row.began_at)),
    }

    /// What a run works at.
    struct WorkJson(work: Work) with {
        let Work { revision, direction, mode, statement } = work;
        let (statement, statements) = statement.unzip();
    } {
        revision: String = revision,
        direction: String = direction,
        mode: String = mode,
        statement: Option<u64> = statement,
        statements: Option<u64> = statements,
    }

    struct PauseJson(pause: &Pause) {
        /// `None`: all runs.
        revision: Option<String> = pause.revision.clone(),
        since: String = time(pause.since),
        for_ms: u64 = pause.age,
        by: String = pause.by.clone(),
        why: Option<String> = pause.why.clone(),
    }

    /// `runner pause`, `runner resume` and `runner cancel`.
    pub struct ControlJson(
        command: &'static str, database: DatabaseJson, revision: Option<String>, changed: bool, now: &Overview,
    ) {
        schema: u32 = SCHEMA,
        command: &'static str = command,
        database: DatabaseJson = database,
        /// The revision that was given.
        revision: Option<String> = revision,
        /// Whether anything was changed.
        changed: bool = changed,
        #[serde(flatten)]
        now: RunsJson = RunsJson::new(now),
    }
}
