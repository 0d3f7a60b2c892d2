//! The command line as clap reads it. No type of this file goes further than `cli::dispatch`.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::adopt_args::{BaselineArgs, DbArgs, StampArgs};
use super::control_args::{CancelArgs, PauseArgs, ResumeArgs};
use super::diff_args::DiffArgs;
use super::grants_args::GrantsArgs;
use super::history_args::{RepairArgs, ShowArgs, StatusArgs, VerifyArgs};
use super::package_args::{AddArgs, PackageArgs, RemoveArgs, UpdateArgs};
use super::project_args::{BuildArgs, CompletionsArgs, InitArgs, ManArgs, NewArgs, RenumberArgs, ValidateArgs};
use super::run_args::{ApplyArgs, PlanArgs, RedoArgs, RollbackArgs};
use super::setting_flags::HistoryFlags;
use super::test_args::{CrashAtArgs, TestArgs};

/// Quiet colours; clap leaves them out where there is no terminal.
const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(Style::new());

/// The end of `runner -h`.
const MORE: &str = "\
Run `runner help` for all options, examples and exit codes, and `runner help COMMAND` for those of
a command.";

/// The end of `runner --help`.
const EXAMPLES: &str = "\
Examples:
  runner init shop                 create a project that applies as it is
  runner new create_orders         add a SQL migration
  runner new tidy --lang rust      add a Rust migration, compiled by `runner build`
  runner plan                      show what would run
  runner apply                     run it
  runner status                    show what is applied
  runner rollback                  roll back the last migration

Targets: `latest` (also `head`, `heads`), `next`, `current`, `base`, `+N`, `-N`, a revision, a name,
or any unique prefix of a revision or name.

Exit codes:
    0  done, or nothing to do
    1  failed
    2  invalid usage or configuration
    3  migrations are pending (`status --exit-code`), or schemas differ (`diff --exit-code`)
    4  the project does not match the history or the lockfile
    5  timed out waiting for a lock
    6  a migration is partially applied
    7  denied: by a limit, a grant, a missing privilege or a protected database
  130  stopped by SIGINT, also if a migration is then partially applied
  143  stopped by SIGTERM, SIGHUP or `runner cancel`, likewise";

/// Database migrations in plain SQL or in sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "runner", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = MORE, after_long_help = EXAMPLES, infer_long_args = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Database URL
    ///
    /// [env: RUNNER_DATABASE_URL, DATABASE_URL]
    #[arg(short = 'D', long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Path to the settings file
    ///
    /// Defaults to `runner.toml` in the current directory or its nearest parent that has one.
    ///
    /// [env: RUNNER_CONFIG]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Environment to use, from `[environments]` of the settings file
    ///
    /// [env: RUNNER_ENVIRONMENT]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Database to use, from `[databases]` or `[tenants]` of the settings file
    ///
    /// `apply`, `rollback`, `plan` and `status` take several of them.
    ///
    /// [env: RUNNER_DATABASE]
    #[arg(short = 'n', long, global = true, value_name = "NAME")]
    pub database: Vec<String>,
    #[command(flatten)]
    pub history: HistoryFlags,
    /// Override a limit, such as `fuel=1_000_000`; may be repeated
    ///
    /// [env: RUNNER_LIMIT_*]
    #[arg(long = "limit", global = true, value_name = "NAME=VALUE", hide_short_help = true)]
    pub limits: Vec<String>,
    /// Set a parameter of migrations; may be repeated
    ///
    /// [env: RUNNER_PARAMETER_*]
    #[arg(short, long = "parameter", global = true, value_name = "NAME=VALUE", hide_short_help = true)]
    pub parameters: Vec<String>,
    /// Output format
    ///
    /// [env: RUNNER_FORMAT]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// When to use colours
    ///
    /// Defaults to `auto`, which respects `NO_COLOR`.
    ///
    /// [env: RUNNER_COLOR]
    #[arg(long, global = true, value_name = "WHEN", hide_short_help = true)]
    pub color: Option<ColorArg>,
    /// Print each statement
    ///
    /// [env: RUNNER_VERBOSE]
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Print errors and warnings only; `--verbose` takes precedence
    ///
    /// [env: RUNNER_QUIET]
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Output format.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatArg {
    Text,
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    Auto,
    Always,
    Never,
}

/// The commands. Aliases mean the same in another tool; what means something else gets a hint in `foreign_verbs`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a project
    Init(InitArgs),
    /// Create a migration from a template
    #[command(visible_aliases = ["create", "generate", "revision"])]
    New(NewArgs),
    /// Compile migrations and update the lockfile
    Build(BuildArgs),
    /// Give a migration another revision, after all others
    Renumber(RenumberArgs),
    /// Add a package of migrations from others
    Add(AddArgs),
    /// Replace packages by newer versions
    Update(UpdateArgs),
    /// Remove a package
    Remove(RemoveArgs),
    /// Show which packages have newer versions
    #[command(after_help = "Run `runner help outdated` for examples.")]
    #[command(after_long_help = "\
`wanted` is the newest version within the range in `runner.toml`, which `runner update` takes.

Examples:
  runner outdated                  the versions in the directories that the packages came from
  runner outdated --format json    the same as JSON")]
    Outdated,
    /// Make a package of migrations, for others to add
    Package(PackageArgs),
    /// Apply pending migrations
    #[command(visible_aliases = ["up", "migrate", "upgrade"])]
    Apply(ApplyArgs),
    /// Roll back migrations, by default one
    #[command(visible_aliases = ["down", "downgrade", "revert", "undo"])]
    Rollback(RollbackArgs),
    /// Roll back the last migration and apply it again
    Redo(RedoArgs),
    /// Show what would run, without writing anything
    Plan(PlanArgs),
    /// Show the state of each migration and the progress of runs
    #[command(visible_alias = "info")]
    Status(StatusArgs),
    /// Pause active runs before their next chunk
    Pause(PauseArgs),
    /// Resume paused runs
    Resume(ResumeArgs),
    /// Stop the active run at its next safe point
    Cancel(CancelArgs),
    /// Print the current revision
    #[command(after_help = "Run `runner help current` for examples.")]
    #[command(after_long_help = "\
Examples:
  runner current                   prints `20260105093000_create_users`, or `base`
  runner current --format json     the same as JSON")]
    Current,
    /// Show the migrations that ran: when, for how long, how many rows
    #[command(after_help = "Run `runner help history` for examples.")]
    #[command(after_long_help = "\
Examples:
  runner history                   every upgrade, downgrade and repair, the oldest first
  runner history --format json     the same as JSON")]
    History,
    /// Show one revision in detail
    Show(ShowArgs),
    /// Show a partial revision, or record how it was resolved
    Repair(RepairArgs),
    /// Record migrations as applied without running them
    Stamp(StampArgs),
    /// Begin the history of a database that already has a schema
    Baseline(BaselineArgs),
    /// Create, drop, reset or wait for a database
    Db(DbArgs),
    /// Show how two schemas differ: of databases, of the migrations, of SQL files
    Diff(DiffArgs),
    /// Check the project without a database
    #[command(visible_alias = "check")]
    Validate(ValidateArgs),
    /// Show what the server can do, and what isolates components on it
    #[command(after_help = "Run `runner help doctor` for examples.")]
    #[command(after_long_help = "\
Exits with 7 if the project has components and its login may do more than change its own database,
or if the login of one is not in line with its grants.
With `--attack`, also if an attack would have succeeded, or if one that matters could not be
tried.

Examples:
  runner doctor                    what a component could do on this database
  runner doctor -e production      the same on the database of an environment
  runner doctor --format json      the same as JSON
  runner doctor --attack           try what a hostile component would")]
    Doctor {
        /// Try hostile statements with the rights of this login, on a scratch database or rolled back, and show which would
        /// succeed
        #[arg(long)]
        attack: bool,
    },
    /// Make the logins of components under grants, show or remove them
    Grants(GrantsArgs),
    /// Test migrations on scratch databases: up, down and up again, with fixtures and checks
    Test(TestArgs),
    /// The process that `runner test --crash` starts
    #[command(hide = true)]
    CrashAt(CrashAtArgs),
    /// Check applied components against the records of their runs, without writing anything
    Verify(VerifyArgs),
    /// Print what your shell needs to complete command lines
    Completions(CompletionsArgs),
    /// Print the man page, or write all of them
    Man(ManArgs),
}
