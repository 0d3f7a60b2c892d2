//! The command line as clap reads it. No type of this file goes further than `cli::dispatch`.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::run_args::{ApplyArgs, PlanArgs, RedoArgs, RollbackArgs};
use super::test_args::{CrashAtArgs, TestArgs};
use super::throttle_args::{CancelArgs, PauseArgs, ResumeArgs};

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
    /// Show a partial revision, and record what became of it
    Repair(RepairArgs),
    /// Check the project alone, without a database
    Validate(ValidateArgs),
    /// Prove migrations on scratch databases: up, down and up again, with fixtures and checks
    Test(TestArgs),
    /// What `runner test --crash` starts
    #[command(hide = true)]
    CrashAt(CrashAtArgs),
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

/// `runner repair`
#[derive(Args, Debug)]
#[command(after_help = "\
Without an action it shows what is known: how far the revision came, the step that was begun and
whose end nobody noted, what the database has of it, and what each action would do. It writes nothing.

Examples:
  runner repair                    the revision that is partial
  runner repair 20260112 --retry --why 'the procedure had not begun: its log is empty'
  runner repair 20260112 --mark-done --rows-affected 12 --why 'counted by hand'
  runner repair 20260112 --as-not-applied --why 'its build is lost; table dropped by hand'")]
pub struct RepairArgs {
    /// A revision, a name, or the beginning of either; an action demands it
    pub revision: Option<String>,
    /// The step whose end nobody noted; there is never more than one
    pub step: Option<u64>,
    /// The step did not take effect: the next run does it
    #[arg(long, group = "action")]
    pub retry: bool,
    /// The step took effect: the next run goes on behind it
    #[arg(long, group = "action")]
    pub mark_done: bool,
    /// The step did not take effect, and is not to
    #[arg(long, group = "action")]
    pub skip: bool,
    /// All of the revision is in the database, brought there by hand
    #[arg(long, group = "action")]
    pub as_applied: bool,
    /// Nothing of the revision is in the database any more, undone by hand
    #[arg(long, group = "action")]
    pub as_not_applied: bool,
    /// With `--mark-done`: what the component is told of how many rows the statement changed
    #[arg(long, value_name = "N", requires = "mark_done")]
    #[arg(conflicts_with_all = ["retry", "skip", "as_applied", "as_not_applied"])]
    pub rows_affected: Option<u64>,
    /// Why; an action demands it, and history keeps it
    #[arg(long, value_name = "TEXT", requires = "action")]
    pub why: Option<String>,
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
