//! Progress of runs, and the output of `pause`, `resume` and `cancel`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use runner_engine::control::look::{ObservedRun, Overview};
use runner_engine::control::work::Work;
use runner_engine::event::TransformProgress;
use runner_engine::throttle::Pause;
use runner_engine::throttle::time;

/// Progress of a transform.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProgressJson {
    transform: Option<String>,
    rows_done: u64,
    rows_total: Option<u64>,
    /// Whether the total is an estimate of the server.
    total_is_estimate: bool,
    percent: Option<f64>,
    rows_per_second: Option<u64>,
    remaining_ms: Option<u64>,
    chunks: u64,
    retries: u64,
    held: Option<HeldJson>,
}

/// What a run waits for, or what throttles it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HeldJson {
    reason: String,
    text: String,
}

impl ProgressJson {
    pub(super) fn new(progress: &TransformProgress) -> Self {
        let held = progress.held.as_ref();
        Self {
            transform: Some(progress.transform.clone()),
            rows_done: progress.rows_done,
            rows_total: progress.total.map(|total| total.rows),
            total_is_estimate: progress.total.is_some_and(|total| total.is_estimate),
            percent: progress.percent().map(tenth),
            rows_per_second: progress.rate.map(|rate| rate as u64),
            remaining_ms: progress.left.map(|left| left.as_millis() as u64),
            chunks: progress.chunks,
            retries: progress.retries,
            held: held.map(|(reason, text)| HeldJson { reason: (*reason).to_owned(), text: text.clone() }),
        }
    }
}

/// A percentage with one decimal place, rounded down: 100 % means done.
fn tenth(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

/// The runs on a database.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunsJson {
    /// Owner of the lock.
    lock_holder: Option<String>,
    /// What it works at, if it has no entry in `runs`, which an open transaction hides on SQLite.
    lock_holder_at: Option<WorkJson>,
    runs: Vec<RunJson>,
    pauses: Vec<PauseJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RunJson {
    run_id: String,
    /// `running`, `waiting`, `ended`, `lost` or `silent`.
    state: &'static str,
    owner: String,
    /// Whether it works alongside the run that holds the lock; its numbers are those of its own share.
    shares: bool,
    revision: String,
    direction: String,
    mode: String,
    /// The statement that it executes, counted from 1, if the migration is in SQL.
    statement: Option<u64>,
    /// How many there are.
    statements: Option<u64>,
    #[serde(flatten)]
    progress: ProgressJson,
    last_seen_ms_ago: Option<u64>,
    started_at: Option<String>,
}

/// What a run works at.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WorkJson {
    revision: String,
    direction: String,
    mode: String,
    statement: Option<u64>,
    statements: Option<u64>,
}

impl WorkJson {
    fn new(work: Work) -> Self {
        let Work { revision, direction, mode, statement } = work;
        let (statement, statements) = statement.unzip();
        Self { revision, direction, mode, statement, statements }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PauseJson {
    /// `None`: all runs.
    revision: Option<String>,
    since: String,
    for_ms: u64,
    by: String,
    why: Option<String>,
}

impl PauseJson {
    fn new(pause: &Pause) -> Self {
        Self {
            revision: pause.revision.clone(),
            since: time(pause.since),
            for_ms: pause.age,
            by: pause.by.clone(),
            why: pause.why.clone(),
        }
    }
}

impl RunJson {
    fn new(seen: &ObservedRun) -> Self {
        let row = &seen.row;
        let held = row.held.clone().map(|(reason, text)| HeldJson { reason, text });
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
            held,
        };
        Self {
            run_id: row.run_id.clone(),
            state: seen.liveness.name(),
            owner: row.owner.clone(),
            shares: row.shares,
            revision: row.revision.clone(),
            direction: row.direction.clone(),
            mode: row.mode.clone(),
            statement: row.statement.map(|(number, _)| number),
            statements: row.statement.map(|(_, of)| of),
            progress,
            last_seen_ms_ago: seen.last_seen.map(|ago| ago.as_millis() as u64),
            started_at: seen.last_seen.map(|_| time(row.began_at)),
        }
    }
}

impl RunsJson {
    /// The runs on a database.
    pub fn new(overview: &Overview) -> Self {
        Self {
            lock_holder: overview.holder.as_ref().map(|holder| holder.name.clone()),
            lock_holder_at: overview.unreported_work().map(WorkJson::new),
            runs: overview.runs.iter().map(RunJson::new).collect(),
            pauses: overview.pauses.iter().map(PauseJson::new).collect(),
        }
    }
}

/// `runner pause`, `runner resume` and `runner cancel`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ControlJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    /// The revision that was given.
    revision: Option<String>,
    /// Whether anything was changed.
    changed: bool,
    #[serde(flatten)]
    now: RunsJson,
}

impl ControlJson {
    /// What a command changed, and the runs after it.
    pub fn new(
        command: &'static str,
        database: DatabaseJson,
        revision: Option<String>,
        changed: bool,
        now: &Overview,
    ) -> Self {
        Self { schema: SCHEMA, command, database, revision, changed, now: RunsJson::new(now) }
    }
}
