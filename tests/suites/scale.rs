//! Transforms shared by several connections and processes, while others use the database and some of the processes
//! die: each row is transformed once, and no concurrent write is lost.
//!
//! `RUNNER_TEST_LONG=1` kills at every crash point instead of some; `RUNNER_TEST_ROWS=N` makes three processes share
//! N rows.
#![cfg(unix)]

mod changes;
#[cfg(target_os = "linux")]
mod clocks;
mod failing;
mod keys;
mod killed;
mod kills;
mod sharing;
mod shop;
