//! What nobody may do: generated attacks, malformed input, hostile components and projects.
//!
//! A suite is a module; `cargo test -p runner --test hostile attacks::` runs one.
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod attacks;
mod bad_input;
mod sandbox;
mod untrusted;
