//! What a run did.

use std::time::Duration;

use serde::Serialize;

use super::{DatabaseJson, ErrorJson, SCHEMA};
use crate::engine::Direction;
use crate::engine::outcome::{Done, Failed, Outcome};
use crate::engine::plan::Step;
use crate::error::Error;

/// The outcome of `apply`, `rollback` or `redo`.
#[derive(Debug, Serialize)]
pub struct RunJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    run_id: String,
    dry_run: bool,
    /// `done`, `up-to-date` or `failed`.
    result: &'static str,
    /// The newest revision in force afterwards.
    current: Option<String>,
    duration_ms: f64,
    applied: Vec<DoneJson>,
    rolled_back: Vec<DoneJson>,
    failed: Option<FailedJson>,
    not_run: Vec<StepJson>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct DoneJson {
    revision: String,
    name: String,
    kind: &'static str,
    mode: &'static str,
    duration_ms: f64,
    steps: u64,
    rows_read: u64,
    rows_written: u64,
    transcript: String,
}

#[derive(Debug, Serialize)]
struct StepJson {
    revision: String,
    name: String,
    direction: String,
}

#[derive(Debug, Serialize)]
struct FailedJson {
    #[serde(flatten)]
    step: StepJson,
    /// Partial: so many statements took effect and stay.
    statements_done: Option<u64>,
    statements: Option<u64>,
}

impl RunJson {
    /// The outcome of a command. `exit_code` says what an error means.
    pub fn new(
        command: &'static str,
        database: DatabaseJson,
        outcome: &Outcome,
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
            not_run: outcome.not_run.iter().map(StepJson::new).collect(),
            error: outcome.error.as_ref().map(|error| ErrorJson::new(error, exit_code(error))),
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
            duration_ms: milliseconds(done.duration),
            steps: done.steps,
            rows_read: done.rows_read,
            rows_written: done.rows_written,
            transcript: done.transcript.clone(),
        }
    }
}

impl StepJson {
    fn new(step: &Step) -> Self {
        Self { revision: step.revision.clone(), name: step.name.clone(), direction: step.direction.to_string() }
    }
}

impl FailedJson {
    fn new(failed: &Failed) -> Self {
        Self {
            step: StepJson::new(&failed.step),
            statements_done: failed.took_effect.map(|part| part.statements),
            statements: failed.took_effect.map(|part| part.of),
        }
    }
}

/// Milliseconds with three digits behind the point.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
