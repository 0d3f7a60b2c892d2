//! The output of `runner grants`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use runner_database::logins::{LoginReport, LoginState, LoginTask};

/// `runner grants`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GrantsJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    /// `list`, `sync` or `remove`.
    action: &'static str,
    /// Whether the server was changed.
    changed: bool,
    logins: Vec<LoginJson>,
    /// The statements that bring the logins in line; after `sync` and `remove` those that were run.
    statements: Vec<String>,
    /// What concerns others than components, or what a login cannot prevent.
    notes: Vec<String>,
    /// Tables, columns and functions that grants name and that do not exist.
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoginJson {
    /// Its name on the server.
    login: String,
    /// The component's revision.
    revision: String,
    /// `REVISION_name`; null if the settings have no grants for it.
    component: Option<String>,
    exists: bool,
    /// What it has been granted in the database, as the database says it.
    rights: Vec<String>,
    /// How it differs from what it should be; empty if it is in line.
    differences: Vec<String>,
}

impl GrantsJson {
    /// What was found, and what was done about it.
    pub fn new(database: DatabaseJson, action: &'static str, task: LoginTask, found: &LoginReport) -> Self {
        let login = |it: &LoginState| LoginJson {
            login: it.login.clone(),
            revision: it.revision.clone(),
            component: it.component.clone(),
            exists: it.exists,
            rights: it.rights.clone(),
            differences: it.differences.clone(),
        };
        Self {
            schema: SCHEMA,
            command: "grants",
            database,
            action,
            changed: task == LoginTask::Sync && !found.statements.is_empty(),
            logins: found.logins.iter().map(login).collect(),
            statements: found.statements.clone(),
            notes: found.notes.clone(),
            unknown: found.unknown.clone(),
        }
    }
}
