//! Chooses the environment and the database, and from them the URL.

use std::path::Path;

use super::file::{Environment, NamedDatabase, SettingsFile};
use super::layer::{Layer, RequiredIsolation};
use super::password::UrlSetting;
use super::request::{LoadRequest, Sources, flagged};
use super::tenants::TenantsTable;
use super::{DEFAULT_DATABASE_URL, interpolate, lock};
use crate::env;
use crate::origin::{Origin, Sourced};
use crate::problem::{list, shown};
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
use runner_database::{ChosenLock, DatabaseUrl, Dialect, Unset};

/// The chosen environment and database.
pub(super) struct Choice<'a> {
    sources: Sources<'a>,
    content: &'a SettingsFile,
    /// The settings file, as messages show it.
    file: &'a str,
    pub environment: Option<(Sourced<String>, &'a Environment)>,
    pub database: Option<(Sourced<String>, &'a NamedDatabase)>,
}

impl<'a> Choice<'a> {
    /// The chosen environment, whatever database was selected by name.
    pub fn of_main(sources: Sources<'a>, content: &'a SettingsFile, file: &'a str) -> Result<Self> {
        let Sources { request, variables, .. } = sources;
        if request.environment.is_none() {
            variables.refuse_empty(&[env::ENVIRONMENT])?;
        }
        let environment = sources
            .flag_or_variable(request.environment.as_ref(), "--environment", env::ENVIRONMENT)
            .filter(|name| !set_by_github(name, request, content));
        let environment = environment
            .map(|name| {
                let known = content.environments.keys().map(String::as_str);
                let found = content.environments.get(&name.value);
                found.ok_or_else(|| missing("environment", "environments", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        Ok(Self { sources, content, file, environment, database: None })
    }

    /// The chosen environment, and the database that was selected by name.
    pub fn make(sources: Sources<'a>, content: &'a SettingsFile, file: &'a str) -> Result<Self> {
        let Sources { request, variables, .. } = sources;
        let main = Self::of_main(sources, content, file)?;
        if request.database.is_none() {
            variables.refuse_empty(&[env::DATABASE])?;
        }
        let database = sources.flag_or_variable(request.database.as_ref(), "--database", env::DATABASE);
        let database = database
            .filter(|_| request.tenant.is_none())
            .map(|name| {
                let known = content.databases.keys().map(String::as_str);
                let found = content.databases.get(&name.value);
                found.ok_or_else(|| missing("database", "databases", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        Ok(Self { database, ..main })
    }

    /// What the file says, then for its named database, then for its environment.
    pub fn layers(&self) -> impl Iterator<Item = &'a Layer> + Clone + use<'a> {
        let database = self.database.as_ref().map(|(_, database)| &database.layer);
        let environment = self.environment.as_ref().map(|(_, environment)| &environment.layer);
        std::iter::once(&self.content.main).chain(database).chain(environment)
    }

    /// As the environment says, or the named database, or `[database]`.
    pub fn nearest<T>(&self, of: impl Fn(&'a Layer) -> Option<T>) -> Option<T> {
        let of_environment = self.environment.as_ref().and_then(|(_, environment)| of(&environment.layer));
        of_environment.or_else(|| match &self.database {
            Some((_, database)) => of(&database.layer),
            None => of(&self.content.main),
        })
    }

    /// What must confine a component.
    pub fn isolation(&self) -> RequiredIsolation {
        self.layers().filter_map(|layer| layer.isolation.as_ref()).last().map(|it| it.value).unwrap_or_default()
    }

    /// The table of the settings that protects the database, if one does.
    pub fn protected(&self) -> Option<String> {
        if let Some((name, environment)) = &self.environment
            && environment.layer.protected
        {
            return Some(format!("environments.{}", name.value));
        }
        if self.sources.request.tenant.is_some() {
            return self.tenants().filter(|table| table.protected).map(|table| table.path.clone());
        }
        match &self.database {
            Some((name, database)) => database.layer.protected.then(|| format!("databases.{}", name.value)),
            // An environment with a URL of its own is another database, and decides for itself.
            None if self.chosen_url().is_none() => self.content.main.protected.then(|| "database".to_owned()),
            None => None,
        }
    }

    /// The tenants. Those of the file are not those of an environment, which is often another server.
    pub fn tenants(&self) -> Option<&'a TenantsTable> {
        match &self.environment {
            Some((_, environment)) => environment.layer.tenants.as_ref(),
            None => self.content.main.tenants.as_ref(),
        }
    }

    /// The directory of the migrations, relative to the project.
    pub fn migrations(&self) -> &'a Path {
        match &self.database {
            Some((_, database)) => &database.migrations,
            None => &self.content.migrations,
        }
    }

    /// The URL of the database: a flag, `RUNNER_DATABASE_URL`, `DATABASE_URL`, `.env`, the file, the default. If an environment or
    /// a database was selected by name, only `RUNNER_DATABASE_URL` of the environment overrides its URL: `production` must not be
    /// redirected by what is set for other tools or for daily use.
    pub fn database_url(&self) -> Result<Sourced<DatabaseUrl>> {
        let url = self.url_alone()?;
        match self.lock() {
            Some(lock) => Ok(Sourced { value: lock::with_lock(url.value, lock)?, origin: url.origin }),
            None => Ok(url),
        }
    }

    /// The lock of the settings.
    pub fn lock(&self) -> Option<&'a Sourced<ChosenLock>> {
        self.nearest(|layer| layer.lock.as_ref())
    }

    /// The URL without the lock.
    fn url_alone(&self) -> Result<Sourced<DatabaseUrl>> {
        let Sources { request, variables, root } = self.sources;
        if let Some(url) = &request.program_database {
            return Ok(Sourced { value: url.clone(), origin: Origin::Program });
        }
        if let Some(tenant) = &request.tenant {
            return Ok(tenant.url.clone());
        }
        let parse = |url: Sourced<String>, base: &Path| {
            let value =
                DatabaseUrl::parse(&url.value, base).map_err(|error| error.at("setting", url.origin.to_string()))?;
            Ok(Sourced { value, origin: url.origin })
        };
        if let Some(url) = flagged(request.database_url.as_ref(), "--database-url") {
            // Relative paths of the command line start at the current directory, all others at the project.
            return parse(url, &request.start_dir);
        }
        let names: &[&str] = match self.database {
            None => &[env::DATABASE_URL, env::COMMON_DATABASE_URL],
            // `DATABASE_URL` is shared with other tools and refers to the main database.
            Some(_) => &[env::DATABASE_URL],
        };
        let variable = variables.first(names);
        let chosen = self.chosen_url();
        variables.refuse_empty(if chosen.is_some() { &[env::DATABASE_URL] } else { names })?;
        let ours = |origin: &Origin| *origin == Origin::Environment(env::DATABASE_URL.to_owned());
        let url = match (variable.filter(|url| chosen.is_none() || ours(&url.origin)), chosen) {
            (Some(variable), _) => return parse(variable, root),
            (None, Some(url)) => Some(url?),
            (None, None) => self.content.main_url(self.file)?,
        };
        match url {
            Some(UrlSetting { text, password }) => {
                let url = interpolate::url(&text, variables, root, request.wanted)?;
                let value = match password {
                    Some(password) => password.give(url, (variables, root), request.wanted)?,
                    None => url,
                };
                Ok(Sourced { value, origin: text.origin })
            }
            // Of the default kind. What connects to it says that there is none.
            None => {
                let url = parse(Sourced::default(DEFAULT_DATABASE_URL.to_owned()), root)?;
                Ok(Sourced { value: url.value.with_unset(Unset::Url), origin: url.origin })
            }
        }
    }

    /// Whether foreign keys are enforced.
    pub fn foreign_keys(&self, dialect: Dialect) -> Result<bool> {
        match self.nearest(|layer| layer.foreign_keys.clone()) {
            Some(Sourced { value: false, origin }) if dialect == Dialect::Postgres => {
                Err(Error::usage("`foreign_keys = false` is not possible on PostgreSQL, which always enforces them")
                    .at("setting", origin.to_string())
                    .hint("set it in the `[environments.NAME]` or `[databases.NAME]` that it is for, or declare the keys DEFERRABLE"))
            }
            found => Ok(found.is_none_or(|it| it.value)),
        }
    }

    /// The URL of the chosen environment and database.
    fn chosen_url(&self) -> Option<Result<UrlSetting>> {
        match (&self.database, &self.environment) {
            (Some((_, database)), None) => Some(Ok(database.layer.url.clone()?)),
            (None, Some((_, environment))) => Some(Ok(environment.layer.url.clone()?)),
            (Some((name, _)), Some((in_name, environment))) => {
                let url = environment.databases.get(&name.value).cloned();
                Some(url.ok_or_else(|| {
                    Error::usage(format!(
                        "environment `{}` has no URL for the database `{}`",
                        in_name.value, name.value
                    ))
                    .hint(format!("add `url` under `[environments.{}.databases.{}]`", in_name.value, name.value))
                }))
            }
            (None, None) => None,
        }
    }
}

/// GitHub's runners set `RUNNER_ENVIRONMENT` to their own kind.
fn set_by_github(name: &Sourced<String>, request: &LoadRequest, content: &SettingsFile) -> bool {
    matches!(name.origin, Origin::Environment(_))
        && matches!(name.value.as_str(), "github-hosted" | "self-hosted")
        && request.env.get("GITHUB_ACTIONS").is_some_and(|value| value == "true")
        && !content.environments.contains_key(&name.value)
}

fn missing<'k>(
    what: &str,
    table: &str,
    name: &Sourced<String>,
    known: impl Iterator<Item = &'k str> + Clone,
    file: &str,
) -> Error {
    let error =
        Error::usage(format!("`{file}` has no {what} `{}`", shown(&name.value))).at("setting", name.origin.to_string());
    if let Some(meant) = did_you_mean(&name.value, known.clone()) {
        return error.hint(format!("did you mean `{meant}`? The file has {}", list(known)));
    }
    // Such as a URL, which may have a password.
    if !name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return error.hint(format!("use the name of a table `[{table}.NAME]`; `--database-url` takes a URL"));
    }
    match list(known) {
        none if none.is_empty() => error.hint(format!("add a table `[{table}.{}]`", shown(&name.value))),
        names => error.hint(format!("the file has {names}")),
    }
}
