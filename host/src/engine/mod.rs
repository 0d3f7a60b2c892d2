//! Decides what to run and runs it: plan, lock, transaction, history, events. Knows no wasmtime, no clap and no colour.

pub mod apply;
pub mod backup;
pub mod call_error;
pub mod control;
pub mod dry_run;
pub mod event;
pub mod history;
pub mod journal;
mod leftover;
pub mod outcome;
pub mod plan;
pub mod repair;
pub mod script;
pub mod sql_script;
pub mod status;
pub mod target;
pub mod transcript;
pub mod transform;
pub mod verify;

pub use call_error::CallError;
pub use event::{Event, EventSink};
pub use script::{RunContext, RunRecorder, Script, ScriptLoader, ScriptSource, Transforms};

use std::fmt;

/// Which way a migration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `upgrade`.
    Up,
    /// `downgrade`.
    Down,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "upgrade",
            Self::Down => "downgrade",
        })
    }
}
