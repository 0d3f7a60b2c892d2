//! The command line of `runner test`, as clap reads it.

use std::path::PathBuf;

use clap::Args;

/// `runner test`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help test` for details and examples.")]
#[command(after_long_help = "\
Examples:
  runner test                      test every migration, on the databases of `[test]` or on SQLite
  runner test create_users         test one migration; earlier ones are only applied
  runner test --crash              also kill every run at every step
  runner test -D postgres://postgres:secret@localhost/postgres --junit report.xml

For each migration: apply, run checks, roll back, compare with the state before, apply again,
compare with the state after the first time. Fixtures and checks are in `tests/REVISION_name/`,
next to the migrations:
  fixtures/1_users.csv             rows of a table, or SQL; loaded last, for later migrations
  up/no_user_is_nameless.sql       a query that must return no rows after the upgrade
  up/totals.sql, up/totals.csv     a query and exactly the rows that it must return
  down/...                         the same, after the downgrade
  test.toml                        `ignore_rows`, `ignore_schema`: differences to ignore

On the server of `--database-url`, or of `urls` in `[test]`, a scratch database is created and
dropped; no other database is touched. Exits with 1 if a test fails.")]
pub struct TestArgs {
    /// Revisions, names, or unique prefixes to test; defaults to all
    #[arg(value_name = "REVISION")]
    pub revisions: Vec<String>,
    /// Kill each run at every step and every chunk, and check that the next run recovers
    #[arg(long)]
    pub crash: bool,
    /// Write a JUnit XML report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Number of component instances that work on a transform in parallel; defaults to one per processor
    ///
    /// [env: RUNNER_JOBS]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Require that the lockfile lists every migration, SQL included
    ///
    /// [env: RUNNER_LOCKED]
    #[arg(long)]
    pub locked: bool,
}

/// `runner crash-at`
#[derive(Args, Debug)]
pub struct CrashAtArgs {
    /// Step to crash at, counted from 1
    pub moment: u64,
    /// Roll back instead of applying
    #[arg(long)]
    pub down: bool,
    /// Target revision; defaults to `base`
    #[arg(long)]
    pub target: Option<String>,
    /// Timestamp of the run, in microseconds since 1970
    #[arg(long, allow_hyphen_values = true)]
    pub timestamp: i64,
    /// Seed of the run
    #[arg(long)]
    pub seed: u64,
    /// Number of component instances
    #[arg(long)]
    pub jobs: Option<u16>,
}
