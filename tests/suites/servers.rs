//! Every command on every engine, as a user sees it, and what servers refuse: connections, privileges, locks, values,
//! space.
#![cfg(unix)]

mod citus;
mod closed;
mod components;
mod confined;
mod confined_mariadb;
mod connecting;
mod doubles;
mod formats;
mod languages;
mod languages_expected;
mod languages_schema;
mod logins;
mod logins_mariadb;
mod logins_steps;
mod maintenance;
mod memory;
mod outside;
mod packages;
mod places;
mod reach;
mod reading;
mod rights;
mod room;
mod schema;
mod schema_mariadb;
mod shared;
mod steps_mariadb;
mod tampering;
mod values;
mod verbs;
mod waiting;

use runner_tests::{Engine, EngineProject, Output, project};

/// Three migrations that every engine understands.
fn shop(engine: Engine) -> EngineProject {
    let project = project!(engine);
    fill(&project);
    project
}

/// Adds the three migrations.
fn fill(project: &EngineProject) {
    project
        .sql(
            "0001_create_users",
            "-- runner:summary Users and their addresses\n\
             CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
             INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Grace');",
            "DROP TABLE users;",
        )
        .sql("0002_create_orders", "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY);", "DROP TABLE orders;")
        .sql(
            "0003_rename_users",
            "ALTER TABLE users ADD COLUMN nick VARCHAR(100);\nUPDATE users SET nick = lower(name);",
            "ALTER TABLE users DROP COLUMN nick;",
        );
}

/// The run fails with this exit code, and nothing changes.
#[track_caller]
fn refused(project: &EngineProject, line: &str, code: i32, says: &[&str]) -> Output {
    let (state, history) = (project.state(), project.history());
    let output = project.runner(line);
    output.exits(code).says(says).says(&["error:"]);
    assert_eq!(project.state(), state, "{line}\n{output}");
    assert_eq!(project.history(), history, "{line}\n{output}");
    output
}
