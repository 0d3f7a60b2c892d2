//! What runs and plans are asked for.

use super::jobs;
use super::record::required;
use crate::adopt_args::ResetArgs;
use crate::run_args::{ApplyArgs, DryRunArgs, PlanArgs, RedoArgs, RollbackArgs, RunArgs};
use runner_base::error::{Error, Result};
use runner_engine::apply::AcceptChanged;
use runner_engine::plan::PlanOptions;
use runner_engine::target::Target;
use runner_project::env::Switches;

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
    /// Whether that number was asked for.
    pub has_jobs: bool,
    /// Connections for a transform, where instances can have their own.
    pub connections: usize,
    /// Share the transforms of another run.
    pub share: bool,
    /// The lockfile must list everything.
    pub locked: bool,
    /// A changed build that may continue an unfinished transform.
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

/// Default maximum number of connections for a transform.
pub const CONNECTIONS: usize = 4;

pub fn apply(args: ApplyArgs, switches: &Switches) -> Result<RunRequest> {
    let target = args.target.parse()?;
    let options = PlanOptions {
        allow_out_of_order: args.allow_out_of_order || switches.allow_out_of_order,
        allow_missing: args.allow_missing || switches.allow_missing,
        ..PlanOptions::default()
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
        ..PlanOptions::default()
    };
    let locked = args.locked || switches.locked;
    Ok(PlanRequest { target: args.target.parse()?, options, sql: args.sql, locked })
}

/// What `db reset` applies to the new database.
pub fn reset(args: &ResetArgs, switches: &Switches) -> Result<RunRequest> {
    run(&args.run, args.target.parse()?, PlanOptions::default(), &DryRunArgs::none(), switches)
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
    let has_jobs = args.jobs.is_some() || switches.jobs.is_some();
    let connections = if has_jobs { jobs } else { jobs.min(CONNECTIONS) };
    let locked = args.locked || switches.locked;
    Ok(RunRequest { target, options, dry_run, jobs, has_jobs, connections, share: false, locked, accept: None })
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
