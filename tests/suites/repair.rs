//! Partial revisions, and what operators do about them: inspect, resolve, roll back, or continue after the journal or
//! the schema was changed in between.
#![cfg(unix)]

mod adopting;
mod by_itself;
mod db;
mod faults;
mod operator;
mod rollback;
mod room;

use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, Output, guests, project, until};

fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("halfway"))
}

/// A table of 70 rows, and a component that processes it in chunks of 20.
fn shop(engine: Engine, parameters: &str) -> EngineProject {
    let project = project!(engine);
    project
        .sql(
            "0001_items",
            &format!(
                "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
                 INSERT INTO items (id, name) SELECT i, concat('item ', i) FROM ({}) AS n;",
                engine.numbers(70)
            ),
            "DROP TABLE items;",
        )
        .component("0002_halfway", component())
        .settings(&format!("[limits]\nbatch_rows = 20\n[parameters]\n{parameters}"));
    project.runner("apply --target 1").succeeds();
    project
}

/// The name of one of the tool's tables.
fn tool(project: &EngineProject, table: &str) -> String {
    project.engine().history_table().replace("runner_history", &format!("runner_{table}"))
}

/// The state of the last revision in the history.
fn state(project: &EngineProject) -> String {
    project.value(&format!("SELECT state FROM {} ORDER BY id DESC LIMIT 1", tool(project, "history")))
}

/// Rows that the transform has written.
fn shouted(project: &EngineProject) -> String {
    let binary = if project.engine() == Engine::Mariadb { "BINARY" } else { "" };
    project.value(&format!("SELECT count(*) FROM items WHERE {binary} substr(name, 1, 4) = 'ITEM'"))
}

/// Makes the run die at this crash point; returns false if it completed before.
fn dies_at(project: &EngineProject, line: &str, moment: usize) -> bool {
    let output = project.crash_at(line, moment);
    if output.signal().is_some() {
        return true;
    }
    assert!(matches!(output.exit_code(), Some(0 | 6)), "moment {moment}\n{output}");
    false
}

/// Waits until nobody holds the lock: the session of a killed run may outlive it for a moment.
fn until_free(project: &EngineProject) {
    until("the lock is free", || told(&project.runner("status --format json"))["lock_holder"].is_null());
}

/// The JSON output of `repair` or `status`.
fn told(output: &Output) -> serde_json::Value {
    output.succeeds();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}
