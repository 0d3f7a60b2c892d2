//! Decides what to run and runs it: plan, lock, transaction, history, events. Knows no wasmtime, no clap and no colour.
//!
//! It may import `runner-project`, `runner-drivers` and what is below them: no driver, no wasmtime.
//!
//! The floors, from the top down. A room imports rooms of lower floors only, never one of its own floor or above; a test
//! reads this drawing and holds the imports against it.
//!
//! ```text
//! apply                                                  the run: lock, transaction, history, retries
//! verify repair stamp accept existing_database protection status outcome  what else is done with history, and what comes of a run
//! held_locks                                             which large tables a migration in SQL keeps locked
//! sql_script artifact                                    statements of a file, one by one
//! execution                                              calls of a migration: atomic, journalled or replayed
//! transform                                              cuts tables into chunks and has batch functions transform them
//! script                                                 what a migration is given, and must do
//! control                                                pause, resume, cancel; what a run reports of itself
//! plan                                                   pure: catalog, history and target to migrations
//! history                                                what is applied
//! chunks                                                 how transforms are cut
//! dry_run                                                judges and records the calls of a dry run
//! journal recorder                                       the steps of a stepwise run; what any run did
//! transcript                                             the digest of a run, and the evidence kept for `verify`
//! call_error backup identity settle transaction
//! batch_function call schema event clock role run stopped target throttle unreadable invalid_index isolation implicit_delete unknown_name
//! ```

// The futures of a run are nested deeply: with the driver of MySQL alone the default of 128 is not enough.
#![recursion_limit = "256"]

pub mod accept;
pub mod apply;
pub mod artifact;
pub mod backup;
pub mod batch_function;
pub mod call;
pub mod call_error;
pub mod chunks;
pub mod clock;
pub mod control;
pub mod dry_run;
pub mod event;
pub mod execution;
pub mod existing_database;
pub mod held_locks;
pub mod history;
pub mod identity;
pub mod implicit_delete;
mod invalid_index;
pub mod isolation;
pub mod journal;
pub mod outcome;
pub mod plan;
pub mod protection;
pub mod recorder;
pub mod repair;
pub mod role;
pub mod run;
pub mod schema;
pub mod script;
mod settle;
pub mod sql_script;
pub mod stamp;
pub mod status;
pub mod stopped;
pub mod target;
pub mod throttle;
mod transaction;
pub mod transcript;
pub mod transform;
mod unknown_name;
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

#[cfg(test)]
mod architecture_tests;
