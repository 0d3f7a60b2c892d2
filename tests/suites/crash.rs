//! Runs that are killed, interrupted or concurrent: the database is at one version or another and never in between,
//! and the next run continues by itself.
//!
//! `RUNNER_TEST_LONG=1` tries many more crash points. Seeds are fixed, and a failure prints its seed.
#![cfg(unix)]

mod at_once;
mod kills;
mod signals;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use runner_tests::dump::Dump;
use runner_tests::random::Random;
use runner_tests::{Engine, Running, TestProject, dump, guests, is_long, project, until};

/// How many crash points a test tries.
fn rounds(short: u64) -> u64 {
    if is_long() { short * 40 } else { short }
}

/// Each journal mode of SQLite that a user may have, by the seed.
fn url(seed: u64) -> &'static str {
    ["sqlite://runner.db", "sqlite://runner.db?journal_mode=delete", "sqlite://runner.db?journal_mode=persist"]
        [(seed % 3) as usize]
}

/// Three migrations: SQL, a component with many steps, SQL. Each downgrade restores the exact previous state.
fn shop() -> TestProject {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let project = project!();
    project
        .sql(
            "0001_items",
            &format!(
                "{}CREATE TABLE runs (id INTEGER PRIMARY KEY);\nINSERT INTO runs DEFAULT VALUES;",
                Engine::Sqlite.items(5000)
            ),
            "DROP TABLE runs; DROP TABLE items;",
        )
        .component("0002_steps", COMPONENT.get_or_init(|| guests::component("steps")))
        .sql(
            "0003_totals",
            "CREATE TABLE totals (id INTEGER PRIMARY KEY, price REAL, text TEXT);
             INSERT INTO totals SELECT id / 10, sum(price), group_concat(name) FROM items GROUP BY id / 10;
             CREATE INDEX totals_text ON totals (text);
             UPDATE items SET price = price + 1;",
            "UPDATE items SET price = price - 1; DROP TABLE totals;",
        );
    project
}

/// The content of the database at each version, and how long the upgrade takes.
struct Reference {
    versions: Vec<Dump>,
    up: Duration,
    down: Duration,
}

/// The reference of a journal mode, which the dump includes.
fn reference(seed: u64) -> &'static Reference {
    static REFERENCES: [OnceLock<Reference>; 3] = [const { OnceLock::new() }; 3];
    REFERENCES[(seed % 3) as usize].get_or_init(|| {
        let project = shop();
        let run = |line: &str| {
            let start = Instant::now();
            project.finish(project.command(line.split(' ')).args(["-D", url(seed)])).succeeds();
            start.elapsed()
        };
        let mut versions = Vec::new();
        for target in ["0001", "0002", "0003"] {
            run(&format!("apply --target {target}"));
            versions.push(project.dump_user());
        }
        let down = run("rollback --all");
        versions.insert(0, project.dump_user());
        Reference { versions, up: run("apply"), down }
    })
}

fn history(project: &TestProject) -> Vec<String> {
    let connection = project.database();
    let exists = dump::value(&connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'runner_history'");
    if exists == "0" {
        return Vec::new();
    }
    dump::rows(&connection, "SELECT revision FROM runner_history WHERE state = 'applied' ORDER BY id")
}

/// The version of the database; fails if it is between two versions, or if the history disagrees.
fn version(project: &TestProject, seed: u64, moment: &str) -> usize {
    dump::check(&project.database());
    let history = history(project);
    let expected = ["0001", "0002", "0003"];
    assert_eq!(history, expected[..history.len()], "seed {seed}, {moment}");
    let found = project.dump_user();
    // A file that was only just created does not have our journal mode yet.
    if history.is_empty() && found.tables().is_empty() {
        return 0;
    }
    let wanted = &reference(seed).versions[history.len()];
    assert!(
        found == *wanted,
        "seed {seed}, {moment}: history says {history:?}, the database holds {found:?}\nnot {wanted:?}"
    );
    history.len()
}

fn start(project: &TestProject, line: &str, seed: u64) -> Running {
    Running::start(project.command(line.split(' ')).args(["-D", url(seed)]).stderr(Stdio::null()))
}

/// The next run needs no help, whatever the previous one left.
fn heals(project: &TestProject, seed: u64, moment: &str) {
    let output = project.finish(project.command(["status"]).args(["-D", url(seed)]));
    assert!(output.exit_code() == Some(0), "seed {seed}, {moment}\n{output}");
    let output = project.finish(project.command(["apply"]).args(["-D", url(seed)]));
    assert!(output.exit_code() == Some(0), "seed {seed}, {moment}\n{output}");
    assert_eq!(version(project, seed, moment), 3);
}

/// Runs until the component has reported that many steps, then sends the signal. Returns whether it got that far.
fn end_at_step(project: &TestProject, line: &str, seed: u64, step: usize, name: &str) -> (bool, Option<i32>) {
    let mut child = Running::start(project.command(line.split(' ')).args(["-D", url(seed)]).stderr(Stdio::piped()));
    let wanted = format!("step {step} done");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = lines.any(|line| line.unwrap().contains(&wanted));
    if reached {
        child.signal(name);
    }
    // Keeps reading, so that the run can still print.
    lines.for_each(drop);
    (reached, child.wait().unwrap().code())
}
