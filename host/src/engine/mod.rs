//! Decides what to run and runs it: plan, lock, transaction, history, events. Knows no wasmtime, no clap and no colour.

pub mod apply;
mod artifact;
pub mod backup;
pub mod call;
pub mod call_error;
pub mod clock;
pub mod control;
pub mod dry_run;
pub mod event;
pub mod history;
pub mod identity;
mod invalid_index;
pub mod journal;
pub mod outcome;
pub mod plan;
pub mod recorder;
pub mod repair;
pub mod run;
pub mod schema;
pub mod script;
pub mod sql_script;
pub mod status;
pub mod stopped;
pub mod target;
pub mod throttle;
pub mod transcript;
pub mod transform;
mod unreadable;
pub mod verify;

pub use call_error::CallError;
pub use event::{Event, EventSink};
pub use recorder::RunRecorder;
pub use script::{RunContext, Script, ScriptLoader, ScriptSource, Transforms};

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
