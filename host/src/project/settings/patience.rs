//! How long a migration waits for others, how long a statement may take, and how often a migration is tried again.

use std::time::Duration;

use toml::de::DeValue;

use super::choose::Choice;
use super::file::SettingsFile;
use super::{LoadRequest, flag};
use crate::database::Dialect;
use crate::error::{Error, Result};
use crate::project::env::{self, Variables};
use crate::project::origin::Sourced;
use crate::project::toml_reader::{Section, to_i64};
use crate::project::units::{parse_count, parse_duration};

/// The most retries that may be asked for: beyond, the run's time is up in any case.
const MOST_RETRIES: u64 = 1000;

/// Patience with a database that others use too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// What was said of the wait for a table or row; none: nothing was said.
    table_lock_timeout: Option<Option<Duration>>,
    /// How long a statement of a migration may take; none: as long as it wants.
    pub statement_timeout: Option<Duration>,
    /// How often a migration that met somebody else's lock is tried again.
    pub retries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { table_lock_timeout: None, statement_timeout: None, retries: 10 }
    }
}

impl Patience {
    /// The names, as the settings file spells them.
    pub const NAMES: [&'static str; 3] = ["table_lock_timeout", "statement_timeout", "retries"];

    /// How long a statement may wait for a lock on a table or row; none: as the server is set up.
    pub fn table_lock_timeout(&self, dialect: Dialect) -> Option<Duration> {
        self.table_lock_timeout.unwrap_or_else(|| dialect.table_lock_timeout())
    }

    /// Sets one of [`Patience::NAMES`].
    fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let wrong = |problem: String, example: &str| {
            Error::usage(format!("`{name}` cannot be set: {problem}")).hint(format!("`{name}` takes {example}"))
        };
        let time = || {
            const EXAMPLE: &str = "a duration such as `3s`, or `none`";
            match text {
                "none" => Ok(None),
                text => match parse_duration(text).map_err(|problem| wrong(problem, EXAMPLE))? {
                    Duration::ZERO => Err(wrong("nothing can be done in no time".to_owned(), EXAMPLE)),
                    duration => Ok(Some(duration)),
                },
            }
        };
        match name {
            "table_lock_timeout" => self.table_lock_timeout = Some(time()?),
            "statement_timeout" => self.statement_timeout = time()?,
            _ => {
                const EXAMPLE: &str = "a whole number from 0 to 1000";
                let count = parse_count(text).map_err(|problem| wrong(problem, EXAMPLE))?;
                let bounded = u32::try_from(count).ok().filter(|_| count <= MOST_RETRIES);
                self.retries = bounded.ok_or_else(|| wrong(format!("`{text}` is too many"), EXAMPLE))?;
            }
        }
        Ok(())
    }
}

/// What a section of the settings file says of it, each checked, as text.
pub(super) fn read(section: &Section<'_, '_>) -> Vec<(&'static str, Sourced<String>)> {
    let mut found = Vec::new();
    for (key, value) in section.entries() {
        let Some(name) = Patience::NAMES.into_iter().find(|name| *name == key) else { continue };
        let text = match value.get_ref() {
            DeValue::Integer(integer) if name == "retries" => to_i64(integer).map(|integer| integer.to_string()),
            other => other.as_str().map(str::to_owned),
        };
        let expected = if name == "retries" { "a whole number" } else { "a string such as \"3s\"" };
        let Some(text) = section.expect(key, value, text, expected) else { continue };
        match Patience::default().set(name, &text) {
            Ok(()) => found.push((name, Sourced { value: text, origin: section.origin(key, value) })),
            Err(error) => section.document().wrong(&value.span(), error.message, error.hints.into_iter().next()),
        }
    }
    found
}

/// The file's, then its named database's, then its environment's, then the variables', then the flags'.
pub(super) fn choose(
    request: &LoadRequest,
    variables: &Variables,
    content: &SettingsFile,
    choice: &Choice<'_>,
) -> Result<Patience> {
    let mut patience = Patience::default();
    let database = choice.database.iter().flat_map(|(_, database)| &database.patience);
    let environment = choice.environment.iter().flat_map(|(_, environment)| &environment.patience);
    for (name, text) in content.patience.iter().chain(database).chain(environment) {
        patience.set(name, &text.value).map_err(|error| error.at("setting", text.origin.to_string()))?;
    }
    let said = [
        ("table_lock_timeout", &request.table_lock_timeout, "--table-lock-timeout", env::TABLE_LOCK_TIMEOUT),
        ("statement_timeout", &request.statement_timeout, "--statement-timeout", env::STATEMENT_TIMEOUT),
        ("retries", &request.retries, "--retries", env::RETRIES),
    ];
    for (name, text, flag_name, variable) in said {
        if let Some(text) = flag(text, flag_name).or_else(|| variables.first(&[variable])) {
            patience.set(name, text.value.trim()).map_err(|error| error.at("setting", text.origin.to_string()))?;
        }
    }
    Ok(patience)
}
