//! What a command works with: the settings, the printer, and the ways to project, database and sandbox.

use std::path::PathBuf;
use std::sync::Arc;

use super::request::{GlobalRequest, flags};
use crate::data::Value;
use crate::database::{ConnectOptions, Connector, Database, DatabaseErrorKind, Dialect, Facts, connect};
use crate::engine::history::{self, History};
use crate::engine::script::{Script, ScriptLoader, ScriptSource};
use crate::engine::sql_script::SqlScript;
use crate::error::{Error, Result};
use crate::project::{Catalog, CatalogReport, Checks, Settings};
use crate::report::json::DatabaseJson;
use crate::report::{Format, Printer};
use crate::sandbox::{Sandbox, SandboxOptions};

/// What a command works with.
pub struct Context {
    /// The terminal.
    pub printer: Arc<Printer>,
    /// The settings.
    pub settings: Settings,
    /// The variables of the process.
    pub env: std::collections::BTreeMap<String, String>,
}

/// How much of history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What is in force.
    Live,
    /// And which artifacts the database keeps.
    WithArtifacts,
}

/// A database as it was found.
pub struct Looked {
    /// The connection; none if the database does not exist yet.
    pub database: Option<Box<dyn Database>>,
    /// What is in force there.
    pub history: History,
    /// What the server can do.
    pub facts: Facts,
}

/// Why a database could not be opened.
pub enum Unopened {
    /// It does not exist.
    Missing(Error),
    /// Anything else.
    Other(Error),
}

impl From<Unopened> for Error {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Missing(error) | Unopened::Other(error) => error,
        }
    }
}

impl Context {
    /// Finds the project and reads its settings.
    pub fn load(printer: Arc<Printer>, global: &GlobalRequest) -> Result<Self> {
        let mut settings = Settings::load(&global.load)?;
        if let Some(format) = &settings.format {
            printer.set_format(match format.value.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                other => {
                    return Err(Error::usage(format!("`{other}` is not a form of output"))
                        .at("setting", format.origin.to_string())
                        .hint("use `text` or `json`"));
                }
            });
        }
        let (verbosity, color) = flags(&global.flags, &settings.switches)?;
        printer.set(verbosity, color);
        for (name, text) in &settings.parameter_variables {
            let value = parameter(settings.parameters.get(name), name, &text.value)
                .map_err(|error| error.at("setting", text.origin.to_string()))?;
            settings.parameters.insert(name.clone(), value);
        }
        for (name, text) in &global.parameters {
            let value = parameter(settings.parameters.get(name), name, text)?;
            settings.parameters.insert(name.clone(), value);
        }
        Ok(Self { printer, settings, env: global.load.env.clone() })
    }

    /// The project's migrations, which must fit the lockfile.
    pub fn catalog(&self, locked: bool) -> Result<Catalog> {
        Catalog::load(&self.settings, Checks { locked })
    }

    /// The project's migrations, and in what they disagree with the lockfile.
    pub fn inspect(&self) -> Result<CatalogReport> {
        Catalog::inspect(&self.settings, Checks::default())
    }

    /// Opens the database and reads what is in force; one that does not exist has an empty history.
    pub async fn look(&self, what: Look) -> Result<Looked> {
        let url = &self.settings.database_url.value;
        match self.connect(false).await {
            Ok(mut database) => {
                let history = match what {
                    Look::Live => history::read(&mut database.host()).await,
                    Look::WithArtifacts => history::read_with_artifacts(&mut database.host()).await,
                };
                let history = history.map_err(|error| self.place(error))?;
                let facts = database.facts().clone();
                Ok(Looked { database: Some(database), history, facts })
            }
            Err(Unopened::Missing(_)) => {
                // Only a SQLite file can be missing and still be told of.
                let facts = Facts::of_dialect(url.dialect());
                Ok(Looked { database: None, history: History::default(), facts })
            }
            Err(Unopened::Other(error)) => Err(error),
        }
    }

    /// Opens the database; `create` makes it if it does not exist.
    pub async fn connect(&self, create: bool) -> Result<Box<dyn Database>, Unopened> {
        let url = &self.settings.database_url.value;
        let Connector { options, .. } = self.connector();
        let options = ConnectOptions { create, ..options };
        connect(url, &options).await.map_err(|error| {
            // A server's database is made by whoever runs the server.
            let is_missing = error.kind == DatabaseErrorKind::NotFound && url.sqlite_path().is_some();
            let error = self.place(error.into());
            if is_missing { Unopened::Missing(error) } else { Unopened::Other(error) }
        })
    }

    /// How connections to a database that exists are made.
    pub fn connector(&self) -> Connector {
        let url = self.settings.database_url.value.clone();
        let timeouts = &self.settings.timeouts;
        let options = ConnectOptions {
            statement_timeout: timeouts.statement_timeout,
            lock_timeout: timeouts.table_lock_timeout(url.dialect()),
            ..ConnectOptions::default()
        };
        Connector { url, options }
    }

    /// An error with the database it is about, and where that was set.
    pub fn place(&self, error: Error) -> Error {
        let url = &self.settings.database_url;
        error.at("database", format!("{} ({})", url.value, url.origin))
    }

    /// The database as documents name it.
    pub fn database_json(&self) -> DatabaseJson {
        let name = self.settings.database.as_ref().map(|name| name.value.as_str());
        DatabaseJson::new(name, self.settings.database_url.value.to_string())
    }

    /// A sandbox, which starts nothing before a component runs.
    pub fn sandbox(&self, jobs: usize) -> Sandbox {
        Sandbox::new(SandboxOptions { limits: self.settings.limits.clone(), cache_folder: self.cache_folder(), jobs })
    }

    /// Makes scripts from SQL and from components.
    pub fn loader(&self, jobs: usize, dialect: Dialect) -> Arc<ScriptLoader> {
        let sandbox = self.sandbox(jobs);
        Arc::new(move |source: &ScriptSource| -> Result<Box<dyn Script>> {
            match source {
                ScriptSource::Sql { up, down } => Ok(Box::new(SqlScript::new(up, down.as_deref(), dialect)?)),
                ScriptSource::Component { bytes, sha256, assets } => sandbox.load(bytes, sha256, assets.clone()),
            }
        })
    }

    /// Where compiled components are kept: the user's own folder for such things.
    fn cache_folder(&self) -> Option<PathBuf> {
        let variable = |name: &str| self.env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join("Library/Caches"))
        } else {
            let own = variable("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
            own.or_else(|| variable("HOME").map(|home| home.join(".cache")))
        };
        base.map(|base| base.join("runner"))
    }
}

/// A parameter of the command line: of the type that the settings have for it, and else text.
fn parameter(known: Option<&Value>, name: &str, text: &str) -> Result<Value> {
    let wrong = |expected: &str| {
        Error::usage(format!("the parameter `{name}` is {expected} in `runner.toml`, and `{text}` is none"))
    };
    match known {
        Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).map_err(|_| wrong("`true` or `false`")),
        Some(Value::Int64(_)) => text.parse().map(Value::Int64).map_err(|_| wrong("an integer")),
        Some(Value::Float64(_)) => text.parse().map(Value::Float64).map_err(|_| wrong("a number")),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_the_type_of_the_settings() {
        for (known, text, value) in [
            (None, "5", Value::Text("5".to_owned())),
            (Some(Value::Int64(1)), "5", Value::Int64(5)),
            (Some(Value::Boolean(true)), "false", Value::Boolean(false)),
            (Some(Value::Float64(0.5)), "2", Value::Float64(2.0)),
            (Some(Value::Text(String::new())), "2", Value::Text("2".to_owned())),
        ] {
            assert_eq!(parameter(known.as_ref(), "p", text).expect("a value"), value);
        }
        assert!(parameter(Some(&Value::Int64(1)), "p", "five").is_err());
    }
}
