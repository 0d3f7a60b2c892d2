//! What a command works with: the settings, the printer, and the ways to project, database and sandbox.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use super::request::{GlobalRequest, flags};
use crate::data::Value;
use crate::error::{Error, Result};
use crate::project::Settings;
use crate::report::json::DatabaseJson;
use crate::report::{Format, Printer};
pub use crate::runner::setup::{Look, Looked, Setup, Unopened};

/// What a command works with.
pub struct Context {
    /// The terminal.
    pub printer: Arc<Printer>,
    /// The settings, and what is reached by them.
    pub setup: Setup,
    /// The variables of the process.
    pub env: BTreeMap<String, String>,
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
        let env = global.load.env.clone();
        let setup = Setup { settings, driver: None, component_cache: cache_folder(&env) };
        Ok(Self { printer, setup, env })
    }

    /// The database as documents name it.
    pub fn database_json(&self) -> DatabaseJson {
        let name = self.settings.database.as_ref().map(|name| name.value.as_str());
        DatabaseJson::new(name, self.settings.database_url.value.to_string())
    }
}

/// Commands reach the settings, and the ways to project, database and sandbox, through the context.
impl Deref for Context {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

/// Where compiled components are kept: the user's own folder for such things.
fn cache_folder(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let variable = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
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
