//! From clap's types to plain values.

use std::collections::BTreeMap;

use super::args::{ApplyArgs, FormatArg, Global, PlanArgs, RedoArgs, RollbackArgs, RunArgs};
use crate::engine::plan::Options;
use crate::engine::target::Target;
use crate::error::{Error, Result};
use crate::project::LoadRequest;

/// What every verb is given.
#[derive(Clone, Debug)]
pub struct GlobalRequest {
    /// For the settings.
    pub load: LoadRequest,
    /// Parameters of the command line.
    pub parameters: Vec<(String, String)>,
}

/// What `apply`, `rollback` and `redo` have in common.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// Where to go; `redo` has nowhere to go.
    pub target: Target,
    /// What the operator allows.
    pub options: Options,
    /// Everything is rolled back.
    pub dry_run: bool,
    /// Instances for a transform.
    pub jobs: usize,
    /// The lockfile must list everything.
    pub locked: bool,
}

/// What `plan` is asked.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Where to go.
    pub target: Target,
    /// What the operator allows.
    pub options: Options,
    /// With the SQL.
    pub sql: bool,
    /// The lockfile must list everything.
    pub locked: bool,
}

pub fn global(args: Global) -> Result<GlobalRequest> {
    let start_dir = std::env::current_dir().map_err(|error| Error::usage("the current folder is gone").cause(error))?;
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let env: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
    let format = args.format.map(|format| match format {
        FormatArg::Text => "text".to_owned(),
        FormatArg::Json => "json".to_owned(),
    });
    let load = LoadRequest {
        config: args.config,
        environment: args.environment,
        database: args.database,
        database_url: args.database_url,
        format,
        lock_timeout: None,
        limits: args.limits,
        start_dir,
        env,
    };
    let parameters = args.parameters.iter().map(|text| parameter(text)).collect::<Result<_>>()?;
    Ok(GlobalRequest { load, parameters })
}

fn parameter(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(Error::usage(format!("`{text}` sets no parameter")).hint("write `--parameter NAME=VALUE`")),
    }
}

pub fn with_lock_timeout(global: &GlobalRequest, lock_timeout: Option<&str>) -> GlobalRequest {
    let mut global = global.clone();
    global.load.lock_timeout = lock_timeout.map(str::to_owned);
    global
}

pub fn apply(args: ApplyArgs) -> Result<RunRequest> {
    let target = args.target.parse()?;
    let options = Options {
        allow_out_of_order: args.allow_out_of_order,
        allow_missing: args.allow_missing,
        resume_at: args.run.resume_at,
    };
    Ok(run(&args.run, target, options, args.dry_run))
}

pub fn rollback(args: RollbackArgs) -> Result<RunRequest> {
    let target = match (&args.target, args.number, args.all) {
        (Some(target), _, _) => target.parse()?,
        (None, Some(0), _) => return Err(Error::usage("`-n 0` takes nothing back").hint("`-n` counts from 1")),
        (None, Some(number), _) => Target::Back(number),
        (None, None, true) => Target::Base,
        (None, None, false) => Target::Back(1),
    };
    let options = Options { resume_at: args.run.resume_at, ..Options::default() };
    Ok(run(&args.run, target, options, args.dry_run))
}

pub fn redo(args: RedoArgs) -> RunRequest {
    let allow_missing = args.allow_missing;
    let options = Options { allow_missing, resume_at: args.run.resume_at, ..Options::default() };
    run(&args.run, Target::Current, options, args.dry_run)
}

pub fn plan(args: PlanArgs) -> Result<PlanRequest> {
    let options =
        Options { allow_out_of_order: args.allow_out_of_order, allow_missing: args.allow_missing, resume_at: None };
    Ok(PlanRequest { target: args.target.parse()?, options, sql: args.sql, locked: args.locked })
}

fn run(args: &RunArgs, target: Target, options: Options, dry_run: bool) -> RunRequest {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    RunRequest { target, options, dry_run, jobs: args.jobs.map_or_else(processors, usize::from), locked: args.locked }
}
