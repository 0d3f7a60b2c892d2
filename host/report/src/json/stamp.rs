//! The output of `runner stamp`, `runner baseline`, `runner repair --accept-checksum` and `runner db`.

use super::repair::RepairedJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::accept::Accepted;
use runner_engine::history::{History, Record};
use runner_engine::identity::Identity;
use runner_engine::plan::Mark;
use runner_engine::stamp::StampRequest;

document! {
    /// `runner stamp` and `runner baseline`.
    pub struct StampJson(
        database: DatabaseJson, request: &StampRequest, identity: &Identity, marks: &[Mark], history: &History,
    ) {
        schema: u32 = SCHEMA,
        command: &'static str = request.kind.name(),
        database: DatabaseJson = database,
        dry_run: bool = request.dry_run,
        run_id: String = identity.run_id.clone(),
        why: String = request.why.clone(),
        recorded: Vec<MarkJson> = marks.iter().map(MarkJson::new).collect(),
        /// The current revision afterwards.
        current: Option<String> = history.current().map(Record::id),
    }

    struct MarkJson(mark: &Mark) with {
        let (revision, name, state) = match mark {
            Mark::Applied(it) => (&it.revision, &it.name, "applied"),
            Mark::NotApplied(it) => (&it.revision, &it.name, "rolled-back"),
        };
    } {
        revision: String = revision.clone(),
        name: String = name.clone(),
        /// `applied` or `rolled-back`.
        state: &'static str = state,
    }

    /// `runner repair --accept-checksum`.
    pub struct AcceptJson(database: DatabaseJson, accepted: &Accepted) {
        schema: u32 = SCHEMA,
        command: &'static str = "repair",
        database: DatabaseJson = database,
        revision: String = accepted.before.revision.clone(),
        name: String = accepted.before.name.clone(),
        sha256: String = accepted.sha256.clone(),
        sha256_before: String = accepted.before.sha256.clone(),
        recorded: RepairedJson = RepairedJson::new(&accepted.repair),
    }

    /// `runner db create`, `drop` and `wait`.
    pub struct DbJson(database: DatabaseJson, action: &'static str, changed: bool) {
        schema: u32 = SCHEMA,
        command: &'static str = "db",
        database: DatabaseJson = database,
        /// `create`, `drop` or `wait`.
        action: &'static str = action,
        /// Whether it had to be created, existed to be dropped, or had to be waited for.
        changed: bool = changed,
    }
}
