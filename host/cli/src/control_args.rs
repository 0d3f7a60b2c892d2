//! The command line of what controls a run from another terminal, as clap reads it.

use clap::Args;

/// `runner pause`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help pause` for examples.")]
#[command(after_long_help = "\
Examples:
  runner pause                     the active run waits before its next chunk and keeps its lock
  runner pause --why 'month end'   also shown by `runner status`
  runner pause 20260112101500      only while this migration runs
  runner resume                    lets the run continue")]
pub struct PauseArgs {
    /// A revision, a name, or a unique prefix of either; defaults to all runs, including later ones
    pub revision: Option<String>,
    /// Reason, shown while the pause lasts
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `runner resume`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help resume` for examples.")]
#[command(after_long_help = "\
Examples:
  runner resume                    ends every pause
  runner resume 20260112101500     ends the pause of this migration")]
pub struct ResumeArgs {
    /// A revision, a name, or a unique prefix of either; defaults to everything that is paused
    pub revision: Option<String>,
}

/// `runner cancel`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help cancel` for examples.")]
#[command(after_long_help = "\
Examples:
  runner cancel                    the active run stops at its next safe point, as on SIGTERM
  runner cancel --why 'too slow'   also shown by the run that stops
  runner apply                     continues after the last chunk")]
pub struct CancelArgs {
    /// Cancel only a run of this migration: a revision, a name, or a unique prefix of either
    pub revision: Option<String>,
    /// Reason, shown by the run that stops
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}
