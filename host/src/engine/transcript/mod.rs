//! What went over the border between a migration and the database, so that it can be proven again.
//!
//! A *transcript* is one digest over the ordered calls of a run and their answers. Beside it, as long as there is room, the
//! *evidence* of an applied component is kept: what the run was given, its calls with their answers, and of each transform
//! which rows went in and came out. All of it is noted where the guest stands, so that it does not matter how the steps were
//! committed, how many instances turned chunks, or how often the run was broken off.

mod chunk;
mod evidence;
mod recording;
mod replay;
mod rolling;
pub mod store;
pub mod tables;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, Ledger, TransformRecord};
pub use evidence::{Evidence, unordered};
pub use recording::{Recording, TranscriptRecorder};
pub use replay::Replay;
pub use rolling::Transcript;
