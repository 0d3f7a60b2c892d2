//! Every environment variable that runner reads, once.
//!
//! A variable that is set to nothing counts as not set. Variables may stand in a file `.env` beside `runner.toml` as
//! well; the environment proper goes first. Reading never changes the process's environment.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::origin::{Origin, Sourced};
use crate::error::{Error, Result};

/// The settings file, as `--config`. Not read from `.env`, which stands beside that file.
pub const CONFIG: &str = "RUNNER_CONFIG";
/// The environment of `runner.toml` to use, as `--environment`.
pub const ENVIRONMENT: &str = "RUNNER_ENVIRONMENT";
/// The name of the database of `runner.toml` to use, as `--database`.
pub const DATABASE: &str = "RUNNER_DATABASE";
/// The URL of the database, as `--database-url`.
pub const DATABASE_URL: &str = "RUNNER_DATABASE_URL";
/// The URL of the database, as other tools know it; after `RUNNER_DATABASE_URL`.
pub const COMMON_DATABASE_URL: &str = "DATABASE_URL";
/// The output format, as `--format`.
pub const FORMAT: &str = "RUNNER_FORMAT";
/// How long to wait for the lock, as `--lock-timeout`.
pub const LOCK_TIMEOUT: &str = "RUNNER_LOCK_TIMEOUT";
/// How long a statement may wait for a table or row, as `--table-lock-timeout`.
pub const TABLE_LOCK_TIMEOUT: &str = "RUNNER_TABLE_LOCK_TIMEOUT";
/// How long a statement of a migration may take, as `--statement-timeout`.
pub const STATEMENT_TIMEOUT: &str = "RUNNER_STATEMENT_TIMEOUT";
/// How often a migration that met somebody else's lock is tried again, as `--retries`.
pub const RETRIES: &str = "RUNNER_RETRIES";
/// How long a run rests behind each chunk, as `--batch-delay`.
pub const BATCH_DELAY: &str = "RUNNER_BATCH_DELAY";
/// Rows that a transform reads in a second at most, as `--max-rows-per-second`.
pub const MAX_ROWS_PER_SECOND: &str = "RUNNER_MAX_ROWS_PER_SECOND";
/// How far a replica may lag behind while a transform goes on, as `--max-lag`.
pub const MAX_LAG: &str = "RUNNER_MAX_LAG";
/// Sessions of others that may be at work while a transform goes on, as `--max-active-connections`.
pub const MAX_ACTIVE_CONNECTIONS: &str = "RUNNER_MAX_ACTIVE_CONNECTIONS";
/// Where a backup goes before a run, as `--backup`.
pub const BACKUP: &str = "RUNNER_BACKUP";
/// Rows of a chunk of a transform, as `--chunk-rows`.
pub const CHUNK_ROWS: &str = "RUNNER_CHUNK_ROWS";
/// How long a chunk of a transform should take, as `--chunk-time`.
pub const CHUNK_TIME: &str = "RUNNER_CHUNK_TIME";
/// A switch, as `apply --share`.
pub const SHARE: &str = "RUNNER_SHARE";
/// The Rust toolchain that builds guests, as `[build] toolchain`.
pub const TOOLCHAIN: &str = "RUNNER_TOOLCHAIN";
/// With the name of a limit in capitals behind it, as `--limit`: `RUNNER_LIMIT_FUEL`.
pub const LIMIT_PREFIX: &str = "RUNNER_LIMIT_";

/// With the name of a parameter in capitals behind it, as `--parameter`: `RUNNER_PARAMETER_COUNTRY`.
pub const PARAMETER_PREFIX: &str = "RUNNER_PARAMETER_";
/// When to colour, as `--color`.
pub const COLOR: &str = "RUNNER_COLOR";
/// A switch, as `--verbose`.
pub const VERBOSE: &str = "RUNNER_VERBOSE";
/// A switch, as `--quiet`.
pub const QUIET: &str = "RUNNER_QUIET";
/// How many instances work on a transform, as `--jobs`.
pub const JOBS: &str = "RUNNER_JOBS";
/// A switch, as `--locked`.
pub const LOCKED: &str = "RUNNER_LOCKED";
/// A switch, as `--allow-out-of-order`.
pub const ALLOW_OUT_OF_ORDER: &str = "RUNNER_ALLOW_OUT_OF_ORDER";
/// A switch, as `--allow-missing`.
pub const ALLOW_MISSING: &str = "RUNNER_ALLOW_MISSING";
/// What a new migration is written in, as `new --lang`.
pub const LANG: &str = "RUNNER_LANG";

/// All variables, with what they are for: the source of the documentation and of `--help`.
pub const ALL: &[(&str, &str)] = &[
    (CONFIG, "settings file; `--config` goes first; not read from `.env`"),
    (ENVIRONMENT, "environment of `runner.toml`; `--environment` goes first"),
    (DATABASE, "name of a database of `runner.toml`; `--database` goes first"),
    (DATABASE_URL, "URL of the database; `--database-url` goes first"),
    (COMMON_DATABASE_URL, "URL of the database, if `RUNNER_DATABASE_URL` is not set; never used for a named database"),
    (FORMAT, "output format, `text` or `json`; `--format` goes first"),
    (LOCK_TIMEOUT, "longest wait for the lock, such as `30s`; `--lock-timeout` goes first"),
    (
        TABLE_LOCK_TIMEOUT,
        "longest wait of a statement for a table or row, or `none`; `--table-lock-timeout` goes first",
    ),
    (STATEMENT_TIMEOUT, "longest time for a statement of a migration, or `none`; `--statement-timeout` goes first"),
    (RETRIES, "tries of a migration that met somebody else's lock, behind the first; `--retries` goes first"),
    (BATCH_DELAY, "rest behind each chunk of a transform, such as `100ms`; `--batch-delay` goes first"),
    (MAX_ROWS_PER_SECOND, "rows that a transform reads in a second at most; `--max-rows-per-second` goes first"),
    (MAX_LAG, "how far a replica may lag behind while a transform goes on, such as `5s`; `--max-lag` goes first"),
    (
        MAX_ACTIVE_CONNECTIONS,
        "sessions of others at work above which a transform waits; `--max-active-connections` goes first",
    ),
    (BACKUP, "where a backup goes before a run: `auto`, `none`, or a path; `--backup` goes first"),
    (CHUNK_ROWS, "rows of a chunk of a transform at most; `--chunk-rows` goes first"),
    (CHUNK_TIME, "time that a chunk of a transform should take, such as `500ms`, or `none`; `--chunk-time` goes first"),
    (SHARE, "a switch: while another run has the lock, take part in its transforms, as `apply --share`"),
    (TOOLCHAIN, "Rust toolchain that builds guests; goes before `[build] toolchain`"),
    (COLOR, "`auto`, `always` or `never`; `--color` goes first"),
    (VERBOSE, "a switch: tell of each statement too, as `--verbose`"),
    (QUIET, "a switch: tell of errors and warnings alone, as `--quiet`"),
    (
        JOBS,
        "instances, and connections of a stepwise transform, that work at the same time, 1 to 256; `--jobs` goes first",
    ),
    (LOCKED, "a switch: the lockfile must list every migration, as `--locked`"),
    (ALLOW_OUT_OF_ORDER, "a switch, as `--allow-out-of-order`"),
    (ALLOW_MISSING, "a switch, as `--allow-missing`"),
    (LANG, "what `runner new` writes, `sql` or `rust`; `--lang` goes first"),
    ("RUNNER_PARAMETER_<NAME>", "a parameter, such as `RUNNER_PARAMETER_COUNTRY=DE`; `--parameter` goes first"),
    ("RUNNER_LIMIT_<NAME>", "a limit, such as `RUNNER_LIMIT_GUEST_MEMORY=64MiB`; `--limit` goes first"),
];

/// What variables say in place of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// When to colour, unchecked.
    pub color: Option<Sourced<String>>,
    /// Tell of each statement too.
    pub verbose: bool,
    /// Tell of errors and warnings alone.
    pub quiet: bool,
    /// Instances that work on a transform, unchecked.
    pub jobs: Option<Sourced<String>>,
    /// Take part in transforms of another run.
    pub share: bool,
    /// The lockfile must list everything.
    pub locked: bool,
    /// Apply what is older than the newest applied one.
    pub allow_out_of_order: bool,
    /// Go on though applied migrations are missing.
    pub allow_missing: bool,
    /// What a new migration is written in, unchecked.
    pub lang: Option<Sourced<String>>,
}

impl Switches {
    /// What the process alone says, before there is a project with a file `.env`.
    pub fn of_process(process: BTreeMap<String, String>) -> Self {
        Variables::of_process(process).switches()
    }

    /// Instances that work on a transform; none: nothing is said.
    pub fn job_count(&self) -> Result<Option<usize>> {
        let Some(text) = &self.jobs else { return Ok(None) };
        match text.value.trim().parse() {
            Ok(jobs @ 1..=256) => Ok(Some(jobs)),
            _ => Err(Error::usage(format!("invalid number of jobs `{}`", text.value))
                .at("setting", text.origin.to_string())
                .hint("use a number from 1 to 256; the default is one per processor")),
        }
    }
}

/// The variables of the process and of `.env`.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    process: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

impl Variables {
    /// The variables of the process and of the file `.env` in `folder`, if there is one.
    pub fn load(process: BTreeMap<String, String>, folder: &Path) -> Result<Self> {
        let file = match std::fs::read(folder.join(".env")) {
            Ok(bytes) => read_dotenv(&String::from_utf8_lossy(&bytes))?,
            // Some keep a Python environment in a folder of this name.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => BTreeMap::new(),
            Err(error) => return Err(Error::usage("`.env` cannot be read").cause(error)),
        };
        Ok(Self { file, ..Self::of_process(process) })
    }

    /// The variables of the process alone.
    pub fn of_process(process: BTreeMap<String, String>) -> Self {
        let process = process.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self { process, file: BTreeMap::new() }
    }

    /// What is said in place of flags.
    pub fn switches(&self) -> Switches {
        let is_on = |name: &str| self.first(&[name]).is_some_and(|text| switched_on(&text.value));
        Switches {
            color: self.first(&[COLOR]),
            verbose: is_on(VERBOSE),
            quiet: is_on(QUIET),
            jobs: self.first(&[JOBS]),
            share: is_on(SHARE),
            locked: is_on(LOCKED),
            allow_out_of_order: is_on(ALLOW_OUT_OF_ORDER),
            allow_missing: is_on(ALLOW_MISSING),
            lang: self.first(&[LANG]),
        }
    }

    /// The first of these variables that is set: in the environment in their order, then in `.env` in their order.
    pub fn first(&self, names: &[&str]) -> Option<Sourced<String>> {
        let in_process = names.iter().find_map(|name| {
            let value = self.process.get(*name)?.clone();
            Some(Sourced { value, origin: Origin::Environment((*name).to_owned()) })
        });
        in_process.or_else(|| {
            names.iter().find_map(|name| {
                let value = self.file.get(*name)?.clone();
                Some(Sourced { value, origin: Origin::DotEnv((*name).to_owned()) })
            })
        })
    }

    /// The value of any variable, for `${NAME}`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.process.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    /// The names of all variables that begin so.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.process.keys().chain(self.file.keys().filter(|name| !self.process.contains_key(*name)));
        names.map(String::as_str).filter(move |name| name.starts_with(prefix))
    }
}

/// Whether the text of a switch means yes: everything does but the usual words for no.
fn switched_on(text: &str) -> bool {
    !matches!(text.to_lowercase().as_str(), "n" | "no" | "f" | "false" | "off" | "0")
}

/// The variables of `.env`; the first value of a name counts. The file is often there for others as well, so that a line
/// that cannot be read is passed over, unless it is about runner.
fn read_dotenv(text: &str) -> Result<BTreeMap<String, String>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut variables = BTreeMap::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        match item {
            Ok((name, value)) => {
                variables.entry(name).or_insert(value);
            }
            // Says the value, which may hold a password, and not the name.
            Err(dotenvy::Error::LineParse(..)) => {}
            Err(error) => return Err(Error::usage("`.env` cannot be read").cause(error)),
        }
    }
    for (at, line) in text.lines().enumerate() {
        let name = line.split('=').next().unwrap_or_default().trim().trim_start_matches("export ").trim();
        let ours = name.starts_with("RUNNER_") || name == COMMON_DATABASE_URL;
        if ours && !variables.contains_key(name) {
            return Err(Error::usage(format!("the value of `{name}` in `.env` cannot be read"))
                .at("file", format!(".env:{}", at + 1))
                .hint("put quotes round a value with spaces: `NAME='some value'`"));
        }
    }
    variables.retain(|_, value| !value.is_empty());
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_others_is_passed_over_and_one_for_runner_is_not() {
        let read =
            read_dotenv("APP=My App\nDATABASE_URL='sqlite:a.db'\nDATABASE_URL=sqlite:b.db\nEMPTY=\n").expect("read");
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("DATABASE_URL".to_owned(), "sqlite:a.db".to_owned())]);
        let error = read_dotenv("export RUNNER_DATABASE_URL=postgres://me:my secret@host\n").expect_err("two words");
        assert_eq!(error.message, "the value of `RUNNER_DATABASE_URL` in `.env` cannot be read");
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn switches_come_from_both_places() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let file = map(&[(QUIET, "1"), (LOCKED, "yes"), (JOBS, "3"), (ALLOW_MISSING, "true"), (LANG, "rust")]);
        let process: BTreeMap<_, _> = map(&[(LOCKED, "off"), (JOBS, ""), (VERBOSE, ""), (COLOR, "never")]);
        let said = Variables { file, ..Variables::of_process(process) }.switches();
        assert!(said.quiet && said.allow_missing && !said.locked && !said.verbose && !said.allow_out_of_order);
        let text = |it: Option<Sourced<String>>| it.map(|it| it.value).unwrap_or_default();
        assert_eq!((text(said.jobs), text(said.color), text(said.lang)), ("3".into(), "never".into(), "rust".into()));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let variables = Variables { process: map(&[("B", "1")]), file: map(&[("A", "2"), ("B", "3")]) };
        let found = variables.first(&["A", "B"]).expect("B");
        assert_eq!((found.value.as_str(), found.origin), ("1", Origin::Environment("B".to_owned())));
        assert_eq!(variables.first(&["A"]).map(|found| found.value), Some("2".to_owned()));
        assert!(variables.first(&["C"]).is_none());
    }
}
