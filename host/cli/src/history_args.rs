//! The command line of the commands that read or repair the history, as clap reads it.

use clap::Args;

use super::fleet_args::FleetArgs;

/// `runner status`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help status` for examples.")]
#[command(after_long_help = "\
Examples:
  runner status                    all migrations, and the progress of active runs
  runner status --exit-code        for scripts: exits with 3 if migrations are pending
  runner status --all              a line for each database and each tenant")]
pub struct StatusArgs {
    /// Exit with 3 if migrations are pending
    ///
    /// Also exits with 6 if one is partially applied, and with 4 if the project does not match the history or the
    /// lockfile. Without a directory of migrations it exits with 2.
    #[arg(long)]
    pub exit_code: bool,
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Number of databases at the same time [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Several databases")]
    pub parallel: Option<u16>,
}

/// `runner show`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help show` for examples.")]
#[command(after_long_help = "\
Examples:
  runner show 20260105093000
  runner show create_users")]
pub struct ShowArgs {
    /// A revision, a name, or a unique prefix of either
    pub revision: String,
}

/// `runner repair`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help repair` for details and examples.")]
#[command(after_long_help = "\
Without an action, `repair` writes nothing and shows what is known: how far the revision got, the
step whose outcome was not recorded, what the database contains of it, and what each action would
do.

Examples:
  runner repair                    show the partial revision
  runner repair 20260112 --retry --why 'the procedure had not started: its log is empty'
  runner repair 20260112 --mark-done --rows-affected 12 --why 'counted by hand'
  runner repair 20260112 --as-not-applied --why 'its build is lost; table dropped by hand'
  runner repair 20260112 --accept-checksum --why 'only a comment changed'")]
pub struct RepairArgs {
    /// A revision, a name, or a unique prefix of either; required by an action
    pub revision: Option<String>,
    /// The step whose outcome was not recorded; there is at most one
    pub step: Option<u64>,
    /// The step did not take effect: the next run executes it
    #[arg(long, group = "action")]
    pub retry: bool,
    /// The step took effect: the next run continues after it
    #[arg(long, group = "action")]
    pub mark_done: bool,
    /// The step did not take effect and is not needed: the next run continues after it
    #[arg(long, group = "action")]
    pub skip: bool,
    /// The whole revision is in the database, completed by hand
    #[arg(long, group = "action")]
    pub as_applied: bool,
    /// Nothing of the revision is left in the database, reverted by hand
    #[arg(long, group = "action")]
    pub as_not_applied: bool,
    /// Accept the project's version of an applied revision that was edited, as it is now
    ///
    /// For changes that do not matter to the database, such as a comment. Nothing is run.
    #[arg(long, group = "action")]
    pub accept_checksum: bool,
    /// With `--mark-done`: the number of affected rows to report to the component
    #[arg(long, value_name = "N", requires = "mark_done")]
    #[arg(conflicts_with_all = ["retry", "skip", "as_applied", "as_not_applied", "accept_checksum"])]
    pub rows_affected: Option<u64>,
    /// Reason, kept in the history; required by an action
    #[arg(long, value_name = "TEXT", requires = "action")]
    pub why: Option<String>,
}

/// `runner verify`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help verify` for examples and exit codes.")]
#[command(after_long_help = "\
Examples:
  runner verify                    all applied components, with a sample of their rows
  runner verify utc_times          one revision
  runner verify --all-chunks       every row of every transform that is still there
  runner verify --strict           also fail if something is unproven, such as rows changed since

Exits with 4 if a run differs from its record, and with 1 if something is unproven and `--strict` is
given.")]
pub struct VerifyArgs {
    /// Revisions, names, or unique prefixes; defaults to all applied components
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Number of chunks to check in each transform
    #[arg(long, default_value_t = 8, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Check all chunks
    #[arg(long, conflicts_with = "sample")]
    pub all_chunks: bool,
    /// Exit with 1 if something is unproven
    #[arg(long)]
    pub strict: bool,
}
