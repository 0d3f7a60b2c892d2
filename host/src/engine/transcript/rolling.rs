//! One digest over all calls and their answers, in order. It takes the same memory however many there are.

use super::recording::TranscriptRecorder;
use crate::data::Digest;
use crate::database::DatabaseError;
use crate::engine::call::codec;
use crate::engine::call::codec::Sink;
use crate::engine::call::{Answer, Call};

/// The version of the encoding, with which every transcript begins.
const VERSION: &str = "runner transcript 1";

/// What stands before a call, an answer and an error.
const CALL: u8 = 1;
const ANSWER: u8 = 2;
const ERROR: u8 = 3;

/// The transcript of a run under way.
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
    /// A transcript without a call; the recorder is told everything too.
    pub fn new(recorder: Option<TranscriptRecorder>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.bytes(VERSION.as_bytes());
        Self { hasher, recorder }
    }

    /// The migration calls.
    pub fn called(&mut self, call: &Call<'_>) {
        self.hasher.byte(CALL);
        for part in [call.kind.name(), call.text, call.parameters] {
            self.hasher.bytes(part.as_bytes());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.called(call);
        }
    }

    /// What it is answered.
    pub fn answered<T: Answer>(&mut self, answer: Result<&T, &DatabaseError>) {
        match answer {
            Ok(answer) => {
                self.hasher.byte(ANSWER);
                self.hasher.put(&answer.digest().0);
            }
            Err(error) => {
                self.hasher.byte(ERROR);
                codec::put_error(&mut self.hasher, error);
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(answer);
        }
    }

    /// The digest so far.
    pub fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// What was recorded; none if nothing was to be, or if it was too much.
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.recorder.take()?.finish()
    }
}
