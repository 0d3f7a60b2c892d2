//! The output of `runner status` and `runner plan`.

use std::collections::BTreeMap;

use super::control::RunsJson;
use super::problem::ProblemJson;
use super::refusal::RefusalJson;
use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, ErrorJson, SCHEMA};
use runner_engine::chunks::{Chunks, Pace};
use runner_engine::control::overview::Overview;
use runner_engine::history::{History, Record};
use runner_engine::isolation::Barrier;
use runner_engine::plan::{HeldLock, Inspection, Plan, PlannedMigration, Refusal, granted_lines, missing_grants};
use runner_engine::status::{Standing, StatusRow};
use runner_project::catalog::{Artifact, CatalogReport, Migration};
use runner_project::script::{RuntimePin, ScriptFiles};
use runner_sql::Sql;

document! {
    /// `runner status`.
    pub struct StatusJson(
        database: DatabaseJson, history: &History, rows: &[StatusRow<'_>], report: &CatalogReport, overview: &Overview,
    ) with {
        let all = [Standing::Applied, Standing::Pending, Standing::Partial, Standing::Missing, Standing::Changed];
        let counts = all.map(|it| (it.name(), rows.iter().filter(|row| row.standing == it).count()));
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "status",
        database: DatabaseJson = database,
        current: Option<String> = history.current().map(Record::id),
        counts: BTreeMap<&'static str, usize> = counts.into_iter().collect(),
        migrations: Vec<StatusRowJson> = rows.iter().map(|row| StatusRowJson::new(row, overview)).collect(),
        /// Where the project does not match the lockfile.
        problems: Vec<ProblemJson> = ProblemJson::all(report),
        #[serde(flatten)]
        now: RunsJson = RunsJson::new(overview),
    }

    struct StatusRowJson(row: &StatusRow<'_>, overview: &Overview) with {
        let totals = row.record.filter(|record| !overview.is_unfinished(&record.revision));
        let kind = row.migration.map(|it| it.kind).or_else(|| row.record.map(|record| record.kind));
        let applied = row.record.map(|record| record.sha256.clone());
        let partial = row.record.filter(|_| row.standing == Standing::Partial);
    } {
        revision: String = row.revision().to_owned(),
        name: String = row.name().to_owned(),
        /// `applied`, `pending`, `partial`, `missing` or `changed`.
        state: &'static str = row.standing.name(),
        out_of_order: bool = row.late,
        kind: &'static str = kind.map(runner_project::catalog::Kind::name).unwrap_or_default(),
        sha256: String = row.migration.map(|it| it.sha256.clone()).or_else(|| applied.clone()).unwrap_or_default(),
        applied_sha256: Option<String> = applied,
        applied_at: Option<String> = row.record.map(|record| record.started_at.clone()),
        /// With the two after it: `null` as long as its run has not recorded them, because it still works or was killed.
        duration_ms: Option<u64> = totals.map(|record| record.duration_ms),
        rows_read: Option<u64> = totals.map(|record| record.rows_read),
        rows_written: Option<u64> = totals.map(|record| record.rows_written),
        applied_by: Option<String> = row.record.map(|record| record.applied_by.clone()),
        /// If partial: number of statements that took effect.
        statements_done: Option<u64> = partial.map(|record| record.steps_done),
    }

    /// `runner plan`.
    pub struct PlanJson(
        database: DatabaseJson, target: String, plan: &Plan, looks: &[Inspection], sql: Option<&[Option<Sql>]>,
        (warnings, notes, error): (&[Refusal], &[String], Option<ErrorJson>),
    ) with {
        let steps = plan.steps.iter().enumerate();
        let sql = |at: usize| sql.and_then(|sql| Some(sql.get(at)?.as_ref()?.to_string()));
        let look = |at: usize| looks.get(at).cloned().unwrap_or_default();
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "plan",
        database: DatabaseJson = database,
        target: String = target,
        current: Option<String> = plan.current.clone(),
        migrations: Vec<PlannedJson> = steps.map(|(at, step)| PlannedJson::new(step, look(at), sql(at))).collect(),
        /// What cannot run in the downgrades of these migrations.
        warnings: Vec<RefusalJson> = warnings.iter().map(RefusalJson::new).collect(),
        /// What reaches past the grants of these components.
        notes: Vec<String> = notes.to_vec(),
        /// Why none of this runs: a need that is not granted, or `isolation = "required"`.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorJson> = error,
    }

    struct PlannedJson(step: &PlannedMigration, look: Inspection, sql: Option<String>) {
        /// `upgrade` or `downgrade`.
        direction: String = step.direction.to_string(),
        revision: String = step.revision.clone(),
        name: String = step.name.clone(),
        summary: String = step.description.summary.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = step.kind.name(),
        /// `atomic` or `stepwise`.
        mode: &'static str = step.mode.name(),
        /// Of a component: what holds it back: `authorizer`, `separate-logins` or `shared-login`.
        #[serde(skip_serializing_if = "Option::is_none")]
        isolation: Option<&'static str> = step.isolation.map(Barrier::name),
        sha256: String = step.sha256.clone(),
        /// What it declares to need, or what its package asks for: lines such as `read flights(id, dep_time)`, `raw_sql`,
        /// `function random`, `limit guest_memory = 1GiB` and `table-rebuild`.
        needs: Vec<String> = step.description.shown_needs(),
        /// Of a component that the settings restrict: what it may do, in the words of `needs`.
        #[serde(skip_serializing_if = "Option::is_none")]
        granted: Option<Vec<String>> = step.grants.as_deref().map(granted_lines),
        /// Which of its needs are not granted, or above a limit: it does not run.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        missing_grants: Vec<String> = missing_grants(step),
        /// `project` or `database`.
        source: &'static str = step.source.name(),
        resume_after: Option<u64> = step.resume_after,
        /// Of a downgrade: completed steps of the unfinished upgrade.
        upgrade_steps_done: Option<u64> = step.broken.map(|broken| broken.steps),
        /// Of a SQL migration: number of statements.
        statements: Option<u64> = look.statements.map(|it| it.count),
        /// Of a SQL migration: number of schema changes that the server commits implicitly.
        schema_commits: Option<u64> = look.statements.map(|it| it.committing),
        /// Whether a dry run can run it.
        dry_run: bool = look.dry_run,
        /// Of a component or a script that commits its steps: how its transforms are cut.
        #[serde(skip_serializing_if = "Option::is_none")]
        chunks: Option<ChunksJson> = look.chunks.map(ChunksJson::new),
        /// Of a component that has run on this database: statements that may do something else in another run.
        #[serde(flatten)]
        unrepeatable: UnrepeatableJson = UnrepeatableJson::new(&look.unrepeatable),
        /// Of a SQL migration: large tables that it keeps locked until it, or the transaction that changes them, ends.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        locks: Vec<HeldLockJson> = look.locks.into_iter().map(HeldLockJson::new).collect(),
        /// Of a SQL migration, with `--sql`.
        #[serde(skip_serializing_if = "Option::is_none")]
        sql: Option<String> = sql,
    }

    /// How a transform is cut into chunks, each of which commits.
    struct ChunksJson(chunks: Chunks) {
        /// The most rows of one.
        rows: u64 = chunks.most,
        /// How long one may hold its rows, in milliseconds; unless `always`, once others wait for them. None: it has all of its rows.
        time_ms: Option<u64> = chunks.pace.time().map(|time| time.as_millis() as u64),
        /// Whether the time counts from the first chunk on.
        always: bool = matches!(chunks.pace, Pace::Timed(_)),
    }

    /// A large table that a migration keeps locked.
    struct HeldLockJson(lock: HeldLock) {
        table: String = lock.table,
        /// As the server estimates.
        rows: u64 = lock.rows,
        /// `table`, or `rows`: all rows, for writing.
        held: &'static str = lock.held.name(),
    }

    /// A migration of the project.
    pub(super) struct MigrationJson(migration: &Migration) with {
        let description = &migration.description;
        let (is_irreversible, assets) = match &migration.artifact {
            Artifact::Sql { texts, .. } => (!texts.has_down(), BTreeMap::new()),
            Artifact::Component { assets, .. } => (false, assets.clone()),
            Artifact::Script(script) => {
                (false, script.companions().map(|(path, it)| (path.clone(), it.clone())).collect())
            }
        };
    } {
        summary: String = description.summary.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = migration.kind.name(),
        sha256: String = migration.sha256.clone(),
        /// `auto`, `atomic` or `stepwise`.
        mode: &'static str = description.mode.name(),
        dialects: Vec<&'static str> = description.dialects.iter().map(|dialect| dialect.name()).collect(),
        depends_on: Vec<String> = description.depends_on.clone(),
        needs: Vec<String> = description.shown_needs(),
        reversible: bool = !description.irreversible && !is_irreversible,
        locked: bool = migration.locked,
        /// The files that a component or a script can read, and their digests.
        assets: BTreeMap<String, String> = assets,
        /// What runs a script.
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime: Option<RuntimeJson> = match &migration.artifact {
            Artifact::Script(ScriptFiles { runtime: RuntimePin { name, sha256 }, .. }) => {
                Some(RuntimeJson::new(name, sha256))
            }
            _ => None,
        },
        /// The edition of the IANA time zones in the component or the runtime, such as `2026f`, if that says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        time_zones: Option<String> = description.time_zones.clone(),
    }

    /// A runtime.
    struct RuntimeJson(name: &str, sha256: &str) {
        name: String = name.to_owned(),
        sha256: String = sha256.to_owned(),
    }
}
