//! The output of `runner repair`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};

use runner_engine::history::{ACCEPT_CHANGED, Repair};
use runner_engine::journal::{Known, Unknown};
use runner_engine::repair::Survey;

/// `runner repair`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RepairJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    revision: String,
    name: String,
    kind: &'static str,
    /// The state before the command.
    state: &'static str,
    direction: String,
    steps_done: u64,
    /// Of the unfinished transform.
    chunks_done: u64,
    chunk_rows: u64,
    last_run: Option<LastRunJson>,
    unknown: Option<UnknownJson>,
    /// Why the journal cannot be used.
    damage: Option<String>,
    last_effects: Vec<String>,
    choices: Vec<ChoiceJson>,
    repairs: Vec<RepairedJson>,
    /// What the command recorded.
    recorded: Option<RepairedJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LastRunJson {
    run_id: String,
    by: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnknownJson {
    step: u64,
    kind: String,
    statement: String,
    digest: String,
    started_at: String,
    /// `took-effect`, `no-effect`, `repeatable`, `halved` or `nothing`.
    known: &'static str,
    /// Whether the next run needs a decision of the operator.
    waits: bool,
    found: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChoiceJson {
    flag: String,
    does: String,
}

/// A repair of a revision by an operator.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RepairedJson {
    direction: String,
    step: Option<u64>,
    action: String,
    statement: String,
    /// For `accept-changed`: the digest of the build before.
    replaced_sha256: Option<String>,
    rows_affected: Option<u64>,
    why: String,
    at: String,
    by: String,
    run_id: String,
}

impl RepairJson {
    /// What is known of a revision.
    pub fn shown(database: DatabaseJson, survey: &Survey) -> Self {
        let record = &survey.record;
        let choice = |(action, does): (runner_engine::repair::RepairAction, String)| ChoiceJson {
            flag: action.to_string(),
            does,
        };
        let damage = survey.damage.as_ref();
        Self {
            schema: SCHEMA,
            command: "repair",
            database,
            revision: record.revision.clone(),
            name: record.name.clone(),
            kind: record.kind.name(),
            state: record.state.name(),
            direction: survey.direction.to_string(),
            steps_done: record.steps_done,
            chunks_done: record.committed.chunks,
            chunk_rows: record.committed.rows_written,
            last_run: survey
                .head
                .as_ref()
                .map(|head| LastRunJson { run_id: head.worker.run_id.clone(), by: head.worker.by.clone() }),
            unknown: survey.unknown.as_ref().map(|unknown| UnknownJson::new(unknown, &survey.found)),
            damage: damage.map(|error| error.causes.first().unwrap_or(&error.message).clone()),
            last_effects: survey.effects.clone(),
            choices: survey.choices().into_iter().map(choice).collect(),
            repairs: survey.repairs.iter().map(RepairedJson::new).collect(),
            recorded: None,
        }
    }

    /// What the command recorded.
    pub fn done(database: DatabaseJson, before: &Survey, repair: &Repair) -> Self {
        Self { recorded: Some(RepairedJson::new(repair)), ..Self::shown(database, before) }
    }
}

impl UnknownJson {
    fn new(unknown: &Unknown, found: &[String]) -> Self {
        Self {
            step: unknown.step,
            kind: unknown.kind.clone(),
            statement: unknown.statement.clone(),
            digest: unknown.digest.clone(),
            started_at: unknown.began_at.clone(),
            known: match unknown.known {
                Known::TookEffect => "took-effect",
                Known::NoEffect => "no-effect",
                Known::Repeatable => "repeatable",
                Known::Halved => "halved",
                Known::Nothing => "nothing",
            },
            waits: unknown.known.waits_for_the_operator(),
            found: found.to_vec(),
        }
    }
}

impl RepairedJson {
    pub(super) fn new(repair: &Repair) -> Self {
        let is_accepted = repair.action == ACCEPT_CHANGED;
        Self {
            direction: repair.direction.clone(),
            step: repair.step,
            action: repair.action.clone(),
            statement: if is_accepted { String::new() } else { repair.statement.clone() },
            replaced_sha256: is_accepted.then(|| repair.statement.clone()),
            rows_affected: repair.rows,
            why: repair.why.clone(),
            at: repair.at.clone(),
            by: repair.by.clone(),
            run_id: repair.run_id.clone(),
        }
    }
}
