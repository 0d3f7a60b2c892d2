//! What is proven of a transform whose source no longer exists.

use super::*;

/// Copies `a` to `b` in chunks of 20 rows, then drops `a`.
fn copied(engine: Engine, settings: &str, flags: &str) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project
        .sql(
            "1_tables",
            &format!(
                "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                 CREATE TABLE b (id INTEGER NOT NULL, name VARCHAR(50), PRIMARY KEY (id));\n\
                 INSERT INTO a (id, name) SELECT i, concat('name ', i) FROM ({}) AS n;\n\
                 INSERT INTO b (id, name) VALUES (1000, 'another');",
                engine.numbers(70)
            ),
            "SELECT 1;",
        )
        .component("2_turn", &guests::component("turn"))
        .settings(&format!("[parameters]\nsource = 'a'\ntarget = 'b'\n{settings}\n{LIMITS}"));
    project.runner(&format!("apply {flags}")).succeeds();
    project.execute("DROP TABLE a");
    project
}

const INSERT: &str = "mode = 'insert'";

#[track_caller]
fn verified(project: &EngineProject, status: i32, result: &str) -> String {
    let output = project.runner("verify --all-chunks --format json");
    output.exits(status);
    detail(&output, result)
}

/// Returns how a target differs from what was written, which something else may have done since.
#[track_caller]
fn differing(project: &EngineProject, transform: &str) -> String {
    let why = verified(project, 0, &format!("target unproven {transform}"));
    assert!(why.contains(WRITTEN_SINCE), "{why}");
    why
}

for_each_engine! {
    fn every_changed_row_is_found(engine) {
        let project = copied(engine, INSERT, "");
        assert_eq!(verified(&project, 0, "target proven shout"), "4 of 4 chunks");
        let why = verified(&project, 0, "recompute unproven shout");
        assert!(why.contains('a'), "{why}");
        for (change, back, what) in [
            ("UPDATE b SET name = 'x' WHERE id = 33", "UPDATE b SET name = 'NAME 33' WHERE id = 33", "`b` differs from what was written"),
            ("UPDATE b SET name = NULL WHERE id = 21", "UPDATE b SET name = 'NAME 21' WHERE id = 21", "`b` differs from what was written"),
            ("DELETE FROM b WHERE id = 40", "INSERT INTO b (id, name) VALUES (40, 'NAME 40')", "`b` lacks 1 of the 20 rows written"),
        ] {
            project.execute(change);
            let why = differing(&project, "shout");
            assert!(why.contains("after 20 up to 40") && why.contains(what), "{change}: {why}");
            project.execute(back);
            verified(&project, 0, "target proven shout");
        }
        project.execute("DELETE FROM b");
        let why = differing(&project, "shout");
        assert!(why.contains("lacks 20 of the 20 rows written"), "{why}");
    }

    fn a_later_migration_explains_a_missing_row(engine) {
        let project = copied(engine, INSERT, "");
        project.sql("3_later", "DELETE FROM b WHERE id = 7;", "SELECT 1;");
        project.runner("apply").succeeds();
        let why = verified(&project, 0, "target unproven shout");
        assert!(why.contains("`3_later`, which was applied later, may write there too"), "{why}");
    }

    fn rows_in_between_leave_it_open(engine) {
        // Every second row: its keys say nothing about the rows between them.
        let project = copied(engine, "mode = 'insert'\nhow = 'halve'", "");
        verified(&project, 0, "target proven halve");
        project.execute("INSERT INTO b (id, name) VALUES (33, 'from the application')");
        let why = verified(&project, 0, "target unproven halve");
        assert!(why.contains("`b` has other rows between those that it wrote"), "{why}");
    }

    /// The range of a chunk is one of the source's keys, and the target has others.
    fn an_update_by_another_key_is_compared_by_what_it_wrote(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        project
            .sql(
                "1_tables",
                &format!(
                    "CREATE TABLE a (n INTEGER NOT NULL PRIMARY KEY, id INTEGER NOT NULL, name VARCHAR(50));\n\
                     CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY, n INTEGER, name VARCHAR(50));\n\
                     INSERT INTO a (n, id, name) SELECT i, i + 1000, concat('name ', i) FROM ({0}) AS n;\n\
                     INSERT INTO b (id) SELECT i + 1000 FROM ({0}) AS n;",
                    engine.numbers(70)
                ),
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings(&format!(
                "[parameters]\nsource = 'a'\nsource_key = 'n'\ntarget = 'b'\nmode = 'update'\n{LIMITS}"
            ));
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT name FROM b WHERE id = 1033"), "NAME 33");
        verified(&project, 0, "target proven shout");
        // What it read is not there any more, and it still wrote what is in the target.
        project.execute("UPDATE a SET name = 'x'");
        verified(&project, 0, "target proven shout");
        project.execute("UPDATE b SET name = 'x' WHERE id = 1033");
        differing(&project, "shout");
    }

    fn deleted_rows_stay_deleted(engine) {
        let settings = "mode = 'delete'";
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        project
            .sql(
                "1_tables",
                &format!(
                    "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                     CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                     INSERT INTO a (id, name) SELECT i, 'x' FROM ({0}) AS n;\n\
                     INSERT INTO b (id, name) SELECT i, 'x' FROM ({0}) AS n;",
                    engine.numbers(70)
                ),
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings(&format!("[parameters]\nsource = 'a'\ntarget = 'b'\n{settings}\n{LIMITS}"));
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM b"), "0");
        project.execute("DROP TABLE a");
        assert_eq!(verified(&project, 0, "target proven shout"), "4 of 4 chunks");
        project.execute("INSERT INTO b (id, name) VALUES (33, 'back')");
        let why = verified(&project, 0, "target unproven shout");
        assert!(why.contains("`b` has rows between those that it deleted"), "{why}");
    }

    /// Its order in the database is not the order of the bytes.
    fn rows_with_a_key_of_text_are_found(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        project
            .sql(
                "1_tables",
                "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                 CREATE TABLE b (id INTEGER NOT NULL, name VARCHAR(50), PRIMARY KEY (name, id));\n\
                 INSERT INTO a (id, name) VALUES (1, 'zz'), (2, 'ä'), (3, 'b_'), (4, '~'), (5, 'B a'), (6, '10');",
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings("[parameters]\nsource = 'a'\ntarget = 'b'\nmode = 'insert'\n");
        project.runner("apply").succeeds();
        project.execute("DROP TABLE a");
        assert_eq!(verified(&project, 0, "target proven shout"), "1 of 1 chunk");
        project.execute("UPDATE b SET id = 7 WHERE id = 5");
        assert!(differing(&project, "shout").contains("differs from what was written"));
    }

    /// An upsert leaves the key as it was spelled, if its collation takes the new spelling for the same.
    fn a_key_in_another_spelling_is_found(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        let (before, collation) = match engine {
            Engine::Sqlite => ("", "NOCASE"),
            Engine::Postgres => (
                "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n",
                "any_case",
            ),
            Engine::Mariadb => ("", "utf8mb4_general_ci"),
        };
        project
            .sql(
                "1_tables",
                &format!(
                    "{before}CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                     CREATE TABLE b (name VARCHAR(50) COLLATE {collation} NOT NULL PRIMARY KEY, id INTEGER);\n\
                     INSERT INTO a (id, name) VALUES (1, 'anna'), (2, 'bert'), (3, 'carla');\n\
                     INSERT INTO b (name, id) VALUES ('Bert', 7);"
                ),
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings("[parameters]\nsource = 'a'\ntarget = 'b'\ntarget_key = 'name'\nmode = 'upsert'\n");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT name FROM b WHERE id = 2"), "Bert");
        assert_eq!(verified(&project, 0, "target proven shout"), "1 of 1 chunk");
        for (change, back, what) in [
            ("UPDATE b SET id = 8 WHERE id = 2", "UPDATE b SET id = 2 WHERE id = 8", "contains 8"),
            ("DELETE FROM b WHERE id = 2", "INSERT INTO b (name, id) VALUES ('Bert', 2)", "no longer exists"),
        ] {
            project.execute(change);
            let why = differing(&project, "shout");
            assert!(why.contains(what), "{change}: {why}");
            project.execute(back);
        }
        // A digest says only that something is otherwise.
        project.execute("DROP TABLE a");
        let why = verified(&project, 0, "target unproven shout");
        assert!(why.contains("or keeps keys in another spelling, which its collation takes for the same"), "{why}");
    }

    /// Where keys have one spelling, a digest tells the difference.
    fn a_key_of_one_spelling_proves_a_difference(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        project
            .sql(
                "1_tables",
                "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                 CREATE TABLE b (name VARCHAR(50) NOT NULL PRIMARY KEY, id INTEGER);\n\
                 INSERT INTO a (id, name) VALUES (1, 'anna'), (2, 'bert'), (3, 'carla');\n\
                 INSERT INTO b (name, id) VALUES ('BERT', 7);",
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings("[parameters]\nsource = 'a'\ntarget = 'b'\ntarget_key = 'name'\nmode = 'upsert'\n");
        project.runner("apply").succeeds();
        project.execute("DROP TABLE a");
        assert_eq!(verified(&project, 0, "target proven shout"), "1 of 1 chunk");
        project.execute("UPDATE b SET id = 8 WHERE id = 2");
        let any_spelling = engine == Engine::Mariadb;
        let why = verified(&project, 0, "target unproven shout");
        assert_eq!(why.contains(WRITTEN_SINCE), !any_spelling, "{why}");
        assert!(why.contains("`b` differs from what was written"), "{why}");
        assert_eq!(why.contains("in another spelling"), any_spelling, "{why}");
    }

    fn stored_rows_are_recomputed(engine) {
        for flags in ["--limit stored_row_bytes=1MiB", "--limit stored_row_bytes=1MiB --jobs 3"] {
            let project = copied(engine, INSERT, flags);
            let output = project.runner("verify --all-chunks --strict --format json");
            output.exits(0);
            assert_eq!(detail(&output, "recompute proven shout"), "4 of 4 chunks, from stored rows", "{flags}");
            project.execute("UPDATE b SET name = 'x' WHERE id = 33");
            let why = differing(&project, "shout");
            assert!(why.contains("row id = 33 contains \"x\", but \"NAME 33\""), "{flags}: {why}");
        }
        // Room for one chunk of four.
        let project = copied(engine, INSERT, "--limit stored_row_bytes=300");
        let why = verified(&project, 0, "recompute unproven shout");
        assert!(why.starts_with("1 of 4 chunks recomputed identically; for the others: "), "{why}");
        assert_eq!(verified(&project, 0, "target proven shout"), "4 of 4 chunks");
        // None, unless asked for.
        let project = copied(engine, INSERT, "");
        assert!(!verified(&project, 0, "recompute unproven shout").contains("of 4"));
    }
}

/// Tables `a` and `b` on SQLite, whose column `name` has this type; `a` was copied to `b`, and then dropped or not.
fn copied_as(declared: &str, rows: u32, is_source_left: bool) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite);
    project
        .sql(
            "1_tables",
            &format!(
                "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name {declared});\n\
                 CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY, name {declared});\n\
                 INSERT INTO a (id, name) SELECT i * 10, concat('name ', i) FROM ({}) AS n;",
                Engine::Sqlite.numbers(rows.into())
            ),
            "SELECT 1;",
        )
        .component("2_turn", &guests::component("turn"))
        .settings(&format!("[parameters]\nsource = 'a'\ntarget = 'b'\n{INSERT}\n{LIMITS}"));
    project.runner("apply").succeeds();
    if !is_source_left {
        project.execute("DROP TABLE a");
    }
    project
}

/// SQLite keeps what is written to it, of whatever type the column is: also one chunk alone shows the change.
#[test]
fn a_cell_of_another_type_is_a_difference_on_sqlite() {
    for (declared, change) in [
        ("VARCHAR(50)", "UPDATE b SET name = x'00ff' WHERE id = 70"),
        ("VARCHAR(50)", "UPDATE b SET name = 1.5 WHERE id = 70"),
        ("CHAR(8)", "UPDATE b SET name = 'x' WHERE id = 70"),
        ("CHAR(8)", "UPDATE b SET name = x'00' WHERE id = 70"),
    ] {
        for is_source_left in [false, true] {
            let project = copied_as(declared, 10, is_source_left);
            assert_eq!(verified(&project, 0, "target proven shout"), "1 of 1 chunk");
            project.execute(change);
            let why = differing(&project, "shout");
            assert!(
                why.contains("differs from what was written") || why.contains("id = 70 contains"),
                "{change}: {why}"
            );
            project.execute("UPDATE b SET name = 'NAME 7' WHERE id = 70");
            verified(&project, 0, "target proven shout");
            project.execute(change);
            project.execute("INSERT INTO b (id, name) VALUES (200, 'beyond')");
            differing(&project, "shout");
        }
    }
}

/// A row of others may have cells of any type.
#[test]
fn a_cell_of_another_type_in_another_row_is_no_difference_on_sqlite() {
    let project = copied_as("VARCHAR(50)", 10, false);
    project.execute("INSERT INTO b (id, name) VALUES (5, x'00'), (105, x'00')");
    verified(&project, 0, "target proven shout");
    project.execute("INSERT INTO b (id, name) VALUES (75, x'00')");
    let why = verified(&project, 0, "target unproven shout");
    assert!(why.contains("`b` has other rows between those that it wrote"), "{why}");
    project.execute("DELETE FROM b WHERE id IN (70, 80)");
    let why = differing(&project, "shout");
    assert!(why.contains("lacks 1 of the 10 rows written"), "{why}");
}
