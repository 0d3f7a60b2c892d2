//! The output of `runner doctor`.

use super::{DatabaseJson, SCHEMA};
use crate::granted::GrantedComponent;
use runner_attack::{AttackReport, Ground, NotTried, Succeeded};
use runner_database::Facts;
use runner_database::facts::Citus;
use runner_engine::isolation::Isolation;

document! {
    /// `runner doctor`.
    pub struct DoctorJson(
        database: DatabaseJson, facts: &Facts, isolation: &Isolation, components: &[GrantedComponent<'_>], notes: Vec<String>,
        attack: Option<&AttackReport>,
    ) {
        schema: u32 = SCHEMA,
        command: &'static str = "doctor",
        database: DatabaseJson = database,
        /// The version that the server reports; null if the database does not exist yet.
        version: Option<String> = (!facts.version.is_empty()).then(|| facts.version.clone()),
        /// The login on the server; null on SQLite.
        login: Option<String> = isolation.login.clone(),
        /// `authorizer`, `separate-logins` or `shared-login`: what holds components back.
        isolation: &'static str = isolation.barrier.name(),
        /// What the login may do beyond its database, such as `superuser` or `read-files`.
        powers: Vec<&'static str> = isolation.powers.iter().map(|power| power.name()).collect(),
        facts: FactsJson = FactsJson::new(facts),
        components: Vec<ConfinedJson> = components.iter().map(ConfinedJson::new).collect(),
        /// What concerns others than components, or reaches past a grant.
        notes: Vec<String> = notes,
        /// With `--attack`: what came of the attacks; else null.
        attack: Option<AttackJson> = attack.map(AttackJson::new),
    }

    struct AttackJson(report: &AttackReport) with {
        let (ground, because) = match &report.ground {
            Ground::Scratch => ("scratch-database", None),
            Ground::Transaction { because } => ("transaction", Some(because.clone())),
            Ground::Nowhere { because } => ("nowhere", Some(because.clone())),
        };
    } {
        /// What held the attacker back: `authorizer`, `separate-logins` or `shared-login`.
        isolation: &'static str = report.barrier.name(),
        /// `scratch-database`, `transaction` (on the database itself, rolled back) or `nowhere`: where attacks were tried.
        ground: &'static str = ground,
        /// Why not on a scratch database; else null.
        because: Option<String> = because,
        /// Number of attacks that were tried.
        tried: usize = report.tried,
        /// Those that were not tried, by the reason.
        not_tried: Vec<NotTriedJson> = report.not_tried.iter().map(NotTriedJson::new).collect(),
        /// Those that would have succeeded.
        succeeded: Vec<SucceededJson> = report.succeeded.iter().map(SucceededJson::new).collect(),
    }

    struct NotTriedJson(attacks: &NotTried) {
        /// Why they were not tried.
        why: String = attacks.why.clone(),
        /// The statements of each.
        attacks: Vec<Vec<String>> = attacks.attacks.clone(),
    }

    struct SucceededJson(attack: &Succeeded) {
        /// What was changed, or what a component may do, in words.
        what: Vec<&'static str> = attack.what.clone(),
        statements: Vec<String> = attack.statements.clone(),
    }

    /// What the server can do, as far as it matters here.
    struct FactsJson(facts: &Facts) {
        /// What the server calls itself besides its version; null if it does not.
        comment: Option<String> = facts.comment.clone(),
        /// `file`, `advisory`, `user-locks` or `lease`: what keeps two runs apart.
        lock: &'static str = facts.lock.name(),
        /// Whether a rollback undoes schema changes.
        transactional_ddl: bool = facts.transactional_ddl,
        /// Whether a schema change takes effect completely or not at all, even if the server crashes.
        atomic_ddl: bool = facts.atomic_ddl,
        /// Whether that holds for one that names several objects, too.
        atomic_lists: bool = facts.atomic_lists,
        /// Whether a SELECT can skip rows that others have locked.
        skips_locked: bool = facts.skips_locked,
        /// Whether the server refuses writes.
        read_only: bool = facts.read_only,
        /// The largest statement in bytes; null if there is no such limit.
        packet_bytes: Option<usize> = facts.packet_bytes,
        /// How far apart the numbers are that the server assigns; null if that is no setting.
        auto_increment_increment: Option<u64> = facts.increment,
        /// What the database is in a cluster of Citus; null without that extension.
        citus: Option<CitusJson> = facts.citus.as_ref().map(CitusJson::new),
    }

    struct CitusJson(citus: &Citus) {
        /// The version of the extension.
        version: String = citus.version.clone(),
        /// Whether it is the coordinator of a cluster, or belongs to none yet.
        coordinator: bool = citus.is_coordinator,
        /// The number of workers.
        workers: u32 = citus.workers,
    }

    struct ConfinedJson(component: &GrantedComponent<'_>) {
        /// `REVISION_name`.
        id: String = component.id.to_owned(),
        /// What the settings grant it; null: it may do what SQL may.
        granted: Option<Vec<String>> = component.granted.map(<[String]>::to_vec),
        /// How its login differs from what it should be; empty if it is in line, or has none.
        differences: Vec<String> = component.differences.to_vec(),
    }
}
