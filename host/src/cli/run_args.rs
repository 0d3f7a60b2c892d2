//! The command line of the verbs that run migrations, and of the one that says what they would run, as clap reads it.

use clap::Args;

use super::throttle_args::PaceArgs;

/// What verbs that run migrations take.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Instances of a component that work on a transform at the same time, on servers each with a connection of its own where
    /// the migration runs stepwise; else one per processor, and at most 4 connections [env: RUNNER_JOBS]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Rows of a chunk of a transform at most; as many as a batch has if nothing is said [env: RUNNER_CHUNK_ROWS]
    #[arg(long, value_name = "ROWS")]
    pub chunk_rows: Option<String>,
    /// Time that a chunk of a transform should take, such as `500ms`: its rows become fewer or more by what the chunks before
    /// it took; not measured if nothing is said [env: RUNNER_CHUNK_TIME]
    #[arg(long, value_name = "DURATION")]
    pub chunk_time: Option<String>,
    /// Longest wait for the lock, such as `30s` or `10m`; 60 s if nothing is said [env: RUNNER_LOCK_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub lock_timeout: Option<String>,
    /// Longest wait of a statement for a table or row, or `none`; on PostgreSQL 3 s if nothing is said [env:
    /// RUNNER_TABLE_LOCK_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub table_lock_timeout: Option<String>,
    /// Longest time for a statement of a migration; `none` if nothing is said [env: RUNNER_STATEMENT_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub statement_timeout: Option<String>,
    /// Further tries of a migration that met somebody else's lock; 10 if nothing is said [env: RUNNER_RETRIES]
    #[arg(long, value_name = "COUNT")]
    pub retries: Option<String>,
    /// Demand that the lockfile lists every migration, SQL as well [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
    /// Make a backup before anything is run: `auto`, a file that is not there, a folder, or `none` [env: RUNNER_BACKUP]
    #[arg(long, value_name = "PATH")]
    pub backup: Option<String>,
    #[command(flatten)]
    pub control: PaceArgs,
}

/// What dry runs take.
#[derive(Args, Debug)]
#[command(next_help_heading = "Dry run")]
pub struct DryRunArgs {
    /// Run everything, show what it does, and roll it back
    #[arg(long)]
    pub dry_run: bool,
    /// Rows to show before and after, of each transform and writer
    #[arg(long, value_name = "N", default_value_t = 3, requires = "dry_run", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub sample: u16,
    /// Run only so many chunks of each transform, spread over its table
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample_chunks: Option<u64>,
    /// Run on a copy that is removed again: a file on SQLite, a scratch database on MySQL and MariaDB
    #[arg(long, requires = "dry_run")]
    pub on_scratch: bool,
    /// Rows of each table to copy into a scratch database, or `all`; 10000 if nothing is said
    #[arg(long, value_name = "N", requires = "on_scratch")]
    pub copy_rows: Option<String>,
}

/// `runner apply`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner apply                     everything that is pending
  runner apply --target next       one migration
  runner apply --target 2026011    up to the revision that begins so
  runner apply --dry-run           run it all, show what it does, and roll everything back
  runner apply --backup auto       make a backup before anything is run
  runner apply --share             as one of several processes that share large transforms")]
pub struct ApplyArgs {
    /// Where to stop: see `runner --help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    /// While another run holds the lock and is in a stepwise transform of a migration that this project has too, take chunks of
    /// it; then go on as without. For servers [env: RUNNER_SHARE]
    #[arg(long)]
    pub share: bool,
    /// Apply migrations that are older than the newest applied one [env: RUNNER_ALLOW_OUT_OF_ORDER]
    #[arg(long)]
    pub allow_out_of_order: bool,
    /// Go on though applied migrations are missing from the project [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// `runner rollback`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner rollback                  the migration that was applied last
  runner rollback -n 3             the last three
  runner rollback --target 2026011 everything newer than that revision, which stays
  runner rollback --all            everything")]
pub struct RollbackArgs {
    /// Revision that stays, or `base`
    #[arg(short, long, value_name = "TARGET", allow_hyphen_values = true, group = "extent")]
    pub target: Option<String>,
    /// How many to take back
    #[arg(short, long, value_name = "COUNT", group = "extent")]
    pub number: Option<usize>,
    /// Take everything back
    #[arg(long, group = "extent")]
    pub all: bool,
    /// Database of the settings file, where it has several; here without its `-n`, which counts
    // Takes the place of the global flag of this id, and hands its value up to it.
    #[arg(id = "database", long, value_name = "NAME", help_heading = "Options of every verb")]
    pub database: Option<String>,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// `runner redo`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner redo                      after a change to the migration that you are writing
  runner redo --dry-run            try whether it goes down and up")]
pub struct RedoArgs {
    /// Go on though applied migrations are missing from the project [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// `runner plan`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner plan                      what `runner apply` would run
  runner plan --target -1          what `runner rollback` would run
  runner plan --sql > changes.sql  the statements of migrations in SQL")]
pub struct PlanArgs {
    /// Where to stop: see `runner --help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    /// Print the SQL
    #[arg(long)]
    pub sql: bool,
    /// Plan migrations that are older than the newest applied one [env: RUNNER_ALLOW_OUT_OF_ORDER]
    #[arg(long)]
    pub allow_out_of_order: bool,
    /// Go on though applied migrations are missing from the project [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
    /// Demand that the lockfile lists every migration, SQL as well [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
}
