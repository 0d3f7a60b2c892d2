//! Which rows went into a transform and which came out, chunk by chunk.

use crate::data::{ColumnType, Digest, Value};
use crate::database::message::value_text;
use crate::database::{TableSource, TableTarget};
use crate::engine::call::codec;
use crate::engine::call::codec::{Sink, Source};
use crate::engine::transcript::tables;

/// The number of chunks of one transform kept for `verify`: 33 million rows at the default chunk size. Beyond that,
/// every second chunk is kept, then every fourth, and so on.
const KEPT: usize = 2_048;

/// A chunk of a transform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
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
}

impl Chunk {
    /// Returns the range of keys, for display.
    pub fn span(&self) -> String {
        let key = |key: &Option<Vec<Value>>| match key {
            Some(values) => values.iter().map(value_text).collect::<Vec<_>>().join(", "),
            None => "the beginning".to_owned(),
        };
        match &self.after {
            None => format!("up to {}", key(&self.last)),
            Some(_) => format!("behind {} up to {}", key(&self.after), key(&self.last)),
        }
    }

    /// Encodes the chunk as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        put_key(&mut bytes, self.after.as_deref());
        put_key(&mut bytes, self.last.as_deref());
        codec::put_list(&mut bytes, &self.types, |bytes, it| codec::put_type(bytes, *it));
        codec::put_list(&mut bytes, &self.columns, |bytes, (name, it)| {
            bytes.bytes(name.as_bytes());
            codec::put_type(bytes, Some(*it));
        });
        bytes.byte(u8::from(self.aligned));
        bytes.number(self.rows_in);
        bytes.number(self.rows_out);
        bytes.put(&self.input.0);
        bytes.put(&self.output.0);
        bytes
    }

    /// Decodes a chunk.
    pub fn decode(source: &mut Source<'_>) -> Option<Self> {
        Some(Self {
            after: key(source)?,
            last: key(source)?,
            types: source.list(codec::column_type)?,
            columns: source.list(|source| Some((source.text()?, codec::column_type(source)??)))?,
            aligned: source.byte()? != 0,
            rows_in: source.number()?,
            rows_out: source.number()?,
            input: Digest(source.array()?),
            output: Digest(source.array()?),
        })
    }
}

fn put_key(bytes: &mut Vec<u8>, key: Option<&[Value]>) {
    bytes.byte(u8::from(key.is_some()));
    codec::put_list(bytes, key.unwrap_or_default(), codec::put_value);
}

fn key(source: &mut Source<'_>) -> Option<Option<Vec<Value>>> {
    let is_there = source.byte()? != 0;
    let key = source.list(codec::value)?;
    Some(is_there.then_some(key))
}

/// The chunks of a transform in key order: a digest over all of them, and as many of them as are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// The digest over all chunks.
    pub content: Digest,
    /// The number of chunks.
    pub chunks: u64,
    /// The number of rows that went into them.
    pub rows_in: u64,
    /// One in `stride` chunks is kept.
    stride: u64,
    /// The chunks that are kept.
    pub kept: Vec<Chunk>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { content: Digest::default(), chunks: 0, rows_in: 0, stride: 1, kept: Vec::new() }
    }
}

impl Ledger {
    /// Adds the next chunk in key order.
    pub fn push(&mut self, chunk: Chunk) {
        let mut link = Vec::with_capacity(112);
        link.put(&self.content.0);
        link.number(chunk.rows_in);
        link.number(chunk.rows_out);
        link.put(&chunk.input.0);
        link.put(&chunk.output.0);
        self.content = Digest::of(&link);
        self.rows_in += chunk.rows_in;
        if self.chunks.is_multiple_of(self.stride) {
            if self.kept.len() == KEPT {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            if self.chunks.is_multiple_of(self.stride) {
                self.kept.push(chunk);
            }
        }
        self.chunks += 1;
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
#[derive(Clone, Debug)]
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

impl TransformRecord {
    /// Encodes the record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.bytes(self.name.as_bytes());
        tables::put_source(&mut bytes, &self.source);
        tables::put_target(&mut bytes, &self.target);
        put_key(&mut bytes, self.bound.as_deref());
        bytes.put(&self.ledger.content.0);
        bytes.number(self.ledger.chunks);
        bytes.number(self.ledger.rows_in);
        bytes.number(self.ledger.stride);
        codec::put_list(&mut bytes, &self.ledger.kept, |bytes, chunk| bytes.put(&chunk.encode()));
        bytes
    }

    /// Decodes a record.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut source = Source::new(bytes);
        let record = Self {
            name: source.text()?,
            source: tables::source(&mut source)?,
            target: tables::target(&mut source)?,
            bound: key(&mut source)?,
            ledger: Ledger {
                content: Digest(source.array()?),
                chunks: source.number()?,
                rows_in: source.number()?,
                stride: source.number()?.max(1),
                kept: source.list(Chunk::decode)?,
            },
        };
        source.is_empty().then_some(record)
    }
}
