//! Transforms shared by several connections and processes, while others use the database and some of the processes
//! die: each row is transformed once, and no concurrent write is lost.
//!
//! `RUNNER_TEST_LONG=1` kills at every crash point instead of some; `RUNNER_TEST_ROWS=N` makes three processes share
//! N rows.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

#[path = "scale/changes.rs"]
mod changes;
#[cfg(target_os = "linux")]
#[path = "scale/clocks.rs"]
mod clocks;
#[path = "scale/failing.rs"]
mod failing;
#[path = "scale/keys.rs"]
mod keys;
#[path = "scale/killed.rs"]
mod killed;
#[path = "scale/kills.rs"]
mod kills;
#[path = "scale/sharing.rs"]
mod sharing;
#[path = "scale/shop.rs"]
mod shop;
