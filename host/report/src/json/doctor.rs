//! The output of `runner doctor`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use crate::confined::Confined;
use runner_attack::{AttackReport, Ground};
use runner_database::Facts;
use runner_engine::isolation::Isolation;

/// `runner doctor`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DoctorJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    /// The version that the server reports; null if the database does not exist yet.
    version: Option<String>,
    /// The login on the server; null on SQLite.
    login: Option<String>,
    /// `authorizer`, `separate-logins` or `shared-login`: what holds components back.
    isolation: &'static str,
    /// What the login may do beyond its database, such as `superuser` or `read-files`.
    powers: Vec<&'static str>,
    facts: FactsJson,
    components: Vec<ConfinedJson>,
    /// What concerns others than components, or reaches past a grant.
    notes: Vec<String>,
    /// With `--attack`: what came of the attacks; else null.
    attack: Option<AttackJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttackJson {
    /// What held the attacker back: `authorizer`, `separate-logins` or `shared-login`.
    isolation: &'static str,
    /// `scratch-database`, `transaction` (on the database itself, rolled back) or `nowhere`: where attacks were tried.
    ground: &'static str,
    /// Why not on a scratch database; else null.
    because: Option<String>,
    /// Number of attacks that were tried.
    tried: usize,
    /// Those that were not tried, by the reason.
    not_tried: Vec<NotTriedJson>,
    /// Those that would have succeeded.
    succeeded: Vec<SucceededJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NotTriedJson {
    /// Why they were not tried.
    why: String,
    /// The statements of each.
    attacks: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SucceededJson {
    /// What was changed, or what a component may do, in words.
    what: Vec<&'static str>,
    statements: Vec<String>,
}

/// What the server can do, as far as it matters here.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FactsJson {
    /// What the server calls itself besides its version; null if it does not.
    comment: Option<String>,
    /// `file`, `advisory`, `user-locks` or `lease`: what keeps two runs apart.
    lock: &'static str,
    /// Whether a rollback undoes schema changes.
    transactional_ddl: bool,
    /// Whether a schema change takes effect completely or not at all, even if the server crashes.
    atomic_ddl: bool,
    /// Whether that holds for one that names several objects, too.
    atomic_lists: bool,
    /// Whether a SELECT can skip rows that others have locked.
    skips_locked: bool,
    /// Whether the server refuses writes.
    read_only: bool,
    /// The largest statement in bytes; null if there is no such limit.
    packet_bytes: Option<usize>,
    /// How far apart the numbers are that the server assigns; null if that is no setting.
    auto_increment_increment: Option<u64>,
    /// What the database is in a cluster of Citus; null without that extension.
    citus: Option<CitusJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CitusJson {
    /// The version of the extension.
    version: String,
    /// Whether it is the coordinator of a cluster, or belongs to none yet.
    coordinator: bool,
    /// The number of workers.
    workers: u32,
}

impl FactsJson {
    fn of(facts: &Facts) -> Self {
        Self {
            comment: facts.comment.clone(),
            lock: facts.lock.name(),
            transactional_ddl: facts.transactional_ddl,
            atomic_ddl: facts.atomic_ddl,
            atomic_lists: facts.atomic_lists,
            skips_locked: facts.skips_locked,
            read_only: facts.read_only,
            packet_bytes: facts.packet_bytes,
            auto_increment_increment: facts.increment,
            citus: facts.citus.as_ref().map(|citus| CitusJson {
                version: citus.version.clone(),
                coordinator: citus.is_coordinator,
                workers: citus.workers,
            }),
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConfinedJson {
    /// `REVISION_name`.
    id: String,
    /// What the settings grant it; null: it may do what SQL may.
    granted: Option<Vec<String>>,
    /// How its login differs from what it should be; empty if it is in line, or has none.
    differences: Vec<String>,
}

impl DoctorJson {
    /// What the server can do, and what isolates components on it. `components` are IDs with their grants, `notes`
    /// what a login cannot prevent.
    pub fn new<'a>(
        database: DatabaseJson,
        facts: &Facts,
        isolation: &Isolation,
        components: impl Iterator<Item = Confined<'a>>,
        notes: Vec<String>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            command: "doctor",
            database,
            version: (!facts.version.is_empty()).then(|| facts.version.clone()),
            login: isolation.login.clone(),
            isolation: isolation.barrier.name(),
            powers: isolation.powers.iter().map(|power| power.name()).collect(),
            facts: FactsJson::of(facts),
            components: components
                .map(|it| ConfinedJson {
                    id: it.id.to_owned(),
                    granted: it.granted.map(<[String]>::to_vec),
                    differences: it.differences.to_vec(),
                })
                .collect(),
            notes,
            attack: None,
        }
    }

    /// Adds what came of the attacks.
    pub fn attacked(mut self, report: Option<&AttackReport>) -> Self {
        self.attack = report.map(|report| AttackJson {
            isolation: report.barrier.name(),
            ground: match &report.ground {
                Ground::Scratch => "scratch-database",
                Ground::Transaction { .. } => "transaction",
                Ground::Nowhere { .. } => "nowhere",
            },
            because: match &report.ground {
                Ground::Scratch => None,
                Ground::Transaction { because } | Ground::Nowhere { because } => Some(because.clone()),
            },
            tried: report.tried,
            not_tried: report
                .not_tried
                .iter()
                .map(|it| NotTriedJson { why: it.why.clone(), attacks: it.attacks.clone() })
                .collect(),
            succeeded: report
                .succeeded
                .iter()
                .map(|it| SucceededJson { what: it.what.clone(), statements: it.statements.clone() })
                .collect(),
        });
        self
    }
}
