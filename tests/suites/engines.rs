//! What happens to rows and servers: transforms, crashes, kills, faults, on every engine.
//!
//! A suite is a module; `cargo test -p runner --test engines crash::` runs one.
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod crash;
mod data;
mod kill_matrix;
mod scale;
mod server_faults;
mod servers;
mod stepwise;
