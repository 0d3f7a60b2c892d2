//! Answers a component's calls from a recording, without a database.

use std::sync::{Mutex, PoisonError};

use super::recording::{Corrupt, Recording};
use crate::call::{Answer, Call};
use runner_base::error::{Error, Result};
use runner_data::Digest;
use runner_database::DatabaseError;

/// A recording that answers calls.
pub struct Replay {
    state: Mutex<ReplayState>,
}

struct ReplayState {
    recording: Recording,
    calls: u64,
    contents: Vec<Digest>,
}

impl Replay {
    /// Creates a replay of a recording.
    pub fn new(recording: Recording) -> Self {
        Self { state: Mutex::new(ReplayState { recording, calls: 0, contents: Vec::new() }) }
    }

    /// Returns the number of calls that were answered so far.
    pub fn calls(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    /// Records the digest over the chunks of a transform.
    pub fn transformed(&self, content: Digest) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents.push(content);
    }

    /// Returns the digests over the chunks of the transforms so far.
    pub fn contents(&self) -> Vec<Digest> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents.clone()
    }

    /// Returns the number of a call and its recorded answer. An error ends the component: the call differs from the
    /// recorded one.
    pub fn answer<T: Answer>(&self, call: &Call<'_>) -> Result<(u64, std::result::Result<T, DatabaseError>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.calls + 1;
        let now = format!("{} `{}`", call.kind.name(), call.shown());
        let Some(recorded) = state.recording.call().map_err(corrupt)? else {
            return Err(diverged(number).cause("recorded: the end of the migration").cause(format!("now: {now}")));
        };
        if recorded.digest != call.digest() {
            let what = if recorded.kind == call.kind.name() && recorded.text == call.shown() {
                format!("now: {now} with other parameters or rows")
            } else {
                format!("now: {now}")
            };
            let before = format!("recorded: {} `{}`", recorded.kind, recorded.text);
            return Err(diverged(number).cause(before).cause(what));
        }
        let answer = state.recording.answer().map_err(corrupt)?.ok_or_else(|| corrupt(Corrupt))?;
        state.calls = number;
        Ok((number, answer))
    }

    /// Fails if the recording contains further calls.
    pub fn end(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.recording.call().map_err(corrupt)? {
            None => Ok(()),
            Some(recorded) => Err(diverged(state.calls + 1)
                .cause(format!("recorded: {} `{}`", recorded.kind, recorded.text))
                .cause("now: the end of the migration")),
        }
    }
}

fn diverged(call: u64) -> Error {
    Error::mismatch("the component does not make the same calls as when it was applied").at("call", call.to_string())
}

fn corrupt(_: Corrupt) -> Error {
    Error::mismatch("the recording of the run is damaged").at("table", "runner_evidence")
}
