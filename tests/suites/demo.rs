//! The repository's demo project: applied, checked against an independent oracle, taken back, applied again.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::process::Command;

use runner_tests::dump::Dump;
use runner_tests::{TestProject, guests, project};

/// A copy of the demo project.
fn demo() -> TestProject {
    let project = project!(empty);
    let repository = guests::repository();
    for file in ["runner.toml", "runner.lock"] {
        std::fs::copy(repository.join(file), project.file(file)).unwrap();
    }
    copy(&repository.join("migrations"), &project.file("migrations"));
    project
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn dump(project: &TestProject) -> Dump {
    runner_tests::dump::user(&project.open("runner.db"))
}

/// Computes every row by itself and compares; knows by the tables how far the database has come.
fn oracle(project: &TestProject) {
    let mut python = Command::new("python3");
    let output = python.arg(guests::repository().join("tests/oracle/flights.py")).arg(project.file("runner.db")).output();
    let output = output.expect("python3, which the oracle is written in");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "the oracle disagrees:\n{text}");
}

#[test]
fn every_version_is_what_the_oracle_computes() {
    let project = demo();
    project.runner("validate --locked").succeeds();
    let mut dumps = Vec::new();
    while project.runner("status --exit-code").exit_code() == Some(3) {
        project.runner("apply --target next").succeeds();
        oracle(&project);
        dumps.push(dump(&project));
    }
    assert!(dumps.len() >= 4, "the demo has {} migrations", dumps.len());
    // Every way back leads to the version before, cell by cell, but for the order of columns that were dropped.
    for _ in 1..dumps.len() {
        project.runner("rollback").succeeds();
        oracle(&project);
    }
    project.runner("rollback").succeeds();
    assert!(dump(&project).tables().is_empty());
    project.runner("apply").succeeds();
    assert!(dump(&project) == *dumps.last().unwrap(), "a second way up led elsewhere");
}

#[test]
fn the_counts_are_those_of_the_published_data() {
    let project = demo();
    project.runner("apply --jobs 2").succeeds();
    let connection = project.open("runner.db");
    for (table, rows) in [("flights", "27004"), ("airlines", "16"), ("airports", "1458"), ("planes", "3322")] {
        let count = runner_tests::dump::value(&connection, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(count, rows, "{table}");
    }
    let applied = dump(&project);
    drop(connection);
    project.runner("rollback --all").succeeds();
    project.runner("apply --jobs 1").succeeds();
    assert!(dump(&project) == applied, "one job did something else than two");
}
