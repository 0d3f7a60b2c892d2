//! The output of `runner doctor`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use crate::attack::AttackReport;
use crate::engine::isolation::Isolation;
use crate::report::text::Confined;

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
    /// Whether `[grants]` of the settings are enforced on this database.
    enforces_grants: bool,
    components: Vec<ConfinedJson>,
    /// With `--attack`: what came of the attacks; else null.
    attack: Option<AttackJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttackJson {
    /// Number of attacks that were tried on a scratch database.
    tried: usize,
    /// Number of attacks that were not tried, since they would change the server if they succeeded.
    left_out: usize,
    /// Those that would have succeeded.
    succeeded: Vec<SucceededJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SucceededJson {
    /// What was changed, or what a component may do, in words.
    what: Vec<&'static str>,
    statements: Vec<String>,
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
    /// What isolates components on a database. `components` are IDs with their grants.
    pub fn new<'a>(
        database: DatabaseJson,
        version: &str,
        isolation: &Isolation,
        enforces_grants: bool,
        components: impl Iterator<Item = Confined<'a>>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            command: "doctor",
            database,
            version: (!version.is_empty()).then(|| version.to_owned()),
            login: isolation.login.clone(),
            isolation: isolation.barrier.name(),
            powers: isolation.powers.iter().map(|power| power.name()).collect(),
            enforces_grants,
            components: components
                .map(|it| ConfinedJson {
                    id: it.id.to_owned(),
                    granted: it.granted.map(<[String]>::to_vec),
                    differences: it.differences.to_vec(),
                })
                .collect(),
            attack: None,
        }
    }

    /// Adds what came of the attacks.
    pub fn attacked(mut self, report: Option<&AttackReport>) -> Self {
        self.attack = report.map(|report| AttackJson {
            tried: report.tried,
            left_out: report.left_out,
            succeeded: report
                .succeeded
                .iter()
                .map(|it| SucceededJson { what: it.what.clone(), statements: it.statements.clone() })
                .collect(),
        });
        self
    }
}
