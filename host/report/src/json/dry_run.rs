//! The report of a dry run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::milliseconds;
use super::unrepeatable::UnrepeatableJson;
use runner_engine::event::dry_run::{Cell, Change, Ending, Report, Sample, Tried, TriedMigration};

/// The report of a dry run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DryRunJson {
    /// `transaction`, `copy` or `scratch database`.
    ground: &'static str,
    caveats: Vec<String>,
    migrations: Vec<TriedMigrationJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TriedMigrationJson {
    revision: String,
    name: String,
    /// `upgrade` or `downgrade`.
    direction: String,
    steps: Vec<StepJson>,
    /// Number of steps that are not listed.
    steps_left_out: u64,
    /// Rows that its writers changed.
    samples: Vec<SampleJson>,
    /// Statements of a component that may do something else in the real run.
    #[serde(flatten)]
    unrepeatable: UnrepeatableJson,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StepJson {
    number: u64,
    statement: String,
    parameters: Vec<String>,
    rows: u64,
    duration_ms: f64,
    /// `done`, `not-run` or `failed`.
    result: &'static str,
    /// Why it failed.
    error: Option<String>,
    /// Number of consecutive steps with this statement.
    times: u64,
    samples: Vec<SampleJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SampleJson {
    what: String,
    rows: u64,
    changes: Vec<ChangeJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangeJson {
    key: BTreeMap<String, String>,
    before: Option<BTreeMap<String, String>>,
    after: Option<BTreeMap<String, String>>,
}

impl DryRunJson {
    /// The JSON of a report.
    pub fn new(report: &Report) -> Self {
        Self {
            ground: report.ground,
            caveats: report.caveats.clone(),
            migrations: report.migrations.iter().map(TriedMigrationJson::new).collect(),
        }
    }
}

impl TriedMigrationJson {
    fn new(migration: &TriedMigration) -> Self {
        Self {
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            direction: migration.direction.to_string(),
            steps: migration.steps.iter().map(StepJson::new).collect(),
            steps_left_out: migration.steps_left_out,
            samples: migration.samples.iter().map(SampleJson::new).collect(),
            unrepeatable: UnrepeatableJson::new(&migration.unrepeatable),
        }
    }
}

impl StepJson {
    fn new(step: &Tried) -> Self {
        let (result, error) = match &step.ending {
            Ending::Done => ("done", None),
            Ending::NotRun => ("not-run", None),
            Ending::Failed(message) => ("failed", Some(message.clone())),
        };
        Self {
            number: step.number,
            statement: step.statement.clone(),
            parameters: step.parameters.clone(),
            rows: step.rows,
            duration_ms: milliseconds(step.duration),
            result,
            error,
            times: step.times,
            samples: step.samples.iter().map(SampleJson::new).collect(),
        }
    }
}

impl SampleJson {
    fn new(sample: &Sample) -> Self {
        let change = |change: &Change| ChangeJson {
            key: cells(&change.key),
            before: change.before.as_deref().map(cells),
            after: change.after.as_deref().map(cells),
        };
        Self { what: sample.what.clone(), rows: sample.rows, changes: sample.changes.iter().map(change).collect() }
    }
}

fn cells(cells: &[Cell]) -> BTreeMap<String, String> {
    cells.iter().map(|cell| (cell.column.clone(), cell.value.clone())).collect()
}
