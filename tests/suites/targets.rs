//! Targets of `apply`, `rollback`, `redo` and `plan`, in every form.

use runner_tests::{Output, TestProject, dump, project};

const MIGRATIONS: [&str; 5] =
    ["0001_create_users", "0002_create_orders", "0003_index_orders", "0010_users", "20260105093000_report"];

fn five() -> TestProject {
    let project = project!();
    for (at, id) in MIGRATIONS.iter().enumerate() {
        project.sql(id, &format!("CREATE TABLE t{at} (id INTEGER PRIMARY KEY);"), &format!("DROP TABLE t{at};"));
    }
    project
}

/// Which of the five are applied, as digits, judging by the existing tables; the history must agree.
fn state(project: &TestProject) -> String {
    if !project.file("runner.db").exists() {
        return String::new();
    }
    let connection = project.database();
    let tables =
        dump::rows(&connection, "SELECT substr(name, 2) FROM sqlite_schema WHERE name GLOB 't[0-9]' ORDER BY name");
    if dump::value(&connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'runner_history'") == "1" {
        let history = dump::rows(&connection, "SELECT revision FROM runner_history WHERE state = 'applied'");
        let mut recorded: Vec<String> = history
            .iter()
            .map(|revision| {
                MIGRATIONS.iter().position(|id| id.split('_').next() == Some(revision)).unwrap().to_string()
            })
            .collect();
        recorded.sort();
        assert_eq!(recorded, tables, "history and tables disagree");
    }
    tables.concat()
}

/// A project in this state.
fn at(start: &str) -> TestProject {
    let project = five();
    match start.len() {
        0 => {}
        count => drop(project.runner(&format!("apply --target +{count}")).succeeds()),
    }
    assert_eq!(state(&project), start);
    project
}

fn lead(start: &str, line: &str, end: &str) {
    let project = at(start);
    let output = project.runner(line);
    output.succeeds();
    assert_eq!(state(&project), end, "`{line}` from `{start}`\n{output}");
}

fn refused(start: &str, line: &str, code: i32, says: &[&str]) -> Output {
    let project = at(start);
    let before = project.file("runner.db").exists().then(|| project.dump());
    let output = project.runner(line);
    output.exits(code).says(says).says(&["hint:"]);
    assert_eq!(project.file("runner.db").exists().then(|| project.dump()), before, "`{line}` from `{start}`");
    output
}

#[test]
fn apply_upgrades() {
    for (start, line, end) in [
        ("", "apply", "01234"),
        ("", "apply --target latest", "01234"),
        ("", "apply --target head", "01234"),
        ("", "apply --target heads", "01234"),
        ("", "apply --target next", "0"),
        ("01", "apply --target next", "012"),
        ("01", "apply --target current", "01"),
        ("01", "apply --target +2", "0123"),
        ("", "apply --target 0003", "012"),
        ("", "apply --target 3", "012"),
        ("", "apply --target 0003_index_orders", "012"),
        ("", "apply --target index_orders", "012"),
        ("", "apply --target index", "012"),
        ("", "apply --target users", "0123"),
        ("", "apply --target 2026", "01234"),
        ("", "apply --target 20260105093000", "01234"),
        ("01", "apply --target 2", "01"),
        ("01234", "apply", "01234"),
        ("01234", "apply --target latest", "01234"),
    ] {
        lead(start, line, end);
    }
}

#[test]
fn apply_never_downgrades() {
    refused("012", "apply --target 0001", 2, &["already past", "0001_create_users", "0003_index_orders", "rollback"]);
    refused("012", "apply --target base", 2, &["base", "rollback"]);
    refused("012", "apply --target=-1", 2, &["`runner rollback` rolls back the last migration"]);
    refused("012", "apply --target=-2", 2, &["`runner rollback -n 2` rolls back the last 2 migrations"]);
}

#[test]
fn rollback_downgrades() {
    for (start, line, end) in [
        ("01234", "rollback", "0123"),
        ("01234", "rollback -n 2", "012"),
        ("01234", "rollback --target=-2", "012"),
        ("01234", "rollback --target 0002", "01"),
        ("01234", "rollback --target create_orders", "01"),
        ("01234", "rollback --target base", ""),
        ("01234", "rollback --all", ""),
        ("01", "rollback --target 2", "01"),
        ("01", "rollback --target current", "01"),
    ] {
        lead(start, line, end);
    }
}

#[test]
fn rollback_never_upgrades() {
    refused("01", "rollback --target 0003", 2, &["not applied", "apply"]);
    refused("01", "rollback --target latest", 2, &["only downgrades", "apply"]);
    refused("01", "rollback -n 3", 2, &["3 is more than the number of applied migrations, 2", "--all"]);
}

#[test]
fn ambiguous_targets_are_refused() {
    let output = refused("", "apply --target create", 2, &["`create` is ambiguous; it matches 2 revisions"]);
    output.says(&["0001_create_users", "0002_create_orders"]);
    refused("", "apply --target 00", 2, &["it matches 4 revisions"]);
    refused("", "apply --target craete_users", 2, &["did you mean `create_users`?"]);
    refused("", "apply --target 9999", 2, &["9999"]);
    refused("", "apply --target +9", 2, &["`+9` is more than the number of pending migrations, 5"]);
    refused("", "apply --target +0", 2, &["`+0` is not a target"]);
    refused("", "apply --target +x", 2, &["`+x` is not a target"]);
    let project = five();
    project.run(["apply", "--target", ""]).exits(2).says(&["target is empty"]);
}

/// A target word takes precedence over names with that prefix.
#[test]
fn target_words_take_precedence_over_names() {
    for (target, tables) in [("next", 1), ("next_", 3), ("next_steps", 3), ("head", 4), ("header", 2), ("hea", 2)] {
        let project = project!();
        for id in ["1_first", "2_header", "3_next_steps", "4_last"] {
            project.sql(id, &format!("CREATE TABLE t{id} (id INTEGER);"), &format!("DROP TABLE t{id};"));
        }
        project.runner(&format!("apply --target {target}")).succeeds();
        let count = project.value("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]_*'");
        assert_eq!(count, tables.to_string(), "--target {target}");
    }
}

/// Another tool may have given it that name; the word means the target all the same.
#[test]
fn a_migration_named_like_a_target_is_reached_by_its_revision() {
    for name in ["base", "next", "latest", "head", "heads", "current"] {
        let project = project!();
        project.sql(&format!("1_{name}"), "SELECT 1;", "SELECT 1;").sql("2_b", "SELECT 1;", "SELECT 1;");
        let note = format!("`--target {name}` does not mean `1_{name}`: write `--target 1_{name}`");
        project.runner("validate").succeeds().says(&[&note]);
        project.runner(&format!("apply --target 1_{name}")).succeeds();
        assert_eq!(project.value("SELECT revision FROM runner_history"), "1");
        project.runner(&format!("new {name}")).exits(2).says(&["reserved"]);
    }
}

#[test]
fn redo_is_one_down_and_up_again() {
    let project = at("012");
    let connection = project.database();
    connection.execute("INSERT INTO t2 VALUES (1)", []).unwrap();
    connection.execute("INSERT INTO t1 VALUES (1)", []).unwrap();
    drop(connection);
    project.runner("redo").succeeds();
    assert_eq!(state(&project), "012");
    assert_eq!(project.value("SELECT count(*) FROM t2"), "0");
    assert_eq!(project.value("SELECT count(*) FROM t1"), "1");
}

#[test]
fn redo_accepts_a_changed_migration() {
    let project = at("012");
    project.sql("0003_index_orders", "CREATE TABLE t2 (id INTEGER PRIMARY KEY, more TEXT);", "DROP TABLE t2;");
    project.runner("apply").exits(4).says(&["was changed after it was applied", "0003_index_orders", "redo"]);
    project.runner("redo").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM pragma_table_info('t2')"), "2");
    project.runner("apply").succeeds();
}

#[test]
fn redo_of_nothing_is_refused() {
    refused("", "redo", 2, &["does not exist"]);
    let project = at("0");
    project.runner("rollback").succeeds();
    project.runner("redo").exits(2).says(&["applied", "hint:"]);
}

#[test]
fn rolling_back_nothing_is_reported() {
    // A rollback requires an existing database.
    refused("", "rollback --all", 2, &["does not exist"]);
    let project = at("0");
    project.runner("rollback --all").succeeds();
    project.runner("rollback --all").succeeds().says(&["nothing"]);
    assert_eq!(state(&project), "");
}

#[test]
fn a_plan_and_a_dry_run_write_nothing() {
    let project = five();
    project.runner("plan").succeeds().prints(&["0001_create_users", "20260105093000_report"]);
    assert!(!project.file("runner.db").exists(), "a plan made the database file");
    project.runner("apply --dry-run").succeeds();
    assert!(!project.file("runner.db").exists(), "a dry run made the database file");
    let project = at("01");
    let before = project.dump();
    project.runner("plan --target 0003").succeeds().prints(&["0003_index_orders"]).does_not_say(&["0010_users"]);
    project.runner("plan --target base").succeeds().prints(&["0001_create_users"]);
    project.runner("apply --dry-run").succeeds();
    project.runner("rollback --dry-run").succeeds();
    assert_eq!(project.dump(), before);
}

#[test]
fn an_out_of_order_migration_needs_a_flag() {
    let project = at("0123");
    project.sql("0005_late", "CREATE TABLE late (id INTEGER);", "DROP TABLE late;");
    let output = project.runner("apply");
    output.exits(4).says(&["0005_late", "older than `0010_users`", "--allow-out-of-order"]);
    assert_eq!(state(&project), "0123");
    project.runner("apply --allow-out-of-order").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM late"), "0");
    assert_eq!(state_without_late(&project), "01234");
}

fn state_without_late(project: &TestProject) -> String {
    dump::rows(&project.database(), "SELECT substr(name, 2) FROM sqlite_schema WHERE name GLOB 't[0-9]' ORDER BY name")
        .concat()
}

#[test]
fn a_missing_migration_needs_a_flag() {
    let project = at("012");
    for file in ["0002_create_orders.up.sql", "0002_create_orders.down.sql"] {
        std::fs::remove_file(project.file(&format!("migrations/{file}"))).unwrap();
    }
    project.runner("apply").exits(4).says(&["missing from the project", "0002_create_orders", "--allow-missing"]);
    project.runner("status").prints(&["missing"]);
    project.runner("apply --allow-missing").succeeds();
}

/// A rollback runs what was applied, even if the project no longer has it or changed it.
#[test]
fn a_rollback_runs_what_was_applied() {
    let project = at("01234");
    for file in ["20260105093000_report.up.sql", "20260105093000_report.down.sql"] {
        std::fs::remove_file(project.file(&format!("migrations/{file}"))).unwrap();
    }
    project.sql("0010_users", "CREATE TABLE other (id INTEGER);", "DROP TABLE other;");
    project.runner("rollback -n 2").succeeds();
    assert_eq!(state(&project), "012");
}

#[test]
fn an_irreversible_migration_is_refused_before_anything_runs() {
    for (up, says) in [
        ("CREATE TABLE t (id INTEGER);", "write `0011_forward.down.sql`"),
        ("-- runner:irreversible\nCREATE TABLE t (id INTEGER);", "irreversible"),
    ] {
        let project = at("0123");
        project.write("migrations/0011_forward.up.sql", up);
        project.runner("apply").succeeds();
        let before = project.dump();
        project.runner("rollback -n 3").exits(2).says(&["0011_forward", says]);
        assert_eq!(project.dump(), before);
    }
}

#[test]
fn dependencies_apply_in_both_directions() {
    let project = at("01");
    project.sql("0004_needs", "-- runner:depends-on 0003\nCREATE TABLE n (id INTEGER);", "DROP TABLE n;");
    project.runner("apply --target 0004").succeeds();
    project.sql("0005_lost", "-- runner:depends-on 0777\nCREATE TABLE l (id INTEGER);", "DROP TABLE l;");
    project.runner("apply").exits(2).says(&["0005_lost", "0777"]);
}
