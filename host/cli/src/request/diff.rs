//! What a comparison is asked for.

use super::jobs;
use crate::diff_args::DiffArgs;
use runner_base::error::Result;
use runner_project::env::Switches;

/// Options of `diff`.
#[derive(Clone, Debug)]
pub struct DiffRequest {
    /// The schema before.
    pub from: String,
    /// The schema after.
    pub to: String,
    /// Differences have an exit code.
    pub exit_code: bool,
    /// The server for scratch databases.
    pub scratch: Option<String>,
    /// Instances for a transform.
    pub jobs: usize,
}

pub fn diff(args: DiffArgs, switches: &Switches) -> Result<DiffRequest> {
    let DiffArgs { from, to, exit_code, scratch } = args;
    Ok(DiffRequest { from, to, exit_code, scratch, jobs: jobs(None, switches)? })
}
