//! What a user sees: exit codes, both streams, text and JSON.

mod base;
mod build;
mod checks;
mod commands;
mod completions;
mod editors;
mod fleet;
mod formats;
mod help;
mod hints;
mod init;
mod new;
#[cfg(target_os = "linux")]
mod release;
mod schemas;
mod session;
#[cfg(unix)]
mod terminal;
mod timeouts;
mod vendored;
#[cfg(unix)]
mod watches;

use std::collections::BTreeSet;

use insta::assert_snapshot;
use runner_tests::{Engine, EngineProject, Output, TestProject, dump, guests, normalise, project};
use serde_json::Value;

const VERBS: [&str; 32] = [
    "init",
    "new",
    "build",
    "apply",
    "rollback",
    "redo",
    "plan",
    "status",
    "pause",
    "resume",
    "cancel",
    "current",
    "history",
    "show",
    "repair",
    "stamp",
    "baseline",
    "db",
    "validate",
    "doctor",
    "grants",
    "test",
    "verify",
    "completions",
    "man",
    "renumber",
    "add",
    "update",
    "remove",
    "outdated",
    "package",
    "diff",
];

fn shop() -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_create_users",
            "-- runner:summary Users and their addresses\nCREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n\
             INSERT INTO users (name) VALUES ('Ada'), ('Grace');",
            "DROP TABLE users;",
        )
        .sql("0002_create_orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY);", "DROP TABLE orders;")
        .sql("0003_index_users", "CREATE INDEX users_name ON users (name);", "DROP INDEX users_name;");
    project
}

/// A component as the third migration.
fn with_component() -> TestProject {
    let project = project!();
    project
        .sql(
            "1_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, active BOOLEAN, note TEXT);\n\
             INSERT INTO people (name) VALUES ('Ada'), ('Grace');",
            "DROP TABLE people;",
        )
        .component("2_hostile", &guests::component("hostile"))
        .settings("[parameters]\nbehaviour = \"behave\"");
    project
}

fn json(output: &Output) -> Value {
    let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(value["schema"], 1, "{output}");
    value
}

#[test]
fn usage_errors_go_to_stderr_with_exit_code_2() {
    let project = shop();
    for (line, says) in [
        ("aply", "apply"),
        ("apply --targt 1", "--target"),
        ("apply extra", "extra"),
        ("rollback --all --target base", "--all"),
        ("rollback -n x", "x"),
        ("apply --jobs 0", "0"),
        ("new", "NAME"),
        ("show", "REVISION"),
        ("apply --database-url", "--database-url"),
        ("new table --lang cobol", "cobol"),
    ] {
        let output = project.runner(line);
        output.exits(2).says(&[says, "error"]);
        assert_eq!(output.stdout, "", "`{line}` printed to stdout");
    }
}

/// Each documented exit code, in the simplest way.
#[test]
fn every_exit_code() {
    let project = shop();
    project.runner("status --exit-code").exits(3);
    project.runner("apply").exits(0);
    project.runner("status --exit-code").exits(0);
    project.runner("nonsense").exits(2);
    project.sql("0004_fails", "SELECT nothing;", "SELECT 1;");
    project.runner("apply").exits(1);
    project.sql("0004_fails", "COMMIT;", "SELECT 1;");
    project.runner("apply").exits(7);
    project.sql(
        "0004_fails",
        "-- runner:no-transaction\nCREATE TABLE half (id INTEGER);\nSELECT nothing;",
        "SELECT 1;",
    );
    project.runner("apply").exits(6).says(&["1 of 2 statements took effect"]);
    project.runner("show 4").succeeds().prints(&["partial: 1 statement took effect"]);
    project.runner("current").succeeds().prints(&["0003_"]);
    project.runner("status --exit-code").exits(6);
    project.runner("rollback --target 4").exits(6).says(&["0004_fails", "partly done", "hint:"]);
    project.sql("0004_fails", "-- runner:no-transaction\nCREATE TABLE half (id INTEGER);\nSELECT 1;", "SELECT 1;");
    project.runner("apply").exits(0);
    project.sql("0001_create_users", "SELECT 1;", "SELECT 1;");
    project.runner("apply").exits(4);
    // 5, 130 and 143 are covered by the suite `crash`.
}

/// An applied component can be rolled back without its file, unless it exceeds what the history stores.
#[test]
fn a_component_is_rolled_back_without_its_file() {
    for (limit, code) in [("4MiB", 0), ("0", 4)] {
        let project = with_component();
        project.runner(&format!("apply --limit stored_artifact_bytes={limit}")).succeeds();
        std::fs::remove_file(project.file("migrations/2_hostile.wasm")).unwrap();
        std::fs::remove_file(project.file("runner.lock")).unwrap();
        let output = project.runner("rollback");
        output.exits(code);
        if code == 4 {
            output.says(&["2_hostile", "has no copy", "hint:"]);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn lost_output_is_a_failure() {
    let project = project!();
    project.sql("1_t", "CREATE TABLE t (id INTEGER);", "DROP TABLE t;");
    for arguments in [vec!["status"], vec!["status", "--format", "json"], vec!["--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = project.command(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("the output could not be written"));
    }
}

#[test]
fn a_missing_directory_does_not_prevent_a_rollback() {
    let project = project!();
    project.sql("1_t", "CREATE TABLE t (id INTEGER);", "DROP TABLE t;");
    project.runner("apply").succeeds();
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    project.runner("status").succeeds().prints(&["missing", "1"]).says(&["warning:", "no directory `migrations`"]);
    project.runner("show 1").succeeds();
    project.runner("history").succeeds();
    for verb in ["apply", "plan", "validate"] {
        project.runner(verb).exits(2).says(&["no directory `migrations`"]);
    }
    project.runner("rollback").succeeds();
    project.runner("rollback -n 99").exits(2).says(&["nothing is applied"]);
}
