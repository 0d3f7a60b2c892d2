//! Chooses the environment and the database, and from them the URL.

use std::path::{Path, PathBuf};

use super::file::{Environment, NamedDatabase, SettingsFile};
use super::named::{flag_or_variable, flagged};
use super::password::UrlSetting;
use super::tenants::TenantsTable;
use super::{DEFAULT_DATABASE_URL, LoadRequest, OnExisting, RequiredIsolation};
use super::{interpolate, lock};
use crate::env::{self, Variables};
use crate::origin::{Origin, Sourced};
use crate::problem::{list, shown};
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
use runner_database::{ChosenLock, DatabaseUrl, Dialect, Unset};

/// The chosen environment and database.
pub(super) struct Choice<'a> {
    pub environment: Option<(Sourced<String>, &'a Environment)>,
    pub database: Option<(Sourced<String>, &'a NamedDatabase)>,
    /// Whether the database is that of a tenant.
    is_tenant: bool,
}

impl<'a> Choice<'a> {
    /// The chosen environment, whatever database was selected by name.
    pub fn of_main(
        request: &LoadRequest,
        variables: &Variables,
        content: &'a SettingsFile,
        file: &str,
    ) -> Result<Self> {
        if request.environment.is_none() {
            variables.refuse_empty(&[env::ENVIRONMENT])?;
        }
        let environment = flag_or_variable(request.environment.as_ref(), "--environment", variables, env::ENVIRONMENT)
            .filter(|name| !set_by_github(name, request, content));
        let environment = environment
            .map(|name| {
                let known = content.environments.keys().map(String::as_str);
                let found = content.environments.get(&name.value);
                found.ok_or_else(|| missing("environment", "environments", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        Ok(Self { environment, database: None, is_tenant: request.tenant.is_some() })
    }

    /// The chosen environment, and the database that was selected by name.
    pub fn make(request: &LoadRequest, variables: &Variables, content: &'a SettingsFile, file: &str) -> Result<Self> {
        let main = Self::of_main(request, variables, content, file)?;
        if request.database.is_none() {
            variables.refuse_empty(&[env::DATABASE])?;
        }
        let database = flag_or_variable(request.database.as_ref(), "--database", variables, env::DATABASE);
        let database = database
            .filter(|_| !main.is_tenant)
            .map(|name| {
                let known = content.databases.keys().map(String::as_str);
                let found = content.databases.get(&name.value);
                found.ok_or_else(|| missing("database", "databases", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        Ok(Self { database, ..main })
    }

    /// Values of the file, then of its named database, then of its environment.
    pub fn layers<'l, T>(
        &'l self,
        plain: &'l T,
        of_database: impl Fn(&'l NamedDatabase) -> &'l T,
        of_environment: impl Fn(&'l Environment) -> &'l T,
    ) -> impl Iterator<Item = &'l T> {
        let database = self.database.as_ref().map(|(_, database)| of_database(database));
        let environment = self.environment.as_ref().map(|(_, environment)| of_environment(environment));
        std::iter::once(plain).chain(database).chain(environment)
    }

    /// What must confine a component.
    pub fn isolation(&self, content: &SettingsFile) -> RequiredIsolation {
        let of_environment = self.environment.as_ref().and_then(|(_, environment)| environment.isolation.as_ref());
        of_environment.or(content.isolation.as_ref()).map(|isolation| isolation.value).unwrap_or_default()
    }

    /// The table of the settings that protects the database, if one does.
    pub fn protected(&self, content: &SettingsFile) -> Option<String> {
        if let Some((name, environment)) = &self.environment
            && environment.protected
        {
            return Some(format!("environments.{}", name.value));
        }
        if self.is_tenant {
            return self.tenants(content).filter(|table| table.protected).map(|table| table.path.clone());
        }
        match &self.database {
            Some((name, database)) => database.protected.then(|| format!("databases.{}", name.value)),
            // An environment with a URL of its own is another database, and decides for itself.
            None if self.chosen_url().is_none() => content.protected.then(|| "database".to_owned()),
            None => None,
        }
    }

    /// The tenants. Those of the file are not those of an environment, which is often another server.
    pub fn tenants<'t>(&'t self, content: &'t SettingsFile) -> Option<&'t TenantsTable> {
        match &self.environment {
            Some((_, environment)) => environment.tenants.as_ref(),
            None => content.tenants.as_ref(),
        }
    }

    /// The directory of the migrations, relative to the project.
    pub fn migrations(&self, content: &SettingsFile) -> PathBuf {
        match &self.database {
            Some((_, database)) => database.migrations.clone(),
            None => content.migrations.clone(),
        }
    }

    /// The URL of the database: a flag, `RUNNER_DATABASE_URL`, `DATABASE_URL`, `.env`, the file, the default. If an environment or
    /// a database was selected by name, only `RUNNER_DATABASE_URL` of the environment overrides its URL: `production` must not be
    /// redirected by what is set for other tools or for daily use.
    pub fn database_url(
        &self,
        request: &LoadRequest,
        variables: &Variables,
        content: &SettingsFile,
        root: &Path,
        file: &str,
    ) -> Result<Sourced<DatabaseUrl>> {
        let url = self.url_alone(request, variables, content, root, file)?;
        match self.lock(content) {
            Some(lock) => Ok(Sourced { value: lock::with_lock(url.value, lock)?, origin: url.origin }),
            None => Ok(url),
        }
    }

    /// The lock of the settings: as the environment says, or the named database, or `[database]`.
    pub fn lock<'l>(&'l self, content: &'l SettingsFile) -> Option<&'l Sourced<ChosenLock>> {
        let of_environment = self.environment.as_ref().and_then(|(_, environment)| environment.lock.as_ref());
        let of_database = || match &self.database {
            Some((_, database)) => database.lock.as_ref(),
            None => content.lock.as_ref(),
        };
        of_environment.or_else(of_database)
    }

    /// What the settings say about a database that is not empty: as the environment says, or the named database, or
    /// `[database]`.
    pub fn on_existing(&self, content: &SettingsFile) -> Option<OnExisting> {
        let of_environment = self.environment.as_ref().and_then(|(_, environment)| environment.on_existing);
        of_environment.or(match &self.database {
            Some((_, database)) => database.on_existing,
            None => content.on_existing,
        })
    }

    /// The URL without the lock.
    fn url_alone(
        &self,
        request: &LoadRequest,
        variables: &Variables,
        content: &SettingsFile,
        root: &Path,
        file: &str,
    ) -> Result<Sourced<DatabaseUrl>> {
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
            (None, None) => content.main_url(file)?,
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

    /// Whether foreign keys are enforced: as the environment says, or the named database, or `[database]`.
    pub fn foreign_keys(&self, content: &SettingsFile, dialect: Dialect) -> Result<bool> {
        let of_environment = self.environment.as_ref().and_then(|(_, environment)| environment.foreign_keys.clone());
        let of_database = || match &self.database {
            Some((_, database)) => database.foreign_keys.clone(),
            None => content.foreign_keys.clone(),
        };
        match of_environment.or_else(of_database) {
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
            (Some((_, database)), None) => Some(Ok(database.url.clone())),
            (None, Some((_, environment))) => Some(Ok(environment.url.clone()?)),
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
