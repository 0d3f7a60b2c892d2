//! Everything that cannot run is said at once, before anything runs.

use super::*;

#[test]
fn all_refusals_of_a_project_are_listed() {
    let project = project!();
    project
        .sql("1_a", "CREATE TABLE a (id INTEGER);\nVACUUM;", "VACUUM;\nDROP TABLE a;")
        .sql("2_b", "SAVEPOINT s;\nSELECT 1;\nRELEASE s;", "SELECT 1;")
        .sql("3_c", "SELECT 'open", "SELECT 1;")
        .sql("4_d", "-- nothing yet\n", "\n");
    project.write("migrations/notes.txt", "");
    assert_snapshot!(project.runner("validate").snapshot());
    std::fs::remove_file(project.file("migrations/notes.txt")).unwrap();
    assert_snapshot!(project.runner("plan").snapshot());
    // The same, and nothing has run.
    project.runner("apply").exits(2).says(&["4 statements cannot run", "1_a.up.sql:2", "2_b.up.sql:3", "3_c.up.sql:1"]);
    assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty());
}

#[test]
fn what_the_database_refuses_by_the_text_is_listed() {
    let project = project!();
    project
        .sql("1_a", "CREATE TABLE a (id INTEGER);\nPRAGMA synchronous = OFF;", "DROP TABLE a;")
        .sql("2_b", "DROP TABLE runner_history;", "DELETE FROM runner_history;")
        .sql("3_c", "ALTER TABLE a RENAME TO runner_journal;\nSELECT count(*) FROM runner_history;", "SELECT 1;");
    for verb in ["validate", "plan", "apply"] {
        project.runner(verb).exits(7).says(&[
            "1_a.up.sql:2: PRAGMA synchronous is refused",
            "2_b.up.sql:1: a migration may not change `runner_history`",
            "3_c.up.sql:1: a migration may not define a table",
            "hint: ",
        ]);
    }
    project.runner("validate").says(&["warning: 1 statement of a downgrade cannot run as written", "2_b.down.sql:1"]);
    assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty());
    project.write("migrations/1_a.up.sql", "CREATE TABLE a (id INTEGER);\nPRAGMA user_version = 3;");
    project.write("migrations/2_b.up.sql", "INSERT INTO a VALUES ((SELECT count(*) FROM runner_history));");
    project.write("migrations/3_c.up.sql", "DROP TABLE IF EXISTS runner_histories;");
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
}

#[test]
fn a_plan_lists_refusals_beside_other_problems() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").sql(
        "2_b",
        "PRAGMA synchronous = OFF;",
        "SELECT 1;",
    );
    project.runner("build").succeeds();
    project.runner("plan").exits(7).says(&["PRAGMA synchronous is refused"]);
    project.write("migrations/1_a.up.sql", "CREATE TABLE a (id INTEGER, name TEXT);");
    for verb in ["plan", "validate"] {
        project.runner(verb).exits(4).says(&[
            "2 problems in the project",
            "1_a",
            "2_b.up.sql:1: PRAGMA synchronous is refused",
        ]);
    }
    project.write("migrations/2_b.up.sql", "-- nothing");
    project.runner("plan").exits(4).says(&["2 migrations do not match the lockfile"]);
}

#[test]
fn downgrades_are_warnings() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "VACUUM;\nDROP TABLE a;").sql("2_b", "-- nothing", "-- nothing");
    assert_snapshot!(project.runner("validate").snapshot());
    let checked = json(&project.runner("validate --format json"));
    assert_eq!(checked["warnings"][0]["file"], "1_a.down.sql");
    assert_eq!(checked["warnings"][0]["line"], 1);
    assert_eq!(checked["notes"][0], "2 files have no statement, so they do nothing: `2_b.up.sql`, `2_b.down.sql`");
    project
        .runner("plan")
        .succeeds()
        .says(&["warning: 1 statement of a downgrade cannot run as written", "1_a.down.sql:1"]);
    assert_eq!(json(&project.runner("plan --format json"))["warnings"][0]["line"], 1);
    let applied = json(&project.runner("apply --format json"));
    assert_eq!((&applied["warnings"][0]["file"], &applied["warnings"][0]["line"]), (&"1_a.down.sql".into(), &1.into()));
    assert_eq!(project.dump_user().tables(), ["a"]);
    project.runner("rollback --all").exits(2).says(&["1_a.down.sql", "no-transaction"]);
    // A downgrade has its own directive.
    project.write("migrations/1_a.down.sql", "-- runner:no-transaction\nVACUUM;\nDROP TABLE a;");
    project.runner("validate").succeeds().does_not_say(&["warning"]);
    project.runner("rollback --all").succeeds();
    assert!(project.dump_user().tables().is_empty());
}

#[test]
fn sql_is_checked_as_what_the_url_says() {
    let project = project!();
    let text = "DO $$ BEGIN RAISE NOTICE 'a; b'; END $$;\nCREATE INDEX CONCURRENTLY i ON t (a);";
    project.write("migrations/1_a.up.sql", text);
    // As SQLite, the block ends at its first semicolon.
    project.runner("validate").exits(7).says(&["1_a.up.sql:1", "END $$"]);
    project.runner("validate --dialect postgres").exits(2).says(&[
        "1_a.up.sql:2",
        "2 of 2",
        "cannot run inside a transaction",
    ]);
    let url = "postgres://localhost/none";
    project.run(["validate", "--database-url", url]).exits(2).says(&["1_a.up.sql:2"]);
    project.run(["validate", "--database-url", url, "--dialect", "sqlite"]).exits(7).says(&["END $$"]);
    project.runner("validate --dialect oracle").exits(2).says(&["oracle", "mariadb"]);
}

#[test]
fn a_missing_downgrade_is_said_to_be_missing() {
    let project = project!();
    project.write("migrations/1_a.up.sql", "CREATE TABLE a (id INTEGER);");
    project.write("migrations/2_b/up.sql", "CREATE TABLE b (id INTEGER);");
    project.runner("apply").succeeds();
    let output = project.runner("rollback");
    output.exits(2).says(&["the migration has no downgrade", "write `2_b/down.sql`"]).does_not_say(&["irreversible"]);
    // Nor does the copy in the database say otherwise, once the file is lost.
    std::fs::remove_dir_all(project.file("migrations/2_b")).unwrap();
    project.runner("rollback").exits(2).says(&["the migration has no downgrade"]).does_not_say(&["irreversible"]);
    project.write("migrations/2_b/up.sql", "CREATE TABLE b (id INTEGER);");
    project.write("migrations/2_b/down.sql", "DROP TABLE b;");
    // What there was none of has not been changed.
    project.runner("rollback").succeeds().says(&["`2_b/down.sql` was added after `2_b` was applied"]);
}

/// The tables of the history are there before the first migration: the size of pages is fixed.
#[test]
fn settings_of_a_new_file_take_effect_or_are_refused() {
    let project = project!();
    for setting in ["page_size = 8192", "auto_vacuum = 1"] {
        let name = setting.split(' ').next().unwrap();
        project.sql("1_setting", &format!("PRAGMA {setting};\nCREATE TABLE t (a);"), "SELECT 1;");
        project.runner("apply").exits(2).says(&[
            &format!("PRAGMA {name} does nothing before the next VACUUM"),
            "`VACUUM;` below it, and the directive `-- runner:no-transaction`",
        ]);
    }
    let text = "-- runner:no-transaction\nPRAGMA journal_mode = wal;\nPRAGMA page_size = 8192;\nVACUUM;\n";
    project.sql("1_setting", text, "SELECT 1;");
    project.runner("apply").exits(2).says(&["write `PRAGMA journal_mode = delete;` above it"]);
    let text = "-- runner:no-transaction\nPRAGMA journal_mode = delete;\nPRAGMA page_size = 8192;\nPRAGMA auto_vacuum = 1;\nVACUUM;\n";
    project.sql("1_setting", text, "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(
        (project.value("PRAGMA page_size").as_str(), project.value("PRAGMA auto_vacuum").as_str()),
        ("8192", "1")
    );
}

/// It would stop in the middle: the driver sends no file.
#[test]
fn a_file_of_the_client_is_not_loaded() {
    let project = project!();
    project.settings("[database]\nurl = \"mysql://me@localhost/shop\"");
    project.sql("1_a", "CREATE TABLE a (id INT);\nLOAD DATA LOCAL INFILE 'a.csv' INTO TABLE a;", "DROP TABLE a;");
    project
        .runner("validate")
        .exits(2)
        .says(&["`LOAD … LOCAL INFILE` reads a file of the client", "file: 1_a.up.sql:2"]);
}
