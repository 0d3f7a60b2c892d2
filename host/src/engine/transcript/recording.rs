//! The calls of a run with their answers, kept so that the run can be played again without a database.

use std::io::{Read, Write};

use crate::database::DatabaseError;
use crate::engine::call::codec::{Sink, Source};
use crate::engine::call::{Answer, Call, answer};

/// The greatest entry that is read back: a guard against a damaged length.
const ENTRY_BYTES: u64 = 1 << 30;

/// The quickest: it is written once and seldom read.
const LEVEL: i32 = 1;

/// Writes calls and answers down, compressed, as long as they take no more than the given bytes.
pub struct TranscriptRecorder {
    /// None once it was too much.
    encoder: Option<zstd::stream::Encoder<'static, Vec<u8>>>,
    limit: usize,
}

impl TranscriptRecorder {
    /// A recorder of so many bytes; none if that is nothing.
    pub fn new(limit: u64) -> Option<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL).ok().filter(|_| limit > 0)?;
        Some(Self { encoder: Some(encoder), limit })
    }

    /// Notes a call.
    pub fn called(&mut self, call: &Call<'_>) {
        let mut entry = Vec::with_capacity(call.text.len() + 64);
        entry.bytes(call.kind.name().as_bytes());
        entry.bytes(call.digest().as_bytes());
        entry.bytes(call.shown().as_bytes());
        self.put(&entry);
    }

    /// Notes an answer.
    pub fn answered<T: Answer>(&mut self, answer: Result<&T, &DatabaseError>) {
        if self.encoder.is_some() {
            self.put(&answer::encode(answer));
        }
    }

    fn put(&mut self, entry: &[u8]) {
        let Some(encoder) = &mut self.encoder else { return };
        let length = (entry.len() as u64).to_le_bytes();
        // Writing to memory cannot fail; if it did, there would be no recording.
        let written = encoder.write_all(&length).and_then(|()| encoder.write_all(entry));
        if written.is_err() || encoder.get_ref().len() > self.limit {
            self.encoder = None;
        }
    }

    /// Everything; none if it was too much.
    pub fn finish(self) -> Option<Vec<u8>> {
        let bytes = self.encoder?.finish().ok()?;
        (bytes.len() <= self.limit).then_some(bytes)
    }
}

/// A call of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    /// Its kind.
    pub kind: String,
    /// Its digest.
    pub digest: String,
    /// The statement, or what it was.
    pub text: String,
}

/// Reads a recording from its beginning, an entry at a time.
pub struct Recording {
    decoder: zstd::stream::Decoder<'static, std::io::BufReader<std::io::Cursor<Vec<u8>>>>,
}

/// A recording that is not as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Garbled;

impl Recording {
    /// Begins to read.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Garbled> {
        let decoder = zstd::stream::Decoder::new(std::io::Cursor::new(bytes)).map_err(|_| Garbled)?;
        Ok(Self { decoder })
    }

    /// The next call; none at the end.
    pub fn call(&mut self) -> Result<Option<RecordedCall>, Garbled> {
        let Some(entry) = self.entry()? else { return Ok(None) };
        let mut source = Source::new(&entry);
        let mut call = || Some(RecordedCall { kind: source.text()?, digest: source.text()?, text: source.text()? });
        call().map(Some).ok_or(Garbled)
    }

    /// The answer of the call that was read last, as it was put; none if it has none.
    pub fn answer(&mut self) -> Result<Option<Vec<u8>>, Garbled> {
        self.entry()
    }

    fn entry(&mut self) -> Result<Option<Vec<u8>>, Garbled> {
        let mut length = [0; 8];
        let mut read = 0;
        while read < length.len() {
            match self.decoder.read(&mut length[read..]).map_err(|_| Garbled)? {
                0 if read == 0 => return Ok(None),
                0 => return Err(Garbled),
                some => read += some,
            }
        }
        let length = u64::from_le_bytes(length);
        if length > ENTRY_BYTES {
            return Err(Garbled);
        }
        let mut entry = Vec::new();
        (&mut self.decoder).take(length).read_to_end(&mut entry).map_err(|_| Garbled)?;
        if entry.len() as u64 == length { Ok(Some(entry)) } else { Err(Garbled) }
    }
}
