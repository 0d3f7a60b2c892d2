//! The output of `runner doctor`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use crate::engine::isolation::Isolation;

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
    /// `authorizer` or `shared-login`: what holds components back.
    isolation: &'static str,
    /// What the login may do beyond its database, such as `superuser` or `read-files`.
    powers: Vec<&'static str>,
    /// Whether `[grants]` of the settings are enforced on this database.
    enforces_grants: bool,
    components: Vec<ConfinedJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConfinedJson {
    /// `REVISION_name`.
    id: String,
    /// What the settings grant it; null: it may do what SQL may.
    granted: Option<Vec<String>>,
}

impl DoctorJson {
    /// What isolates components on a database. `components` are IDs with their grants.
    pub fn new<'a>(
        database: DatabaseJson,
        version: &str,
        isolation: &Isolation,
        enforces_grants: bool,
        components: impl Iterator<Item = (&'a str, Option<&'a [String]>)>,
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
                .map(|(id, granted)| ConfinedJson { id: id.to_owned(), granted: granted.map(<[String]>::to_vec) })
                .collect(),
        }
    }
}
