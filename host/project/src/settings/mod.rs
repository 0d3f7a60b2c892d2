//! The settings of a run: flags, environment, `.env`, `runner.toml` and defaults, in this order of precedence.
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

mod above;
mod backup;
mod choose;
mod existing;
mod file;
mod find;
mod grants;
mod history;
mod interpolate;
mod lock;
mod named;
mod package;
mod parameters;
mod password;
mod protected;
mod tenants;
mod test;
mod throttle;
mod timeouts;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::embedded::{Place, Project, ProjectFiles};
use super::env::{self, Switches, Variables};
use super::files::ProjectDirectory;
use super::files::no_directory;
use super::ignore::Ignored;
use super::limits::{Limits, parse_limit};
use super::origin::{Origin, Sourced};
use super::units::parse_duration;
use above::Above;
pub use backup::{BackupSettings, BackupTo};
pub use existing::OnExisting;
use file::SettingsFile;
pub use grants::ComponentGrants;
use named::flag_or_variable;
pub use package::PackageSettings;
use runner_base::error::{Error, Result};
use runner_base::suggest::quoted_for_shell;
use runner_data::Value;
use runner_database::{DatabaseUrl, HistoryPlace};
pub use tenants::{Tenant, TenantSource, Tenants, read_list};
pub use test::TestSettings;
pub use throttle::Throttle;
pub use timeouts::Timeouts;
pub use transform::Chunking;

/// The name of the settings file.
pub const FILE_NAME: &str = "runner.toml";

/// What stands for the database of a project whose settings name none: its kind is known, and it cannot be connected to.
pub const DEFAULT_DATABASE_URL: &str = "sqlite://runner.db";

/// Default timeout for the lock: longer than most runs, and short enough for an operator at a terminal.
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// What must confine a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequiredIsolation {
    /// Whatever there is.
    #[default]
    Any,
    /// The database: SQLite's authorizer, or a login of its own.
    ByTheDatabase,
}

/// What a command needs from the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseUse {
    /// To connect to it.
    #[default]
    Connect,
    /// To know its kind: variables in its URL need not be set.
    Kind,
}

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

/// The databases that a command can name: those of `[databases]`, and the tenants.
#[derive(Clone, Debug)]
pub struct NamedDatabases {
    /// The name that the command line or a variable has.
    pub chosen: Option<Sourced<String>>,
    /// The tables `[databases.NAME]`, in order.
    pub databases: BTreeSet<String>,
    /// The tenants, if there are any in the chosen environment. An error, such as an unset variable, matters only to a
    /// caller that names one.
    pub tenants: Option<Result<Tenants>>,
    /// The chosen environment, if only the project without one has tenants.
    pub without_tenants: Option<String>,
    /// Where the variable `RUNNER_DATABASE_URL` comes from, if it overrides the URL of a named database: it names one.
    pub url_variable: Option<Origin>,
    /// The settings file, as messages show it.
    pub file: String,
}

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
    /// Finds the project and reads its settings. Only reads files.
    pub fn load(request: &LoadRequest) -> Result<Self> {
        let file = find::settings_file(request)?;
        let root = file.parent().unwrap_or(Path::new("/")).to_path_buf();
        let shown = file.strip_prefix(&request.start_dir).unwrap_or(&file).display().to_string();
        let content = SettingsFile::read(&file, &shown)?;
        let variables = Variables::load(request.env.clone(), &root)?.with_unreadable(&request.unreadable)?;
        Self::choose(request, ProjectFiles::Directory, &content, &variables, file, &shown)
    }

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
        error.hints.iter_mut().for_each(|hint| *hint = self.for_database(hint));
        error
    }

    /// The names of the environments and of the databases in the settings file, in order.
    pub fn names(request: &LoadRequest) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let file = find::settings_file(request)?;
        let content = SettingsFile::read(&file, FILE_NAME)?;
        Ok((content.environments.into_keys().collect(), content.databases.into_keys().collect()))
    }

    /// The databases that a command can name.
    pub fn databases(request: &LoadRequest) -> Result<NamedDatabases> {
        let file = find::settings_file(request)?;
        let root = file.parent().unwrap_or(Path::new("/"));
        let shown = file.strip_prefix(&request.start_dir).unwrap_or(&file).display().to_string();
        let content = SettingsFile::read(&file, &shown)?;
        let variables = Variables::load(request.env.clone(), root)?.with_unreadable(&request.unreadable)?;
        let chosen = flag_or_variable(request.database.as_ref(), "--database", &variables, env::DATABASE);
        // The main database: no other is chosen here.
        let plain = LoadRequest { database: None, ..request.clone() };
        let choice = choose::Choice::of_main(&plain, &variables, &content, &shown)?;
        let table = choice.tenants(&content);
        let main = || choice.database_url(&plain, &variables, &content, root, &shown);
        let tenants = table.map(|table| table.choose(request.wanted, &variables, root, choice.lock(&content), main));
        let without_tenants = match &choice.environment {
            Some((name, _)) if table.is_none() && content.tenants.is_some() => Some(name.value.clone()),
            _ => None,
        };
        let url_variable = variables.first(&[env::DATABASE_URL]).map(|url| url.origin);
        // That of `.env` is for the main database alone.
        let url_variable = url_variable.filter(|origin| matches!(origin, Origin::Environment(_)));
        let databases = content.databases.into_keys().collect();
        Ok(NamedDatabases { chosen, databases, tenants, without_tenants, url_variable, file: shown })
    }

    /// The settings of a project as an embedding program names it: without `runner.toml`, the defaults.
    pub fn of_project(request: &LoadRequest, project: &Project) -> Result<Self> {
        let (files, root) = match &project.place {
            Place::Directory(directory) => (ProjectFiles::Directory, request.start_dir.join(directory)),
            Place::Embedded(files) => (ProjectFiles::Embedded(files.clone()), request.start_dir.clone()),
        };
        let file = root.join(FILE_NAME);
        let content = match &files {
            ProjectFiles::Directory if std::fs::symlink_metadata(&file).is_ok() => {
                SettingsFile::read(&file, FILE_NAME)?
            }
            ProjectFiles::Directory => SettingsFile::parse("", FILE_NAME)?,
            ProjectFiles::Embedded(files) => {
                files.check()?;
                SettingsFile::parse(files.text(FILE_NAME)?.unwrap_or_default(), FILE_NAME)?
            }
        };
        let variables = match &files {
            ProjectFiles::Directory => Variables::load(request.env.clone(), &root)?,
            ProjectFiles::Embedded(_) => Variables::of_process(request.env.clone()),
        };
        Self::choose(request, files, &content, &variables, file, FILE_NAME)
    }

    /// Chooses from everything that was read.
    fn choose(
        request: &LoadRequest,
        files: ProjectFiles,
        content: &SettingsFile,
        variables: &Variables,
        file: PathBuf,
        shown: &str,
    ) -> Result<Self> {
        let root = file.parent().unwrap_or(Path::new("/")).to_path_buf();
        let choice = choose::Choice::make(request, variables, content, shown)?;
        let database_url = choice.database_url(request, variables, content, &root, shown)?;
        let (limits, limit_origins) = limits(request, variables, content, &choice)?;
        let timeouts =
            choice.layers(&content.timeouts, |database| &database.timeouts, |environment| &environment.timeouts);
        let timeouts = named::choose(request, variables, &timeouts::SETTINGS, timeouts.flatten())?;
        let foreign_keys = choice.foreign_keys(content, database_url.value.dialect())?;
        let throttle = throttle::choose(request, variables, content, &choice, &root)?;
        let backup = backup::choose(request, variables, content, &choice, &root)?;
        let on_existing = existing::choose(request, variables, content, &choice)?;
        let history_of_tenants = history::choose(request, variables, content, &choice)?;
        let tenant = request.tenant.as_ref().map(|tenant| tenant.name.clone());
        let dialect = database_url.value.dialect();
        let history = history::place(&history_of_tenants, dialect, tenant.as_deref(), request.wanted)?;
        let mut parameters = content.parameters.clone();
        if let Some((_, environment)) = &choice.environment {
            parameters.extend(environment.parameters.clone());
        }
        let parameter_variables = parameter_variables(variables, &parameters);
        let directory_name =
            || root.file_name().map_or("project".to_owned(), |name| name.to_string_lossy().into_owned());
        let Above { root: project, below, migrations } =
            Above::of(&root, &choice.migrations(content)).map_err(|error| error.at("file", shown))?;
        Ok(Self {
            below,
            name: content.name.clone().unwrap_or_else(directory_name),
            migrations,
            ignored: content.ignored.clone(),
            protected: choice
                .protected(content)
                .or_else(|| protected::by_address(&database_url.value, variables, content, &root)),
            unprotect: request.unprotect.clone(),
            isolation: choice.isolation(content),
            on_existing,
            history,
            history_of_tenants,
            environment: choice.environment.map(|(name, _)| name),
            database: choice.database.map(|(name, _)| name),
            tenant,
            database_url,
            sdk: content.sdk.as_ref().map(|sdk| root.join(sdk)),
            toolchain: variables.first(&[env::TOOLCHAIN]).or_else(|| content.toolchain.clone()),
            limits,
            limit_origins,
            parameters,
            grants: grants::with_passwords(&content.grants, variables)?,
            packages: content.packages.clone(),
            parameter_variables,
            switches: variables.switches(),
            format: flag_or_variable(request.format.as_ref(), "--format", variables, env::FORMAT),
            lock_timeout: lock_timeout(request, variables)?,
            foreign_keys,
            timeouts,
            throttle,
            backup,
            test: test::choose(&content.test, variables, &root),
            chunking: Chunking {
                time_by_flag: request.chunk_time.as_ref().is_some_and(|text| text.trim() != "none"),
                ..named::choose(request, variables, &transform::SETTINGS, &content.transform)?
            },
            root: project,
            file,
            files,
        })
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

/// Checks the text of a settings file, whatever would be chosen from it.
pub(super) fn check_text(text: &str) -> Result<()> {
    SettingsFile::parse(text, FILE_NAME).map(drop)
}

fn lock_timeout(request: &LoadRequest, variables: &Variables) -> Result<Sourced<Duration>> {
    let text = flag_or_variable(request.lock_timeout.as_ref(), "--lock-timeout", variables, env::LOCK_TIMEOUT);
    let Some(text) = text else { return Ok(Sourced::default(DEFAULT_LOCK_TIMEOUT)) };
    let value = parse_duration(&text.value)
        .map_err(|problem| Error::usage(format!("invalid lock timeout {}: {problem}", text.origin)))
        .map_err(|error| error.hint("use a number with a unit, such as `30s` or `10m`"))?;
    Ok(Sourced { value, origin: text.origin })
}

/// Parameters from variables. A variable matches a parameter of the file regardless of case and of `-` or `_`; otherwise its name
/// is in lower case.
fn parameter_variables(variables: &Variables, known: &BTreeMap<String, Value>) -> Vec<(String, Sourced<String>)> {
    let parameters = variables.starting_with(env::PARAMETER_PREFIX).filter_map(|variable| {
        let name = &variable[env::PARAMETER_PREFIX.len()..];
        let of_file = known.keys().find(|key| key.replace('-', "_").eq_ignore_ascii_case(name));
        let name = of_file.cloned().unwrap_or_else(|| name.to_lowercase());
        Some((name, variables.first(&[variable])?))
    });
    parameters.filter(|(name, _)| !name.is_empty()).collect()
}

/// Limits of the file, then of its environment, then variables, then flags; the last one wins.
fn limits(
    request: &LoadRequest,
    variables: &Variables,
    content: &SettingsFile,
    choice: &choose::Choice<'_>,
) -> Result<(Limits, BTreeMap<String, Origin>)> {
    let mut limits = Limits::default();
    let mut origins = BTreeMap::new();
    let mut set = |name: &str, text: &str, origin: &Origin| -> Result<()> {
        limits.set(name, text).map_err(|error| error.at("setting", origin.to_string()))?;
        origins.insert(name.to_owned(), origin.clone());
        Ok(())
    };
    for (name, text) in &content.limits {
        set(name, &text.value, &text.origin)?;
    }
    for (name, text) in choice.environment.iter().flat_map(|(_, environment)| &environment.limits) {
        set(name, &text.value, &text.origin)?;
    }
    for variable in variables.starting_with(env::LIMIT_PREFIX) {
        let name = variable[env::LIMIT_PREFIX.len()..].to_lowercase();
        if let Some(text) = variables.first(&[variable]) {
            set(&name, &text.value, &text.origin)?;
        }
    }
    for text in &request.limits {
        let (name, value) = parse_limit(text)?;
        set(&name, &value, &Origin::Flag("--limit"))?;
    }
    Ok((limits, origins))
}

#[cfg(test)]
mod tests;
