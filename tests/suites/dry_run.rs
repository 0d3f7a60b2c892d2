//! Dry runs: they show what would happen, refuse what they could not roll back, and change nothing, even if killed.
#![cfg(unix)]

mod counters;
mod kills;
mod scratch;
mod shows;
mod stepwise;

use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, Output, guests, project};
use serde_json::Value;

/// Pages and chunks of a few rows, so that there are several.
const LIMITS: &str = "[limits]\nbatch_rows = 10\n";

fn component(name: &'static str) -> &'static [u8] {
    static COMPONENTS: [OnceLock<Vec<u8>>; 3] = [const { OnceLock::new() }; 3];
    let at = ["steps", "journal", "turn"].iter().position(|it| *it == name).unwrap();
    COMPONENTS[at].get_or_init(|| guests::component(name))
}

/// An existing table of 70 items, and a pending component.
fn shop(engine: Engine, guest: &'static str) -> EngineProject {
    let project = project!(engine);
    project.items(70).component("0002_work", component(guest)).settings(LIMITS);
    project.runner("apply --target 1").succeeds();
    project
}

/// The flags of a dry run of anything on that engine.
fn dry(engine: Engine) -> &'static str {
    match engine {
        Engine::Mariadb => "--dry-run --on-copy",
        Engine::Sqlite | Engine::Postgres => "--dry-run",
    }
}

/// Runs a line with its own directory for temporary files, in which nothing may remain.
fn run(project: &EngineProject, line: &str) -> Output {
    let directory = project.file("temporary");
    std::fs::create_dir_all(&directory).unwrap();
    let output = project.finish(project.command(line.split_whitespace()).env("TMPDIR", &directory));
    let left: Vec<_> = std::fs::read_dir(&directory).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{line} left {left:?}\n{output}");
    output
}

/// Like [`run`], and asserts that nothing at all has changed.
#[track_caller]
fn changes_nothing(project: &EngineProject, line: &str) -> Output {
    let before = project.everything();
    let output = run(project, line);
    assert_eq!(project.everything(), before, "{output}");
    assert_eq!(scratches(project), Vec::<String>::new(), "{output}");
    output
}

/// Scratch databases of this project's database on the server.
fn scratches(project: &EngineProject) -> Vec<String> {
    match project.engine() {
        // Other tests have scratch databases on the same server; only the run that creates one can know its name.
        Engine::Mariadb => project.rows(&format!(
            "SELECT schema_name FROM information_schema.schemata \
             WHERE schema_name = concat('runner_scratch_', left(sha2('{}', 256), 16))",
            project.server_database().name()
        )),
        Engine::Sqlite | Engine::Postgres => Vec::new(),
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// The steps of a migration in a report whose statement starts with this text.
fn steps<'a>(report: &'a Value, revision: &str, start: &str) -> Vec<&'a Value> {
    let migrations = report["dry_run_report"]["migrations"].as_array().unwrap();
    let migration = migrations.iter().find(|it| it["revision"] == revision).unwrap_or_else(|| panic!("{report:#}"));
    let steps = migration["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["statement"].as_str().unwrap().starts_with(start)).collect()
}
