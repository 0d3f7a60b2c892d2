//! How hard a transform may press on a database that others use too: `[transform]`, and its flags.

use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use super::LoadRequest;
use super::choose::Choice;
use super::file::SettingsFile;
use super::interpolate::interpolate;
use crate::database::{DatabaseUrl, Dialect};
use crate::error::{Error, Result};
use crate::project::env::{self, Variables};
use crate::project::origin::{Origin, Sourced};
use crate::project::toml_reader::{Section, to_i64};
use crate::project::units::{parse_count, parse_duration};

/// Bounds on the pace of a transform. None: no bound.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    /// How long a run rests behind each chunk.
    pub batch_delay: Option<Duration>,
    /// Rows that a run reads in a second at most.
    pub max_rows_per_second: Option<u64>,
    /// How far a replica may lag behind while a run goes on.
    pub max_lag: Option<Duration>,
    /// Sessions of others that may be at work while a run goes on.
    pub max_active_connections: Option<u64>,
    /// Replicas that are asked themselves how far they lag.
    pub replicas: Vec<DatabaseUrl>,
    /// Which of them were asked for by a flag: such a wish is fulfilled or refused, never passed over.
    pub by_flag: Vec<&'static str>,
}

/// A setting: its name in the file, its flag, its variable.
const SETTINGS: [(&str, &str, &str); 4] = [
    ("batch_delay", "--batch-delay", env::BATCH_DELAY),
    ("max_rows_per_second", "--max-rows-per-second", env::MAX_ROWS_PER_SECOND),
    ("max_lag", "--max-lag", env::MAX_LAG),
    ("max_active_connections", "--max-active-connections", env::MAX_ACTIVE_CONNECTIONS),
];

/// What a section `[transform]` says, each checked, as text.
#[derive(Debug, Default)]
pub(super) struct TransformSection {
    settings: Vec<(&'static str, Sourced<String>)>,
    replicas: Option<Vec<Sourced<String>>>,
}

impl Throttle {
    /// Whether anything slows a transform down.
    pub fn is_set(&self) -> bool {
        self.batch_delay.is_some() || self.max_rows_per_second.is_some() || self.has_ceilings()
    }

    /// Whether a look at the load decides when a transform goes on.
    pub fn has_ceilings(&self) -> bool {
        self.max_lag.is_some() || self.max_active_connections.is_some()
    }

    /// Fails for a wish that this kind of database cannot fulfil. What only the settings file says, perhaps with another
    /// database in mind, is passed over where there is nothing to look at.
    pub fn fit(mut self, dialect: Dialect) -> Result<Self> {
        if dialect == Dialect::Sqlite {
            let ceilings = ["--max-lag", "--max-active-connections"];
            if let Some(flag) = self.by_flag.iter().find(|flag| ceilings.contains(flag)) {
                return Err(Error::usage(format!(
                    "`{flag}` has nothing to look at: SQLite has no replicas and no server"
                ))
                .hint("`--batch-delay` and `--max-rows-per-second` work on every database"));
            }
            self.max_lag = None;
            self.max_active_connections = None;
            self.replicas.clear();
            return Ok(self);
        }
        let is_mysql = |dialect| matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
        if let Some(other) = self.replicas.iter().find(|url| is_mysql(url.dialect()) != is_mysql(dialect)) {
            return Err(Error::usage(format!("`{other}` is no replica of a {dialect} server"))
                .at("setting", "`transform.replicas` in `runner.toml`"));
        }
        if self.max_lag.is_some() && is_mysql(dialect) && self.replicas.is_empty() {
            let error = Error::usage(format!("`max_lag` is set, and {dialect} does not tell its replicas' lag"));
            return Err(error.hint("name the replicas in `runner.toml`: `[transform]`, `replicas = [\"mysql://…\"]`"));
        }
        Ok(self)
    }

    /// Sets one of [`SETTINGS`].
    fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let wrong = |problem: String, example: &str| {
            Error::usage(format!("`{name}` cannot be set: {problem}")).hint(format!("`{name}` takes {example}"))
        };
        let time = || {
            const EXAMPLE: &str = "a duration such as `500ms` or `5s`, or `none`";
            match text {
                "none" => Ok(None),
                text => match parse_duration(text).map_err(|problem| wrong(problem, EXAMPLE))? {
                    Duration::ZERO => Err(wrong("`0` says nothing".to_owned(), EXAMPLE)),
                    duration => Ok(Some(duration)),
                },
            }
        };
        let count = || {
            const EXAMPLE: &str = "a whole number from 1 on, or `none`";
            match text {
                "none" => Ok(None),
                text => match parse_count(text).map_err(|problem| wrong(problem, EXAMPLE))? {
                    0 => Err(wrong("with `0` nothing would ever go on".to_owned(), EXAMPLE)),
                    count => Ok(Some(count)),
                },
            }
        };
        match name {
            "batch_delay" => self.batch_delay = time()?,
            "max_lag" => self.max_lag = time()?,
            "max_rows_per_second" => self.max_rows_per_second = count()?,
            _ => self.max_active_connections = count()?,
        }
        Ok(())
    }
}

/// Reads a section `[transform]`, in which others may stand beside ours.
pub(super) fn read(root: &Section<'_, '_>, others: &[&'static str]) -> TransformSection {
    let path = root.key("transform");
    let Some(section) = root.section("transform", &path) else { return TransformSection::default() };
    let mut known: Vec<&str> = SETTINGS.iter().map(|(name, ..)| *name).collect();
    known.push("replicas");
    known.extend(others);
    section.only(&known);
    let mut found = TransformSection::default();
    for (key, value) in section.entries() {
        if key == "replicas" {
            let origin = section.origin(key, value);
            let urls = section.strings(key).into_iter();
            found.replicas = Some(urls.map(|value| Sourced { value, origin: origin.clone() }).collect());
        }
        let Some((name, ..)) = SETTINGS.into_iter().find(|(name, ..)| *name == key) else { continue };
        let text = match value.get_ref() {
            DeValue::Integer(integer) if name.starts_with("max_") && name != "max_lag" => {
                to_i64(integer).map(|integer| integer.to_string())
            }
            other => other.as_str().map(str::to_owned),
        };
        let is_count = name == "max_rows_per_second" || name == "max_active_connections";
        let expected = if is_count { "a whole number" } else { "a string such as \"5s\"" };
        let Some(text) = section.expect(key, value, text, expected) else { continue };
        match Throttle::default().set(name, &text) {
            Ok(()) => found.settings.push((name, Sourced { value: text, origin: section.origin(key, value) })),
            Err(error) => section.document().wrong(&value.span(), error.message, error.hints.into_iter().next()),
        }
    }
    found
}

/// The file's, then its environment's, then the variables', then the flags'.
pub(super) fn choose(
    request: &LoadRequest,
    variables: &Variables,
    content: &SettingsFile,
    choice: &Choice<'_>,
    root: &Path,
) -> Result<Throttle> {
    let mut throttle = Throttle::default();
    let environment = choice.environment.as_ref().map(|(_, environment)| &environment.throttle);
    let sections = [Some(&content.throttle), environment];
    for section in sections.into_iter().flatten() {
        for (name, text) in &section.settings {
            throttle.set(name, &text.value).map_err(|error| error.at("setting", text.origin.to_string()))?;
        }
        if let Some(replicas) = &section.replicas {
            let url = |text: &Sourced<String>| {
                let parsed = DatabaseUrl::parse(&interpolate(text, variables)?, root);
                parsed.map_err(|error| error.at("setting", text.origin.to_string()))
            };
            throttle.replicas = replicas.iter().map(url).collect::<Result<_>>()?;
        }
    }
    for (name, flag, variable) in SETTINGS {
        let said = request.throttle.get(name).map(|text| Sourced::flag(text.clone(), flag));
        if let Some(text) = said.or_else(|| variables.first(&[variable])) {
            throttle.set(name, text.value.trim()).map_err(|error| error.at("setting", text.origin.to_string()))?;
            if matches!(text.origin, Origin::Flag(_)) && text.value.trim() != "none" {
                throttle.by_flag.push(flag);
            }
        }
    }
    Ok(throttle)
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use super::*;

    const FILE: &str = "[transform]\nbatch_delay = '50ms'\nmax_rows_per_second = 1_000\nmax_lag = '5s'\n\
        replicas = ['mysql://a:${WORD}@b/c']\n\
        [environments.production]\nurl = 'mysql://d/e'\n[environments.production.transform]\nmax_lag = '1s'\n\
        max_active_connections = 40\nreplicas = ['mysql://f/g', 'mysql://h/i']\n";

    fn throttle(change: impl FnOnce(&mut LoadRequest)) -> Result<Throttle> {
        let load = load(FILE, |request| {
            request.env.insert("WORD".to_owned(), "secret".to_owned());
            change(request);
        });
        load.map(|settings| settings.throttle)
    }

    #[test]
    fn flags_go_before_variables_and_those_before_the_file() {
        let plain = throttle(|_| ()).expect("settings");
        assert_eq!((plain.batch_delay, plain.max_rows_per_second), (Some(Duration::from_millis(50)), Some(1_000)));
        assert_eq!(plain.replicas[0].secret(), "mysql://a:secret@b/c");
        assert!(plain.by_flag.is_empty() && plain.has_ceilings());
        let production = throttle(|request| request.environment = Some("production".to_owned())).expect("settings");
        assert_eq!((production.max_lag, production.max_active_connections), (Some(Duration::from_secs(1)), Some(40)));
        assert_eq!((production.replicas.len(), production.max_rows_per_second), (2, Some(1_000)));
        let said = throttle(|request| {
            request.env.insert("RUNNER_MAX_LAG".to_owned(), "9s".to_owned());
            request.env.insert("RUNNER_BATCH_DELAY".to_owned(), "9s".to_owned());
            request.throttle.insert("batch_delay", "none".to_owned());
            request.throttle.insert("max_rows_per_second", "7".to_owned());
        });
        let said = said.expect("settings");
        assert_eq!(
            (said.max_lag, said.batch_delay, said.max_rows_per_second),
            (Some(Duration::from_secs(9)), None, Some(7))
        );
        assert_eq!(said.by_flag, ["--max-rows-per-second"]);
    }

    #[test]
    fn a_database_refuses_what_it_cannot_keep() {
        let plain = || throttle(|_| ()).expect("settings");
        let on_sqlite = plain().fit(Dialect::Sqlite).expect("passed over");
        assert!(!on_sqlite.has_ceilings() && on_sqlite.is_set());
        let asked = Throttle { by_flag: vec!["--max-lag"], ..plain() };
        assert!(asked.fit(Dialect::Sqlite).is_err());
        assert!(plain().fit(Dialect::Mariadb).is_ok());
        assert!(plain().fit(Dialect::Postgres).is_err(), "another kind of server");
        assert!(Throttle { replicas: Vec::new(), ..plain() }.fit(Dialect::Mysql).is_err(), "nobody to ask");
        assert!(Throttle { replicas: Vec::new(), ..plain() }.fit(Dialect::Postgres).is_ok());
    }
}
