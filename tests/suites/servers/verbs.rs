//! The commands, in text and in JSON.

use runner_tests::{Engine, Output, for_each_engine, for_each_server, normalise, project};
use serde_json::Value;

use super::{fill, refused, shop};

fn json(output: &Output) -> Value {
    let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(value["schema"], 1, "{output}");
    value
}

for_each_engine! {
    fn a_full_cycle(engine) {
        let project = shop(engine);
        let empty = project.state();
        project.runner("status --exit-code").exits(3).prints(&["0001", "pending"]);
        project.runner("current").succeeds().prints(&["base"]);
        project.runner("history").succeeds();
        project.runner("plan").succeeds().prints(&["0001", "create_users", "0003"]);
        project.runner("plan --sql").succeeds().prints(&["CREATE TABLE orders"]);
        project.runner("validate").succeeds();
        assert!(!project.has_history(), "something was written by looking");

        project.runner("apply --target +1").succeeds();
        let first = project.state();
        project.runner("apply").succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
        assert_eq!(project.rows("SELECT name, nick FROM users ORDER BY id"), ["Ada|ada", "Grace|grace"]);
        project.runner("apply").succeeds();
        project.runner("status --exit-code").exits(0).prints(&["applied"]);
        project.runner("current").succeeds().prints(&["0003_rename_users"]);
        project.runner("show 1").succeeds().prints(&["0001_create_users", "applied", "Users and their addresses"]);
        project.runner("plan").succeeds();
        let full = project.state();

        project.runner("redo").succeeds();
        assert_eq!(project.state(), full);
        project.runner("rollback").succeeds();
        assert_eq!(project.history(), ["0001", "0002"]);
        project.runner("history").succeeds().prints(&["create_users", "rolled back"]);
        project.runner("plan --target base").succeeds().prints(&["0002", "0001"]);
        project.runner("rollback --target 0001").succeeds();
        assert_eq!(project.state(), first);
        project.runner("rollback --all").succeeds();
        assert_eq!(project.state(), empty);
        assert_eq!(project.history(), Vec::<String>::new());
        project.runner("rollback -n 1").exits(0).says(&["nothing is applied"]);
    }

    fn a_file_for_another_database_disturbs_no_run(engine) {
        let project = project!(engine);
        project.sql("1_a", "CREATE TABLE a (id INTEGER PRIMARY KEY)", "DROP TABLE a");
        project.sql("2_b", "CREATE TABLE b (id INTEGER PRIMARY KEY)", "DROP TABLE b");
        project.runner("build").succeeds();
        project.runner("apply --target 1").succeeds();
        let other = if engine == Engine::Sqlite { "postgres" } else { "sqlite" };
        for id in ["1_a", "2_b"] {
            project.write(&format!("migrations/{id}.up.{other}.sql"), "SELECT 1");
        }
        project.runner("plan").succeeds().prints(&["2_b"]);
        project.runner("apply").succeeds();
        project.runner("status --exit-code").exits(0);
        project.runner("rollback --all").succeeds();
        assert_eq!(project.history(), Vec::<String>::new());
        // The lockfile does not list them yet.
        let added = format!("`1_a.up.{other}.sql` was added since `runner.lock` was written");
        project.runner("validate").exits(4).says(&[&added]);
        project.runner("apply --locked").exits(4).says(&[&added]);
        project.runner("build").succeeds();
        project.runner("validate").succeeds();
        project.runner("apply --locked").succeeds();
    }

    fn a_full_cycle_in_json(engine) {
        let project = shop(engine);
        for line in ["validate", "plan", "status", "current", "history"] {
            json(project.runner(&format!("{line} --format json")).succeeds());
        }
        let applied = json(project.runner("apply --format json").succeeds());
        assert_eq!(applied["result"], "done");
        assert_eq!(applied["applied"].as_array().unwrap().len(), 3);
        assert_eq!(applied["applied"][0]["rows_written"], 2);
        let status = json(project.runner("status --format json").succeeds());
        assert_eq!(status["counts"]["applied"], 3);
        let url = status["database"]["url"].as_str().unwrap();
        assert!(url.starts_with(["sqlite", "postgres", "mysql"][engine as usize]), "{url}");
        let shown = json(project.runner("show 0002 --format json").succeeds());
        assert_eq!(shown["state"], "applied");
        let back = json(project.runner("rollback --format json").succeeds());
        assert_eq!(back["rolled_back"][0]["revision"], "0003");
        assert_eq!(json(project.runner("current --format json").succeeds())["current"], "0002_create_orders");
        json(project.runner("redo --format json").succeeds());
        let runs = json(project.runner("history --format json").succeeds());
        assert_eq!(runs["runs"].as_array().unwrap().len(), 4, "{runs}");
    }

    fn targets_are_found_by_every_name(engine) {
        for (line, end) in [
            ("apply --target 2", vec!["0001", "0002"]),
            ("apply --target create_o", vec!["0001", "0002"]),
            ("apply --target next", vec!["0001"]),
            ("apply --target +2", vec!["0001", "0002"]),
            ("apply --target latest", vec!["0001", "0002", "0003"]),
        ] {
            let project = shop(engine);
            project.runner(line).succeeds();
            assert_eq!(project.history(), end, "{line}");
        }
        let project = shop(engine);
        project.runner("apply").succeeds();
        project.runner("rollback --target create_users").succeeds();
        assert_eq!(project.history(), ["0001"]);
        project.runner("apply --target nobody").exits(2).says(&["nobody"]);
    }

    fn changed_and_missing_migrations_are_reported(engine) {
        let project = shop(engine);
        project.runner("apply --target 2").succeeds();
        project.sql("0001_create_users", "CREATE TABLE users (id INTEGER);", "DROP TABLE users;");
        std::fs::remove_file(project.file("migrations/0002_create_orders.up.sql")).unwrap();
        std::fs::remove_file(project.file("migrations/0002_create_orders.down.sql")).unwrap();
        project.runner("status --exit-code").exits(4).prints(&["changed", "missing"]);
        refused(&project, "apply", 4, &["changed", "hint:"]);
    }

    fn a_script_may_not_end_the_transaction_or_touch_the_history(engine) {
        for statement in ["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "DELETE FROM runner_history", "DROP TABLE runner_meta"] {
            let project = shop(engine);
            project.runner("apply").succeeds();
            project.sql("0004_bad", &format!("UPDATE users SET nick = 'x';\n{statement};"), "SELECT 1;");
            let history = project.history();
            let output = project.runner("apply");
            output.says(&["0004_bad", "error:", "hint:"]);
            // The text shows it, so nothing has run: not even where each statement commits by itself.
            // Without its `COMMIT`, it is a file that was cut off.
            output.exits(if statement == "BEGIN" { 2 } else { 7 }).does_not_say(&["applying"]);
            assert_eq!(project.history(), history, "{statement}");
        }
    }

    /// Rows in a file are sent together; an error is still that of one statement.
    fn an_error_among_many_rows_names_its_statement(engine) {
        let project = project!(engine);
        project.sql("1_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, s VARCHAR(40))", "DROP TABLE a");
        let row = |id: u32| format!("INSERT INTO a (id, s) VALUES ({id}, 'row {id}');\n");
        let rows = |bad: &str| format!("{}{bad}{}", (1..=900).map(row).collect::<String>(), (902..=1500).map(row).collect::<String>());
        let begin = if engine == Engine::Mariadb { "START TRANSACTION" } else { "BEGIN" };
        for (bad, why) in [
            ("INSERT INTO a (id, s) VALUES (900, 'twice');\n", "900"),
            ("INSERT INTO a (id, s) VALUES (901, 'x') oops;\n", "oops"),
            ("INSERT INTO a (id, other) VALUES (901, 'x');\n", "other"),
        ] {
            project.sql("2_rows", &format!("{begin};\n{}COMMIT;", rows(bad)), "DELETE FROM a");
            project.runner("apply").exits(1).says(&["2_rows", "901 of 1500, line 902", why]);
            assert_eq!(project.history(), ["1"]);
            assert_eq!(project.rows("SELECT count(*) FROM a"), ["0"]);
        }
        let good = rows("INSERT INTO a (id, s) VALUES (901, 'it''s; a \"row\"') -- 901\n;\n");
        project.sql("2_rows", &format!("{begin};\n{good}COMMIT;"), "DELETE FROM a");
        let applied = json(&project.runner("apply --format json"));
        assert_eq!(applied["applied"][0]["rows_written"], 1500, "{applied}");
        assert_eq!(project.rows("SELECT count(*), min(s), max(id) FROM a WHERE id >= 901"), ["600|it's; a \"row\"|1500"]);
    }

    fn an_error_names_its_statement(engine) {
        let project = shop(engine);
        project.sql("0002_create_orders", "UPDATE users SET name = name;\nINSERT INTO nowhere VALUES (1);", "SELECT 1;");
        let output = project.runner("apply");
        assert!(matches!(output.exit_code(), Some(1 | 6)), "{output}");
        output.says(&["0002_create_orders", "statement", "nowhere", "0002_create_orders.up.sql", "2 of 2, line 2"]);
        assert_eq!(project.history(), ["0001"]);
        // Once fixed, it continues.
        project.sql("0002_create_orders", "UPDATE users SET name = name;\nCREATE TABLE nowhere (id INTEGER);", "SELECT 1;");
        project.runner("apply").succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
    }
}

/// What `plan --sql` prints is a script for the server's own client, whatever delimiters the files have, and whether they have any.
#[test]
fn the_planned_sql_is_a_script_for_the_client() {
    let project = project!(Engine::Mariadb);
    let body = "BEGIN INSERT INTO told VALUES (1); INSERT INTO told VALUES (2); END";
    project.sql(
        "1_a",
        &format!("CREATE TABLE told (a INT);\nDELIMITER //\nCREATE PROCEDURE one() {body}//"),
        "SELECT 1;",
    );
    project.sql("2_b", &format!("CREATE PROCEDURE two() {body};\n-- two\nCREATE TABLE t (a INT)"), "SELECT 1;");
    project.sql(
        "3_c",
        "CREATE DEFINER=CURRENT_USER() TRIGGER g AFTER INSERT ON t FOR EACH ROW BEGIN CALL one(); CALL two(); END",
        "SELECT 1;",
    );
    let script = project.runner("plan --sql").succeeds().stdout.clone();
    project.execute(&script);
    project.execute("INSERT INTO t VALUES (1)");
    assert_eq!(project.value("SELECT count(*) FROM told"), "4", "{script}");
    project.execute("DROP TABLE t, told; DROP PROCEDURE one; DROP PROCEDURE two");
    project.runner("apply").succeeds();
}

for_each_server! {
    /// A project behaves in the same way on every engine.
    fn behaves_as_on_sqlite(engine) {
        let (there, here) = (shop(engine), shop(Engine::Sqlite));
        for line in ["status", "current", "plan --sql", "history", "validate"] {
            let text = |project: &runner_tests::EngineProject| {
                let output = project.runner(line);
                let modes = normalise(&output.stdout, project.root()).replace("stepwise", "[MODE]").replace("atomic", "[MODE]");
                // A file with DDL has no transaction on MariaDB.
                let lines = modes.lines().filter(|line| !matches!(*line, "BEGIN;" | "COMMIT;"));
                lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
            };
            assert_eq!(text(&there), text(&here), "{line}");
        }
    }

    /// A dry run leaves nothing where DDL can be rolled back, and is refused where it cannot.
    fn dry_runs(engine) {
        let project = shop(engine);
        let before = project.state();
        let output = project.runner("apply --dry-run");
        match engine {
            Engine::Mariadb => drop(output.says(&["error:"])),
            _ => drop(output.succeeds()),
        }
        assert_eq!(project.state(), before, "{output}");
        assert!(!project.has_history(), "{output}");
    }

    fn works_over_the_unix_socket(engine) {
        let mut project = project!(engine);
        fill(&project);
        if let Some(url) = project.server_database().socket_url() {
            project.by(&url);
            project.runner("apply").succeeds();
            assert_eq!(project.history(), ["0001", "0002", "0003"]);
        }
    }
}
