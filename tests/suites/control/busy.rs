//! SQLite: another program has the file for longer than a statement waits.

use runner_tests::{for_each_server, project};

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
    let mut run = Apart::start(&project, &format!("{PATIENT} --batch-delay 2s"));
    until("rows are done", || doubled(&project) > 0);
    let other = project.open("runner.db");
    other.busy_timeout(EVER).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    run.says("retrying in ");
    let before = doubled(&project);
    other.execute_batch("ROLLBACK").unwrap();
    until("the chunk is done", || doubled(&project) > before);
    assert_eq!(run.ends_by("TERM").0, Some(143));
    project.runner("apply").succeeds();
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
        if cfg!(target_os = "linux") { "held by process " } else { "" },
        "hint: another program is using the database",
        "`table_lock_timeout`",
    ]);
    other.execute_batch("ROLLBACK").unwrap();
    project.runner("apply").succeeds();
}

/// On SQLite, what a stepwise migration writes before it begins meets the file first.
#[test]
fn a_migration_that_waits_for_the_file_has_started_and_fails_once() {
    let project = project!(Engine::Sqlite);
    project.sql("0001_a", "CREATE TABLE a (id INTEGER);", "").runner("apply").succeeds();
    project.sql("0002_b", "-- runner:no-transaction\nCREATE TABLE b (id INTEGER);", "");
    let other = project.open("runner.db");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let output = project.runner("apply --format json --table-lock-timeout 20ms --retries 2");
    output.exits(5);
    let lines = output.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let events: Vec<String> = lines.filter_map(|line| Some(line["event"].as_str()?.to_owned())).collect();
    let about: Vec<&str> =
        events.iter().map(String::as_str).filter(|it| it.starts_with("migration") || *it == "retrying").collect();
    assert_eq!(about, ["migration-started", "retrying", "retrying", "migration-failed"], "{output}");
    other.execute_batch("ROLLBACK").unwrap();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM b"), "0");
}

for_each_server! {
    /// All that comes after it waits behind it, so it gives up early.
    fn a_change_of_a_table_that_is_read_gives_up_and_names_the_reader(engine) {
        let project = project!(engine);
        project.sql("0001_a", "CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1);", "DROP TABLE a;");
        project.runner("apply").succeeds();
        project.sql("0002_b", "ALTER TABLE a ADD COLUMN b INTEGER;", "ALTER TABLE a DROP COLUMN b;");
        let client = project.server_database().client();
        let mut reader = client.session();
        reader.run("BEGIN; SELECT * FROM a");
        let mut run = Apart::start(&project, "apply");
        run.says("waiting for ");
        run.says("idle in transaction, its transaction began ");
        run.says("retrying in ");
        // What comes after it is not in its way for ever.
        client.session().run("BEGIN; SELECT * FROM a; COMMIT");
        reader.run("COMMIT");
        let (code, said) = run.ends();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(project.history(), ["0001", "0002"]);
    }
}

for_each_server! {
    fn large_tables_that_are_kept_locked_are_planned(engine) {
        let project = project!(engine);
        let rows = engine.numbers(150_000);
        let analyze = if engine == Engine::Postgres { "ANALYZE a, b;" } else { "ANALYZE TABLE a, b;" };
        project.execute(&format!(
            "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, n INTEGER); CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY);\n\
             INSERT INTO a SELECT i, i FROM ({rows}) AS numbers; {analyze}"
        ));
        let change = "ALTER TABLE a ADD COLUMN m INTEGER; ALTER TABLE b ADD COLUMN m INTEGER; UPDATE a SET m = n;";
        project.sql("0001_both", change, "SELECT 1;");
        project.sql("0002_some", "UPDATE a SET n = 1 WHERE id = 1; UPDATE b SET id = id;", "SELECT 1;");
        let held = match engine {
            Engine::Postgres => "holds an exclusive lock on `a` (about 1",
            _ => "locks all rows of `a` (about 1",
        };
        let output = project.runner("plan");
        output.succeeds();
        assert!(output.stdout.contains(held) && !output.stdout.contains("`b`"), "{output}");
        assert_eq!(output.stdout.matches("until its end").count(), 1, "{output}");
        let plan: serde_json::Value = serde_json::from_str(&project.runner("plan --format json").stdout).unwrap();
        assert_eq!(plan["migrations"][0]["locks"][0]["table"], "a");
        assert_eq!(plan["migrations"][1]["locks"], serde_json::Value::Null);
    }
}
