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
    /// The flags that set what the settings file or a variable can set, too: `--lock-timeout`, `--backup` and the like.
    pub flags: BTreeMap<&'static str, String>,
    /// `--unprotect`: the name of a protected database with which the command may do what it would refuse.
    pub unprotect: Option<String>,
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

/// Where settings come from besides the file.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub request: &'a LoadRequest,
    pub variables: &'a Variables,
    /// The directory of the settings file, at which relative paths start.
    pub root: &'a Path,
}

impl Sources<'_> {
    /// The value of one of the request's flags, else of its variable.
    pub fn given(&self, flag: &'static str, variable: &str) -> Option<Sourced<String>> {
        self.flag_or_variable(self.request.flags.get(flag), flag, variable)
    }

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
