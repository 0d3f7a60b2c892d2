//! What a command says about its settings: flags, variables, and where it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::interpolate::DatabaseUse;
use super::tenants::Tenant;
use crate::env::Variables;
use crate::origin::Sourced;
use runner_database::DatabaseUrl;

/// Input from the command line and the process.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--environment`.
    pub environment: Option<String>,
    /// `--database`.
    pub database: Option<String>,
    /// `--database-url`.
    pub database_url: Option<String>,
    /// The database of an embedding program; takes precedence over everything else that names one.
    pub program_database: Option<DatabaseUrl>,
    /// The tenant that `database` names; its URL is the database's.
    pub tenant: Option<Tenant>,
    /// `--format`.
    pub format: Option<String>,
    /// `--lock-timeout`.
    pub lock_timeout: Option<String>,
    /// `--table-lock-timeout`.
    pub table_lock_timeout: Option<String>,
    /// `--statement-timeout`.
    pub statement_timeout: Option<String>,
    /// `--retries`.
    pub retries: Option<String>,
    /// `--batch-delay` and the other throttling flags, by their names in the settings file.
    pub throttle: BTreeMap<&'static str, String>,
    /// `--backup`.
    pub backup: Option<String>,
    /// `--on-existing`.
    pub on_existing: Option<String>,
    /// `--unprotect`: the name of a protected database with which the command may do what it would refuse.
    pub unprotect: Option<String>,
    /// `--history-schema`.
    pub history_schema: Option<String>,
    /// `--history-prefix`.
    pub history_prefix: Option<String>,
    /// `--chunk-rows`.
    pub chunk_rows: Option<String>,
    /// `--chunk-time`.
    pub chunk_time: Option<String>,
    /// Every `--limit NAME=VALUE`.
    pub limits: Vec<String>,
    /// What the command needs from the database.
    pub wanted: DatabaseUse,
    /// The directory to start from: the current one, absolute.
    pub start_dir: PathBuf,
    /// Environment variables of the process.
    pub env: BTreeMap<String, String>,
    /// Those of which the value is not valid UTF-8.
    pub unreadable: BTreeSet<String>,
}

/// Where settings come from beside the file.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub request: &'a LoadRequest,
    pub variables: &'a Variables,
    /// The directory of the settings file, at which relative paths start.
    pub root: &'a Path,
}

impl Sources<'_> {
    /// The value of a flag, else of its variable.
    pub fn flag_or_variable(
        &self,
        value: Option<&String>,
        flag: &'static str,
        variable: &str,
    ) -> Option<Sourced<String>> {
        flagged(value, flag).or_else(|| self.variables.first(&[variable]))
    }
}

/// The value of a flag.
pub(super) fn flagged(value: Option<&String>, flag: &'static str) -> Option<Sourced<String>> {
    value.map(|value| Sourced::flag(value.clone(), flag))
}
