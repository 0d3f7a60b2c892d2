//! The output of `runner stamp`, `runner baseline`, `runner repair --accept-checksum` and `runner db`.

use serde::Serialize;

use super::repair::RepairedJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::accept::Accepted;
use runner_engine::history::{History, Record};
use runner_engine::identity::Identity;
use runner_engine::plan::Mark;
use runner_engine::stamp::StampRequest;

/// `runner stamp` and `runner baseline`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StampJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    dry_run: bool,
    run_id: String,
    why: String,
    recorded: Vec<MarkJson>,
    /// The current revision afterwards.
    current: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MarkJson {
    revision: String,
    name: String,
    /// `applied` or `rolled-back`.
    state: &'static str,
}

impl StampJson {
    /// What was recorded, or would be.
    pub fn new(
        database: DatabaseJson,
        request: &StampRequest,
        identity: &Identity,
        marks: &[Mark],
        history: &History,
    ) -> Self {
        let recorded = marks.iter().map(|mark| match mark {
            Mark::Applied(it) => MarkJson { revision: it.revision.clone(), name: it.name.clone(), state: "applied" },
            Mark::NotApplied(it) => {
                MarkJson { revision: it.revision.clone(), name: it.name.clone(), state: "rolled-back" }
            }
        });
        Self {
            schema: SCHEMA,
            command: request.kind.name(),
            database,
            dry_run: request.dry_run,
            run_id: identity.run_id.clone(),
            why: request.why.clone(),
            recorded: recorded.collect(),
            current: history.current().map(Record::id),
        }
    }
}

/// `runner repair --accept-checksum`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AcceptJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    revision: String,
    name: String,
    sha256: String,
    sha256_before: String,
    recorded: RepairedJson,
}

impl AcceptJson {
    /// What was accepted.
    pub fn new(database: DatabaseJson, accepted: &Accepted) -> Self {
        Self {
            schema: SCHEMA,
            command: "repair",
            database,
            revision: accepted.before.revision.clone(),
            name: accepted.before.name.clone(),
            sha256: accepted.sha256.clone(),
            sha256_before: accepted.before.sha256.clone(),
            recorded: RepairedJson::new(&accepted.repair),
        }
    }
}

/// `runner db create`, `drop` and `wait`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DbJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    /// `create`, `drop` or `wait`.
    action: &'static str,
    /// Whether it had to be created, existed to be dropped, or had to be waited for.
    changed: bool,
}

impl DbJson {
    /// What became of a database.
    pub fn new(database: DatabaseJson, action: &'static str, changed: bool) -> Self {
        Self { schema: SCHEMA, command: "db", database, action, changed }
    }
}
