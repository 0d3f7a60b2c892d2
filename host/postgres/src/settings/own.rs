//! How a session differs from others in its settings.

use std::time::Duration;

use super::client;
use crate::citus;
use runner_database::{ConnectOptions, Dialect, Facts, Role};
use runner_sql::Tokens;

/// How a session differs from others in its settings.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// The names of the settings that a script has set for its session.
    set: Vec<String>,
    /// Those that the environment and the URL set.
    of_operator: Vec<(String, String)>,
    /// Those of the server's configuration that the driver sends other values for, where this login may read them.
    configured: Vec<(String, String)>,
    /// The workers of a cluster need the settings, too.
    has_workers: bool,
}

impl Own {
    /// `options`: those of the URL, as the server takes them.
    pub(crate) fn of(facts: &Facts, options: &str, configured: Vec<(String, String)>) -> Self {
        let of_operator = client::in_environment().chain(client::parse_options(options)).collect();
        Self { set: Vec::new(), of_operator, configured, has_workers: facts.citus.is_some() }
    }

    /// Forgets what a script has set.
    pub(crate) fn forget(&mut self) {
        self.set.clear();
    }

    /// Whether the workers of a cluster need the settings, too.
    pub(crate) fn has_workers(&self) -> bool {
        self.has_workers
    }

    /// Whether a script has set one.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.set.iter().any(|own| own == name)
    }

    /// What the environment and the URL set one to.
    pub(crate) fn of_operator(&self, name: &str) -> Option<&str> {
        self.of_operator.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What the server's configuration sets one to, as far as that is known.
    pub(crate) fn configured(&self, name: &str) -> Option<&str> {
        self.configured.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Records the settings that a statement changes.
    pub(crate) fn note(&mut self, statement: &str) {
        let words: Vec<String> =
            Tokens::new(statement, Dialect::Postgres).identifiers().iter().map(|word| word.to_lowercase()).collect();
        let reset = client::reset_by(statement);
        if !reset.is_empty() {
            self.set.retain(|name| !reset.contains(&name.as_str()));
            return;
        }
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["set", "local", ..] => {}
            ["set", "time", "zone", ..] | ["set", "session", "time", "zone", ..] => {
                self.set.push("timezone".to_owned());
            }
            ["set", "session", "citus", name, ..] | ["set", "citus", name, ..] => {
                self.set.push(format!("citus.{name}"))
            }
            ["set", "session", name, ..] | ["set", name, ..] => self.set.push((*name).to_owned()),
            _ => {}
        }
    }

    /// Returns how long a statement of a role may take, unless a script has set that itself.
    pub(crate) fn limit(&self, rights: Role, options: &ConnectOptions) -> Option<Duration> {
        options.statement_timeout.filter(|_| rights != Role::Host && !self.has("statement_timeout"))
    }

    /// Returns the timeouts of a role as names and values: those of the options for migrations, none for the host.
    pub(crate) fn timeouts(&self, rights: Role, options: &ConnectOptions) -> Vec<(&'static str, String)> {
        let milliseconds = |timeout: Option<Duration>| {
            let timeout = timeout.filter(|_| rights != Role::Host)?;
            Some(timeout.as_millis().clamp(1, i32::MAX as u128).to_string())
        };
        let statement = milliseconds(options.statement_timeout).unwrap_or_else(|| "0".to_owned());
        let lock = milliseconds(options.lock_timeout).unwrap_or_else(|| "DEFAULT".to_owned());
        let mut timeouts = vec![("statement_timeout", statement), ("lock_timeout", lock)];
        timeouts.retain(|(name, _)| !self.has(name));
        timeouts
    }

    /// Returns the text that sets these timeouts until the transaction ends; other statements can directly follow it.
    pub(crate) fn set_timeouts(&self, rights: Role, options: &ConnectOptions) -> String {
        let timeouts = self.timeouts(rights, options);
        let text: String = timeouts.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")).collect();
        if self.has_workers { citus::at_workers(&text) } else { text }
    }
}
