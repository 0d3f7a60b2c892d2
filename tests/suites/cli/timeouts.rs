//! Timeouts and chunk sizes on SQLite: they work, or the flag is refused.

use super::*;

/// Takes for ever.
const ENDLESS: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n;";

#[test]
fn a_statement_has_a_time_limit() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").sql(
        "2_endless",
        &format!("INSERT INTO a VALUES (1);\n{ENDLESS}"),
        "DELETE FROM a;",
    );
    project.runner("apply --target 1").succeeds();
    let before = project.dump();
    let output = project.runner("apply --statement-timeout 300ms");
    output.exits(7).says(&[
        "the statement took longer than the 0.3 s that it may",
        "2_endless",
        "statement: 2 of 2",
        "hint: raise `statement_timeout`",
        "nothing was changed",
    ]);
    assert_eq!(project.dump(), before);
    // Stepwise, what took effect stays.
    project.sql(
        "2_endless",
        &format!("-- runner:no-transaction\nINSERT INTO a VALUES (1);\n{ENDLESS}"),
        "DELETE FROM a;",
    );
    let mut command = project.command(["apply"]);
    let output = project.finish(command.env("RUNNER_STATEMENT_TIMEOUT", "300ms"));
    output.exits(6).says(&["took longer than the 0.3 s", "1 of 2 statements took effect"]);
    // A limit of each statement, not of all together.
    let many: String = (0..2_000).map(|id| format!("INSERT INTO a VALUES ({id});\n")).collect();
    project.sql("2_endless", &format!("-- runner:no-transaction\nINSERT INTO a VALUES (1);\n{many}"), "DELETE FROM a;");
    project.runner("apply --statement-timeout 30s").succeeds();
}

#[test]
fn the_wait_for_another_writer_has_a_time_limit() {
    let project = shop();
    project.runner("apply --target 1").succeeds();
    // Without the flag, the test would not end.
    project.settings("[database]\nurl = \"sqlite://runner.db?busy_timeout=2000000000\"");
    let other = rusqlite::Connection::open(project.file("runner.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    project.runner("apply --table-lock-timeout 50ms --retries 0").exits(5).says(&["locked by another connection"]);
    other.execute_batch("ROLLBACK").unwrap();
    project.runner("apply --table-lock-timeout 50ms").succeeds();
}

#[test]
fn a_target_duration_of_chunks_is_refused() {
    let project = shop();
    project
        .runner("apply --chunk-time 500ms")
        .exits(2)
        .says(&["`--chunk-time` does not apply to SQLite", "`--chunk-rows`"]);
    // A setting may be meant for another database of the project.
    project.settings("[transform]\nchunk_time = \"500ms\"");
    project.runner("apply --chunk-time none").succeeds();
}
