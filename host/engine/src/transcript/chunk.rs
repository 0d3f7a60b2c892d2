//! The input and the output of a transform, chunk by chunk.

use std::borrow::Cow;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::call::canonical::{Sink, digest_of};
use crate::call::codec;
use runner_data::digest::of_batch;
use runner_data::{Batch, ColumnType, Digest, Value, order};
use runner_database::message::value_text;
use runner_database::{TableSource, TableTarget};

/// The number of chunks of one transform kept for `verify`: 33 million rows at the default chunk size. Beyond that,
/// every second chunk is kept, then every fourth, and so on.
const KEPT: usize = 2_048;

/// The record of a chunk: its keys, its columns, and digests of its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// The key of the row before its first, as the database stores it; `None` at the beginning.
    pub after: Option<Vec<Value>>,
    /// The key of its last row.
    pub last: Option<Vec<Value>>,
    /// The types of the source's columns, as far as they were known when it was read.
    pub types: Vec<Option<ColumnType>>,
    /// The columns of the output.
    pub columns: Vec<(String, ColumnType)>,
    /// Whether the output rows have the keys of the input rows, in the same order.
    pub aligned: bool,
    /// The number of input rows.
    pub rows_in: u64,
    /// The number of output rows.
    pub rows_out: u64,
    /// The digest of the input batch.
    pub input: Digest,
    /// The digest of the output batch.
    pub output: Digest,
    /// Where the output is in the target; `None` if its keys do not show it.
    pub written: Option<WrittenRange>,
    /// The input rows, packed, if they are stored.
    pub rows: Option<StoredRows>,
}

/// The rows that a chunk wrote, in the order of the target's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenRange {
    /// The first key.
    pub first: Vec<Value>,
    /// The last key.
    pub last: Vec<Value>,
    /// The digest of the rows in this order.
    pub content: Digest,
}

impl WrittenRange {
    /// The range of the output of a chunk, whose digest is `output`. `None` if it has no rows, or not the whole key, or keys
    /// without an order of their own.
    pub fn of(rows: &Batch, key: &[String], output: Digest) -> Option<Self> {
        let last = rows.row_count.checked_sub(1)?;
        let sorted = order::by_key(rows, key)?;
        let values = |row| key.iter().filter_map(|name| Some(Value::of_cell(sorted.column(name)?, row))).collect();
        let content = match &sorted {
            Cow::Borrowed(_) => output,
            Cow::Owned(sorted) => of_batch(sorted),
        };
        Some(Self { first: values(0), last: values(last), content })
    }
}

/// The rows of a batch, packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRows(Vec<u8>);

impl StoredRows {
    /// Packs the rows of a batch.
    pub fn pack(rows: &Batch) -> Self {
        Self(codec::pack(rows))
    }

    /// The number of bytes.
    pub fn byte_len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Returns the rows, or `None` if the bytes are damaged.
    pub fn unpack(&self) -> Option<Batch> {
        codec::unpack(&self.0)
    }
}

impl ChunkRecord {
    /// Returns the range of keys, for display.
    pub fn span(&self) -> String {
        let key = |key: &Option<Vec<Value>>| match key {
            Some(values) => values.iter().map(value_text).collect::<Vec<_>>().join(", "),
            None => "the beginning".to_owned(),
        };
        match &self.after {
            None => format!("up to {}", key(&self.last)),
            Some(_) => format!("after {} up to {}", key(&self.after), key(&self.last)),
        }
    }
}

/// The chunks of a transform in key order: a digest over all of them, and as many of them as are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The digest over all chunks.
    pub content: Digest,
    /// The number of chunks.
    pub chunks: u64,
    /// The number of their input rows.
    pub rows_in: u64,
    /// One in `stride` chunks is kept.
    stride: NonZeroU64,
    /// The chunks that are kept.
    pub kept: Vec<ChunkRecord>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { content: Digest::default(), chunks: 0, rows_in: 0, stride: NonZeroU64::MIN, kept: Vec::new() }
    }
}

impl Ledger {
    /// Adds the next chunk in key order.
    pub fn push(&mut self, chunk: ChunkRecord) {
        self.content = digest_of(|sink| {
            sink.put(&self.content.0);
            sink.number(chunk.rows_in);
            sink.number(chunk.rows_out);
            sink.put(&chunk.input.0);
            sink.put(&chunk.output.0);
        });
        // The numbers may come from a damaged row.
        self.rows_in = self.rows_in.saturating_add(chunk.rows_in);
        if self.chunks.is_multiple_of(self.stride.get()) {
            if self.kept.len() >= KEPT {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride = NonZeroU64::new(self.stride.get().saturating_mul(2)).unwrap_or(self.stride);
            }
            if self.chunks.is_multiple_of(self.stride.get()) {
                self.kept.push(chunk);
            }
        }
        self.chunks += 1;
    }

    /// Which chunk of all the one kept at this index is, counted from 0.
    pub fn number_of(&self, kept: usize) -> u64 {
        (kept as u64).saturating_mul(self.stride.get())
    }

    /// Returns whether the kept chunks yield the recorded digest, or `None` if any chunk was left out.
    pub fn proves_itself(&self) -> Option<bool> {
        if self.kept.len() as u64 != self.chunks {
            return None;
        }
        let mut again = Self::default();
        self.kept.iter().cloned().for_each(|chunk| again.push(chunk));
        Some(again.content == self.content)
    }
}

/// A transform as it ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransformRecord {
    /// The name of the batch function.
    pub name: String,
    /// What was read, with its columns and its key.
    pub source: TableSource,
    /// What was written, with its key.
    pub target: TableTarget,
    /// The greatest key that was read.
    pub bound: Option<Vec<Value>>,
    /// Its chunks.
    pub ledger: Ledger,
}
