//! What passed between a migration and the database, so that it can be verified again.
//!
//! A *transcript* is one digest over the ordered calls of a run and their answers. As long as there is room, the
//! *evidence* of an applied component is kept as well: the run's inputs, its calls with their answers, and, for each
//! transform, which rows went in and came out. Everything is recorded at the guest's boundary, so it does not matter
//! how the steps were committed, how many instances processed chunks, or how often the run was interrupted.
//!
//! # Formats
//!
//! *Transcript.* One BLAKE3 over `text("runner transcript 1")` and then, for each call, the byte 1, `text(kind)`,
//! `text(statement)`, `text(parameters)`, and for its answer the byte 2 and the digest of the answer, or for an error
//! the byte 3 and kind, code, message, detail, hint and statement. `text` is the length in eight bytes followed by the
//! bytes; all integers are little-endian. Parameters are the digest of the canonical encoding of values, sources and
//! targets, in hexadecimal, or empty. The kinds are those of the journal; reading a batch is a `next`, writing a batch
//! a `write-batch` whose parameters are the batch's digest.
//!
//! *Batch.* `text("runner batch 1")`, the number of rows, the number of columns, and for each column its name, one byte
//! for the type, the NULL mask (none if there is no NULL), and the digest of its entries as they are in memory: so a
//! column costs one call over one long piece, at 6 GB/s, and never a call per cell. Cells under NULL count as zero or
//! empty. A row of three columns takes 7 ns, twice for a transform, on the thread of the instance.
//!
//! *Transform.* Its answer contains a digest over its chunks in key order: BLAKE3 over the digest so far, rows in, rows
//! out, and the digests of the input batch and the output batch. It is computed from the chunks, wherever and in
//! whatever order they were processed.

mod chunk;
mod evidence;
pub mod handover;
mod recording;
mod replay;
mod rolling;
pub mod store;
pub mod tables;
#[cfg(test)]
mod tests;

pub use chunk::{ChunkRecord, Ledger, StoredRows, TransformRecord, WrittenRange};
pub use evidence::{Evidence, unrepeatable};
pub use handover::{Builders, Handover};
pub use recording::{Recording, TranscriptRecorder};
pub use replay::Replay;
pub use rolling::Transcript;
