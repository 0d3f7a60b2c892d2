//! What slows a run down: the load of the server, the lag of replicas, and limits on rows.
//!
//! `replay_lag` of PostgreSQL keeps its last value when a standby stops replaying. So a run remembers the position of
//! the log at each poll, and the age of the oldest one that a standby lacks is its lag. Where a server does not know,
//! replicas are listed in the settings and asked. A measurement that is impossible for lack of rights refuses the run
//! at its start; one that fails later makes it wait. The rate is two decaying sums, rows and seconds, correct for
//! uneven chunks and several workers. A limit on rows also limits a chunk to one second's worth.

mod hold;
pub mod load;
pub mod rate;
mod replica;
pub mod speed;

pub use hold::{Hold, Pause, is_throttling, time};
