//! Events of a run as JSON Lines.

use serde::Serialize;

use super::control::ProgressJson;
use super::milliseconds;
use super::{ExplainedJson, SCHEMA};
use crate::ticker::Running;
use runner_engine::clock::now;
use runner_engine::event::{Event, LogLevel};

/// A line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EventJson {
    schema: u32,
    /// RFC 3339, in UTC.
    time: String,
    /// The run that reports it, as in the history; null where there is none, as in `verify`.
    run_id: Option<String>,
    /// Of a run on several databases: the name of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(flatten)]
    event: EventBody,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
enum EventBody {
    LockWaiting {
        holder: String,
    },
    RunStarted {
        /// `upgrade` or `downgrade`.
        direction: String,
        migrations: usize,
    },
    MigrationStarted {
        revision: String,
        name: String,
        /// `upgrade` or `downgrade`.
        direction: String,
    },
    Running {
        revision: String,
        name: String,
        duration_ms: f64,
        /// In SQL: which statement it executes; null in code.
        statement: Option<u64>,
        /// How many statements there are.
        statements: Option<u64>,
    },
    StepFinished {
        revision: String,
        step: u64,
        statement: String,
        rows: u64,
        duration_ms: f64,
    },
    Log {
        /// Null if it is about no migration.
        revision: Option<String>,
        /// `debug`, `info` or `warning`.
        level: &'static str,
        message: String,
    },
    Progress {
        /// Null if it is about no migration.
        revision: Option<String>,
        what: String,
        done: u64,
        total: Option<u64>,
        unit: String,
    },
    Transform {
        revision: String,
        done: bool,
        #[serde(flatten)]
        progress: ProgressJson,
    },
    Waiting {
        revision: String,
        reason: &'static str,
        text: String,
    },
    Resumed {
        revision: String,
        reason: &'static str,
    },
    Retrying {
        revision: String,
        name: String,
        reason: String,
        pause_ms: f64,
        retry: u32,
        of: u32,
    },
    MigrationFinished {
        revision: String,
        name: String,
        /// `upgrade` or `downgrade`.
        direction: String,
        duration_ms: f64,
        rows_read: u64,
        rows_written: u64,
    },
    MigrationFailed {
        revision: String,
        name: String,
        /// `upgrade` or `downgrade`.
        direction: String,
        error: ExplainedJson,
    },
}

impl EventJson {
    /// The line of an event that happens now; `None` if it is part of the report.
    pub fn new(event: &Event, run_id: Option<&str>, database: Option<&str>) -> Option<Self> {
        let (time, run_id, database) = (now(), run_id.map(str::to_owned), database.map(str::to_owned));
        EventBody::new(event).map(|event| Self { schema: SCHEMA, time, run_id, database, event })
    }

    /// The line of a migration that still runs.
    pub(crate) fn running(running: &Running, run_id: Option<&str>, database: Option<&str>) -> Self {
        let (statement, statements) = running.statement.unzip();
        let event = EventBody::Running {
            revision: running.revision.clone(),
            name: running.name.clone(),
            duration_ms: milliseconds(running.began.elapsed()),
            statement,
            statements,
        };
        let (run_id, database) = (run_id.map(str::to_owned), database.map(str::to_owned));
        Self { schema: SCHEMA, time: now(), run_id, database, event }
    }
}

impl EventBody {
    fn new(event: &Event) -> Option<Self> {
        Some(match event.clone() {
            // Each statement that ends has its own event with `--verbose`, and a long one shows in `running`.
            Event::DryRunEvent(_) | Event::StatementStarted { .. } => return None,
            Event::LockWaiting { holder } => Self::LockWaiting { holder },
            Event::RunStarted { direction, migrations } => {
                Self::RunStarted { direction: direction.to_string(), migrations }
            }
            Event::MigrationStarted { revision, name, direction } => {
                Self::MigrationStarted { revision, name, direction: direction.to_string() }
            }
            Event::StepFinished { revision, step, statement, rows, duration } => {
                Self::StepFinished { revision, step, statement, rows, duration_ms: milliseconds(duration) }
            }
            Event::Log { revision, level, message } => {
                Self::Log { revision: some(revision), level: level.name(), message }
            }
            Event::Unrepeatable { revision, statement } => {
                let (revision, message) = (some(revision), statement.warning());
                Self::Log { revision, level: LogLevel::Warning.name(), message }
            }
            Event::Progress { revision, what, done, total, unit } => {
                Self::Progress { revision: some(revision), what, done, total, unit }
            }
            Event::Transform { revision, progress } => {
                Self::Transform { revision, done: progress.is_over, progress: ProgressJson::new(&progress) }
            }
            Event::Held { revision, reason, text, .. } => Self::Waiting { revision, reason, text },
            Event::Resumed { revision, reason } => Self::Resumed { revision, reason },
            Event::Retrying { revision, name, reason, pause, retry, of } => {
                Self::Retrying { revision, name, reason, pause_ms: milliseconds(pause), retry, of }
            }
            Event::MigrationFinished { revision, name, direction, duration, rows_read, rows_written } => {
                Self::MigrationFinished {
                    revision,
                    name,
                    direction: direction.to_string(),
                    duration_ms: milliseconds(duration),
                    rows_read,
                    rows_written,
                }
            }
            Event::MigrationFailed { revision, name, direction, error } => Self::MigrationFailed {
                revision,
                name,
                direction: direction.to_string(),
                error: ExplainedJson::new(&error),
            },
        })
    }
}

/// The revision of an event, if it is about one.
fn some(revision: String) -> Option<String> {
    Some(revision).filter(|revision| !revision.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use runner_base::error::Error;
    use runner_engine::Direction;
    use runner_engine::event::{Total, TransformProgress};

    #[test]
    fn a_line_has_its_time_its_run_a_kind_and_what_happened() {
        let progress = TransformProgress {
            transform: "shout".to_owned(),
            rows_done: 40,
            total: Some(Total { rows: 70, is_estimate: true }),
            chunks: 2,
            retries: 1,
            rate: Some(20.5),
            left: Some(Duration::from_millis(1_500)),
            held: Some(("batch-delay", "100 ms between two chunks".to_owned())),
            is_over: false,
        };
        let of = |event: &Event| {
            let line = EventJson::new(event, Some("run"), None).expect("a line");
            let mut line = serde_json::to_value(line).expect("JSON");
            let time = line["time"].take();
            let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
            assert!(time.as_second() > 1_767_225_600, "{time}");
            line
        };
        let line = of(&Event::Transform { revision: "2".to_owned(), progress });
        let expected = serde_json::json!({
            "schema": 1, "time": null, "run_id": "run", "event": "transform", "revision": "2", "done": false,
            "transform": "shout", "rows_done": 40,
            "rows_total": 70, "total_is_estimate": true, "percent": 57.1, "rows_per_second": 20, "remaining_ms": 1500,
            "chunks": 2, "retries": 1,
            "held": { "reason": "batch-delay", "text": "100 ms between two chunks" },
        });
        assert_eq!(line, expected);
        let what = || "copy".to_owned();
        let line = of(&Event::Progress { revision: String::new(), what: what(), done: 1, total: None, unit: what() });
        assert_eq!((&line["revision"], &line["what"]), (&serde_json::Value::Null, &what().into()));
        let line = of(&Event::LockWaiting { holder: "ann".to_owned() });
        let expected =
            serde_json::json!({ "schema": 1, "time": null, "run_id": "run", "event": "lock-waiting", "holder": "ann" });
        assert_eq!(line, expected);
        let error = Error::failed("no such table").at("migration", "2_b").cause("it was dropped").hint("create it");
        let (revision, name) = ("2".to_owned(), "b".to_owned());
        let line = of(&Event::MigrationFailed { revision, name, direction: Direction::Up, error });
        let expected = serde_json::json!({
            "schema": 1, "time": null, "run_id": "run", "event": "migration-failed", "revision": "2", "name": "b",
            "direction": "upgrade",
            "error": {
                "kind": "failed", "message": "no such table", "places": [{ "label": "migration", "text": "2_b" }],
                "causes": ["it was dropped"], "hints": ["create it"],
            },
        });
        assert_eq!(line, expected);
    }
}
