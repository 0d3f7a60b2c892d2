//! The command line of the commands that adopt and manage databases, as clap reads it.

use clap::{Args, Subcommand};

use super::run_args::{RunArgs, UnprotectArgs};

/// `runner stamp`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help stamp` for details and examples.")]
#[command(after_long_help = "\
The history then says that the database is at the target: revisions up to it are recorded as
applied, and newer ones as rolled back. No migration runs, and no table but runner's own changes.

Examples:
  runner stamp                     the database has everything that the project has
  runner stamp --target 0042 --why 'restored from the backup of Monday'
  runner stamp --target base       the database has nothing of it
  runner stamp --dry-run           show what would be recorded")]
pub struct StampArgs {
    /// Target that the database is at; see `runner help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    /// Reason, kept in the history
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Show what would be recorded, without writing anything
    #[arg(long)]
    pub dry_run: bool,
    /// Continue even if applied migrations are missing from the project
    ///
    /// [env: RUNNER_ALLOW_MISSING]
    #[arg(long)]
    pub allow_missing: bool,
}

/// `runner baseline`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help baseline` for details and examples.")]
#[command(after_long_help = "\
For a database that another tool, or a person, has brought to a revision so far. Everything up to
the revision is recorded as applied and is not run. Fails if the database already has a history;
`runner stamp` changes one.

Examples:
  runner baseline 0042             the database has 0042 and everything before it
  runner baseline latest --why 'migrated with Flyway until now'")]
pub struct BaselineArgs {
    /// The revision that the database is at, its name, or a unique prefix; or `latest`
    pub revision: String,
    /// Reason, kept in the history
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Show what would be recorded, without writing anything
    #[arg(long)]
    pub dry_run: bool,
}

/// `runner db`
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Run `runner help db` for examples.")]
#[command(after_long_help = "\
Examples:
  runner db wait && runner apply   in a container that starts together with its database server
  runner db create                 create the database of the URL
  runner db reset                  drop it, create it and apply every migration
  runner db drop --yes             drop it without asking

On a terminal, `drop` and `reset` ask first. A database is not dropped where the settings say
`protected = true`, in `[database]`, `[databases.NAME]`, `[tenants]` or `[environments.NAME]`, or
said so when migrations were applied, unless `--unprotect` names it.")]
pub struct DbArgs {
    #[command(subcommand)]
    pub command: DbCommand,
}

/// The commands about a whole database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Create the database, unless it exists
    Create,
    /// Drop the database with everything in it
    Drop(DropArgs),
    /// Drop the database, create it and apply all migrations
    Reset(Box<ResetArgs>),
    /// Wait until the database server accepts connections
    Wait(WaitArgs),
}

/// `runner db drop`
#[derive(Args, Debug)]
pub struct DropArgs {
    /// Do not ask first
    #[arg(short, long)]
    pub yes: bool,
    /// PostgreSQL: end the sessions that use the database
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub protection: UnprotectArgs,
}

/// `runner db reset`
#[derive(Args, Debug)]
pub struct ResetArgs {
    /// Do not ask first
    #[arg(short, long)]
    pub yes: bool,
    /// PostgreSQL: end the sessions that use the database
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub protection: UnprotectArgs,
    /// Target to apply up to; see `runner help` for targets
    #[arg(short, long, default_value = "latest", value_name = "TARGET", allow_hyphen_values = true)]
    pub target: String,
    #[command(flatten)]
    pub run: RunArgs,
}

/// `runner db wait`
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub timeout: String,
}
