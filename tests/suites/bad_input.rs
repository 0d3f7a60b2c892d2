//! Malformed artifacts, projects and statements.

mod artifacts;
mod projects;
mod statements;

use runner_tests::{Output, TestProject, components, dump, guests, project};

const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN, note TEXT);
                      INSERT INTO people (name) VALUES ('one');";

/// An applied migration in SQL, and a pending component.
fn with_component() -> TestProject {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;").component("2_guest", &guests::component("hostile"));
    project.settings("[parameters]\nbehaviour = \"behave\"");
    project.runner("apply --target 1").succeeds();
    project
}

fn one(up: &str) -> TestProject {
    let project = project!();
    project.sql("1_one", up, "SELECT 1;");
    project
}

/// Nothing changes, and `apply`, `plan` and `validate` all fail with this exit code and message where they notice.
#[track_caller]
fn refused(project: &TestProject, line: &str, code: i32, says: &[&str]) -> Output {
    let before = project.file("runner.db").exists().then(|| project.dump());
    let output = project.runner(line);
    output.exits(code).says(says).says(&["error:"]);
    assert_eq!(project.file("runner.db").exists().then(|| project.dump()), before, "{line}\n{output}");
    output
}
