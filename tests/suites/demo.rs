//! The repository's demo project: applied, checked against an independent oracle, taken back, applied again.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::process::Command;

use runner_tests::dump::Dump;
use runner_tests::{Output, TestProject, guests, project};

const DATABASE: &str = "flights.db";

/// A copy of the demo project.
fn demo() -> TestProject {
    let project = project!(empty);
    project.copy_of(guests::repository());
    project
}

fn runner(project: &TestProject, line: &str) -> Output {
    project.finish(project.command(line.split(' ')).args(["-D", &format!("sqlite:{DATABASE}")]))
}

fn dump(project: &TestProject) -> Dump {
    runner_tests::dump::user(&project.open(DATABASE))
}

/// Computes every row by itself and compares; knows by the tables how far the database has come.
fn oracle(project: &TestProject) {
    let mut python = Command::new("python3");
    python.arg(guests::repository().join("tests/oracle/flights.py")).arg(project.file(DATABASE));
    let output = python.output().expect("python3, which the oracle is written in");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "the oracle disagrees:\n{stdout}{stderr}");
}

/// All rows of all tables; columns by their names, since one that was dropped and added again stands at the end.
fn content(project: &TestProject) -> BTreeMap<String, Vec<String>> {
    let connection = project.open(DATABASE);
    let rows = |query: &str| runner_tests::dump::rows(&connection, query);
    let tables = rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'runner_*'");
    let read = |table: String| {
        let columns = rows(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name")).join(", ");
        let cells = rows(&format!("SELECT {columns} FROM {table} ORDER BY {columns}"));
        (table, [vec![columns], cells].concat())
    };
    tables.into_iter().map(read).collect()
}

#[test]
fn every_version_is_what_the_oracle_computes() {
    let project = demo();
    runner(&project, "validate --locked").succeeds();
    let mut contents = Vec::new();
    while runner(&project, "status --exit-code").exit_code() == Some(3) {
        runner(&project, "apply --target next").succeeds();
        oracle(&project);
        contents.push(content(&project));
    }
    assert!(contents.len() >= 4, "the demo has {} migrations", contents.len());
    let applied = dump(&project);
    // Every way back leads to the version before, cell by cell, but for the order of columns that had been dropped.
    for before in contents.iter().rev().skip(1) {
        runner(&project, "rollback").succeeds();
        assert!(content(&project) == *before, "a way back led elsewhere");
    }
    runner(&project, "rollback").succeeds();
    assert!(dump(&project).tables().is_empty());
    runner(&project, "apply").succeeds();
    assert!(dump(&project) == applied, "a second way up led elsewhere");
}

#[test]
fn the_counts_are_those_of_the_published_data() {
    let project = demo();
    runner(&project, "apply --jobs 2").succeeds();
    let connection = project.open(DATABASE);
    for (table, rows) in [("flights", "27004"), ("airlines", "16"), ("airports", "1458"), ("planes", "3322")] {
        let count = runner_tests::dump::value(&connection, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(count, rows, "{table}");
    }
    let applied = dump(&project);
    drop(connection);
    runner(&project, "rollback --all").succeeds();
    runner(&project, "apply --jobs 1").succeeds();
    assert!(dump(&project) == applied, "one job did something else than two");
}
