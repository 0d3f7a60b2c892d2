//! Translates clap's types into plain values.

mod diff;
mod record;
mod run;
mod test;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use diff::{DiffRequest, diff};
pub use record::{RepairOrder, RepairRequest, StampOrder, VerifyRequest, baseline, repair, stamp, verify};
pub use run::{CONNECTIONS, PlanRequest, RunRequest, apply, plan, redo, reset, rollback};
pub use test::{CrashAtRequest, TestRequest, crash_at, test};

use super::adopt_args::WaitArgs;
use super::args::{ColorArg, FormatArg, Global};
use super::fleet_args::FleetRunArgs;
use super::run_args::RunArgs;
use runner_base::error::{Error, Result};
use runner_project::LoadRequest;
use runner_project::env::Switches;
use runner_project::units::parse_duration;
use runner_report::{ColorWhen, Verbosity};

/// Options of every command.
#[derive(Clone, Debug)]
pub struct GlobalRequest {
    /// For the settings.
    pub load: LoadRequest,
    /// The databases that the command line names. If it is one, `load` has it as well.
    pub databases: Vec<String>,
    /// Parameters of the command line.
    pub parameters: Vec<(String, String)>,
    /// Flags of the printer.
    pub flags: PrinterFlags,
}

/// Options of the command line for the printer.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrinterFlags {
    /// `--verbose`
    pub verbose: bool,
    /// `--quiet`
    pub quiet: bool,
    /// `--color`
    pub color: Option<ColorArg>,
}

impl PrinterFlags {
    /// The flags of a command line.
    pub fn new(args: &Global) -> Self {
        Self { verbose: args.verbose, quiet: args.quiet, color: args.color }
    }
}

/// How to print: flags first, then environment variables.
pub fn flags(flags: &PrinterFlags, switches: &Switches) -> Result<(Verbosity, ColorWhen)> {
    let (quiet, verbose) = match flags.quiet || flags.verbose {
        true => (flags.quiet, flags.verbose),
        false => (switches.quiet, switches.verbose),
    };
    let verbosity = match (quiet, verbose) {
        (_, true) => Verbosity::Verbose,
        (true, false) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
    };
    let color = match (flags.color, &switches.color) {
        (Some(ColorArg::Auto), _) | (None, None) => ColorWhen::Auto,
        (Some(ColorArg::Always), _) => ColorWhen::Always,
        (Some(ColorArg::Never), _) => ColorWhen::Never,
        (None, Some(text)) => match text.value.as_str() {
            "auto" => ColorWhen::Auto,
            "always" => ColorWhen::Always,
            "never" => ColorWhen::Never,
            other => {
                return Err(Error::usage(format!("invalid value `{other}` for `--color`"))
                    .at("setting", text.origin.to_string())
                    .hint("use `auto`, `always` or `never`"));
            }
        },
    };
    Ok((verbosity, color))
}

/// The environment variables of the process that are valid UTF-8.
pub fn process_variables() -> BTreeMap<String, String> {
    variables_of_process().filter_map(|(name, value)| Some((name, value.into_string().ok()?))).collect()
}

/// The names of those that are not: nothing may be done as if they were not set.
fn unreadable_variables() -> BTreeSet<String> {
    variables_of_process().filter(|(_, value)| value.to_str().is_none()).map(|(name, _)| name).collect()
}

fn variables_of_process() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
}

/// Which databases a command is for, if not for one, and how it goes through them.
#[derive(Clone, Debug, Default)]
pub struct FleetRequest {
    /// Every one that has a name.
    pub all: bool,
    /// Those that this report has as failed or not run.
    pub retry: Option<PathBuf>,
    /// The command that runs, which is that of the report.
    pub verb: &'static str,
    /// How many come first.
    pub canary: Option<usize>,
    /// How many at the same time.
    pub parallel: Option<usize>,
}

impl FleetRequest {
    /// The request of a command that only reads.
    pub fn reading(all: bool, parallel: Option<u16>) -> Self {
        Self { all, parallel: parallel.map(usize::from), ..Self::default() }
    }

    /// The request of a command that runs migrations.
    pub fn running(verb: &'static str, all: bool, args: &FleetRunArgs) -> Self {
        Self {
            all,
            verb,
            retry: args.retry.clone(),
            canary: args.canary.map(usize::from),
            parallel: args.parallel.map(usize::from),
        }
    }
}

pub fn global(args: Global) -> Result<GlobalRequest> {
    let start_dir =
        std::env::current_dir().map_err(|error| Error::usage("the current directory no longer exists").cause(error))?;
    let flags = PrinterFlags::new(&args);
    let format = args.format.map(|format| match format {
        FormatArg::Text => "text".to_owned(),
        FormatArg::Json => "json".to_owned(),
    });
    let load = LoadRequest {
        config: args.config,
        environment: args.environment,
        database: match args.database.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        },
        database_url: args.database_url,
        flags: format.map(|format| ("--format", format)).into_iter().chain(args.history.0).collect(),
        limits: args.limits,
        start_dir,
        env: process_variables(),
        unreadable: unreadable_variables(),
        ..LoadRequest::default()
    };
    let parameters = args.parameters.iter().map(|text| parameter(text)).collect::<Result<_>>()?;
    Ok(GlobalRequest { load, databases: args.database, parameters, flags })
}

fn parameter(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(Error::usage(format!("invalid parameter: expected NAME=VALUE, got `{text}`"))),
    }
}

pub fn with_waits(global: &GlobalRequest, args: &RunArgs) -> GlobalRequest {
    let mut global = global.clone();
    let given = [("--lock-timeout", &args.lock_timeout), ("--backup", &args.backup)];
    global.load.flags.extend(given.into_iter().filter_map(|(flag, text)| Some((flag, text.clone()?))));
    global.load.flags.extend(args.settings.0.iter().cloned());
    global
}

/// How long `db wait` waits.
pub fn db_wait(args: &WaitArgs) -> Result<Duration> {
    parse_duration(&args.timeout).map_err(|wrong| Error::usage(format!("invalid value for `--timeout`: {wrong}")))
}

/// From the flag, else the variable, else one for each processor.
fn jobs(flag: Option<u16>, switches: &Switches) -> Result<usize> {
    let number = match flag {
        Some(jobs) => Some(usize::from(jobs)),
        None => switches.job_count()?,
    };
    Ok(number.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_project::origin::Sourced;

    #[test]
    fn flags_take_precedence_over_variables() {
        let variables = Switches {
            color: Some(Sourced::default("never".to_owned())),
            jobs: Some(Sourced::default("3".to_owned())),
            verbose: true,
            ..Switches::default()
        };
        let quiet = PrinterFlags { quiet: true, ..PrinterFlags::default() };
        let always = PrinterFlags { color: Some(ColorArg::Always), ..PrinterFlags::default() };
        assert_eq!(flags(&quiet, &variables).expect("flags"), (Verbosity::Quiet, ColorWhen::Never));
        assert_eq!(flags(&always, &variables).expect("flags"), (Verbosity::Verbose, ColorWhen::Always));
        assert_eq!((jobs(Some(7), &variables).expect("jobs"), jobs(None, &variables).expect("jobs")), (7, 3));
        let wrong = Switches { jobs: Some(Sourced::default("0".to_owned())), ..variables };
        assert!(jobs(None, &wrong).is_err());
    }
}
