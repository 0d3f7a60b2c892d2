//! A project from `init` on, command by command.

use super::*;

#[test]
fn a_new_project_applies_at_once() {
    let project = project!(empty);
    assert_snapshot!(project.runner("init shop").snapshot());
    assert!(project.file("shop/runner.toml").exists());
    assert!(project.file("shop/migrations").is_dir());
    let mut command = project.command(["apply"]);
    let applied = project.finish(command.current_dir(project.file("shop")));
    applied.succeeds();
    assert!(project.file("shop/shop.db").exists());
    // A second `init` must not overwrite changes.
    project.runner("init shop").exits(2).says(&["runner.toml", "hint:"]);
}

#[test]
fn init_in_the_current_directory() {
    let project = project!(empty);
    project.runner("init").succeeds();
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
    project.runner("rollback --all").succeeds();
}

/// The line of a resumed migration counts what this run did, in the time that it took.
#[test]
fn a_resumed_migration_counts_its_own_rows() {
    let project = project!();
    let many = "CREATE TABLE a (id INTEGER);\nINSERT INTO a WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                WHERE i < 5000) SELECT i FROM n;";
    let text = |last: &str| format!("-- runner:no-transaction\n{many}\n{last}");
    project.sql("1_a", &text("INSERT INTO nowhere VALUES (1);"), "DROP TABLE a;");
    project.runner("apply").exits(6);
    project.sql("1_a", &text("INSERT INTO a VALUES (0);"), "DROP TABLE a;");
    let output = project.runner("apply");
    output.succeeds().says(&["applied 1_a (", ", 1 row)"]);
    assert_eq!(project.value("SELECT rows_written FROM runner_history"), "5001", "the history counts all runs");
}

#[test]
fn init_for_a_database() {
    let project = project!(empty);
    let database = "postgres://app:s%40cret@localhost/shop";
    assert_snapshot!(project.runner(&format!("init shop -D {database}")).snapshot());
    let settings = std::fs::read_to_string(project.file("shop/runner.toml")).unwrap();
    assert!(settings.contains("\nurl = \"postgres://app:${DB_PASSWORD}@localhost/shop\"\n"), "{settings}");
    assert_eq!(std::fs::read_to_string(project.file("shop/.env")).unwrap(), "DB_PASSWORD='s%40cret'\n");
    assert!(std::fs::read_to_string(project.file("shop/.gitignore")).unwrap().contains(".env"));
    project.runner("init relative -D sqlite:shop.db").succeeds();
    let mut command = project.command(["apply"]);
    project.finish(command.current_dir(project.file("relative"))).succeeds();
    assert!(project.file("shop.db").exists(), "a relative path starts at the current directory");
    // What would be lost is refused before anything is written.
    project.write("other/.env", "DB_PASSWORD=mine\n");
    project.runner(&format!("init other -D {database}")).exits(2).says(&["`DB_PASSWORD`", "hint:"]);
    assert!(!project.file("other/runner.toml").exists() && !project.file("other/migrations").exists());
    project.runner("init bad -D oracle://x").exits(2).says(&["oracle"]);
    assert!(!project.file("bad").exists());
}

#[test]
fn commands_that_look_name_the_database() {
    let project = shop();
    project.settings("[database]\nurl = \"sqlite:main.db\"\n[environments.live]\nurl = \"sqlite:live.db\"");
    let from = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = project.command(arguments);
        let output = project.finish(command.envs(variables.iter().copied()));
        output.succeeds();
        normalise(&output.stderr, project.root()).lines().next().unwrap_or_default().to_owned()
    };
    for verb in ["status", "plan", "current", "history"] {
        let said = from(&[verb, "-e", "live"], &[]);
        assert_eq!(
            said,
            "database: sqlite://[PROJECT]/live.db (from `environments.live.url` in `runner.toml`, line 6)"
        );
        assert_eq!(from(&[verb], &[("RUNNER_ENVIRONMENT", "live")]), said, "flag and variable are one selection");
        let said = from(&[verb], &[("DATABASE_URL", "sqlite:x.db")]);
        assert_eq!(said, "database: sqlite://[PROJECT]/x.db (from `DATABASE_URL` in the environment)");
        assert_eq!(from(&[verb, "--quiet"], &[]), "");
        let document = json(&project.runner(&format!("{verb} --format json")));
        assert_eq!(document["database"]["source"], "from `database.url` in `runner.toml`, line 4");
    }
}

#[test]
fn apply_and_again() {
    let project = shop();
    assert_snapshot!(project.runner("apply").snapshot());
    assert_snapshot!(project.runner("apply").snapshot());
}

#[test]
fn apply_verbose() {
    let project = shop();
    assert_snapshot!(project.runner("apply --verbose").snapshot());
    let quiet = project.runner("redo --quiet");
    quiet.succeeds();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn plan() {
    let project = shop();
    project.runner("apply --target 1").succeeds();
    assert_snapshot!(project.runner("plan").snapshot());
    assert_snapshot!(project.runner("plan --sql").snapshot());
    assert_snapshot!(project.runner("plan --target base").snapshot());
    project.runner("apply").succeeds();
    assert_snapshot!(project.runner("plan").snapshot());
}

#[test]
fn the_sql_of_a_plan_is_one_script() {
    let project = shop();
    project.runner("apply").succeeds();
    project
        .sql("0101_a", "CREATE TABLE a (b TEXT);\nINSERT INTO a VALUES (';') -- the last; one\n", "DROP TABLE a;")
        .sql("0102_b", "-- a trigger\nCREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END", "DROP TRIGGER t;")
        .sql("0103_c", "INSERT INTO a VALUES ('x'); -- it ends here\n", "DELETE FROM a;")
        .sql("0104_d", "-- nothing\n", "");
    let script = project.runner("plan --sql").succeeds().stdout.clone();
    assert_eq!(script.matches("\n;\n").count(), 2, "{script}");
    project.database().execute_batch(&script).unwrap();
    assert!(project.dump_user().tables().contains(&"a"));
}

#[test]
fn the_sql_of_a_partial_migration_is_what_is_left() {
    let project = project!();
    let text = |third: &str| {
        format!(
            "-- runner:no-transaction\nCREATE TABLE a (b TEXT);\nINSERT INTO a VALUES (';');\n{third};\n\
             CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a WHERE b = 'x'; END"
        )
    };
    project.sql("0001_a", &text("SELECT nope()"), "DROP TABLE a;");
    project.runner("apply").exits(6);
    project.sql("0001_a", &text("INSERT INTO a VALUES ('y')"), "DROP TABLE a;");
    let script = project.runner("plan --sql").succeeds().prints(&["without its first 2 statements"]).stdout.clone();
    project.database().execute_batch(&script).unwrap();
    assert_eq!(project.value("SELECT group_concat(b) FROM a"), ";,y");
}

/// What cannot be seen in a literal is a part of it.
#[test]
fn the_sql_of_a_plan_is_that_of_the_file() {
    let project = project!();
    let up = "INSERT INTO words VALUES ('می\u{200c}خواهم', 'co\u{ad}op', '\u{202e}');\n";
    project.sql("0001_words", up, "");
    // The harness refuses such characters, which a terminal must not get.
    let plan = |project: &TestProject| project.command(["plan", "--sql"]).output().unwrap();
    let output = plan(&project);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("-- upgrade 0001_words, atomic\nBEGIN;\n{up}COMMIT;\n")
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("U+"));
    project.sql("0001_words", "SELECT 1,\n'\u{1b}[2J';\n", "");
    project
        .runner("plan --sql")
        .succeeds()
        .prints(&["'\\u{1b}[2J'"])
        .says(&["`0001_words.up.sql` contains U+001B in line 2, which is printed as `\\u{1b}`", "--format json"]);
}

#[test]
fn status() {
    let project = shop();
    assert_snapshot!(project.runner("status").snapshot());
    project.runner("apply --target 2").succeeds();
    project.sql("0001_create_users", "CREATE TABLE users (id INTEGER);", "DROP TABLE users;");
    std::fs::remove_file(project.file("migrations/0002_create_orders.up.sql")).unwrap();
    std::fs::remove_file(project.file("migrations/0002_create_orders.down.sql")).unwrap();
    assert_snapshot!(project.runner("status").snapshot());
    project.runner("status --exit-code").exits(4);
}

/// Without the directory, nothing is known about what is pending.
#[test]
fn status_without_the_directory_of_migrations() {
    let project = project!(empty);
    project.write("runner.toml", "[database]\nurl = \"sqlite:shop.db\"\n");
    project.runner("status").succeeds().says(&["has no directory `migrations`"]);
    project.runner("status --exit-code").exits(2);
}

#[test]
fn current() {
    let project = shop();
    assert_snapshot!(project.runner("current").snapshot());
    project.runner("apply --target 2").succeeds();
    assert_snapshot!(project.runner("current").snapshot());
}

#[test]
fn history() {
    let project = shop();
    assert_snapshot!(project.runner("history").snapshot());
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    let history = project.runner("history");
    history.succeeds().prints(&["0001", "create_users", "0003", "rolled back"]);
    let lines = normalise(&history.stdout, project.root());
    let took = lines.lines().filter(|line| line.contains("  [TIME]  ")).count();
    assert_eq!(took, lines.lines().count() - 1, "a rollback takes its time too: {}", history.stdout);
}

#[test]
fn show_finds_revisions_that_only_the_history_has() {
    let project = shop();
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    for file in std::fs::read_dir(project.file("migrations")).expect("a directory") {
        let file = file.expect("a file").path();
        if file.to_string_lossy().contains("0003_") {
            std::fs::remove_file(file).expect("removed");
        }
    }
    project.runner("show 3").succeeds().prints(&["0003", "rolled-back", "not found", "in the database"]);
}

#[test]
fn show() {
    let project = with_component();
    project.runner("show 2").succeeds().prints(&["2_hostile", "misbehave", "component"]);
    project.runner("apply").succeeds();
    project.runner("show hostile").succeeds().prints(&["2_hostile", "applied", "sha256"]);
    project.runner("show people").succeeds().prints(&["1_people", "sql"]);
    project.runner("show nobody").exits(2).says(&["nobody", "hint:"]);
}

#[test]
fn validate() {
    let project = with_component();
    assert_snapshot!(project.runner("validate").snapshot());
    project.runner("validate --locked").succeeds();
    project.sql("3_new", "SELECT 1;", "SELECT 1;");
    project.runner("validate").succeeds();
    project.runner("validate --locked").exits(4).says(&["3_new", "runner build"]);
    project.runner("apply --locked").exits(4).says(&["3_new"]);
    project.runner("build").succeeds();
    project.runner("validate --locked").succeeds();
}

#[test]
fn rollback_and_redo() {
    let project = shop();
    project.runner("apply").succeeds();
    assert_snapshot!(project.runner("rollback").snapshot());
    assert_snapshot!(project.runner("redo").snapshot());
    assert_snapshot!(project.runner("rollback --all").snapshot());
    assert_snapshot!(project.runner("rollback").snapshot());
}

#[test]
fn a_component_logs() {
    let project = with_component();
    let output = project.runner("apply --parameter behaviour=flood_log_lines --limit log_lines=3");
    assert_snapshot!(output.snapshot());
}

#[test]
fn a_component_fails() {
    let project = with_component();
    assert_snapshot!(project.runner("apply --parameter behaviour=panic").snapshot());
    assert_snapshot!(project.runner("apply --parameter behaviour=return_database_error").snapshot());
    assert_snapshot!(project.runner("apply --parameter behaviour=changed_key").snapshot());
}

#[test]
fn sql_fails() {
    let project = shop();
    project.sql(
        "0002_create_orders",
        "SELECT 1;\nCREATE TABLE x (id INTEGER);\nINSERT INTO y VALUES (1);",
        "SELECT 1;",
    );
    assert_snapshot!(project.runner("apply").snapshot());
}
