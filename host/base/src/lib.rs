//! What all crates of `runner` share, and none of them owns: the error that users see, the names of the dialects, spelling, waiting.
//!
//! It may import no crate of `runner`.

pub mod backoff;
pub mod dialect;
pub mod error;
mod named;
pub mod processes;
pub mod random;
pub mod runtime;
pub mod suggest;
pub mod visible;
