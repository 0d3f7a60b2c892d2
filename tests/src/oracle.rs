//! The programs in `tests/oracle`, which look at a database past everything that is tested, and share no code with it.

use std::process::Command;

use crate::guests;

/// A digest of each table's columns and rows, a line each. It says nothing of the engine, nor of the order of rows and
/// columns.
#[track_caller]
pub fn digest(url: &str) -> Vec<String> {
    run("engines.py", url)
}

/// Computes every row of the demo by itself and compares; knows by the tables how far the database has come.
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
