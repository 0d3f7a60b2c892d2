//! Every environment variable that runner reads, once.
//!
//! An empty variable counts as not set, except that one which would choose the database is refused. Variables may also be set in a file `.env` next to `runner.toml`; the process environment
//! takes precedence. Reading never changes the process environment.

mod dotenv;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::dotenv::DotEnv;
pub use self::names::*;
use crate::files::read_own;
use crate::origin::{Origin, Sourced};
use runner_base::error::{Error, Result};

/// The file of variables next to the settings file.
pub const FILE_NAME: &str = ".env";

/// The largest `.env` that is read. Thousands of variables fit.
const LARGEST: u64 = 1 << 20;

/// Variables that stand in for flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// When to use colours, unchecked.
    pub color: Option<Sourced<String>>,
    /// Print each statement.
    pub verbose: bool,
    /// Print errors and warnings only.
    pub quiet: bool,
    /// Instances that work on a transform, unchecked.
    pub jobs: Option<Sourced<String>>,
    /// Share the transforms of another run.
    pub share: bool,
    /// The lockfile must list everything.
    pub locked: bool,
    /// Apply migrations that are older than the newest applied one.
    pub allow_out_of_order: bool,
    /// Continue even if applied migrations are missing.
    pub allow_missing: bool,
    /// Language of a new migration, unchecked.
    pub lang: Option<Sourced<String>>,
}

impl Switches {
    /// The switches of the process, before the project and its `.env` are known.
    pub fn of_process(process: BTreeMap<String, String>) -> Self {
        Variables::of_process(process).switches()
    }

    /// Instances that work on a transform; `None` if not set.
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
    /// Variables that are set to nothing, and where.
    empty: Vec<(String, Origin)>,
    /// Variables of other tools that have no usable value, and why.
    unusable: BTreeMap<String, Error>,
}

impl Variables {
    /// The variables of the process and of the file `.env` in the directory, if there is one.
    pub fn load(process: BTreeMap<String, String>, directory: &Path) -> Result<Self> {
        let bytes = read_file(directory)?.unwrap_or_default();
        let DotEnv { mut values, empty, unusable } = dotenv::read(&bytes)?;
        values.retain(|name, _| !unusable.contains_key(name));
        let mut variables = Self { file: values, unusable, ..Self::of_process(process) };
        variables.empty.extend(empty.into_iter().map(|name| (name.clone(), Origin::DotEnv(name))));
        Ok(variables)
    }

    /// With these variables of the process, of which the value is not valid UTF-8.
    pub(crate) fn with_unreadable(mut self, names: &BTreeSet<String>) -> Result<Self> {
        names.iter().try_for_each(|name| self.set_unreadable(name, Origin::Environment))?;
        Ok(self)
    }

    /// Our own is refused; others matter only to a caller that asks for them.
    fn set_unreadable(&mut self, name: &str, origin: impl Fn(String) -> Origin) -> Result<()> {
        let origin = origin(name.to_owned());
        if is_ours(name) {
            return Err(unreadable(name, &origin));
        }
        self.unusable.insert(name.to_owned(), unreadable(name, &origin));
        Ok(())
    }

    /// The variables of the text of a file alone.
    pub(super) fn of_text(text: &str) -> Result<Self> {
        Ok(Self { file: dotenv::read(text.as_bytes())?.values, ..Self::default() })
    }

    /// The variables of the process alone.
    pub fn of_process(process: BTreeMap<String, String>) -> Self {
        let (empty, process): (BTreeMap<_, _>, BTreeMap<_, _>) =
            process.into_iter().partition(|(_, value)| value.is_empty());
        let empty = empty.into_keys().map(|name| (name.clone(), Origin::Environment(name))).collect();
        Self { process, empty, ..Self::default() }
    }

    /// The variables that stand in for flags.
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

    /// Refuses the first of these variables that is set, as [`Self::first`] looks for them, if it is empty: what was to choose the
    /// database would leave the choice to what comes after it.
    pub(crate) fn refuse_empty(&self, names: &[&str]) -> Result<()> {
        for (set, origin) in [
            (&self.process, Origin::Environment as fn(String) -> Origin),
            (&self.file, Origin::DotEnv as fn(String) -> Origin),
        ] {
            for name in names {
                if set.contains_key(*name) {
                    return Ok(());
                }
                let origin = origin((*name).to_owned());
                if self.empty.iter().any(|(empty, place)| empty == name && *place == origin) {
                    return Err(Error::usage(format!("`{name}` is empty"))
                        .at("setting", origin.to_string())
                        .hint(format!("set it to a value, or unset it if `{name}` is not to choose the database")));
                }
            }
        }
        Ok(())
    }

    /// The value of any variable, for `${NAME}`.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        match (self.process.get(name), self.unusable.get(name)) {
            (Some(value), _) => Ok(Some(value)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(self.file.get(name).map(String::as_str)),
        }
    }

    /// The names of all variables with this prefix.
    pub(crate) fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.process.keys().chain(self.file.keys().filter(|name| !self.process.contains_key(*name)));
        names.map(String::as_str).filter(move |name| name.starts_with(prefix))
    }
}

/// The bytes of the file `.env` in the directory, if there is one.
pub fn read_file(directory: &Path) -> Result<Option<Vec<u8>>> {
    // Some projects keep a Python environment in a directory of this name.
    if directory.join(FILE_NAME).is_dir() {
        return Ok(None);
    }
    read_own(directory, Path::new(FILE_NAME), LARGEST)
}

/// Whether a switch is on: any value except the usual words for no.
fn switched_on(text: &str) -> bool {
    !matches!(text.to_lowercase().as_str(), "n" | "no" | "f" | "false" | "off" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_text_is_refused_when_it_is_needed() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |bytes: &[u8]| std::fs::write(directory.path().join(FILE_NAME), bytes).expect("written");
        let load = |process| Variables::load(process, directory.path());
        write(b"THEIRS=s\xfccret\nGOOD='\xef\xbf\xbd'\n");
        let process: BTreeMap<_, _> = [("SET".to_owned(), "1".to_owned())].into();
        let names = ["LATIN".to_owned(), "SET".to_owned()].into();
        let variables = load(process).expect("theirs").with_unreadable(&names).expect("theirs");
        assert_eq!(variables.get("SET").expect("readable"), Some("1"));
        for (name, place) in [("THEIRS", "from `THEIRS` in `.env`"), ("LATIN", "from `LATIN` in the environment")] {
            let error = variables.get(name).expect_err(name);
            assert_eq!(error.message, format!("the value of `{name}` is not valid UTF-8"));
            assert_eq!(error.places, [("setting", place.to_owned())]);
        }
        let ours = ["DATABASE_URL".to_owned()].into();
        assert!(Variables::default().with_unreadable(&ours).is_err());
        write(b"RUNNER_DATABASE_URL=sqlite:b\xfccher.db\n");
        let error = load(BTreeMap::new()).expect_err("ours");
        assert!(error.message.contains("`RUNNER_DATABASE_URL`") && !format!("{error:?}").contains("cher"));
        write("WHOLE='\u{fffd}'\n".as_bytes());
        assert_eq!(load(BTreeMap::new()).expect("UTF-8").get("WHOLE").expect("UTF-8"), Some("\u{fffd}"));
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
    fn the_environment_takes_precedence_over_the_file() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let variables = Variables { file: map(&[("A", "2"), ("B", "3")]), ..Variables::of_process(map(&[("B", "1")])) };
        let found = variables.first(&["A", "B"]).expect("B");
        assert_eq!((found.value.as_str(), found.origin), ("1", Origin::Environment("B".to_owned())));
        assert_eq!(variables.first(&["A"]).map(|found| found.value), Some("2".to_owned()));
        assert!(variables.first(&["C"]).is_none());
    }
}
