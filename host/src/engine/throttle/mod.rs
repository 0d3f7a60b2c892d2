//! What slows a run down: the load of the server, the lag of replicas, and limits on rows.

mod hold;
pub mod load;
pub mod rate;
mod replica;
pub mod speed;

pub use hold::{Hold, Pause, only_slows, time};
