//! SQLite: another program has the file for longer than a statement waits.

use runner_tests::project;

use super::*;

/// Tries again for as long as the test takes.
const PATIENT: &str = "apply --table-lock-timeout 20ms --retries 1000";

#[test]
fn a_migration_is_tried_again_until_the_file_is_free() {
    for directive in ["", "-- runner:no-transaction\n"] {
        let project = project!(Engine::Sqlite);
        project.sql("0001_a", "CREATE TABLE a (id INTEGER);", "").runner("apply").succeeds();
        project.sql("0002_b", &format!("{directive}CREATE TABLE b (id INTEGER);\nINSERT INTO b VALUES (1);"), "");
        let other = project.open("runner.db");
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut run = Apart::start(&project, PATIENT);
        run.says("waiting 0002_b: the database is locked by another connection");
        run.says("retrying in ");
        other.execute_batch("ROLLBACK").unwrap();
        let (code, said) = run.ends();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(project.value("SELECT count(*) FROM b"), "1");
    }
}

#[test]
fn a_chunk_is_tried_again_until_the_file_is_free() {
    let project = shop(Engine::Sqlite);
    let mut run = Apart::start(&project, &format!("{PATIENT} --batch-delay 100ms"));
    until("rows are done", || doubled(&project) > 0);
    let other = project.open("runner.db");
    other.busy_timeout(EVER).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    run.says("retrying in ");
    other.execute_batch("ROLLBACK").unwrap();
    let (code, said) = run.ends();
    assert_eq!(code, Some(0), "{said}");
    is_whole(&project);
}

#[test]
fn retries_end_with_what_to_change() {
    let project = project!(Engine::Sqlite);
    project.sql("0001_a", "CREATE TABLE a (id INTEGER);", "").runner("apply").succeeds();
    project.sql("0002_b", "CREATE TABLE b (id INTEGER);", "");
    let other = project.open("runner.db");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let output = project.runner("apply --table-lock-timeout 20ms --retries 1");
    output.exits(5).says(&[
        "it was retried once",
        "hint: another program is using the database",
        "`table_lock_timeout`",
    ]);
    other.execute_batch("ROLLBACK").unwrap();
    project.runner("apply").succeeds();
}
