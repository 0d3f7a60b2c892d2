//! The output of `runner grants`.

use super::{DatabaseJson, SCHEMA};
use runner_database::logins::{LoginReport, LoginState, LoginTask};

document! {
    /// `runner grants`.
    pub struct GrantsJson(database: DatabaseJson, action: &'static str, task: LoginTask, found: &LoginReport) {
        schema: u32 = SCHEMA,
        command: &'static str = "grants",
        database: DatabaseJson = database,
        /// `list`, `sync` or `remove`.
        action: &'static str = action,
        /// Whether the server was changed.
        changed: bool = task == LoginTask::Sync && !found.statements.is_empty(),
        logins: Vec<LoginJson> = found.logins.iter().map(LoginJson::new).collect(),
        /// The statements that bring the logins in line; after `sync` and `remove` those that were run.
        statements: Vec<String> = found.statements.clone(),
        /// What concerns others than components, or what a login cannot prevent.
        notes: Vec<String> = found.notes.clone(),
        /// Tables, columns and functions that grants name and that do not exist.
        unknown: Vec<String> = found.unknown.clone(),
    }

    struct LoginJson(state: &LoginState) {
        /// Its name on the server.
        login: String = state.login.clone(),
        /// The component's revision.
        revision: String = state.revision.clone(),
        /// `REVISION_name`; null if the settings have no grants for it.
        component: Option<String> = state.component.clone(),
        exists: bool = state.exists,
        /// What it has been granted in the database, as the database says it.
        rights: Vec<String> = state.rights.clone(),
        /// How it differs from what it should be; empty if it is in line.
        differences: Vec<String> = state.differences.clone(),
    }
}
