//! What commands that only look say.

use std::collections::BTreeMap;

use serde::Serialize;

use super::problem::ProblemJson;
use super::repair::RepairedJson;
use super::{DatabaseJson, SCHEMA};
use crate::engine::history::{History, Record, Repair};
use crate::engine::plan::{Plan, Source, Step, StepLook};
use crate::engine::status::{Standing, StatusRow};
use crate::project::catalog::{Artifact, CatalogReport, Migration};

/// `runner status`.
#[derive(Debug, Serialize)]
pub struct StatusJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    current: Option<String>,
    counts: BTreeMap<&'static str, usize>,
    migrations: Vec<StatusRowJson>,
    /// In what project and lockfile disagree.
    problems: Vec<ProblemJson>,
}

#[derive(Debug, Serialize)]
struct StatusRowJson {
    revision: String,
    name: String,
    state: &'static str,
    late: bool,
    kind: &'static str,
    sha256: String,
    applied_sha256: Option<String>,
    applied_at: Option<String>,
    duration_ms: Option<u64>,
    rows_read: Option<u64>,
    rows_written: Option<u64>,
    applied_by: Option<String>,
    /// Of a partial one: statements that took effect.
    statements_done: Option<u64>,
}

impl StatusJson {
    /// The rows, and what is wrong with the project.
    pub fn new(database: DatabaseJson, history: &History, rows: &[StatusRow<'_>], report: &CatalogReport) -> Self {
        let all = [Standing::Applied, Standing::Pending, Standing::Partial, Standing::Missing, Standing::Changed];
        let counts = all.map(|it| (it.name(), rows.iter().filter(|row| row.standing == it).count()));
        Self {
            schema: SCHEMA,
            command: "status",
            database,
            current: history.current().map(Record::id),
            counts: counts.into_iter().collect(),
            migrations: rows.iter().map(StatusRowJson::new).collect(),
            problems: ProblemJson::all(report),
        }
    }
}

impl StatusRowJson {
    fn new(row: &StatusRow<'_>) -> Self {
        let kind = row.migration.map(|it| it.kind).or_else(|| row.record.map(|record| record.kind));
        let applied = row.record.map(|record| record.sha256.clone());
        Self {
            revision: row.revision().to_owned(),
            name: row.name().to_owned(),
            state: row.standing.name(),
            late: row.late,
            kind: kind.map(crate::project::catalog::Kind::name).unwrap_or_default(),
            sha256: row.migration.map(|it| it.sha256.clone()).or_else(|| applied.clone()).unwrap_or_default(),
            applied_sha256: applied,
            applied_at: row.record.map(|record| record.started_at.clone()),
            duration_ms: row.record.map(|record| record.duration_ms),
            rows_read: row.record.map(|record| record.rows_read),
            rows_written: row.record.map(|record| record.rows_written),
            applied_by: row.record.map(|record| record.applied_by.clone()),
            statements_done: row.record.filter(|_| row.standing == Standing::Partial).map(|record| record.steps_done),
        }
    }
}

/// `runner current`.
#[derive(Debug, Serialize)]
pub struct CurrentJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    current: Option<String>,
    revision: Option<String>,
}

impl CurrentJson {
    /// Where the database is.
    pub fn new(database: DatabaseJson, history: &History) -> Self {
        let current = history.current();
        Self {
            schema: SCHEMA,
            command: "current",
            database,
            current: current.map(Record::id),
            revision: current.map(|record| record.revision.clone()),
        }
    }
}

/// `runner plan`.
#[derive(Debug, Serialize)]
pub struct PlanJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    target: String,
    current: Option<String>,
    steps: Vec<PlanStepJson>,
}

#[derive(Debug, Serialize)]
struct PlanStepJson {
    direction: String,
    revision: String,
    name: String,
    summary: String,
    kind: &'static str,
    mode: &'static str,
    sha256: String,
    needs: Vec<String>,
    /// `project` or `database`.
    source: &'static str,
    resume_after: Option<u64>,
    /// On the way down: steps of an upgrade that broke off.
    upgrade_steps_done: Option<u64>,
    /// Of a migration in SQL: how many statements it has.
    statements: Option<u64>,
    /// Of a migration in SQL: how many of them change the schema on a server that commits that at once.
    schema_commits: Option<u64>,
    /// Whether a dry run can try it.
    dry_run: bool,
    /// With `--sql`, of a migration in SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
}

impl PlanJson {
    /// The plan, with its SQL if that was asked for.
    pub fn new(
        database: DatabaseJson,
        target: String,
        plan: &Plan,
        looks: &[StepLook],
        sql: Option<&[Option<String>]>,
    ) -> Self {
        let sql = |at: usize| sql.and_then(|sql| sql.get(at)?.clone());
        let look = |at: usize| looks.get(at).copied().unwrap_or_default();
        Self {
            schema: SCHEMA,
            command: "plan",
            database,
            target,
            current: plan.current.clone(),
            steps: plan.steps.iter().enumerate().map(|(at, step)| PlanStepJson::new(step, look(at), sql(at))).collect(),
        }
    }
}

impl PlanStepJson {
    fn new(step: &Step, look: StepLook, sql: Option<String>) -> Self {
        Self {
            direction: step.direction.to_string(),
            revision: step.revision.clone(),
            name: step.name.clone(),
            summary: step.description.summary.clone(),
            kind: step.kind.name(),
            mode: step.mode.name(),
            sha256: step.sha256.clone(),
            needs: step.description.needs.clone(),
            source: match step.source {
                Source::Project => "project",
                Source::Database => "database",
            },
            resume_after: step.resume_after,
            upgrade_steps_done: step.broken.map(|broken| broken.steps),
            statements: look.statements.map(|it| it.count),
            schema_commits: look.statements.map(|it| it.committing),
            dry_run: look.dry_run,
            sql,
        }
    }
}

/// `runner history`.
#[derive(Debug, Serialize)]
pub struct HistoryJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    runs: Vec<RecordJson>,
}

impl HistoryJson {
    /// All rows of history.
    pub fn new(database: DatabaseJson, records: &[Record], repairs: &[Repair]) -> Self {
        let runs = records.iter().map(|record| RecordJson::new(record, repairs)).collect();
        Self { schema: SCHEMA, command: "history", database, runs }
    }
}

#[derive(Debug, Serialize)]
struct RecordJson {
    revision: String,
    name: String,
    summary: String,
    kind: &'static str,
    sha256: String,
    mode: &'static str,
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
    /// As text: JSON's numbers are not sure beyond 2^53.
    seed: String,
    applied_by: String,
    tool_version: String,
    reason: Option<String>,
    statements_done: u64,
    statement_started: Option<u64>,
    /// Of a transform under way.
    chunks_done: u64,
    chunk_rows: u64,
    /// What operators said of it.
    repairs: Vec<RepairedJson>,
    rolled_back_at: Option<String>,
    rolled_back_by: Option<String>,
    rolled_back_run_id: Option<String>,
    rolled_back_duration_ms: Option<u64>,
    rolled_back_rows_read: Option<u64>,
    rolled_back_rows_written: Option<u64>,
}

impl RecordJson {
    fn new(record: &Record, repairs: &[Repair]) -> Self {
        let of_it = repairs.iter().filter(|repair| repair.history == record.id);
        Self {
            repairs: of_it.map(RepairedJson::new).collect(),
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
            chunks_done: record.committed.chunks,
            chunk_rows: record.committed.rows_written,
            rolled_back_at: record.rolled_back_at.clone(),
            rolled_back_by: record.rolled_back_by.clone(),
            rolled_back_run_id: record.rolled_back_run_id.clone(),
            rolled_back_duration_ms: record.rolled_back_duration_ms,
            rolled_back_rows_read: record.rolled_back_rows_read,
            rolled_back_rows_written: record.rolled_back_rows_written,
        }
    }
}

/// `runner show`.
#[derive(Debug, Serialize)]
pub struct ShowJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    revision: String,
    name: String,
    state: &'static str,
    late: bool,
    project: Option<MigrationJson>,
    /// Whether the database keeps the bytes of what is applied.
    stored: bool,
    runs: Vec<RecordJson>,
}

/// A migration of the project.
#[derive(Debug, Serialize)]
pub(super) struct MigrationJson {
    summary: String,
    kind: &'static str,
    sha256: String,
    mode: &'static str,
    dialects: Vec<&'static str>,
    depends_on: Vec<String>,
    needs: Vec<String>,
    reversible: bool,
    locked: bool,
    assets: BTreeMap<String, String>,
}

impl ShowJson {
    /// One revision in full.
    pub fn new(
        database: DatabaseJson,
        row: &StatusRow<'_>,
        records: &[&Record],
        repairs: &[Repair],
        stored: bool,
    ) -> Self {
        Self {
            schema: SCHEMA,
            command: "show",
            database,
            revision: row.revision().to_owned(),
            name: row.name().to_owned(),
            state: row.standing.name(),
            late: row.late,
            project: row.migration.map(MigrationJson::new),
            stored,
            runs: records.iter().map(|record| RecordJson::new(record, repairs)).collect(),
        }
    }
}

impl MigrationJson {
    pub(super) fn new(migration: &Migration) -> Self {
        let description = &migration.description;
        let (no_way_back, assets) = match &migration.artifact {
            Artifact::Sql { down, .. } => (down.is_none(), BTreeMap::new()),
            Artifact::Component { assets, .. } => (false, assets.clone()),
        };
        Self {
            summary: description.summary.clone(),
            kind: migration.kind.name(),
            sha256: migration.sha256.clone(),
            mode: description.mode.name(),
            dialects: description.dialects.iter().map(|dialect| dialect.name()).collect(),
            depends_on: description.depends_on.clone(),
            needs: description.needs.clone(),
            reversible: !description.irreversible && !no_way_back,
            locked: migration.locked,
            assets,
        }
    }
}
