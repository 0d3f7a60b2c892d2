//! The options of a command on several databases, as clap reads them.

use std::path::PathBuf;

use clap::Args;

/// Which databases.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Several databases")]
pub struct FleetArgs {
    /// Every database of `[databases]` and every tenant of `[tenants]`
    #[arg(long, visible_alias = "all-databases")]
    pub all: bool,
}

/// How a run goes through them.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Several databases")]
pub struct FleetRunArgs {
    /// The databases that a report of an earlier run has as failed or not run
    ///
    /// The report is the output of the same command with `--format json`.
    #[arg(long, value_name = "REPORT")]
    pub retry: Option<PathBuf>,
    /// Number of databases that go first, one after another [default: 1, or as `[tenants]` says]
    ///
    /// If one of them fails, no other database is touched. 0 begins with all of them.
    #[arg(long, value_name = "N")]
    pub canary: Option<u16>,
    /// Number of databases at the same time [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: Option<u16>,
}
