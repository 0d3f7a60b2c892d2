//! One digest over all calls and their answers, in order. Its memory does not depend on their number.

use super::recording::TranscriptRecorder;
use crate::call::canonical::{self, Sink};
use crate::call::{Answer, Call};
use runner_data::Digest;
use runner_database::DatabaseError;

/// The version of the encoding; every transcript begins with it.
const VERSION: &str = "runner transcript 1";

/// The bytes that introduce a call, an answer and an error.
const CALL: u8 = 1;
const ANSWER: u8 = 2;
const ERROR: u8 = 3;

/// The transcript of a run in progress.
pub struct Transcript {
    hasher: blake3::Hasher,
    recorder: Option<TranscriptRecorder>,
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Transcript {
    /// Creates an empty transcript. If there is a recorder, it records every call and answer too.
    pub fn new(recorder: Option<TranscriptRecorder>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.bytes(VERSION.as_bytes());
        Self { hasher, recorder }
    }

    /// Adds a call.
    pub fn called(&mut self, call: &Call<'_>) {
        self.hasher.byte(CALL);
        for part in [call.kind.name(), call.text, call.parameters] {
            self.hasher.bytes(part.as_bytes());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.called(call);
        }
    }

    /// Adds the answer to the last call.
    pub fn answered<T: Answer>(&mut self, answer: Result<&T, &DatabaseError>) {
        match answer {
            Ok(answer) => {
                self.hasher.byte(ANSWER);
                self.hasher.put(&answer.digest().0);
            }
            Err(error) => {
                self.hasher.byte(ERROR);
                canonical::put_error(&mut self.hasher, error);
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(answer);
        }
    }

    /// Returns the digest so far.
    pub fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// Takes the recording, or returns `None` if there is no recorder or its limit was exceeded.
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.recorder.take()?.finish()
    }
}
