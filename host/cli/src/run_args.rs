//! The command line of `apply`, `rollback`, `redo` and `plan`, as clap reads it.

use clap::Args;

use super::fleet_args::{FleetArgs, FleetRunArgs};
use super::setting_flags::RunFlags;

/// Lifts the protection of a database for one command.
#[derive(Args, Debug)]
pub struct UnprotectArgs {
    /// Name of a protected database with which to do it nevertheless
    ///
    /// The name in `runner.toml`, or that of the database or its file.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub unprotect: Option<String>,
}

/// Options of the commands that run migrations.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Number of component instances that work on a transform in parallel
    ///
    /// On servers, each instance has its own connection if the migration runs stepwise. Defaults to one per processor, with at
    /// most 4 connections.
    ///
    /// [env: RUNNER_JOBS]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How long to wait for the lock, such as `30s` or `10m` [default: 60s]
    ///
    /// [env: RUNNER_LOCK_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub lock_timeout: Option<String>,
    /// Require that the lockfile lists every migration, SQL included
    ///
    /// [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
    /// Back up the database first: `auto`, a new file, a directory, or `none`
    ///
    /// [env: RUNNER_BACKUP]
    #[arg(long, value_name = "PATH")]
    pub backup: Option<String>,
    #[command(flatten)]
    pub settings: RunFlags,
}

/// Options of a dry run.
#[derive(Args, Debug)]
#[command(next_help_heading = "Dry run")]
pub struct DryRunArgs {
    /// Run everything, show what it does, and roll it back
    #[arg(long)]
    pub dry_run: bool,
    /// Number of rows to show, before and after, for each transform and writer
    #[arg(long, value_name = "N", default_value_t = 3, requires = "dry_run", hide_short_help = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub sample: u16,
    /// Run only N chunks of each transform, spread over its table
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(hide_short_help = true)]
    pub sample_chunks: Option<u64>,
    /// Run on a temporary copy: a file on SQLite, a scratch database on MySQL and MariaDB
    #[arg(long = "on-copy", requires = "dry_run")]
    pub on_scratch: bool,
    /// Number of rows of each table to copy into a scratch database, or `all` [default: 10000]
    #[arg(long, value_name = "N", requires = "on_scratch", hide_short_help = true)]
    pub copy_rows: Option<String>,
}

impl DryRunArgs {
    /// Not a dry run.
    pub fn none() -> Self {
        Self { dry_run: false, sample: 0, sample_chunks: None, on_scratch: false, copy_rows: None }
    }
}

/// `runner apply`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help apply` for all options and examples.")]
#[command(after_long_help = "\
Examples:
  runner apply                     apply all pending migrations
  runner apply --target next       apply one migration
  runner apply --target 2026011    apply up to the revision with this prefix
  runner apply --dry-run           run everything, show what it does, and roll it back
  runner apply --backup auto       back up the database first
  runner apply --share             join other processes that work on the same large transforms
  runner apply -n billing -n shop  two databases of `[databases]` or `[tenants]`
  runner apply --all --format json > report.json
                                   every database and every tenant, several at a time
  runner apply --retry report.json
                                   those that this report has as failed or not run
  runner apply --accept-changed 20260112 --why 'accepts empty names'
                                   go on with a transform that failed, with a fixed component")]
pub struct ApplyArgs {
    /// Target to apply up to; see `runner help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    /// Share the transforms of another run instead of waiting for its lock
    ///
    /// While another run holds the lock and works on a stepwise transform of a migration that this project also has, process
    /// chunks of that transform, then continue as without the option. Not available on SQLite.
    ///
    /// [env: RUNNER_SHARE]
    #[arg(long, hide_short_help = true)]
    pub share: bool,
    /// Apply migrations that are older than the newest applied one
    ///
    /// [env: RUNNER_ALLOW_OUT_OF_ORDER]
    #[arg(long)]
    pub allow_out_of_order: bool,
    /// Continue even if applied migrations are missing from the project
    ///
    /// [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    /// What a first run does with a database that has tables: `refuse` or `apply` [default: refuse]
    ///
    /// A database with tables and without a history was migrated by another tool, or is not the one that was meant. `runner baseline`
    /// records what it has; with `apply`, all migrations are applied to it as it is.
    ///
    /// [env: RUNNER_ON_EXISTING]
    #[arg(long, value_name = "ACTION", hide_short_help = true)]
    pub on_existing: Option<String>,
    /// Let the changed component of a revision continue the transform that failed
    ///
    /// What is finished stays, and the changed component does every chunk that is not. It must make the same calls before the
    /// transform, and transform the same table. Where no chunk is finished, it needs no decision.
    #[arg(long, value_name = "REVISION", conflicts_with = "dry_run", hide_short_help = true)]
    pub accept_changed: Option<String>,
    /// With `--accept-changed`: the reason, kept in the history
    #[arg(long, value_name = "TEXT", requires = "accept_changed", hide_short_help = true)]
    pub why: Option<String>,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    #[command(flatten)]
    pub fleet: FleetArgs,
    #[command(flatten)]
    pub fleet_run: FleetRunArgs,
}

/// `runner rollback`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help rollback` for all options and examples.")]
#[command(after_long_help = "\
Examples:
  runner rollback                  roll back the last migration
  runner rollback -n 3             roll back the last three
  runner rollback --target 2026011 roll back everything newer than this revision
  runner rollback --all            roll back every migration
  runner rollback --all-databases --target 2026011
                                   take every database and every tenant back to this revision")]
pub struct RollbackArgs {
    /// Target to roll back to; a revision itself stays applied
    #[arg(short, long, value_name = "TARGET", allow_hyphen_values = true, group = "extent")]
    pub target: Option<String>,
    /// Number of migrations to roll back [default: 1]
    #[arg(short, long, value_name = "COUNT", group = "extent")]
    pub number: Option<usize>,
    /// Roll back every migration
    #[arg(long, group = "extent")]
    pub all: bool,
    /// Database to use, from `[databases]` or `[tenants]` of the settings file; may be repeated
    ///
    /// Has no short form here: `-n` is the number of migrations.
    ///
    /// [env: RUNNER_DATABASE]
    // Takes the place of the global flag of this id, and hands its value up to it.
    #[arg(id = "database", long, value_name = "NAME", help_heading = "Global options")]
    pub database: Vec<String>,
    /// Do not ask before rolling back every migration
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub protection: UnprotectArgs,
    /// Roll back on every database of `[databases]` and every tenant of `[tenants]`
    #[arg(long, help_heading = "Several databases")]
    pub all_databases: bool,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    #[command(flatten)]
    pub fleet_run: FleetRunArgs,
}

/// `runner redo`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help redo` for all options and examples.")]
#[command(after_long_help = "\
Examples:
  runner redo                      after a change to a migration under development
  runner redo --dry-run            check that it rolls back and applies")]
pub struct RedoArgs {
    /// Continue even if applied migrations are missing from the project
    ///
    /// [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// `runner plan`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help plan` for examples.")]
#[command(after_long_help = "\
Examples:
  runner plan                      what `runner apply` would run
  runner plan --target -1          what `runner rollback` would run
  runner plan --sql > changes.sql  the statements of SQL migrations
  runner plan --all                what would run on each database and tenant")]
pub struct PlanArgs {
    /// Target to plan for, in either direction; see `runner help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    /// Print the SQL
    #[arg(long)]
    pub sql: bool,
    /// Include migrations that are older than the newest applied one
    ///
    /// [env: RUNNER_ALLOW_OUT_OF_ORDER]
    #[arg(long)]
    pub allow_out_of_order: bool,
    /// Continue even if applied migrations are missing from the project
    ///
    /// [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    /// Require that the lockfile lists every migration, SQL included
    ///
    /// [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Number of databases at the same time [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Several databases")]
    pub parallel: Option<u16>,
}
