//! Bytes as they are stored: compressed, where that makes them smaller.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Below this size, compression costs more than it saves.
const RAW_BYTES: usize = 512;

/// Fast, and close to the best compression for artifacts.
const LEVEL: i32 = 3;

/// Bytes as they are stored, and the name of their compression.
pub(super) type Packed = (&'static str, Arc<Cow<'static, [u8]>>);

/// The bytes of a component. They are compressed once, on the thread that asks first.
#[derive(Debug)]
pub struct ComponentBytes {
    bytes: Vec<u8>,
    packed: OnceLock<Packed>,
}

impl ComponentBytes {
    /// Compresses them, if they are to be stored: not above `limit` bytes.
    pub fn pack_within(&self, limit: u64) {
        if self.len() as u64 <= limit {
            self.packed();
        }
    }

    pub(super) fn packed(&self) -> Packed {
        self.packed.get_or_init(|| pack(Cow::Borrowed(&self.bytes))).clone()
    }
}

impl From<Vec<u8>> for ComponentBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, packed: OnceLock::new() }
    }
}

impl Deref for ComponentBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for ComponentBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for ComponentBytes {}

/// Compresses bytes.
pub(super) fn pack(bytes: Cow<'_, [u8]>) -> Packed {
    let as_is = |bytes: Cow<'_, [u8]>| ("none", Arc::new(Cow::Owned(bytes.into_owned())));
    if bytes.len() < RAW_BYTES {
        return as_is(bytes);
    }
    // A compressor's tables are larger than most artifacts, and clearing them takes longer than compressing one: each thread keeps
    // its own.
    thread_local! {
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = RefCell::new(zstd::bulk::Compressor::new(LEVEL).ok());
    }
    let smaller = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(&bytes).ok());
    match smaller {
        Some(smaller) if smaller.len() < bytes.len() => ("zstd", Arc::new(Cow::Owned(smaller))),
        _ => as_is(bytes),
    }
}
