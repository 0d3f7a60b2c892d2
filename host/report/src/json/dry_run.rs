//! The report of a dry run.

use std::collections::BTreeMap;

use super::milliseconds;
use super::unrepeatable::UnrepeatableJson;
use runner_engine::event::dry_run::{Cell, Change, Ending, Report, Sample, Tried, TriedMigration};

document! {
    /// The report of a dry run.
    pub struct DryRunJson(report: &Report) {
        /// `transaction`, `copy` or `scratch database`.
        ground: &'static str = report.ground,
        caveats: Vec<String> = report.caveats.clone(),
        migrations: Vec<TriedMigrationJson> = report.migrations.iter().map(TriedMigrationJson::new).collect(),
    }

    struct TriedMigrationJson(migration: &TriedMigration) {
        revision: String = migration.revision.clone(),
        name: String = migration.name.clone(),
        /// `upgrade` or `downgrade`.
        direction: String = migration.direction.to_string(),
        steps: Vec<StepJson> = migration.steps.iter().map(StepJson::new).collect(),
        /// Number of steps that are not listed.
        steps_left_out: u64 = migration.steps_left_out,
        /// Rows that its writers changed.
        samples: Vec<SampleJson> = migration.samples.iter().map(SampleJson::new).collect(),
        /// Statements of a component that may do something else in the real run.
        #[serde(flatten)]
        unrepeatable: UnrepeatableJson = UnrepeatableJson::new(&migration.unrepeatable),
    }

    struct StepJson(step: &Tried) with {
        let (result, error) = match &step.ending {
            Ending::Done => ("done", None),
            Ending::NotRun => ("not-run", None),
            Ending::Failed(message) => ("failed", Some(message.clone())),
        };
    } {
        number: u64 = step.number,
        statement: String = step.statement.clone(),
        parameters: Vec<String> = step.parameters.clone(),
        rows: u64 = step.rows,
        duration_ms: f64 = milliseconds(step.duration),
        /// `done`, `not-run` or `failed`.
        result: &'static str = result,
        /// Why it failed.
        error: Option<String> = error,
        /// Number of consecutive steps with this statement.
        times: u64 = step.times,
        samples: Vec<SampleJson> = step.samples.iter().map(SampleJson::new).collect(),
    }

    struct SampleJson(sample: &Sample) {
        what: String = sample.what.clone(),
        rows: u64 = sample.rows,
        changes: Vec<ChangeJson> = sample.changes.iter().map(ChangeJson::new).collect(),
    }

    struct ChangeJson(change: &Change) {
        key: BTreeMap<String, String> = cells(&change.key),
        before: Option<BTreeMap<String, String>> = change.before.as_deref().map(cells),
        after: Option<BTreeMap<String, String>> = change.after.as_deref().map(cells),
    }
}

fn cells(cells: &[Cell]) -> BTreeMap<String, String> {
    cells.iter().map(|cell| (cell.column.clone(), cell.value.clone())).collect()
}
