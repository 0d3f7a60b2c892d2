//! Every command on every engine, as a user sees it, and what servers refuse: connections, privileges, locks, values,
//! space.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

#[path = "servers/citus.rs"]
mod citus;
#[path = "servers/closed.rs"]
mod closed;
#[path = "servers/components.rs"]
mod components;
#[path = "servers/confined.rs"]
mod confined;
#[path = "servers/confined_mariadb.rs"]
mod confined_mariadb;
#[path = "servers/connecting.rs"]
mod connecting;
#[path = "servers/doubles.rs"]
mod doubles;
#[path = "servers/formats.rs"]
mod formats;
#[path = "servers/languages.rs"]
mod languages;
#[path = "servers/languages_expected.rs"]
mod languages_expected;
#[path = "servers/languages_schema.rs"]
mod languages_schema;
#[path = "servers/logins.rs"]
mod logins;
#[path = "servers/logins_mariadb.rs"]
mod logins_mariadb;
#[path = "servers/logins_steps.rs"]
mod logins_steps;
#[path = "servers/maintenance.rs"]
mod maintenance;
#[path = "servers/memory.rs"]
mod memory;
#[path = "servers/outside.rs"]
mod outside;
#[path = "servers/packages.rs"]
mod packages;
#[path = "servers/places.rs"]
mod places;
#[path = "servers/reach.rs"]
mod reach;
#[path = "servers/reading.rs"]
mod reading;
#[path = "servers/rights.rs"]
mod rights;
#[path = "servers/room.rs"]
mod room;
#[path = "servers/schema.rs"]
mod schema;
#[path = "servers/schema_mariadb.rs"]
mod schema_mariadb;
#[path = "servers/shared.rs"]
mod shared;
#[path = "servers/steps_mariadb.rs"]
mod steps_mariadb;
#[path = "servers/tampering.rs"]
mod tampering;
#[path = "servers/values.rs"]
mod values;
#[path = "servers/verbs.rs"]
mod verbs;
#[path = "servers/waiting.rs"]
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
