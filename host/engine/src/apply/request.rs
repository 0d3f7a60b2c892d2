//! What a run is asked to do.

use std::time::Duration;

use crate::plan::PlanOptions;
use crate::target::Target;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Up to the target.
    Apply(Target),
    /// Down to the target, which stays applied.
    Rollback(Target),
    /// One down and up again.
    Redo,
}

impl Action {
    /// The verb of the command line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Rollback(_) => "rollback",
            Self::Redo => "redo",
        }
    }
}

/// The operator's decision to let a changed build continue an unfinished transform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptChanged {
    /// The revision, as it was given.
    pub wanted: String,
    /// The reason.
    pub why: String,
}

/// A run to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// What the operator allows.
    pub options: PlanOptions,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// Everything in one transaction that is rolled back.
    pub dry_run: bool,
    /// A changed build that may continue an unfinished transform.
    pub accept: Option<AcceptChanged>,
}
