//! Chooses the environment and the database, and from them the URL.

use std::path::{Path, PathBuf};

use super::file::{Environment, NamedDatabase, SettingsFile};
use super::interpolate::interpolate;
use super::{DEFAULT_DATABASE_URL, LoadRequest, flag};
use crate::database::DatabaseUrl;
use crate::error::{Error, Result};
use crate::project::env::{self, Variables};
use crate::project::origin::{Origin, Sourced};
use crate::project::problem::{list, shown};
use crate::suggest::did_you_mean;

/// The environment and the database that a run is about.
pub(super) struct Choice<'a> {
    pub environment: Option<(Sourced<String>, &'a Environment)>,
    pub database: Option<(Sourced<String>, &'a NamedDatabase)>,
}

impl<'a> Choice<'a> {
    pub fn make(request: &LoadRequest, variables: &Variables, content: &'a SettingsFile, file: &str) -> Result<Self> {
        let environment = flag(&request.environment, "--environment")
            .or_else(|| variables.first(&[env::ENVIRONMENT]))
            .filter(|name| !set_by_github(name, request, content));
        let environment = environment
            .map(|name| {
                let known = content.environments.keys().map(String::as_str);
                let found = content.environments.get(&name.value);
                found.ok_or_else(|| missing("environment", "environments", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        let database = flag(&request.database, "--database").or_else(|| variables.first(&[env::DATABASE]));
        let database = database
            .map(|name| {
                let known = content.databases.keys().map(String::as_str);
                let found = content.databases.get(&name.value);
                found.ok_or_else(|| missing("database", "databases", &name, known, file)).map(|it| (name, it))
            })
            .transpose()?;
        Ok(Self { environment, database })
    }

    /// The folder of the migrations, relative to the project.
    pub fn migrations(&self, content: &SettingsFile) -> PathBuf {
        match &self.database {
            Some((_, database)) => database.migrations.clone(),
            None => content.migrations.clone(),
        }
    }

    /// The URL of the database. A URL that stands under a chosen name has the rank of the choice: after
    /// `--environment production`, no variable leads elsewhere.
    pub fn database_url(
        &self,
        request: &LoadRequest,
        variables: &Variables,
        content: &SettingsFile,
        root: &Path,
        file: &str,
    ) -> Result<Sourced<DatabaseUrl>> {
        let parse = |url: Sourced<String>, base: &Path| {
            let value =
                DatabaseUrl::parse(&url.value, base).map_err(|error| error.at("setting", url.origin.to_string()))?;
            Ok(Sourced { value, origin: url.origin })
        };
        if let Some(url) = flag(&request.database_url, "--database-url") {
            // As every path on the command line, a relative one means the folder one stands in; others, the project's.
            return parse(url, &request.start_dir);
        }
        let mut variable = variables.first(&[env::DATABASE_URL, env::COMMON_DATABASE_URL]);
        if self.database.is_some() {
            // What other tools use is about the project's main database.
            variable = variables.first(&[env::DATABASE_URL]);
        }
        let chosen = self
            .chosen_url()
            .filter(|(choice, _)| variable.as_ref().is_none_or(|variable| rank(choice) < rank(&variable.origin)));
        let url = match (chosen, variable) {
            (Some((_, url)), _) => Some(url?),
            (None, Some(variable)) => return parse(variable, root),
            (None, None) => content.main_url(file)?,
        };
        match url {
            Some(url) => parse(Sourced { value: interpolate(&url, variables)?, origin: url.origin }, root),
            None => parse(Sourced::default(DEFAULT_DATABASE_URL.to_owned()), root),
        }
    }

    /// The URL that stands under the chosen names, and where the choice comes from.
    fn chosen_url(&self) -> Option<(&Origin, Result<Sourced<String>>)> {
        match (&self.database, &self.environment) {
            (Some((name, database)), None) => Some((&name.origin, Ok(database.url.clone()))),
            (None, Some((name, environment))) => Some((&name.origin, Ok(environment.url.clone()?))),
            (Some((name, _)), Some((in_name, environment))) => {
                let url = environment.databases.get(&name.value).cloned().ok_or_else(|| {
                    Error::usage(format!(
                        "environment `{}` has no URL for the database `{}`",
                        in_name.value, name.value
                    ))
                    .hint(format!("add `url` under `[environments.{}.databases.{}]`", in_name.value, name.value))
                });
                Some((&name.origin, url))
            }
            (None, None) => None,
        }
    }
}

/// The place of an origin in the order of precedence.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Flag(_) => 0,
        Origin::Environment(name) if name != env::COMMON_DATABASE_URL => 1,
        Origin::Environment(_) => 2,
        Origin::DotEnv(name) if name != env::COMMON_DATABASE_URL => 3,
        Origin::DotEnv(_) => 4,
        Origin::File { .. } => 5,
        Origin::Default => 6,
    }
}

/// GitHub's runners set a variable of our name to say of what kind they are.
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
    match list(known) {
        none if none.is_empty() => error.hint(format!("add a table `[{table}.{}]`", shown(&name.value))),
        names => error.hint(format!("the file has {names}")),
    }
}
