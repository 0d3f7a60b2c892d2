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
/// The Rust toolchain that builds guests, as `[build] toolchain`.
pub const TOOLCHAIN: &str = "RUNNER_TOOLCHAIN";
/// With the name of a limit in capitals behind it, as `--limit`: `RUNNER_LIMIT_FUEL`.
pub const LIMIT_PREFIX: &str = "RUNNER_LIMIT_";

/// All variables, with what they are for: the source of the documentation and of `--help`.
pub const ALL: &[(&str, &str)] = &[
    (CONFIG, "settings file; `--config` goes first; not read from `.env`"),
    (ENVIRONMENT, "environment of `runner.toml`; `--environment` goes first"),
    (DATABASE, "name of a database of `runner.toml`; `--database` goes first"),
    (DATABASE_URL, "URL of the database; `--database-url` goes first"),
    (COMMON_DATABASE_URL, "URL of the database, if `RUNNER_DATABASE_URL` is not set; never used for a named database"),
    (FORMAT, "output format, `text` or `json`; `--format` goes first"),
    (LOCK_TIMEOUT, "longest wait for the lock, such as `30s`; `--lock-timeout` goes first"),
    (TOOLCHAIN, "Rust toolchain that builds guests; goes before `[build] toolchain`"),
    ("RUNNER_LIMIT_<NAME>", "a limit, such as `RUNNER_LIMIT_GUEST_MEMORY=64MiB`; `--limit` goes first"),
];

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
        Ok(Self { process: process.into_iter().filter(|(_, value)| !value.is_empty()).collect(), file })
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
    fn the_environment_goes_before_the_file() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let variables = Variables { process: map(&[("B", "1")]), file: map(&[("A", "2"), ("B", "3")]) };
        let found = variables.first(&["A", "B"]).expect("B");
        assert_eq!((found.value.as_str(), found.origin), ("1", Origin::Environment("B".to_owned())));
        assert_eq!(variables.first(&["A"]).map(|found| found.value), Some("2".to_owned()));
        assert!(variables.first(&["C"]).is_none());
    }
}
