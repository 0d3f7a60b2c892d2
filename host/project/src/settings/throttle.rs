//! Throttling of transforms: `[transform]`, its variables and its flags.

use std::time::Duration;

use super::interpolate::{url, urls};
use super::named::{self, InFile, Named, SettingFlag, SettingValue};
use super::request::Sources;
use crate::env;
use crate::origin::Sourced;
use crate::toml_reader::Section;
use crate::units::{parse_count, parse_duration_or_none};
use runner_base::error::{Error, Result};
use runner_database::{DatabaseUrl, Dialect};

/// Throttling of a transform; `None` means unlimited.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    /// Pause after each chunk.
    pub batch_delay: Option<Duration>,
    /// Maximum number of rows read per second.
    pub max_rows_per_second: Option<u64>,
    /// Maximum lag of a replica; a run waits while it is exceeded.
    pub max_lag: Option<Duration>,
    /// Maximum number of other active sessions; a run waits while it is exceeded.
    pub max_active_connections: Option<u64>,
    /// Replicas whose lag is queried directly.
    pub replicas: Vec<DatabaseUrl>,
    /// Those given as flags: a flag is honoured or refused, never ignored.
    pub by_flag: Vec<&'static str>,
}

/// The settings by name.
pub(super) static SETTINGS: [Named<Throttle>; 4] = [
    Named {
        name: "batch_delay",
        flag: SettingFlag {
            name: "--batch-delay",
            variable: env::BATCH_DELAY,
            value: "DURATION",
            help: "Pause after each chunk, such as `100ms`, or `none`",
            details: "",
        },
        in_file: InFile::Text("5s"),
        takes: TIME,
        set: |throttle, text| parse_duration_or_none(text).map(|time| throttle.batch_delay = time),
    },
    Named {
        name: "max_rows_per_second",
        flag: SettingFlag {
            name: "--max-rows-per-second",
            variable: env::MAX_ROWS_PER_SECOND,
            value: "COUNT",
            help: "Maximum number of rows read per second, or `none`",
            details: "",
        },
        in_file: InFile::Count,
        takes: COUNT,
        set: |throttle, text| count(text).map(|count| throttle.max_rows_per_second = count),
    },
    Named {
        name: "max_lag",
        flag: SettingFlag {
            name: "--max-lag",
            variable: env::MAX_LAG,
            value: "DURATION",
            help: "Wait while the lag of a replica exceeds this, such as `5s`, or `none`",
            details: "",
        },
        in_file: InFile::Text("5s"),
        takes: TIME,
        set: |throttle, text| parse_duration_or_none(text).map(|time| throttle.max_lag = time),
    },
    Named {
        name: "max_active_connections",
        flag: SettingFlag {
            name: "--max-active-connections",
            variable: env::MAX_ACTIVE_CONNECTIONS,
            value: "COUNT",
            help: "Wait while more sessions than this are active besides our own, or `none`",
            details: "",
        },
        in_file: InFile::Count,
        takes: COUNT,
        set: |throttle, text| count(text).map(|count| throttle.max_active_connections = count),
    },
];

const TIME: &str = "a duration such as `500ms` or `5s`, or `none`";
const COUNT: &str = "an integer greater than 0, or `none`";

fn count(text: &str) -> Result<Option<u64>, String> {
    match text {
        "none" => Ok(None),
        text => match parse_count(text)? {
            0 => Err("it must be greater than 0".to_owned()),
            count => Ok(Some(count)),
        },
    }
}

/// The section `[transform]`: checked, as text.
#[derive(Debug, Default)]
pub(super) struct TransformSection {
    settings: Vec<SettingValue<Throttle>>,
    replicas: Option<Vec<Sourced<String>>>,
}

impl Throttle {
    /// Whether a transform is throttled.
    pub fn is_set(&self) -> bool {
        self.batch_delay.is_some() || self.max_rows_per_second.is_some() || self.has_ceilings()
    }

    /// Whether a transform waits depending on the load.
    pub fn has_ceilings(&self) -> bool {
        self.max_lag.is_some() || self.max_active_connections.is_some()
    }

    /// Refuses flags in a dry run, whose chunks never wait. Values of the settings file are for real runs.
    pub fn check_dry_run(&self) -> Result<()> {
        let Some(flag) = self.by_flag.first() else { return Ok(()) };
        Err(Error::usage(format!("`{flag}` does not apply to a dry run, which never waits between chunks")).hint(
            format!("omit `{flag}`; `--sample-chunks N` limits what a dry run does to N chunks of each transform"),
        ))
    }

    /// Refuses flags that do not apply to this kind of database. Values of the settings file, which may be meant for another
    /// database, are ignored if they do not apply: replicas of another kind too, unless a flag would have to do without any.
    pub fn fit(mut self, dialect: Dialect) -> Result<Self> {
        if !dialect.has_server() {
            let ceilings = ["--max-lag", "--max-active-connections"];
            if let Some(flag) = self.by_flag.iter().find(|flag| ceilings.contains(flag)) {
                return Err(Error::usage(format!(
                    "`{flag}` does not apply to SQLite: it has no server and no replicas"
                ))
                .hint("`--batch-delay` and `--max-rows-per-second` work on every database"));
            }
            self.max_lag = None;
            self.max_active_connections = None;
            self.replicas.clear();
            return Ok(self);
        }
        let (own, others): (Vec<_>, Vec<_>) = self.replicas.into_iter().partition(|url| url.dialect().is_akin(dialect));
        self.replicas = own;
        let needs_some = self.max_lag.is_some() && !dialect.reports_replicas();
        if let (true, Some(other)) = (self.replicas.is_empty(), others.first())
            && (needs_some || self.by_flag.contains(&"--max-lag"))
        {
            return Err(Error::usage(format!("`{other}` is not a replica of a {dialect} server"))
                .at("setting", "`transform.replicas` in `runner.toml`")
                .hint(format!("list the replicas of the {dialect} server, too")));
        }
        if needs_some && self.replicas.is_empty() {
            let error = Error::usage(format!("`max_lag` requires `replicas`: {dialect} does not report their lag"));
            return Err(error.hint("list the replicas in `runner.toml`: `[transform]`, `replicas = [\"mysql://…\"]`"));
        }
        Ok(self)
    }
}

/// Reads a section `[transform]`, which may also contain the keys `others`.
pub(super) fn read(root: &Section<'_, '_>, others: &[&'static str]) -> TransformSection {
    let path = root.key("transform");
    let Some(section) = root.section("transform", &path) else { return TransformSection::default() };
    let mut known: Vec<&str> = named::names(&SETTINGS).collect();
    known.push("replicas");
    known.extend(others);
    section.only(&known);
    TransformSection {
        settings: named::read(&section, &SETTINGS),
        replicas: section.has("replicas").then(|| urls(&section, "replicas")),
    }
}

/// The file, then its environment, then variables, then flags; the last one wins.
pub(super) fn choose<'s>(
    sources: Sources<'_>,
    sections: impl Iterator<Item = &'s TransformSection> + Clone,
) -> Result<Throttle> {
    let Sources { request, variables, root } = sources;
    // Of the others, a variable need not be set.
    let texts = sections.clone().filter_map(|section| section.replicas.as_ref()).last();
    let replicas =
        texts.into_iter().flatten().map(|text| url(text, variables, root, request.wanted)).collect::<Result<_>>()?;
    let throttle = named::choose(sources, &SETTINGS, sections.flat_map(|section| &section.settings))?;
    let is_given = |setting: &&Named<_>| request.flags.get(setting.flag.name).is_some_and(|text| text.trim() != "none");
    let by_flag = SETTINGS.iter().filter(is_given).map(|setting| setting.flag.name).collect();
    Ok(Throttle { replicas, by_flag, ..throttle })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::request::LoadRequest;
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
    fn flags_override_variables_and_variables_the_file() {
        let plain = throttle(|_| ()).expect("settings");
        assert_eq!((plain.batch_delay, plain.max_rows_per_second), (Some(Duration::from_millis(50)), Some(1_000)));
        assert_eq!(plain.replicas[0].secret(), "mysql://a:secret@b/c");
        assert!(plain.by_flag.is_empty() && plain.has_ceilings());
        let production = throttle(|request| request.environment = Some("production".to_owned())).expect("settings");
        assert_eq!((production.max_lag, production.max_active_connections), (Some(Duration::from_secs(1)), Some(40)));
        assert_eq!((production.replicas.len(), production.max_rows_per_second), (2, Some(1_000)));
        let of_environment = load(FILE, |request| request.environment = Some("production".to_owned()));
        assert_eq!(of_environment.expect("`WORD` is not asked for").throttle.replicas.len(), 2);
        let said = throttle(|request| {
            request.env.insert("RUNNER_MAX_LAG".to_owned(), "9s".to_owned());
            request.env.insert("RUNNER_BATCH_DELAY".to_owned(), "9s".to_owned());
            request.flags.insert("--batch-delay", "none".to_owned());
            request.flags.insert("--max-rows-per-second", "7".to_owned());
        });
        let said = said.expect("settings");
        assert_eq!(
            (said.max_lag, said.batch_delay, said.max_rows_per_second),
            (Some(Duration::from_secs(9)), None, Some(7))
        );
        assert_eq!(said.by_flag, ["--max-rows-per-second"]);
    }

    #[test]
    fn a_database_refuses_throttles_it_cannot_support() {
        let plain = || throttle(|_| ()).expect("settings");
        let on_sqlite = plain().fit(Dialect::Sqlite).expect("passed over");
        assert!(!on_sqlite.has_ceilings() && on_sqlite.is_set());
        let asked = Throttle { by_flag: vec!["--max-lag"], ..plain() };
        assert!(asked.fit(Dialect::Sqlite).is_err());
        assert!(plain().fit(Dialect::Mariadb).is_ok());
        let on_postgres = plain().fit(Dialect::Postgres).expect("those of another database are none of its");
        assert!(on_postgres.replicas.is_empty() && on_postgres.max_lag.is_some());
        let asked = |url: &str| {
            let replicas = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            Throttle { replicas: vec![replicas], by_flag: vec!["--max-lag"], ..plain() }
        };
        assert!(asked("mysql://b/c").fit(Dialect::Postgres).is_err(), "nothing to ask but another kind of server");
        assert!(asked("postgres://b/c").fit(Dialect::Postgres).is_ok());
        let replicas = asked("postgres://b/c").replicas;
        let error = Throttle { replicas, ..plain() }.fit(Dialect::Mariadb).expect_err("its lag would be unknown");
        assert_eq!(error.message, "`postgres://b/c` is not a replica of a MariaDB server");
        assert!(Throttle { replicas: Vec::new(), ..plain() }.fit(Dialect::Mysql).is_err(), "no replica to ask");
        assert!(Throttle { replicas: Vec::new(), ..plain() }.fit(Dialect::Postgres).is_ok());
    }
}
