//! The output of `runner history` and `runner show`.

use serde::Serialize;

use super::look::MigrationJson;
use super::repair::RepairedJson;
use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::event::Unrepeatable;
use runner_engine::history::{Record, Repair};
use runner_engine::status::StatusRow;

/// `runner history`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HistoryJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    runs: Vec<RecordJson>,
}

impl HistoryJson {
    /// All rows of the history.
    pub fn new(database: DatabaseJson, records: &[Record], repairs: &[Repair]) -> Self {
        let runs = records.iter().map(|record| RecordJson::new(record, repairs)).collect();
        Self { schema: SCHEMA, command: "history", database, runs }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordJson {
    revision: String,
    name: String,
    summary: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    sha256: String,
    /// `atomic` or `stepwise`.
    mode: &'static str,
    /// `applied`, `partial`, `partly-rolled-back` or `rolled-back`.
    state: &'static str,
    started_at: String,
    finished_at: Option<String>,
    duration_ms: u64,
    steps: u64,
    rows_read: u64,
    rows_written: u64,
    transcript: String,
    run_id: String,
    run_timestamp: i64,
    /// As text: JSON numbers are not exact beyond 2^53.
    seed: String,
    applied_by: String,
    tool_version: String,
    reason: Option<String>,
    statements_done: u64,
    statement_started: Option<u64>,
    /// Of the unfinished transform.
    chunks_done: u64,
    chunk_rows: u64,
    /// Repairs by operators.
    repairs: Vec<RepairedJson>,
    rolled_back_at: Option<String>,
    rolled_back_by: Option<String>,
    rolled_back_run_id: Option<String>,
    rolled_back_duration_ms: Option<u64>,
    rolled_back_rows_read: Option<u64>,
    rolled_back_rows_written: Option<u64>,
    rolled_back_transcript: Option<String>,
}

impl RecordJson {
    fn new(record: &Record, repairs: &[Repair]) -> Self {
        let of_it = repairs.iter().filter(|repair| repair.history == record.id);
        Self {
            repairs: of_it.map(RepairedJson::new).collect(),
            chunks_done: record.committed.chunks,
            chunk_rows: record.committed.rows_written,
            revision: record.revision.clone(),
            name: record.name.clone(),
            summary: record.summary.clone(),
            kind: record.kind.name(),
            sha256: record.sha256.clone(),
            mode: record.mode.name(),
            state: record.state.name(),
            started_at: record.started_at.clone(),
            finished_at: record.finished_at.clone(),
            duration_ms: record.duration_ms,
            steps: record.steps,
            rows_read: record.rows_read,
            rows_written: record.rows_written,
            transcript: record.transcript.clone(),
            run_id: record.run_id.clone(),
            run_timestamp: record.run_timestamp,
            seed: record.seed.to_string(),
            applied_by: record.applied_by.clone(),
            tool_version: record.tool_version.clone(),
            reason: record.reason.clone(),
            statements_done: record.steps_done,
            statement_started: record.unknown_step,
            rolled_back_at: record.rolled_back_at.clone(),
            rolled_back_by: record.rolled_back_by.clone(),
            rolled_back_run_id: record.rolled_back_run_id.clone(),
            rolled_back_duration_ms: record.rolled_back_duration_ms,
            rolled_back_rows_read: record.rolled_back_rows_read,
            rolled_back_rows_written: record.rolled_back_rows_written,
            rolled_back_transcript: record.rolled_back_transcript.clone(),
        }
    }
}

/// `runner show`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShowJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    revision: String,
    name: String,
    /// `applied`, `pending`, `partial`, `missing`, `changed` or `rolled-back`.
    state: &'static str,
    out_of_order: bool,
    project: Option<MigrationJson>,
    /// Whether the database stores the applied artifact.
    stored: bool,
    /// Statements of its last upgrade that may do something else in another run.
    #[serde(flatten)]
    unrepeatable: UnrepeatableJson,
    runs: Vec<RecordJson>,
}

/// What is known of a revision besides its rows in the history.
pub struct RevisionDetails<'a> {
    /// Repairs by operators.
    pub repairs: &'a [Repair],
    /// Whether the database stores the applied artifact.
    pub stored: bool,
    /// Statements of its last upgrade that may do something else in another run.
    pub unrepeatable: Vec<Unrepeatable>,
}

impl ShowJson {
    /// One revision in detail.
    pub fn new(database: DatabaseJson, row: &StatusRow<'_>, records: &[&Record], details: RevisionDetails<'_>) -> Self {
        Self {
            schema: SCHEMA,
            command: "show",
            database,
            revision: row.revision().to_owned(),
            name: row.name().to_owned(),
            state: row.standing.name(),
            out_of_order: row.late,
            project: row.migration.map(MigrationJson::new),
            stored: details.stored,
            unrepeatable: UnrepeatableJson::new(&details.unrepeatable),
            runs: records.iter().map(|record| RecordJson::new(record, details.repairs)).collect(),
        }
    }
}
