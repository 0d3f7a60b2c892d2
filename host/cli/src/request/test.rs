//! What tests are asked for.

use std::path::PathBuf;

use super::jobs;
use crate::test_args::{CrashAtArgs, TestArgs};
use runner_base::error::Result;
use runner_project::env::Switches;

/// Options of `test`.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// Revisions to test; empty: all.
    pub revisions: Vec<String>,
    /// Kill runs at every step.
    pub crash: bool,
    /// Where to write a JUnit XML report.
    pub junit: Option<PathBuf>,
    /// Instances for a transform.
    pub jobs: usize,
    /// The lockfile must list everything.
    pub locked: bool,
}

/// Options of `crash-at`.
#[derive(Clone, Debug)]
pub struct CrashAtRequest {
    /// The step to crash at.
    pub moment: u64,
    /// Roll back instead of applying.
    pub down: bool,
    /// The target; `None` is `base`.
    pub target: Option<String>,
    /// The timestamp and seed that migrations see.
    pub inputs: (i64, u64),
    /// Instances for a transform.
    pub jobs: usize,
}

pub fn test(args: TestArgs, switches: &Switches) -> Result<TestRequest> {
    let jobs = jobs(args.jobs, switches)?;
    let locked = args.locked || switches.locked;
    Ok(TestRequest { revisions: args.revisions, crash: args.crash, junit: args.junit, jobs, locked })
}

pub fn crash_at(args: CrashAtArgs, switches: &Switches) -> Result<CrashAtRequest> {
    let jobs = jobs(args.jobs, switches)?;
    let inputs = (args.timestamp, args.seed);
    Ok(CrashAtRequest { moment: args.moment, down: args.down, target: args.target, inputs, jobs })
}
