//! The reference migration, killed everywhere: at each of its crash points in turn, and by `kill -9` at random. After
//! every kill the next run recovers by itself, and the tables equal those of an undisturbed run.
//!
//! `RUNNER_TEST_KILLS=N` kills N times at random on each engine; `RUNNER_TEST_LONG=1` 1,000 times.
//! `RUNNER_TEST_REPORT=FILE` appends a line of JSON per test, from which `scripts/kill-matrix` writes
//! `docs/results/reliability.md`.
#![cfg(unix)]

mod memory;
mod moments;
mod random;
mod reference;
mod tally;
