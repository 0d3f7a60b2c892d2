//! Events of a run as JSON Lines.

use std::time::Duration;

use serde::Serialize;

use super::SCHEMA;
use super::control::ProgressJson;
use crate::engine::event::{Event, LogLevel};

/// A line.
#[derive(Debug, Serialize)]
pub struct EventJson {
    schema: u32,
    #[serde(flatten)]
    event: EventBody,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum EventBody {
    LockWaiting {
        holder: String,
    },
    RunStarted {
        direction: String,
        migrations: usize,
    },
    MigrationStarted {
        revision: String,
        name: String,
        direction: String,
    },
    StepFinished {
        revision: String,
        step: u64,
        statement: String,
        rows: u64,
        duration_ms: f64,
    },
    Log {
        revision: String,
        level: &'static str,
        message: String,
    },
    Progress {
        revision: String,
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
        direction: String,
        duration_ms: f64,
        rows_read: u64,
        rows_written: u64,
    },
    MigrationFailed {
        revision: String,
        name: String,
        direction: String,
    },
}

impl EventJson {
    /// The line of an event; `None` if it is part of the report.
    pub fn new(event: &Event) -> Option<Self> {
        EventBody::new(event).map(|event| Self { schema: SCHEMA, event })
    }
}

impl EventBody {
    fn new(event: &Event) -> Option<Self> {
        Some(match event.clone() {
            Event::DryRunEvent(_) => return None,
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
            Event::Log { revision, level, message } => Self::Log { revision, level: level_name(level), message },
            Event::Progress { revision, what, done, total, unit } => {
                Self::Progress { revision, what, done, total, unit }
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
            Event::MigrationFailed { revision, name, direction } => {
                Self::MigrationFailed { revision, name, direction: direction.to_string() }
            }
        })
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warning",
    }
}

/// Milliseconds with three decimal places.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Total, TransformProgress};

    #[test]
    fn a_line_has_a_schema_a_kind_and_the_numbers() {
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
        let line = EventJson::new(&Event::Transform { revision: "2".to_owned(), progress });
        let expected = serde_json::json!({
            "schema": 1, "event": "transform", "revision": "2", "done": false, "transform": "shout", "rows_done": 40,
            "rows_total": 70, "total_is_estimate": true, "percent": 57.1, "rows_per_second": 20, "remaining_ms": 1500,
            "chunks": 2, "retries": 1,
            "held": { "reason": "batch-delay", "text": "100 ms between two chunks" },
        });
        assert_eq!(serde_json::to_value(line).expect("JSON"), expected);
        let line = EventJson::new(&Event::LockWaiting { holder: "ann".to_owned() });
        let expected = serde_json::json!({ "schema": 1, "event": "lock-waiting", "holder": "ann" });
        assert_eq!(serde_json::to_value(line).expect("JSON"), expected);
    }
}
