//! The command line of what slows runs down and of what is said to them from elsewhere, as clap reads it.

use clap::Args;

/// How hard a transform may press on the database.
#[derive(Args, Debug)]
#[command(next_help_heading = "RunControl of transforms that commit chunk by chunk")]
pub struct PaceArgs {
    /// Rest behind each chunk, such as `100ms`, or `none` [env: RUNNER_BATCH_DELAY]
    #[arg(long, value_name = "DURATION")]
    pub batch_delay: Option<String>,
    /// Rows read in a second at most, or `none` [env: RUNNER_MAX_ROWS_PER_SECOND]
    #[arg(long, value_name = "COUNT")]
    pub max_rows_per_second: Option<String>,
    /// Wait while a replica lags further behind, such as `5s`, or `none` [env: RUNNER_MAX_LAG]
    #[arg(long, value_name = "DURATION")]
    pub max_lag: Option<String>,
    /// Wait while more sessions of others are at work, or `none` [env: RUNNER_MAX_ACTIVE_CONNECTIONS]
    #[arg(long, value_name = "COUNT")]
    pub max_active_connections: Option<String>,
}

impl PaceArgs {
    /// What is said, by its name in the settings file.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        let said = [
            ("batch_delay", &self.batch_delay),
            ("max_rows_per_second", &self.max_rows_per_second),
            ("max_lag", &self.max_lag),
            ("max_active_connections", &self.max_active_connections),
        ];
        said.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)))
    }
}

/// `runner pause`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner pause                     the run under way waits before its next chunk, holding its lock
  runner pause --why 'month end'   and says why, as `runner status` does
  runner pause 20260112101500      only while this migration runs
  runner resume                    lets it go on")]
pub struct PauseArgs {
    /// A revision, a name, or the beginning of either; else whatever runs, and runs that begin meanwhile
    pub revision: Option<String>,
    /// Why, for those who find it paused
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `runner resume`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner resume                    ends every pause
  runner resume 20260112101500     ends the pause of this migration")]
pub struct ResumeArgs {
    /// A revision, a name, or the beginning of either; else everything that is paused
    pub revision: Option<String>,
}

/// `runner cancel`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  runner cancel                    the run under way stops at its next safe point, as by SIGTERM
  runner cancel --why 'too slow'   and says why
  runner apply                     goes on behind the last chunk")]
pub struct CancelArgs {
    /// A revision, a name, or the beginning of either: only if that runs
    pub revision: Option<String>,
    /// Why, for those who see it end
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}
