//! Server crashes, networks that lose answers, runs that are killed while the server works for them, and many
//! concurrent runs. Whatever happens, the database is at one version or another, the history agrees, and the next run
//! continues.
//!
//! `RUNNER_TEST_LONG=1` tries every crash point instead of a few.
#![cfg(unix)]

mod answers;
mod conflicts;
mod crashes;
mod crowds;
mod galera;
mod leases;
mod orphans;
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
