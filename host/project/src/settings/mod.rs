//! The settings of a run: flags, environment, `.env`, `runner.toml` and defaults, in this order of precedence.
//!
//! # A new key
//!
//! A key that has a flag and a variable is an entry of the table `SETTINGS` of its topic (`timeouts`, `transform`, `throttle`, `history`):
//! its name, its type, how it is set, and the help of its flag; `env/names.rs` has the name of its variable. Any other key is read in the
//! file of its topic, or in `layer` if it is about a database, and `load` chooses its value. A switch has a field here, too.
//!
//! # Which URL
//!
//! There is one exception to that order: if an environment or a database was selected by name, `DATABASE_URL` and
//! `.env` are ignored. Someone who says `--environment production` means production, and `DATABASE_URL` is often set
//! for other tools. `RUNNER_DATABASE_URL` still takes precedence: it is specific to this tool, and a pipeline that sets
//! it together with an environment needs that one's limits with its own URL. `DATABASE_URL` is about the main database
//! and never used for a named one. Messages about a database have its URL and where that came from, on standard error,
//! so that `$(runner current)` is the revision alone.
//!
//! Rejected: a selected name over every variable, which silently ignored an explicit `RUNNER_DATABASE_URL`; the
//! exception for flags only, so that two spellings of one selection behaved differently; an error where two places
//! disagree, which is common in development.

mod backup;
mod choose;
mod file;
mod find;
mod grants;
mod history;
mod interpolate;
mod layer;
mod load;
mod lock;
mod named;
mod on_existing;
mod package;
mod parameters;
mod password;
mod protected;
mod request;
mod root;
mod tenants;
mod test;
mod throttle;
mod timeouts;
mod transform;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::embedded::ProjectFiles;
use super::env::Switches;
use super::files::{ProjectDirectory, no_directory};
use super::ignore::Ignored;
use super::limits::Limits;
use super::origin::{Origin, Sourced};
pub use backup::{BackupSettings, BackupTo};
pub use grants::ComponentGrants;
pub use interpolate::DatabaseUse;
pub use layer::RequiredIsolation;
pub use load::NamedDatabases;
pub(crate) use load::check_text;
pub use named::SettingFlag;
pub use on_existing::OnExisting;
pub use package::PackageSettings;
pub use request::LoadRequest;
use runner_base::error::{Error, Result};
use runner_base::suggest::quoted_for_shell;
use runner_data::Value;
use runner_database::{DatabaseUrl, HistoryPlace};
pub use tenants::{Tenant, TenantSource, Tenants, read_list};
pub use test::TestSettings;
pub use throttle::Throttle;
pub use timeouts::Timeouts;
pub use transform::Chunking;

/// The flags of the commands that run migrations: for every one, and for the throttling of transforms.
pub fn run_flags() -> [Vec<&'static SettingFlag>; 2] {
    let of_runs = named::flags(&transform::SETTINGS).chain(named::flags(&timeouts::SETTINGS)).collect();
    [of_runs, named::flags(&throttle::SETTINGS).collect()]
}

/// The flags of every command for the place of the history.
pub fn history_flags() -> Vec<&'static SettingFlag> {
    named::flags(&history::SETTINGS).collect()
}

/// The name of the settings file.
pub const FILE_NAME: &str = "runner.toml";

/// What stands for the database of a project whose settings name none: its kind is known, and it cannot be connected to.
pub(crate) const DEFAULT_DATABASE_URL: &str = "sqlite://runner.db";

/// Default timeout for the lock: longer than most runs, and short enough for an operator at a terminal.
pub(crate) const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// All settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The project: the directory of the settings file, absolute, or the one that has it and the migrations.
    pub root: PathBuf,
    /// The directory of the settings file in it.
    pub below: PathBuf,
    /// The settings file, absolute.
    pub file: PathBuf,
    /// Where migrations and lockfile are read.
    pub files: ProjectFiles,
    /// The project's name; by default that of its directory.
    pub name: String,
    /// The chosen environment.
    pub environment: Option<Sourced<String>>,
    /// The chosen database, if it is a named one.
    pub database: Option<Sourced<String>>,
    /// The chosen tenant, if the database is that of one.
    pub tenant: Option<String>,
    /// The URL of the database.
    pub database_url: Sourced<DatabaseUrl>,
    /// The settings say that the database is neither dropped nor rolled back by several migrations: which of them.
    pub protected: Option<String>,
    /// The name of a protected database with which the command may do that nevertheless.
    pub unprotect: Option<String>,
    /// Where runner's own tables are.
    pub history: HistoryPlace,
    /// The same, with `{tenant}`.
    pub history_of_tenants: HistoryPlace,
    /// What a first run does with a database that is not empty.
    pub on_existing: OnExisting,
    /// What must confine a component.
    pub isolation: RequiredIsolation,
    /// The directory of the migrations, relative to the project.
    pub migrations: PathBuf,
    /// The names among the migrations that are not migrations.
    pub ignored: Ignored,
    /// The sources of `runner-guest` for `runner new --lang rust`, absolute; by default the copy embedded in the binary.
    pub sdk: Option<PathBuf>,
    /// The Rust toolchain that builds guests; by default the first suitable one.
    pub toolchain: Option<Sourced<String>>,
    /// The user's cache, of compiled components and of what is known of large SQL files; `None`: nothing is kept.
    pub cache_directory: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
    /// Origins of the limits that are not defaults, by name.
    pub limit_origins: BTreeMap<String, Origin>,
    /// Parameters for guests.
    pub parameters: BTreeMap<String, Value>,
    /// What components may do with the database. One without an entry may do what SQL may.
    pub grants: ComponentGrants,
    /// What is pinned of packages, by their names.
    pub packages: BTreeMap<String, PackageSettings>,
    /// Parameters from variables, with the spelling of the file or in lower case; they override `parameters`.
    pub parameter_variables: Vec<(String, Sourced<String>)>,
    /// Variables that stand in for flags.
    pub switches: Switches,
    /// The output format, unchecked.
    pub format: Option<Sourced<String>>,
    /// How long to wait for the lock.
    pub lock_timeout: Sourced<Duration>,
    /// Whether foreign keys are enforced while migrations run.
    pub foreign_keys: bool,
    /// Timeouts and retries.
    pub timeouts: Timeouts,
    /// Throttling of transforms.
    pub throttle: Throttle,
    /// Backups before a run.
    pub backup: BackupSettings,
    /// Settings of `runner test`.
    pub test: TestSettings,
    /// How transforms are split into chunks.
    pub chunking: Chunking,
}

impl Settings {
    /// What the settings or the list of tenants call the database, if it is one of several.
    pub fn database_name(&self) -> Option<&str> {
        self.database.as_ref().map(|name| name.value.as_str()).or(self.tenant.as_deref())
    }

    /// What the database is called: by the settings, by the server, or its file.
    pub fn names_of_database(&self) -> Vec<String> {
        self.database_name().map(str::to_owned).into_iter().chain(self.own_names_of_database()).collect()
    }

    /// What the server calls the database, or its file.
    pub fn own_names_of_database(&self) -> Vec<String> {
        let url = &self.database_url.value;
        let file = url.sqlite_path().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        url.database_name().map(str::to_owned).into_iter().chain(file).collect()
    }

    /// Where the history of a tenant is.
    pub fn history_of(&self, tenant: &str) -> Result<HistoryPlace> {
        let dialect = self.database_url.value.dialect();
        history::place(&self.history_of_tenants, dialect, Some(tenant), DatabaseUse::Connect)
    }

    /// A hint in which commands name the database, if it is one of several: without it, they would be for none or for another one.
    pub fn for_database(&self, hint: &str) -> String {
        let Some(database) = &self.database else { return hint.to_owned() };
        let spans = hint.split('`').enumerate();
        let named =
            spans.map(|(at, span)| match at % 2 == 1 && span.starts_with("runner ") && !span.contains("--database") {
                true => format!("{span} --database {}", quoted_for_shell(&database.value)),
                false => span.to_owned(),
            });
        named.collect::<Vec<_>>().join("`")
    }

    /// An error whose hints are as [`Self::for_database`] gives them.
    pub fn with_hints_for_database(&self, mut error: Error) -> Error {
        error.hints.iter_mut().for_each(|hint| *hint = self.for_database(hint).into());
        error
    }

    /// The name of the lockfile: `runner.lock`, or `runner.NAME.lock` for a named database, which has its own migrations.
    pub fn lockfile_name(&self) -> String {
        let name = match &self.database {
            Some(name) => format!("runner.{}.lock", name.value),
            None => "runner.lock".to_owned(),
        };
        let parts = self.below.iter().map(|part| part.to_string_lossy());
        parts.chain([name.into()]).collect::<Vec<_>>().join("/")
    }

    /// The passwords of all URLs, as they may occur in a text.
    pub fn secrets(&self) -> Vec<String> {
        let of_tests = self.test.urls.iter().flatten().map(|url| &url.value);
        let urls = std::iter::once(&self.database_url.value).chain(of_tests).chain(&self.throttle.replicas);
        let of_logins = self.grants.values().filter_map(|grants| grants.secret.as_ref());
        urls.flat_map(DatabaseUrl::secrets).chain(of_logins.map(|secret| secret.reveal().to_owned())).collect()
    }

    /// The directories of the project and of its migrations.
    pub fn project_directory(&self) -> Result<ProjectDirectory> {
        self.project_directory_if_there()?.ok_or_else(|| no_directory(&self.root, &self.migrations))
    }

    /// The same; `None` if there is none of the migrations.
    pub(crate) fn project_directory_if_there(&self) -> Result<Option<ProjectDirectory>> {
        let opened = ProjectDirectory::open_if_there(&self.root, &self.migrations)?;
        Ok(opened.map(|opened| ProjectDirectory { ignored: self.ignored.clone(), ..opened }))
    }

    /// The directory of the settings file, absolute.
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(&self.root)
    }

    /// The directory of the migrations, absolute.
    pub fn migrations_directory(&self) -> PathBuf {
        self.root.join(&self.migrations)
    }

    /// The path of a file of the migrations below the project, with `/`.
    pub fn path_of_migration(&self, file: &str) -> String {
        let parts = self.migrations.iter().map(|part| part.to_string_lossy());
        parts.chain([file.into()]).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests;
