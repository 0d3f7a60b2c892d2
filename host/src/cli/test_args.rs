//! The arguments of `runner test` as clap reads them.

use std::path::PathBuf;

use clap::Args;

/// `runner test`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner test                      every migration, on the databases of `[test]` or on SQLite
  runner test create_users         this one; those before it are only applied
  runner test --crash              kill every run at every moment, too
  runner test -D postgres://postgres:secret@localhost/postgres --junit report.xml

For each migration: up, checks, down, everything is as before, up again, everything is as after the
first time. Fixtures and checks stand in `tests/REVISION_name/` beside the migrations:
  fixtures/1_users.csv             rows of a table, or SQL; loaded when the database stands there
  up/no_user_is_nameless.sql       a query that must answer no row after the upgrade
  up/totals.sql, up/totals.csv     or exactly these
  down/...                         the same, after the downgrade
  test.toml                        `ignore_rows`, `ignore_schema`: what cannot be the same again

On the server of `--database-url`, or of `urls` in `[test]`, a database of its own is made and
dropped; no other is touched. Ends with 1 if a test failed.")]
pub struct TestArgs {
    /// Revisions to test, whole or their beginnings, or names; all if none is named
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Kill each migration's runs at every step and every chunk, and see that the next run heals them
    #[arg(long)]
    pub crash: bool,
    /// Write a report in JUnit's XML, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Instances of a component that work on a transform at the same time; else one per processor [env: RUNNER_JOBS]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Demand that the lockfile lists every migration, SQL as well [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
}

/// `runner crash-at`
#[derive(Args, Debug)]
pub struct CrashAtArgs {
    /// The moment to die at, counted from 1
    pub moment: u64,
    /// Go down and not up
    #[arg(long)]
    pub down: bool,
    /// The revision to go to; else where nothing is applied
    #[arg(long)]
    pub target: Option<String>,
    /// The run's time: microseconds since 1970
    #[arg(long, allow_hyphen_values = true)]
    pub timestamp: i64,
    /// The run's seed
    #[arg(long)]
    pub seed: u64,
    /// Instances for a transform
    #[arg(long)]
    pub jobs: Option<u16>,
}
