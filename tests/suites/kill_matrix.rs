//! The reference migration, killed everywhere: at each of its crash points in turn, and by `kill -9` at random. After
//! every kill the next run recovers by itself, and the tables equal those of an undisturbed run.
//!
//! `RUNNER_TEST_KILLS=N` kills N times at random on each engine; `RUNNER_TEST_LONG=1` 1,000 times.
//! `RUNNER_TEST_REPORT=FILE` appends a line of JSON per test, from which `scripts/kill-matrix` writes
//! `docs/results/reliability.md`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

#[path = "kill_matrix/memory.rs"]
mod memory;
#[path = "kill_matrix/moments.rs"]
mod moments;
#[path = "kill_matrix/random.rs"]
mod random;
#[path = "kill_matrix/reference.rs"]
mod reference;
#[path = "kill_matrix/tally.rs"]
mod tally;
