//! Loads the settings: finds the file, reads it, and chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choose::Choice;
use super::file::SettingsFile;
use super::request::{LoadRequest, Sources};
use super::root::Above;
use super::tenants::Tenants;
use super::transform::{self, Chunking};
use super::{DEFAULT_LOCK_TIMEOUT, FILE_NAME, Settings};
use super::{backup, find, grants, history, named, on_existing, protected, test, throttle, timeouts};
use crate::embedded::{Place, Project, ProjectFiles};
use crate::env::{self, Variables};
use crate::limits::{Limits, parse_limit};
use crate::origin::{Origin, Sourced};
use crate::units::parse_duration;
use runner_base::error::{Error, Result};
use runner_data::Value;

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

/// What was read, before anything is chosen from it.
struct Loaded {
    /// The settings file, absolute.
    file: PathBuf,
    /// The same, as messages show it.
    shown: String,
    content: SettingsFile,
    variables: Variables,
}

impl Loaded {
    /// Finds the project. Only reads files.
    fn find(request: &LoadRequest) -> Result<Self> {
        let file = find::settings_file(request)?;
        let shown = file.strip_prefix(&request.start_dir).unwrap_or(&file).display().to_string();
        let content = SettingsFile::read(&file, &shown)?;
        let root = file.parent().unwrap_or(Path::new("/"));
        let variables = Variables::load(request.env.clone(), root)?.with_unreadable(&request.unreadable)?;
        Ok(Self { file, shown, content, variables })
    }

    fn sources<'a>(&'a self, request: &'a LoadRequest) -> Sources<'a> {
        Sources { request, variables: &self.variables, root: self.file.parent().unwrap_or(Path::new("/")) }
    }

    /// Chooses from everything that was read.
    fn choose(&self, request: &LoadRequest, files: ProjectFiles) -> Result<Settings> {
        let Self { file, shown, content, variables } = self;
        let sources = self.sources(request);
        let root = sources.root;
        let choice = Choice::make(sources, content, shown)?;
        let database_url = choice.database_url()?;
        let dialect = database_url.value.dialect();
        let (limits, limit_origins) = limits(sources, &choice)?;
        let timeouts = named::choose(sources, &timeouts::SETTINGS, choice.layers().flat_map(|layer| &layer.timeouts))?;
        let foreign_keys = choice.foreign_keys(dialect)?;
        let throttle = throttle::choose(sources, choice.layers().map(|layer| &layer.throttle))?;
        let backup = backup::choose(sources, choice.layers().map(|layer| &layer.backup))?;
        let on_existing = on_existing::choose(sources, choice.nearest(|layer| layer.on_existing))?;
        let history_of_tenants =
            named::choose(sources, &history::SETTINGS, choice.layers().flat_map(|layer| &layer.history))?;
        let tenant = request.tenant.as_ref().map(|tenant| tenant.name.clone());
        let history = history::place(&history_of_tenants, dialect, tenant.as_deref(), request.wanted)?;
        let parameters = choice.layers().flat_map(|layer| layer.parameters.clone()).collect();
        let directory_name =
            || root.file_name().map_or("project".to_owned(), |name| name.to_string_lossy().into_owned());
        let Above { root: project, below, migrations } =
            Above::of(root, choice.migrations()).map_err(|error| error.at("file", shown))?;
        Ok(Settings {
            below,
            name: content.name.clone().unwrap_or_else(directory_name),
            migrations,
            ignored: content.ignored.clone(),
            protected: choice.protected().or_else(|| protected::by_address(&database_url.value, sources, content)),
            unprotect: request.unprotect.clone(),
            isolation: choice.isolation(),
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
            parameter_variables: parameter_variables(variables, &parameters),
            parameters,
            grants: grants::with_passwords(&content.grants, variables)?,
            packages: content.packages.clone(),
            switches: variables.switches(),
            format: sources.given("--format", env::FORMAT),
            lock_timeout: lock_timeout(sources)?,
            foreign_keys,
            timeouts,
            throttle,
            backup,
            test: test::choose(&content.test, variables, root),
            chunking: Chunking {
                time_by_flag: request.flags.get("--chunk-time").is_some_and(|text| text.trim() != "none"),
                ..named::choose(sources, &transform::SETTINGS, &content.transform)?
            },
            cache_directory: None,
            root: project,
            file: file.clone(),
            files,
        })
    }
}

impl Settings {
    /// Finds the project and reads its settings. Only reads files.
    pub fn load(request: &LoadRequest) -> Result<Self> {
        Loaded::find(request)?.choose(request, ProjectFiles::Directory)
    }

    /// The settings of a project as an embedding program names it: without `runner.toml`, the defaults.
    pub fn of_project(request: &LoadRequest, project: &Project) -> Result<Self> {
        let (files, root) = match &project.place {
            Place::Directory(directory) => (ProjectFiles::Directory, request.start_dir.join(directory)),
            Place::Embedded(files) => (ProjectFiles::Embedded(files.clone()), request.start_dir.clone()),
        };
        let file = root.join(FILE_NAME);
        let (content, variables) = match &files {
            ProjectFiles::Directory => {
                let content = match std::fs::symlink_metadata(&file) {
                    Ok(_) => SettingsFile::read(&file, FILE_NAME)?,
                    Err(_) => SettingsFile::parse("", FILE_NAME)?,
                };
                (content, Variables::load(request.env.clone(), &root)?)
            }
            ProjectFiles::Embedded(files) => {
                files.check()?;
                let content = SettingsFile::parse(files.text(FILE_NAME)?.unwrap_or_default(), FILE_NAME)?;
                (content, Variables::of_process(request.env.clone()))
            }
        };
        Loaded { file, shown: FILE_NAME.to_owned(), content, variables }.choose(request, files)
    }

    /// The names of the environments and of the databases in the settings file, in order.
    pub fn names(request: &LoadRequest) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let file = find::settings_file(request)?;
        let content = SettingsFile::read(&file, FILE_NAME)?;
        Ok((content.environments.into_keys().collect(), content.databases.into_keys().collect()))
    }

    /// The databases that a command can name.
    pub fn databases(request: &LoadRequest) -> Result<NamedDatabases> {
        let loaded = Loaded::find(request)?;
        // The main database: no other is chosen here.
        let plain = LoadRequest { database: None, ..request.clone() };
        let sources = loaded.sources(&plain);
        let chosen = sources.flag_or_variable(request.database.as_ref(), "--database", env::DATABASE);
        let choice = Choice::of_main(sources, &loaded.content, &loaded.shown)?;
        let table = choice.tenants();
        let tenants = table.map(|table| {
            table.choose((sources.variables, sources.root), request.wanted, choice.lock(), || choice.database_url())
        });
        let without_tenants = match &choice.environment {
            Some((name, _)) if table.is_none() && loaded.content.main.tenants.is_some() => Some(name.value.clone()),
            _ => None,
        };
        let url_variable = loaded.variables.first(&[env::DATABASE_URL]).map(|url| url.origin);
        // That of `.env` is for the main database alone.
        let url_variable = url_variable.filter(|origin| matches!(origin, Origin::Environment(_)));
        let databases = loaded.content.databases.keys().cloned().collect();
        Ok(NamedDatabases { chosen, databases, tenants, without_tenants, url_variable, file: loaded.shown })
    }
}

/// Checks the text of a settings file, whatever would be chosen from it.
pub(crate) fn check_text(text: &str) -> Result<()> {
    SettingsFile::parse(text, FILE_NAME).map(drop)
}

fn lock_timeout(sources: Sources<'_>) -> Result<Sourced<Duration>> {
    let Some(text) = sources.given("--lock-timeout", env::LOCK_TIMEOUT) else {
        return Ok(Sourced::default(DEFAULT_LOCK_TIMEOUT));
    };
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
fn limits(sources: Sources<'_>, choice: &Choice<'_>) -> Result<(Limits, BTreeMap<String, Origin>)> {
    let Sources { request, variables, .. } = sources;
    let mut limits = Limits::default();
    let mut origins = BTreeMap::new();
    let mut set = |name: &str, text: &str, origin: &Origin| -> Result<()> {
        limits.set(name, text).map_err(|error| error.at("setting", origin.to_string()))?;
        origins.insert(name.to_owned(), origin.clone());
        Ok(())
    };
    for (name, text) in choice.layers().flat_map(|layer| &layer.limits) {
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
