//! What passed between a migration and the database, so that it can be verified again.
//!
//! A *transcript* is one digest over the ordered calls of a run and their answers. As long as there is room, the
//! *evidence* of an applied component is kept as well: the run's inputs, its calls with their answers, and, for each
//! transform, which rows went in and came out. Everything is recorded at the guest's boundary, so it does not matter
//! how the steps were committed, how many instances processed chunks, or how often the run was interrupted.

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
