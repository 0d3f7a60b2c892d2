//! The output of `runner status` and `runner plan`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::control::RunsJson;
use super::problem::ProblemJson;
use super::refusal::RefusalJson;
use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, ErrorJson, SCHEMA};
use runner_engine::control::look::Overview;
use runner_engine::history::{History, Record};
use runner_engine::isolation::Barrier;
use runner_engine::plan::{
    HeldLock, Inspection, Plan, PlannedMigration, Refusal, Source, granted_lines, missing_grants,
};
use runner_engine::status::{Standing, StatusRow};
use runner_project::catalog::{Artifact, CatalogReport, Migration};
use runner_project::script::{RuntimePin, ScriptFiles};
use runner_sql::{Held, Sql};

/// `runner status`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatusJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    current: Option<String>,
    counts: BTreeMap<&'static str, usize>,
    migrations: Vec<StatusRowJson>,
    /// Where the project does not match the lockfile.
    problems: Vec<ProblemJson>,
    #[serde(flatten)]
    now: RunsJson,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StatusRowJson {
    revision: String,
    name: String,
    /// `applied`, `pending`, `partial`, `missing` or `changed`.
    state: &'static str,
    out_of_order: bool,
    kind: &'static str,
    sha256: String,
    applied_sha256: Option<String>,
    applied_at: Option<String>,
    /// With the two after it: `null` as long as its run has not recorded them, because it still works or was killed.
    duration_ms: Option<u64>,
    rows_read: Option<u64>,
    rows_written: Option<u64>,
    applied_by: Option<String>,
    /// If partial: number of statements that took effect.
    statements_done: Option<u64>,
}

impl StatusJson {
    /// The rows, and the problems of the project.
    pub fn new(
        database: DatabaseJson,
        history: &History,
        rows: &[StatusRow<'_>],
        report: &CatalogReport,
        overview: &Overview,
    ) -> Self {
        let all = [Standing::Applied, Standing::Pending, Standing::Partial, Standing::Missing, Standing::Changed];
        let counts = all.map(|it| (it.name(), rows.iter().filter(|row| row.standing == it).count()));
        Self {
            schema: SCHEMA,
            command: "status",
            database,
            current: history.current().map(Record::id),
            counts: counts.into_iter().collect(),
            migrations: rows.iter().map(|row| StatusRowJson::new(row, overview)).collect(),
            problems: ProblemJson::all(report),
            now: RunsJson::new(overview),
        }
    }
}

impl StatusRowJson {
    fn new(row: &StatusRow<'_>, overview: &Overview) -> Self {
        let totals = row.record.filter(|record| !overview.is_unfinished(&record.revision));
        let kind = row.migration.map(|it| it.kind).or_else(|| row.record.map(|record| record.kind));
        let applied = row.record.map(|record| record.sha256.clone());
        Self {
            revision: row.revision().to_owned(),
            name: row.name().to_owned(),
            state: row.standing.name(),
            out_of_order: row.late,
            kind: kind.map(runner_project::catalog::Kind::name).unwrap_or_default(),
            sha256: row.migration.map(|it| it.sha256.clone()).or_else(|| applied.clone()).unwrap_or_default(),
            applied_sha256: applied,
            applied_at: row.record.map(|record| record.started_at.clone()),
            duration_ms: totals.map(|record| record.duration_ms),
            rows_read: totals.map(|record| record.rows_read),
            rows_written: totals.map(|record| record.rows_written),
            applied_by: row.record.map(|record| record.applied_by.clone()),
            statements_done: row.record.filter(|_| row.standing == Standing::Partial).map(|record| record.steps_done),
        }
    }
}

/// `runner plan`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlanJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    target: String,
    current: Option<String>,
    migrations: Vec<PlannedJson>,
    /// What cannot run in the downgrades of these migrations.
    warnings: Vec<RefusalJson>,
    /// What reaches past the grants of these components.
    notes: Vec<String>,
    /// Why none of this runs: a need that is not granted, or `isolation = "required"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedJson {
    /// `upgrade` or `downgrade`.
    direction: String,
    revision: String,
    name: String,
    summary: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    /// `atomic` or `stepwise`.
    mode: &'static str,
    /// Of a component: what holds it back: `authorizer`, `separate-logins` or `shared-login`.
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<&'static str>,
    sha256: String,
    /// What it declares to need, or what its package asks for: lines such as `read flights(id, dep_time)`, `raw_sql`,
    /// `function random`, `limit guest_memory = 1GiB` and `table-rebuild`.
    needs: Vec<String>,
    /// Of a component that the settings restrict: what it may do, in the words of `needs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Vec<String>>,
    /// Which of its needs are not granted, or above a limit: it does not run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_grants: Vec<String>,
    /// `project` or `database`.
    source: &'static str,
    resume_after: Option<u64>,
    /// Of a downgrade: completed steps of the unfinished upgrade.
    upgrade_steps_done: Option<u64>,
    /// Of a SQL migration: number of statements.
    statements: Option<u64>,
    /// Of a SQL migration: number of schema changes that the server commits implicitly.
    schema_commits: Option<u64>,
    /// Whether a dry run can run it.
    dry_run: bool,
    /// Of a component that has run on this database: statements that may do something else in another run.
    #[serde(flatten)]
    unrepeatable: UnrepeatableJson,
    /// Of a SQL migration: large tables that it keeps locked until it, or the transaction that changes them, ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locks: Vec<HeldLockJson>,
    /// Of a SQL migration, with `--sql`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
}

impl PlanJson {
    /// The plan, with its SQL if requested, and what is to be known about it.
    pub fn new(
        database: DatabaseJson,
        target: String,
        plan: &Plan,
        looks: &[Inspection],
        sql: Option<&[Option<Sql>]>,
        (warnings, notes, error): (&[Refusal], &[String], Option<ErrorJson>),
    ) -> Self {
        let sql = |at: usize| sql.and_then(|sql| Some(sql.get(at)?.as_ref()?.to_string()));
        let look = |at: usize| looks.get(at).cloned().unwrap_or_default();
        Self {
            schema: SCHEMA,
            command: "plan",
            database,
            target,
            current: plan.current.clone(),
            migrations: plan
                .steps
                .iter()
                .enumerate()
                .map(|(at, step)| PlannedJson::new(step, look(at), sql(at)))
                .collect(),
            warnings: warnings.iter().map(RefusalJson::new).collect(),
            notes: notes.to_vec(),
            error,
        }
    }
}

/// A large table that a migration keeps locked.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HeldLockJson {
    table: String,
    /// As the server estimates.
    rows: u64,
    /// `table`, or `rows`: all rows, for writing.
    held: &'static str,
}

impl HeldLockJson {
    fn new(lock: HeldLock) -> Self {
        let held = match lock.held {
            Held::Table => "table",
            Held::Rows => "rows",
        };
        Self { table: lock.table, rows: lock.rows, held }
    }
}

impl PlannedJson {
    fn new(step: &PlannedMigration, look: Inspection, sql: Option<String>) -> Self {
        Self {
            direction: step.direction.to_string(),
            revision: step.revision.clone(),
            name: step.name.clone(),
            summary: step.description.summary.clone(),
            kind: step.kind.name(),
            mode: step.mode.name(),
            isolation: step.isolation.map(Barrier::name),
            sha256: step.sha256.clone(),
            needs: step.description.shown_needs(),
            granted: step.grants.as_deref().map(granted_lines),
            missing_grants: missing_grants(step),
            source: match step.source {
                Source::Project => "project",
                Source::Database => "database",
            },
            resume_after: step.resume_after,
            upgrade_steps_done: step.broken.map(|broken| broken.steps),
            statements: look.statements.map(|it| it.count),
            schema_commits: look.statements.map(|it| it.committing),
            dry_run: look.dry_run,
            unrepeatable: UnrepeatableJson::new(&look.unrepeatable),
            locks: look.locks.into_iter().map(HeldLockJson::new).collect(),
            sql,
        }
    }
}

/// A migration of the project.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct MigrationJson {
    summary: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    sha256: String,
    /// `auto`, `atomic` or `stepwise`.
    mode: &'static str,
    dialects: Vec<&'static str>,
    depends_on: Vec<String>,
    needs: Vec<String>,
    reversible: bool,
    locked: bool,
    /// The files that a component or a script can read, and their digests.
    assets: BTreeMap<String, String>,
    /// What runs a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<RuntimeJson>,
}

/// A runtime.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RuntimeJson {
    name: String,
    sha256: String,
}

impl MigrationJson {
    pub(super) fn new(migration: &Migration) -> Self {
        let description = &migration.description;
        let (is_irreversible, assets) = match &migration.artifact {
            Artifact::Sql { down, .. } => (down.is_none(), BTreeMap::new()),
            Artifact::Component { assets, .. } => (false, assets.clone()),
            Artifact::Script(script) => {
                (false, script.companions().map(|(path, it)| (path.clone(), it.clone())).collect())
            }
        };
        Self {
            summary: description.summary.clone(),
            kind: migration.kind.name(),
            sha256: migration.sha256.clone(),
            mode: description.mode.name(),
            dialects: description.dialects.iter().map(|dialect| dialect.name()).collect(),
            depends_on: description.depends_on.clone(),
            needs: description.shown_needs(),
            reversible: !description.irreversible && !is_irreversible,
            locked: migration.locked,
            assets,
            runtime: match &migration.artifact {
                Artifact::Script(ScriptFiles { runtime: RuntimePin { name, sha256 }, .. }) => {
                    Some(RuntimeJson { name: name.clone(), sha256: sha256.clone() })
                }
                _ => None,
            },
        }
    }
}
