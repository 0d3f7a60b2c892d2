//! The command line as clap reads it. No type of this file goes further than `cli::dispatch`.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::pace_args::{CancelArgs, PaceArgs, PauseArgs, ResumeArgs};

/// Quiet colours; clap leaves them out where there is no terminal.
const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(Style::new());

const EXAMPLES: &str = "\
Examples:
  runner init shop                 make a project that applies at once
  runner new create_orders         add a migration in SQL
  runner new tidy --lang rust      add one in Rust, compiled by `runner build`
  runner plan                      see what would run
  runner apply                     run it
  runner status                    see what is applied
  runner rollback                  take the last one back

Targets, wherever one is asked for: `latest`, `next`, `current`, `base`, `+N`, `-N`, a revision,
a name, or the beginning of either.

Exit codes: 0 done, 1 failed, 2 usage, 3 pending (`status --exit-code`), 4 project and history or
lockfile disagree, 5 the lock was not free in time, 6 half done, 7 denied by a limit, 130 and 143
stopped by a signal.";

/// Database migrations in plain SQL or in sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "runner", version, styles = STYLES, after_help = EXAMPLES, max_term_width = 100)]
#[command(disable_help_subcommand = true, infer_long_args = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every verb takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// Database to work on [env: RUNNER_DATABASE_URL, DATABASE_URL]
    #[arg(short = 'D', long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Settings file; else the nearest `runner.toml`, upwards [env: RUNNER_CONFIG]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Environment of the settings file [env: RUNNER_ENVIRONMENT]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Database of the settings file, where it has several [env: RUNNER_DATABASE]
    #[arg(short = 'n', long, global = true, value_name = "NAME")]
    pub database: Option<String>,
    /// Sets a limit, such as `fuel=1_000_000`; may be repeated [env: RUNNER_LIMIT_<NAME>]
    #[arg(long = "limit", global = true, value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
    /// Sets a parameter that components are given; may be repeated [env: RUNNER_PARAMETER_<NAME>]
    #[arg(short, long = "parameter", global = true, value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Form of the output [env: RUNNER_FORMAT]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// When to colour; by default `auto`, which heeds `NO_COLOR` [env: RUNNER_COLOR]
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<ColorArg>,
    /// Tell of each statement too [env: RUNNER_VERBOSE]
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Tell of errors and warnings alone; `--verbose` goes first [env: RUNNER_QUIET]
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatArg {
    Text,
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    Auto,
    Always,
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new project that applies at once
    Init(InitArgs),
    /// Make a new migration that builds and works
    New(NewArgs),
    /// Turn sources into artifacts and bring the lockfile up to date
    Build(BuildArgs),
    /// Go up to a target; never down
    Apply(ApplyArgs),
    /// Go down, by default one migration; never up
    #[command(visible_alias = "down")]
    Rollback(RollbackArgs),
    /// Take the last migration down and up again
    Redo(RedoArgs),
    /// Say what would run; write nothing
    Plan(PlanArgs),
    /// Say how each migration stands, and how far runs are
    Status(StatusArgs),
    /// Have runs wait before their next chunk, from another terminal
    Pause(PauseArgs),
    /// Let paused runs go on
    Resume(ResumeArgs),
    /// Stop the run under way at its next safe point, from another terminal
    Cancel(CancelArgs),
    /// Say where the database is, in one line
    Current,
    /// Say what ran, when, how long and how many rows
    History,
    /// Say everything about one revision
    Show(ShowArgs),
    /// Check the project alone, without a database
    Validate(ValidateArgs),
    /// Prove applied components again from their records; write nothing
    Verify(VerifyArgs),
}

/// `runner init`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner init                      in this folder
  runner init shop                 in a new folder `shop`")]
pub struct InitArgs {
    /// Folder of the project
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
}

/// `runner new`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner new create_orders         two SQL files, up and down
  runner new tidy_names --lang rust")]
pub struct NewArgs {
    /// What it does, such as `create_orders` or `"create orders"`
    pub name: String,
    /// What it is written in: `sql`, by default, or `rust` [env: RUNNER_LANG]
    #[arg(short, long, value_name = "LANG")]
    pub lang: Option<String>,
}

/// `runner build`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner build                     what has no artifact yet, and the whole lockfile
  runner build 20260112101500      this one, anew
  runner build --all               everything that has a source, anew")]
pub struct BuildArgs {
    /// Revisions to build anew, whole or their beginnings
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Build everything that has a source anew
    #[arg(long, conflicts_with = "revisions")]
    pub all: bool,
}

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
    /// Go on with the statement of that number, after a crash that left its effect unknown
    #[arg(long, value_name = "STATEMENT")]
    pub resume_at: Option<u64>,
    #[command(flatten)]
    pub pace: PaceArgs,
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
    pub on_copy: bool,
    /// Rows of each table to copy into a scratch database, or `all`; 10000 if nothing is said
    #[arg(long, value_name = "N", requires = "on_copy")]
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
    pub rehearsal: DryRunArgs,
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
    pub rehearsal: DryRunArgs,
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
    pub rehearsal: DryRunArgs,
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

/// `runner status`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner status                    a table of all migrations, and how far a run is that is under way
  runner status --exit-code        for a check: 3 if something is pending, 4 if something is wrong")]
pub struct StatusArgs {
    /// End with 3 if something is pending, 6 if it is half done, 4 if project and history disagree
    #[arg(long)]
    pub exit_code: bool,
}

/// `runner show`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner show 20260105093000
  runner show create_users")]
pub struct ShowArgs {
    /// A revision, a name, or the beginning of either
    pub revision: String,
}

/// `runner validate`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner validate                  names, lockfile, SQL, components
  runner validate --locked         and the lockfile lists everything, for CI")]
pub struct ValidateArgs {
    /// Demand that the lockfile lists every migration, SQL as well [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
}

/// `runner verify`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner verify                    all applied components, a sample of their rows
  runner verify utc_times          one revision
  runner verify --all-chunks       every row of every transform that is still there
  runner verify --strict           for a check: fail also if something cannot be proven

Exit codes: 0 nothing differs, 4 something differs, 1 with `--strict` if something cannot be proven.")]
pub struct VerifyArgs {
    /// Revisions, names, or the beginnings of either; else all applied components
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Chunks of each transform to look at
    #[arg(long, default_value_t = 8, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Look at all chunks
    #[arg(long, conflicts_with = "sample")]
    pub all_chunks: bool,
    /// End with 1 if something cannot be proven
    #[arg(long)]
    pub strict: bool,
}
