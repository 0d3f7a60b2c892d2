//! Values as the journal and the evidence store them: encoded by postcard, and compressed where that saves space.
//!
//! The bytes come back from a database that others can write to. Anything that is not what was written is refused,
//! without a panic, and without more memory than the bytes themselves justify.
//!
//! # Stored bytes
//!
//! Answers, positions, checkpoints, inputs and evidence are encoded by `postcard`, and compressed by zstd from 512
//! bytes on. What is read back has come from a database that others can write to. A value is accepted only if it uses
//! all bytes; a batch is validated like one from a guest. Lists grow with the bytes that exist, not with the length
//! they claim. A compressed value must declare its size, at most 1 GiB, which is what the databases can store in a
//! column; memory is reserved for the first 256 KiB and then follows the data, and a frame may not ask for a window
//! above 8 MiB. Recorded calls are limited to 4 KiB. Keys of chunks are compared as bytes, so a NaN is equal to itself,
//! and are never compressed, so that another version of zstd yields the same bytes. The format of the tables, in
//! `runner_meta`, includes these bytes: it is 4, and a build refuses the history of another format. Digests do not
//! depend on them: the canonical encoding under transcripts and under the schema digests of intents is separate
//! code that only writes, and tests pin its results.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Below this size compression costs more than it saves.
const RAW_BYTES: usize = 512;

/// The fastest level: values are written more often than they are read.
const LEVEL: i32 = 1;

/// The largest value that is read back. It is not configurable: no database stores a larger one in a column (SQLite's
/// limit is 10⁹ bytes, those of PostgreSQL and MariaDB are 1 GiB), and batches and results end at a few MiB by default.
pub(crate) const MAX_BYTES: u64 = 1 << 30;

/// The memory reserved for a value before its first byte is decompressed. A damaged size reserves no more; beyond it,
/// memory follows the bytes that exist. Most answers are smaller.
const RESERVED_BYTES: u64 = 256 << 10;

/// The largest window that a frame may ask for, as a power of two: 8 MiB, which the zstd format recommends that every
/// decoder supports. [`LEVEL`] uses 512 KiB. Without the limit a damaged frame could reserve 128 MiB.
pub(crate) const WINDOW_LOG: u32 = 23;

/// The first byte of a packed value.
const RAW: u8 = 0;
const COMPRESSED: u8 = 1;

/// Encodes a value.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // It fails only for sequences of unknown length, which no stored type contains.
    postcard::to_allocvec(value).expect("stored types can be encoded")
}

/// Decodes a value, or returns `None` if the bytes are not exactly one value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}

/// Encodes and compresses a value.
pub fn pack<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let bytes = encode(value);
    if bytes.len() >= RAW_BYTES
        && let Ok(smaller) = zstd::bulk::compress(&bytes, LEVEL)
    {
        return tagged(COMPRESSED, &smaller);
    }
    tagged(RAW, &bytes)
}

/// Encodes a value without compressing it. Equal values have equal bytes, whichever version of zstd is in use.
pub fn pack_raw<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    tagged(RAW, &encode(value))
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() + 1);
    packed.push(tag);
    packed.extend_from_slice(bytes);
    packed
}

/// Returns a packed value, or `None` if the bytes are not exactly one packed value.
pub fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    match packed.split_first()? {
        (&RAW, bytes) => decode(bytes),
        (&COMPRESSED, frame) => decode(&decompress(frame)?),
        _ => None,
    }
}

/// Decompresses one frame that declares its size, or returns `None` if the bytes are anything else.
fn decompress(frame: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(frame).ok()??;
    if size > MAX_BYTES {
        return None;
    }
    let mut decoder = zstd::stream::Decoder::with_buffer(frame).ok()?.single_frame();
    decoder.window_log_max(WINDOW_LOG).ok()?;
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(RESERVED_BYTES)).ok()?);
    // A frame that contains more than it declares is refused by its last byte.
    decoder.by_ref().take(size + 1).read_to_end(&mut bytes).ok()?;
    let is_whole = bytes.len() as u64 == size && decoder.finish().is_empty();
    is_whole.then_some(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
