//! What passes, and what is found.

use runner_tests::{Engine, EngineProject, for_each_engine, project};

use super::shop::{TESTS, shop, shop_with_component, test};

/// An event that repeats begins when it is created, unless it says otherwise.
#[test]
fn the_time_at_which_an_event_was_created_is_no_difference() {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Mariadb);
    project.sql(
        "1_event",
        "CREATE EVENT sweep ON SCHEDULE EVERY 1 DAY ENDS CURRENT_TIMESTAMP + INTERVAL 1 YEAR DO DELETE FROM items;\n\
         CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 YEAR DO DELETE FROM items;\n\
         DO SLEEP(1.1);",
        "DROP EVENT once;\nDROP EVENT sweep;",
    );
    test(&project, "").succeeds().prints(&["passed 1_event on"]);
    project.sql("1_event", &project.read("migrations/1_event.up.sql"), "DROP EVENT once;");
    test(&project, "").exits(1).prints(&["`event sweep` is unexpected"]);
}

/// The first GRANT writes down what the owner has by default, and no REVOKE takes that back.
#[test]
fn a_grant_that_is_revoked_is_no_difference() {
    let project = shop(Engine::Postgres);
    project.sql("4_grant", "GRANT SELECT ON users TO PUBLIC;", "REVOKE SELECT ON users FROM PUBLIC;");
    test(&project, "4").succeeds();
    project.sql("4_grant", "GRANT SELECT ON users TO PUBLIC;", "SELECT 1;");
    test(&project, "4").exits(1).prints(&["`table users` differs", "=r/"]);
}

/// `quote` of SQLite ends at a NUL.
#[test]
fn a_text_that_differs_behind_a_nul_is_found() {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite);
    project.sql("1_t", "CREATE TABLE t (s TEXT);\nINSERT INTO t VALUES (char(97, 0, 98));", "DROP TABLE t;");
    project.sql("2_cut", "UPDATE t SET s = 'a';", "SELECT 1;");
    test(&project, "").exits(1).prints(&["the rows of `t` differ", "text 610062"]);
}

/// SQLite takes them for the same, in the schema and in the rows.
#[test]
fn rows_under_names_of_another_case_are_compared() {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite);
    project.sql("1_t", "CREATE TABLE t (id INTEGER, name TEXT);\nINSERT INTO t VALUES (1, 'one');", "DROP TABLE t;");
    let down = |name: &str| {
        format!(
            "CREATE TABLE n (ID INTEGER, Name TEXT);\nINSERT INTO n SELECT id, {name} FROM t;\nDROP TABLE t;\nALTER TABLE n RENAME TO T;"
        )
    };
    project.sql("2_same", "SELECT 1;", &down("name"));
    test(&project, "2").succeeds();
    project.sql("2_same", "SELECT 1;", &down("'two'"));
    test(&project, "2").exits(1).prints(&["the rows of `T` differ: `Name` differs", "'one'", "'two'"]);
}

for_each_engine! {
    fn a_sound_project_passes(engine) {
        let project = shop(engine);
        let before = project.state();
        let output = test(&project, "");
        output.succeeds().prints(&["passed 1_users on", "passed 2_shout on", "up, down, up, 3 checks", "passed 3_orders on"]);
        output.says(&["3 tests on 1 database: 3 passed"]);
        // The project's own database on the server is unchanged.
        assert_eq!(project.state(), before);
        assert!(!project.has_history());
    }

    fn an_incomplete_downgrade_is_detected(engine) {
        let project = shop(engine);
        project.sql("2_shout", &project.read("migrations/2_shout.up.sql"), "UPDATE users SET shout = 'left', score = 0 WHERE id = 1;");
        let output = test(&project, "2");
        output.exits(1).prints(&[
            "failed 2_shout on",
            if engine == Engine::Mariadb { "`index users.users_shout` is" } else { "`index users_shout` is unexpected" },
            "after the downgrade: the rows of `users` differ",
        ]);
        // A migration that was not fully rolled back cannot be applied again.
        output.prints(&["after the second upgrade: the second upgrade failed", "file: 2_shout.up.sql"]);
        output.says(&["1 test on 1 database: 0 passed, 1 failed"]);
        let document = test(&project, "--format json");
        let json: serde_json::Value = serde_json::from_str(&document.exits(1).stdout).unwrap();
        let migrations = &json["databases"][0]["migrations"];
        assert_eq!([&json["passed"], &migrations[0]["result"], &migrations[1]["result"], &migrations[2]["result"]],
            [&serde_json::json!(false), &serde_json::json!("passed"), &serde_json::json!("failed"), &serde_json::json!("not-run")]);
    }

    fn a_lost_column_is_found_unless_ignored(engine) {
        let project = shop(engine);
        project.sql("3_forget", "ALTER TABLE users DROP COLUMN score;", "ALTER TABLE users ADD COLUMN score DECIMAL(8, 2);");
        for end in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/3_orders.{end}.sql"))).unwrap();
        }
        let output = test(&project, "forget");
        output.exits(1).prints(&["the rows of `users` differ: `score` differs", "1.5", "hint:", "ignore_rows"]);
        project.write(&format!("{TESTS}/3_forget/test.toml"), "ignore_rows = ['users.score']\n");
        test(&project, "forget").succeeds();
        // The setting can also apply to all migrations.
        project.write(&format!("{TESTS}/3_forget/test.toml"), "");
        test(&project, "forget").exits(1);
        project.settings("[test]\nignore_rows = ['users.score']");
        test(&project, "forget").succeeds();
    }

    fn failed_checks_show_what_was_found(engine) {
        let project = shop(engine);
        project
            .write(&format!("{TESTS}/2_shout/up/everyone.csv"), "id,shout\n1,ADA\n2,ROB\n4,ZOE; -- STILL\n5,EVE\n")
            .write(&format!("{TESTS}/2_shout/up/no_ada.sql"), "SELECT id, name FROM users WHERE name = 'Ada'")
            .write(&format!("{TESTS}/2_shout/down/wrong.sql"), "SELECT nothing FROM nowhere");
        let output = test(&project, "2_shout");
        output.exits(1).prints(&[
            "everyone.sql`: the rows differ",
            "row 2, expected: 2 | ROB",
            "row 2, found: 2 | BOB",
            "no_ada.sql`: expected no rows, found 1 row",
            "1 | Ada",
            "after the downgrade: the check `migrations/tests/2_shout/down/wrong.sql`",
            "nowhere",
        ]);
    }

    fn a_fixture_that_does_not_load_ends_the_test(engine) {
        let project = shop(engine);
        project.write(&format!("{TESTS}/1_users/fixtures/3_users.csv"), "id,name\n1,Ada\n");
        let output = test(&project, "");
        output.exits(1).prints(&["failed 1_users", "in the fixtures", "3_users.csv", "not run 2_shout"]);
        project.write(&format!("{TESTS}/1_users/fixtures/3_users.csv"), "id,nome\n1,Ada\n");
        test(&project, "").exits(1).prints(&["has no column `nome`", "there is one called `name`"]);
    }

    fn a_component_is_applied_rolled_back_and_applied(engine) {
        let project = shop_with_component(engine);
        project
            .write(&format!("{TESTS}/5_reference/up/raised.sql"), "SELECT price FROM items ORDER BY id")
            .write(&format!("{TESTS}/5_reference/up/raised.csv"), "price\n3\n4.5\n6\n");
        let output = test(&project, "5");
        output.succeeds().prints(&["passed 5_reference on", "up, down, up, 1 check ("]);
        output.does_not_say(&["passed 4_items"]);
    }
}

/// Features that only some engines have.
#[test]
fn files_for_one_engine_are_used_only_there() {
    let project = shop(Engine::Sqlite);
    project
        .write(&format!("{TESTS}/1_users/fixtures/9_only.postgres.sql"), "SELECT this is no SQL;")
        .write(&format!("{TESTS}/2_shout/up/only.mysql.sql"), "SELECT neither is this")
        .write(&format!("{TESTS}/2_shout/up/only.sqlite.sql"), "SELECT 1 WHERE sqlite_version() IS NULL");
    test(&project, "2").succeeds().prints(&["4 checks"]);
}

#[test]
fn an_irreversible_migration_is_only_applied() {
    let project = shop(Engine::Sqlite);
    project.write("migrations/4_forget.up.sql", "UPDATE users SET email = NULL;");
    test(&project, "").succeeds().prints(&["passed 4_forget on", "up, irreversible"]);
}

#[test]
fn several_databases_are_tested() {
    let project = shop(Engine::Sqlite);
    let [postgres, mariadb] =
        [Engine::Postgres, Engine::Mariadb].map(|engine| EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine));
    // MariaDB and PostgreSQL drop indexes with different syntax: use SQL that all three accept.
    project.sql(
        "2_shout",
        "ALTER TABLE users ADD COLUMN shout VARCHAR(60);\nUPDATE users SET shout = upper(name);",
        "ALTER TABLE users DROP COLUMN shout;",
    );
    project.settings(&format!(
        "[database]\nurl = 'sqlite:runner.db'\n[test]\nurls = ['sqlite:scratch', '${{PG}}', '{}']",
        mariadb.url()
    ));
    project.runner("test").exits(2).says(&["the variable `PG` is not set", "test.urls"]);
    // A variable for tests does not affect other commands.
    project.runner("status").succeeds();
    let mut command = project.command(["test", "--junit", "report.xml", "--format", "json"]);
    let output = project.finish(command.env("PG", postgres.url()));
    let json: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    let engines: Vec<&str> =
        json["databases"].as_array().unwrap().iter().map(|it| it["engine"].as_str().unwrap()).collect();
    assert!(
        engines[0].starts_with("SQLite 3")
            && engines[1].starts_with("PostgreSQL ")
            && engines[2].starts_with("MariaDB "),
        "{engines:?}"
    );
    let report = project.read("report.xml");
    assert_eq!(report.matches("<testcase ").count(), 9, "{report}");
    assert_eq!(report.matches("failures=\"0\" errors=\"0\" skipped=\"0\"").count(), 3, "{report}");
}

/// A server is never used for tests just because a variable names it for another purpose.
#[test]
fn a_server_must_be_configured_for_tests() {
    let project = shop(Engine::Postgres);
    project.runner("test").exits(2).says(&[
        "no server is configured for scratch databases",
        "--database-url",
        "[test]",
    ]);
    let nobody = project!();
    nobody.runner("test").succeeds().says(&["nothing to test"]);
}

#[test]
fn an_invalid_project_is_not_tested() {
    let project = shop(Engine::Sqlite);
    project.write(&format!("{TESTS}/7_lost/up/a.sql"), "SELECT 1");
    project.runner("test").exits(2).says(&["`migrations/tests/7_lost` belongs to no migration", "hint:"]);
    std::fs::remove_dir_all(project.file(&format!("{TESTS}/7_lost"))).unwrap();
    project.runner("test 9").exits(2).says(&["no revision or name begins with `9`"]);
    // Other commands ignore the files of tests.
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
}

/// A run that does not end is stopped by its limit, and the test fails.
#[test]
fn a_migration_that_never_ends_fails() {
    // Nothing before it: each run has this much time.
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite);
    project.sql(
        "1_endless",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;",
        "SELECT 1;",
    );
    let output = test(&project, "--limit wall_time=3s");
    output.exits(1).prints(&["failed 1_endless", "the upgrade failed", "wall_time"]);
}
