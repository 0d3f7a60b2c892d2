//! Server crashes, networks that lose answers, runs that are killed while the server works for them, and many
//! concurrent runs. Whatever happens, the database is at one version or another, the history agrees, and the next run
//! continues.
//!
//! `RUNNER_TEST_LONG=1` tries every crash point instead of a few.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

#[path = "server_faults/answers.rs"]
mod answers;
#[path = "server_faults/conflicts.rs"]
mod conflicts;
#[path = "server_faults/crashes.rs"]
mod crashes;
#[path = "server_faults/crowds.rs"]
mod crowds;
#[path = "server_faults/galera.rs"]
mod galera;
#[path = "server_faults/leases.rs"]
mod leases;
#[path = "server_faults/orphans.rs"]
mod orphans;
#[path = "server_faults/shop.rs"]
mod shop;

use runner_tests::is_long;

/// Numbers from 1 on: in a long test all of them, otherwise the first ones and then fewer and fewer.
fn moments() -> impl Iterator<Item = usize> {
    let mut next = 1;
    std::iter::from_fn(move || {
        let now = next;
        next += if is_long() { 1 } else { 1 + now / 2 };
        Some(now)
    })
}
