//! A component's calls answered from a recording: it never comes to the database.

use std::sync::{Mutex, PoisonError};

use super::recording::{Garbled, Recording};
use crate::data::Digest;
use crate::database::DatabaseError;
use crate::engine::call::{Answer, Call, answer};
use crate::error::{Error, Result};

/// A recording that answers.
pub struct Replay {
    state: Mutex<State>,
}

struct State {
    recording: Recording,
    calls: u64,
    contents: Vec<Digest>,
}

impl Replay {
    /// Answers from this recording.
    pub fn new(recording: Recording) -> Self {
        Self { state: Mutex::new(State { recording, calls: 0, contents: Vec::new() }) }
    }

    /// Calls answered so far.
    pub fn calls(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    /// Notes what a transform was answered.
    pub fn transformed(&self, content: Digest) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents.push(content);
    }

    /// The digests over the chunks of the transforms so far.
    pub fn contents(&self) -> Vec<Digest> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents.clone()
    }

    /// The number of the call, and what it was answered when it was recorded. An error ends the component: it calls something
    /// else than then.
    pub fn answer<T: Answer>(&self, call: &Call<'_>) -> Result<(u64, std::result::Result<T, DatabaseError>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        let number = state.calls;
        let now = format!("{} `{}`", call.kind.name(), call.shown());
        let Some(recorded) = state.recording.call().map_err(garbled)? else {
            return Err(another_way(number).cause("recorded: nothing more").cause(format!("now: {now}")));
        };
        if recorded.digest != call.digest() {
            let what = if recorded.kind == call.kind.name() && recorded.text == call.shown() {
                format!("now: {now} with other parameters or rows")
            } else {
                format!("now: {now}")
            };
            let before = format!("recorded: {} `{}`", recorded.kind, recorded.text);
            return Err(another_way(number).cause(before).cause(what));
        }
        let answer = state.recording.answer().map_err(garbled)?;
        let answer = answer.as_deref().and_then(answer::decode).ok_or_else(|| garbled(Garbled))?;
        Ok((number, answer))
    }

    /// Fails if more is recorded than was asked for.
    pub fn end(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.recording.call().map_err(garbled)? {
            None => Ok(()),
            Some(recorded) => Err(another_way(state.calls + 1)
                .cause(format!("recorded: {} `{}`", recorded.kind, recorded.text))
                .cause("now: it came to its end")),
        }
    }
}

fn another_way(call: u64) -> Error {
    Error::mismatch("the component does something else than when it was applied").at("call", call.to_string())
}

fn garbled(_: Garbled) -> Error {
    Error::mismatch("what was recorded of the run does not read as runner wrote it")
}
