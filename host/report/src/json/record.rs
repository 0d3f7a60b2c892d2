//! The output of `runner history` and `runner show`.

use super::repair::RepairedJson;
use super::status::MigrationJson;
use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::event::Unrepeatable;
use runner_engine::history::{Record, Repair};
use runner_engine::status::StatusRow;

document! {
    /// `runner history`.
    pub struct HistoryJson(database: DatabaseJson, records: &[Record], repairs: &[Repair]) {
        schema: u32 = SCHEMA,
        command: &'static str = "history",
        database: DatabaseJson = database,
        runs: Vec<RecordJson> = records.iter().map(|record| RecordJson::new(record, repairs)).collect(),
    }

    struct RecordJson(record: &Record, repairs: &[Repair]) with {
        let of_it = repairs.iter().filter(|repair| repair.history == record.id);
    } {
        revision: String = record.revision.clone(),
        name: String = record.name.clone(),
        summary: String = record.summary.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = record.kind.name(),
        sha256: String = record.sha256.clone(),
        /// `atomic` or `stepwise`.
        mode: &'static str = record.mode.name(),
        /// `applied`, `partial`, `partly-rolled-back` or `rolled-back`.
        state: &'static str = record.state.name(),
        started_at: String = record.started_at.clone(),
        finished_at: Option<String> = record.finished_at.clone(),
        duration_ms: u64 = record.duration_ms,
        steps: u64 = record.steps,
        rows_read: u64 = record.rows_read,
        rows_written: u64 = record.rows_written,
        transcript: String = record.transcript.clone(),
        run_id: String = record.run_id.clone(),
        run_timestamp: i64 = record.run_timestamp,
        /// As text: JSON numbers are not exact beyond 2^53.
        seed: String = record.seed.to_string(),
        applied_by: String = record.applied_by.clone(),
        tool_version: String = record.tool_version.clone(),
        reason: Option<String> = record.reason.clone(),
        statements_done: u64 = record.steps_done,
        statement_started: Option<u64> = record.unknown_step,
        /// Of the unfinished transform.
        chunks_done: u64 = record.committed.chunks,
        chunk_rows: u64 = record.committed.rows_written,
        /// Repairs by operators.
        repairs: Vec<RepairedJson> = of_it.map(RepairedJson::new).collect(),
        rolled_back_at: Option<String> = record.rolled_back_at.clone(),
        rolled_back_by: Option<String> = record.rolled_back_by.clone(),
        rolled_back_run_id: Option<String> = record.rolled_back_run_id.clone(),
        rolled_back_duration_ms: Option<u64> = record.rolled_back_duration_ms,
        rolled_back_rows_read: Option<u64> = record.rolled_back_rows_read,
        rolled_back_rows_written: Option<u64> = record.rolled_back_rows_written,
        rolled_back_transcript: Option<String> = record.rolled_back_transcript.clone(),
    }

    /// `runner show`.
    pub struct ShowJson(
        database: DatabaseJson, row: &StatusRow<'_>, records: &[&Record], repairs: &[Repair], stored: bool,
        unrepeatable: &[Unrepeatable],
    ) {
        schema: u32 = SCHEMA,
        command: &'static str = "show",
        database: DatabaseJson = database,
        revision: String = row.revision().to_owned(),
        name: String = row.name().to_owned(),
        /// `applied`, `pending`, `partial`, `missing`, `changed` or `rolled-back`.
        state: &'static str = row.standing.name(),
        out_of_order: bool = row.late,
        project: Option<MigrationJson> = row.migration.map(MigrationJson::new),
        /// Whether the database stores the applied artifact.
        stored: bool = stored,
        /// Statements of its last upgrade that may do something else in another run.
        #[serde(flatten)]
        unrepeatable: UnrepeatableJson = UnrepeatableJson::new(unrepeatable),
        runs: Vec<RecordJson> = records.iter().map(|record| RecordJson::new(record, repairs)).collect(),
    }
}
