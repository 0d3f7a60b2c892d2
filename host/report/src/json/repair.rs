//! The output of `runner repair`.

use super::{DatabaseJson, SCHEMA};
use runner_engine::history::Repair;
use runner_engine::journal::Unknown;
use runner_engine::repair::{RepairAction, Survey};

document! {
    /// `runner repair`.
    pub struct RepairJson(database: DatabaseJson, survey: &Survey, recorded: Option<&Repair>) with {
        let record = &survey.record;
        let head = survey.head.as_ref();
        let damage = survey.damage.as_ref();
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "repair",
        database: DatabaseJson = database,
        revision: String = record.revision.clone(),
        name: String = record.name.clone(),
        kind: &'static str = record.kind.name(),
        /// The state before the command.
        state: &'static str = record.state.name(),
        direction: String = survey.direction.to_string(),
        steps_done: u64 = record.steps_done,
        /// Of the unfinished transform.
        chunks_done: u64 = record.committed.chunks,
        chunk_rows: u64 = record.committed.rows_written,
        last_run: Option<LastRunJson> = head.map(|head| LastRunJson::new(&head.worker.run_id, &head.worker.by)),
        unknown: Option<UnknownJson> = survey.unknown.as_ref().map(|unknown| UnknownJson::new(unknown, &survey.found)),
        /// Why the journal cannot be used.
        damage: Option<String> = damage.map(|error| error.causes.first().unwrap_or(&error.message).clone()),
        last_effects: Vec<String> = survey.effects.clone(),
        choices: Vec<ChoiceJson> = survey.choices().into_iter().map(ChoiceJson::new).collect(),
        repairs: Vec<RepairedJson> = survey.repairs.iter().map(RepairedJson::new).collect(),
        /// What the command recorded.
        recorded: Option<RepairedJson> = recorded.map(RepairedJson::new),
    }

    struct LastRunJson(run_id: &str, by: &str) {
        run_id: String = run_id.to_owned(),
        by: String = by.to_owned(),
    }

    struct ChoiceJson((action, does): (RepairAction, String)) {
        flag: String = action.to_string(),
        does: String = does,
    }

    struct UnknownJson(unknown: &Unknown, found: &[String]) {
        step: u64 = unknown.step,
        kind: String = unknown.kind.clone(),
        statement: String = unknown.statement.clone(),
        digest: String = unknown.digest.clone(),
        started_at: String = unknown.began_at.clone(),
        /// `took-effect`, `no-effect`, `repeatable`, `halved` or `nothing`.
        known: &'static str = unknown.known.name(),
        /// Whether the next run needs a decision of the operator.
        waits: bool = unknown.known.waits_for_the_operator(),
        found: Vec<String> = found.to_vec(),
    }

    /// A repair of a revision by an operator.
    pub(super) struct RepairedJson(repair: &Repair) with {
        let is_handover = repair.is_handover();
    } {
        direction: String = repair.direction.clone(),
        step: Option<u64> = repair.step,
        action: String = repair.action.clone(),
        statement: String = if is_handover { String::new() } else { repair.statement.clone() },
        /// For `accept-changed` and `corrected`: the digest of the build before.
        replaced_sha256: Option<String> = is_handover.then(|| repair.statement.clone()),
        rows_affected: Option<u64> = repair.rows,
        why: String = repair.why.clone(),
        at: String = repair.at.clone(),
        by: String = repair.by.clone(),
        run_id: String = repair.run_id.clone(),
    }
}
