//! The outcome of a command on each database.

use std::time::Duration;

use runner_base::error::{Error, Result};

/// A database of the fleet, and the outcome of the command there.
#[derive(Debug)]
pub struct Each<T> {
    /// Its name.
    pub name: String,
    /// Its URL, without the password.
    pub url: String,
    /// Where the URL comes from, in words.
    pub source: String,
    /// The outcome.
    pub ended: Ended<T>,
    /// How long it took.
    pub took: Duration,
}

/// The outcome of a command on one database.
#[derive(Debug)]
pub enum Ended<T> {
    /// It ran, or failed to begin.
    Ran(Result<T>),
    /// It was not begun: a canary failed, or the command was stopped.
    NotRun,
}

impl<T> Ended<T> {
    /// What it came to, if it did.
    pub fn done(&self) -> Option<&T> {
        match self {
            Self::Ran(Ok(done)) => Some(done),
            _ => None,
        }
    }

    /// Why it failed to begin, if it did.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Ran(Err(error)) => Some(error),
            _ => None,
        }
    }
}

/// The state of a database in numbers: its migrations in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseState {
    /// The newest applied revision, as `REVISION_name`.
    pub current: Option<String>,
    /// In the database, as in the project.
    pub applied: usize,
    /// In the project but not in the database.
    pub pending: usize,
    /// Partly in the database.
    pub partial: usize,
    /// In the database but not in the project.
    pub missing: usize,
    /// In the database, from another artifact than the project's.
    pub changed: usize,
    /// Whether a run holds its lock.
    pub is_running: bool,
}
