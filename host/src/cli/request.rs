//! Translates clap's types into plain values.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::adopt_args::{BaselineArgs, ResetArgs, StampArgs, WaitArgs};
use super::args::{ColorArg, FormatArg, Global};
use super::fleet_args::FleetRunArgs;
use super::history_args::{RepairArgs, VerifyArgs};
use super::run_args::{ApplyArgs, DryRunArgs, PlanArgs, RedoArgs, RollbackArgs, RunArgs};
use super::test_args::{CrashAtArgs, TestArgs};
use crate::engine::apply::AcceptChanged;
use crate::engine::plan::PlanOptions;
use crate::engine::repair::{RepairAction, RepairDecision};
use crate::engine::stamp::StampKind;
use crate::engine::target::Target;
use crate::engine::verify::Extent;
use crate::error::{Error, Result};
use crate::project::LoadRequest;
use crate::project::env::Switches;
use crate::project::units::parse_duration;
use crate::report::{ColorWhen, Verbosity};

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
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// What `apply`, `rollback` and `redo` have in common.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The target; `redo` ignores it.
    pub target: Target,
    /// What the operator allows.
    pub options: PlanOptions,
    /// How to do a dry run; `None` if it is not one.
    pub dry_run: Option<DryRunRequest>,
    /// Instances for a transform.
    pub jobs: usize,
    /// Connections for a transform, where instances can have their own.
    pub connections: usize,
    /// Share the transforms of another run.
    pub share: bool,
    /// The lockfile must list everything.
    pub locked: bool,
    /// A changed build that may go on with an unfinished transform.
    pub accept: Option<AcceptChanged>,
}

/// How to do a dry run.
#[derive(Clone, Copy, Debug)]
pub struct DryRunRequest {
    /// Number of rows in each sample.
    pub samples: usize,
    /// Run only this many chunks of each transform.
    pub chunks: Option<u64>,
    /// Run on a copy, with at most this many rows of each table.
    pub on_scratch: Option<Option<u64>>,
}

/// Default number of rows of each table in a scratch database: enough to see what happens, and quick to copy.
const COPY_ROWS: u64 = 10_000;

/// Options of `plan`.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The target.
    pub target: Target,
    /// What the operator allows.
    pub options: PlanOptions,
    /// Include the SQL.
    pub sql: bool,
    /// The lockfile must list everything.
    pub locked: bool,
}

/// Which databases a command is for, if not for one, and how it goes through them.
#[derive(Clone, Debug, Default)]
pub struct FleetRequest {
    /// Every one that has a name.
    pub all: bool,
    /// Those that this report has as failed or not run.
    pub retry: Option<PathBuf>,
    /// How many go first.
    pub canary: Option<usize>,
    /// How many at the same time.
    pub parallel: Option<usize>,
    /// Whether the number of instances for a transform was asked for.
    pub has_jobs: bool,
}

impl FleetRequest {
    /// The request of a command that only looks.
    pub fn looking(all: bool, parallel: Option<u16>) -> Self {
        Self { all, parallel: parallel.map(usize::from), ..Self::default() }
    }

    /// The request of a command that runs migrations.
    pub fn running(all: bool, args: &FleetRunArgs, run: &RunArgs) -> Self {
        Self {
            all,
            retry: args.retry.clone(),
            canary: args.canary.map(usize::from),
            parallel: args.parallel.map(usize::from),
            has_jobs: run.jobs.is_some(),
        }
    }
}

/// Options of `test`.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// Revisions to test; empty: all.
    pub revisions: Vec<String>,
    /// Kill runs at every step.
    pub crash: bool,
    /// Where to write a JUnit XML report.
    pub junit: Option<PathBuf>,
    /// Instances for a transform.
    pub jobs: usize,
    /// The lockfile must list everything.
    pub locked: bool,
}

/// Options of `crash-at`.
#[derive(Clone, Debug)]
pub struct CrashAtRequest {
    /// The step to crash at.
    pub moment: u64,
    /// Roll back instead of applying.
    pub down: bool,
    /// The target; `None` is `base`.
    pub target: Option<String>,
    /// The timestamp and seed that migrations see.
    pub inputs: (i64, u64),
    /// Instances for a transform.
    pub jobs: usize,
}

pub fn test(args: TestArgs, switches: &Switches) -> Result<TestRequest> {
    let jobs = jobs(args.jobs, switches)?;
    let locked = args.locked || switches.locked;
    Ok(TestRequest { revisions: args.revisions, crash: args.crash, junit: args.junit, jobs, locked })
}

pub fn crash_at(args: CrashAtArgs, switches: &Switches) -> Result<CrashAtRequest> {
    let jobs = jobs(args.jobs, switches)?;
    let inputs = (args.timestamp, args.seed);
    Ok(CrashAtRequest { moment: args.moment, down: args.down, target: args.target, inputs, jobs })
}

/// Options of `repair`.
#[derive(Clone, Debug)]
pub struct RepairRequest {
    /// The revision; `None` is the partial one.
    pub revision: Option<String>,
    /// What to record.
    pub order: RepairOrder,
}

/// What `repair` does.
#[derive(Clone, Debug)]
pub enum RepairOrder {
    /// Shows what is known of the partial revision.
    Show,
    /// Records a decision about it.
    Record(RepairDecision),
    /// Accepts a changed artifact of an applied revision, for this reason.
    AcceptChecksum(String),
}

/// Options of `stamp` and `baseline`.
#[derive(Clone, Debug)]
pub struct StampOrder {
    /// Which of the two.
    pub kind: StampKind,
    /// The revision that the database is at.
    pub target: Target,
    /// The reason.
    pub why: String,
    /// Only show what would be recorded.
    pub dry_run: bool,
    /// What the operator allows.
    pub options: PlanOptions,
}

/// Options of `verify`.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Revisions; empty: all components.
    pub revisions: Vec<String>,
    /// How many chunks to check.
    pub extent: Extent,
    /// Fail if something cannot be verified.
    pub strict: bool,
}

pub fn verify(args: VerifyArgs) -> VerifyRequest {
    let sample = usize::try_from(args.sample).unwrap_or(usize::MAX);
    let extent = if args.all_chunks { Extent::All } else { Extent::Sample(sample) };
    VerifyRequest { revisions: args.revisions, extent, strict: args.strict }
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
        format,
        limits: args.limits,
        start_dir,
        env: process_variables(),
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
    global.load.lock_timeout = args.lock_timeout.clone();
    global.load.table_lock_timeout = args.table_lock_timeout.clone();
    global.load.statement_timeout = args.statement_timeout.clone();
    global.load.retries = args.retries.clone();
    global.load.throttle = args.throttle.given().collect();
    global.load.backup = args.backup.clone();
    global.load.chunk_rows = args.chunk_rows.clone();
    global.load.chunk_time = args.chunk_time.clone();
    global
}

pub fn apply(args: ApplyArgs, switches: &Switches) -> Result<RunRequest> {
    let target = args.target.parse()?;
    let options = PlanOptions {
        allow_out_of_order: args.allow_out_of_order || switches.allow_out_of_order,
        allow_missing: args.allow_missing || switches.allow_missing,
    };
    let share = args.share || switches.share;
    let why = args.why.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty());
    let accept = match args.accept_changed {
        Some(wanted) => Some(AcceptChanged { wanted, why: required(why, "--accept-changed")? }),
        None => None,
    };
    Ok(RunRequest { share, accept, ..run(&args.run, target, options, &args.dry_run, switches)? })
}

pub fn rollback(args: RollbackArgs, switches: &Switches) -> Result<RunRequest> {
    let target = match (&args.target, args.number, args.all) {
        (Some(target), _, _) => target.parse()?,
        (None, Some(0), _) => {
            return Err(Error::usage("`-n` must be at least 1").hint("`runner status` lists what is applied"));
        }
        (None, Some(number), _) => Target::Back(number),
        (None, None, true) => Target::Base,
        (None, None, false) => Target::Back(1),
    };
    run(&args.run, target, PlanOptions::default(), &args.dry_run, switches)
}

pub fn redo(args: RedoArgs, switches: &Switches) -> Result<RunRequest> {
    let allow_missing = args.allow_missing || switches.allow_missing;
    let options = PlanOptions { allow_missing, ..PlanOptions::default() };
    run(&args.run, Target::Current, options, &args.dry_run, switches)
}

pub fn plan(args: PlanArgs, switches: &Switches) -> Result<PlanRequest> {
    let options = PlanOptions {
        allow_out_of_order: args.allow_out_of_order || switches.allow_out_of_order,
        allow_missing: args.allow_missing || switches.allow_missing,
    };
    let locked = args.locked || switches.locked;
    Ok(PlanRequest { target: args.target.parse()?, options, sql: args.sql, locked })
}

pub fn repair(args: RepairArgs) -> Result<RepairRequest> {
    let RepairArgs { revision, step, rows_affected: rows, .. } = args;
    let actions = [
        (args.retry, RepairAction::Retry),
        (args.mark_done, RepairAction::MarkDone { rows }),
        (args.skip, RepairAction::Skip),
        (args.as_applied, RepairAction::AsApplied),
        (args.as_not_applied, RepairAction::AsNotApplied),
    ];
    let why = args.why.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty());
    if args.accept_checksum {
        const FLAG: &str = "--accept-checksum";
        if step.is_some() {
            return Err(Error::usage(format!("`{FLAG}` takes no step")));
        }
        if revision.is_none() {
            return Err(Error::usage(format!("`{FLAG}` requires a revision"))
                .hint("`runner status` shows which ones were changed"));
        }
        return Ok(RepairRequest { revision, order: RepairOrder::AcceptChecksum(required(why, FLAG)?) });
    }
    let Some((_, action)) = actions.into_iter().find(|(given, _)| *given) else {
        return match step {
            None => Ok(RepairRequest { revision, order: RepairOrder::Show }),
            Some(_) => Err(Error::usage("a step requires an action").hint(
                "add `--retry`, `--mark-done` or `--skip`; `runner repair` without arguments shows what is known",
            )),
        };
    };
    if revision.is_none() {
        return Err(
            Error::usage(format!("`{action}` requires a revision")).hint("`runner repair` shows which one is partial")
        );
    }
    let why = required(why, &action.to_string())?;
    Ok(RepairRequest { revision, order: RepairOrder::Record(RepairDecision { action, step, why }) })
}

/// The reason, which an action requires.
fn required(why: Option<String>, action: &str) -> Result<String> {
    why.ok_or_else(|| {
        Error::usage(format!("`{action}` requires a reason")).hint("add `--why TEXT`: the history keeps it")
    })
}

pub fn stamp(args: StampArgs) -> Result<StampOrder> {
    let options = PlanOptions { allow_missing: args.allow_missing, ..PlanOptions::default() };
    let target = args.target.parse()?;
    let why = args.why.unwrap_or_default().trim().to_owned();
    Ok(StampOrder { kind: StampKind::Stamp, target, why, dry_run: args.dry_run, options })
}

pub fn baseline(args: BaselineArgs) -> Result<StampOrder> {
    let target = args.revision.parse()?;
    let why = args.why.unwrap_or_default().trim().to_owned();
    Ok(StampOrder { kind: StampKind::Baseline, target, why, dry_run: args.dry_run, options: PlanOptions::default() })
}

/// What `db reset` applies to the new database.
pub fn reset(args: &ResetArgs, switches: &Switches) -> Result<RunRequest> {
    run(&args.run, args.target.parse()?, PlanOptions::default(), &DryRunArgs::none(), switches)
}

/// How long `db wait` waits.
pub fn db_wait(args: &WaitArgs) -> Result<Duration> {
    parse_duration(&args.timeout).map_err(|wrong| Error::usage(format!("invalid value for `--timeout`: {wrong}")))
}

fn run(
    args: &RunArgs,
    target: Target,
    options: PlanOptions,
    dry_run_args: &DryRunArgs,
    switches: &Switches,
) -> Result<RunRequest> {
    let jobs = jobs(args.jobs, switches)?;
    let dry_run = dry_run(dry_run_args)?;
    // An explicit number is respected; the default must not open a connection for each processor of a large machine.
    let is_explicit = args.jobs.is_some() || switches.jobs.is_some();
    let connections = if is_explicit { jobs } else { jobs.min(CONNECTIONS) };
    let locked = args.locked || switches.locked;
    Ok(RunRequest { target, options, dry_run, jobs, connections, share: false, locked, accept: None })
}

fn dry_run(args: &DryRunArgs) -> Result<Option<DryRunRequest>> {
    if !args.dry_run {
        return Ok(None);
    }
    let rows = match args.copy_rows.as_deref() {
        None => Some(COPY_ROWS),
        Some("all") => None,
        Some(text) => match text.replace('_', "").parse() {
            Ok(rows) if rows > 0 => Some(rows),
            _ => {
                return Err(Error::usage(format!("invalid value `{text}` for `--copy-rows`"))
                    .hint("use a number greater than 0, or `all`"));
            }
        },
    };
    let on_scratch = args.on_scratch.then_some(rows);
    Ok(Some(DryRunRequest { samples: usize::from(args.sample), chunks: args.sample_chunks, on_scratch }))
}

/// Default maximum number of connections for a transform.
pub const CONNECTIONS: usize = 4;

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
    use crate::project::origin::Sourced;

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
