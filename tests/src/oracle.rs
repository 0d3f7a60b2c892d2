//! The programs in `tests/oracle`, which read a database independently and share no code with the tested program.

use std::process::Command;

use crate::guests;

/// A digest of each table's columns and rows, one per line, independent of the engine and of the order of rows and
/// columns.
#[track_caller]
pub fn digest(url: &str) -> Vec<String> {
    run("engines.py", url)
}

/// Computes every row of the demo independently and compares; derives the database's version from its tables.
#[track_caller]
pub fn flights(url: &str) {
    run("flights.py", url);
}

#[track_caller]
fn run(program: &str, url: &str) -> Vec<String> {
    let mut python = Command::new("python3");
    python.arg("-B").arg(guests::repository().join("tests/oracle").join(program)).arg(url);
    let output = python.output().expect("python3, which the oracle is written in");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "the oracle disagrees about {url}:\n{stdout}{stderr}");
    stdout.lines().map(str::to_owned).collect()
}
