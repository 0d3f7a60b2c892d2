//! A recording of the calls of a run with their answers, from which the component can run again without a database.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::call::codec::{self, MAX_BYTES, WINDOW_LOG};
use crate::call::{Answer, Call};
use runner_database::DatabaseError;

/// The largest recorded call: its statement is cut to 500 characters, and its kind and digest have less than 50.
const CALL_BYTES: u64 = 4 << 10;

/// The fastest level: a recording is written once and rarely read.
const LEVEL: i32 = 1;

/// Records calls and answers, compressed, up to a limit.
pub struct TranscriptRecorder {
    /// `None` once the limit was exceeded.
    encoder: Option<zstd::stream::Encoder<'static, Vec<u8>>>,
    limit: usize,
}

impl TranscriptRecorder {
    /// Creates a recorder of up to `limit` bytes, or `None` if the limit is 0.
    pub fn new(limit: u64) -> Option<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL).ok().filter(|_| limit > 0)?;
        Some(Self { encoder: Some(encoder), limit })
    }

    /// Records a call.
    pub fn called(&mut self, call: &Call<'_>) {
        if self.encoder.is_some() {
            let recorded =
                RecordedCall { kind: call.kind.name().to_owned(), digest: call.digest(), text: call.shown() };
            self.put(&recorded);
        }
    }

    /// Records an answer.
    pub fn answered<T: Answer>(&mut self, answer: Result<&T, &DatabaseError>) {
        self.put(&answer);
    }

    fn put<T: Serialize>(&mut self, entry: &T) {
        let Some(encoder) = &mut self.encoder else { return };
        let entry = codec::encode(entry);
        let length = (entry.len() as u64).to_le_bytes();
        // Writing to memory cannot fail; if it did, there would be no recording.
        let written = encoder.write_all(&length).and_then(|()| encoder.write_all(&entry));
        if written.is_err() || encoder.get_ref().len() > self.limit {
            self.encoder = None;
        }
    }

    /// Returns the recording, or `None` if it exceeded the limit.
    pub fn finish(self) -> Option<Vec<u8>> {
        let bytes = self.encoder?.finish().ok()?;
        (bytes.len() <= self.limit).then_some(bytes)
    }
}

/// A call of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// The kind of the call.
    pub kind: String,
    /// The digest of the call.
    pub digest: String,
    /// The statement, or a description of the call, shortened.
    pub text: String,
}

/// Reads a recording from its beginning, entry by entry.
pub struct Recording {
    decoder: zstd::stream::Decoder<'static, std::io::BufReader<std::io::Cursor<Vec<u8>>>>,
}

/// The error for a recording that differs from what was written.
#[derive(Clone, Copy, Debug)]
pub struct Corrupt;

impl Recording {
    /// Opens a recording.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Corrupt> {
        let mut decoder = zstd::stream::Decoder::new(std::io::Cursor::new(bytes)).map_err(|_| Corrupt)?;
        decoder.window_log_max(WINDOW_LOG).map_err(|_| Corrupt)?;
        Ok(Self { decoder })
    }

    /// Returns the next call, or `None` at the end.
    pub fn call(&mut self) -> Result<Option<RecordedCall>, Corrupt> {
        self.entry(CALL_BYTES)?.map(|entry| codec::decode(&entry).ok_or(Corrupt)).transpose()
    }

    /// Returns the answer to the call that was read last, or `None` if it has none.
    pub fn answer<T: Answer>(&mut self) -> Result<Option<Result<T, DatabaseError>>, Corrupt> {
        self.entry(MAX_BYTES)?.map(|entry| codec::decode(&entry).ok_or(Corrupt)).transpose()
    }

    /// Skips the answer to the call that was read last.
    pub fn skip_answer(&mut self) -> Result<(), Corrupt> {
        self.entry(MAX_BYTES).map(drop)
    }

    fn entry(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Corrupt> {
        let mut length = [0; 8];
        let mut read = 0;
        while read < length.len() {
            match self.decoder.read(&mut length[read..]).map_err(|_| Corrupt)? {
                0 if read == 0 => return Ok(None),
                0 => return Err(Corrupt),
                some => read += some,
            }
        }
        let length = u64::from_le_bytes(length);
        if length > limit {
            return Err(Corrupt);
        }
        // The memory follows the bytes that exist, not the length that they claim.
        let mut entry = Vec::new();
        (&mut self.decoder).take(length).read_to_end(&mut entry).map_err(|_| Corrupt)?;
        if entry.len() as u64 == length { Ok(Some(entry)) } else { Err(Corrupt) }
    }
}
