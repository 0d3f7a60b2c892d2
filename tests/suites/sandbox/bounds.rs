//! What a statement can make SQLite use: stack and memory, as the kernel counts them for a process of its own.
#![cfg(unix)]

use std::process::Stdio;

use super::*;

/// What a run may need beyond one whose component does nothing, in KiB: what SQLite may take for a component, a row on its way
/// to it, and the stack on which SQLite runs.
const SLACK: i64 = 120 << 10;

/// Runs a project's pending migrations. Returns the exit code, and the peak memory in KiB; a signal fails the test.
fn measured(project: &TestProject, behaviour: Behaviour) -> (i32, i64) {
    let mut command = project.command(["apply", "--quiet", "--parameter"]);
    command.arg(format!("behaviour={}", behaviour.name()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (status, peak) = runner_tests::peak(&mut command);
    (status.code().unwrap_or_else(|| panic!("{status}")), peak)
}

/// Lets a component try the statements, and returns how much more memory that took than to do nothing. `code`: how the run
/// ends; the database is unchanged either way.
fn growth(statements: &[String], code: i32, prepare: impl Fn(&rusqlite::Connection)) -> i64 {
    let run = |behaviour, code| {
        let project = hostile();
        prepare(&project.database());
        let list = statements.join("\n");
        assert!(!list.contains("'''"), "the list would end early");
        project.settings(&format!("[parameters]\nstatements = '''\n{list}'''"));
        let (found, peak) = measured(&project, behaviour);
        assert_eq!(found, code, "{behaviour:?}: {statements:.200?}");
        assert_eq!(project.value("SELECT count(*) FROM people"), "100");
        peak
    };
    run(Behaviour::Statements, code) - run(Behaviour::Behave, 0)
}

fn nested(levels: usize) -> String {
    format!("{}SELECT 1{}", "SELECT * FROM (".repeat(levels), ")".repeat(levels))
}

#[test]
fn deep_statements_do_not_end_the_process() {
    let deep: Vec<String> = [1_000, 2_400, 8_211, 60_000].map(nested).into();
    let grown = growth(&deep, 0, |_| {});
    assert!(grown < SLACK, "{grown} KiB");
    // From a file, on the main thread.
    for (levels, code) in [(300, 0), (60_000, 7)] {
        let project = project!();
        project.sql("0001_deep", &format!("CREATE TABLE t AS {};", nested(levels)), "DROP TABLE t;");
        let (found, _) = measured(&project, Behaviour::Behave);
        assert_eq!(found, code, "{levels}");
    }
}

#[test]
fn long_chains_do_not_end_the_process() {
    let statements = ["INSERT INTO t0 VALUES (1)", "SELECT * FROM v4000", "DELETE FROM c0"].map(str::to_owned);
    let grown = growth(&statements, 0, |database| {
        let mut script = String::from("BEGIN; CREATE TABLE t3000 (a); CREATE VIEW v0 AS SELECT 1 AS a;");
        script.push_str("CREATE TABLE c0 (a INTEGER PRIMARY KEY); INSERT INTO c0 VALUES (1);");
        for number in (0..3_000).rev() {
            let next = number + 1;
            script.push_str(&format!(
                "CREATE TABLE t{number} (a);
                 CREATE TRIGGER r{number} AFTER INSERT ON t{number} BEGIN INSERT INTO t{next} VALUES (new.a); END;"
            ));
        }
        for number in 1..=4_000 {
            script.push_str(&format!("CREATE VIEW v{number} AS SELECT a FROM v{};", number - 1));
        }
        for number in 1..=3_000 {
            let before = number - 1;
            script.push_str(&format!("CREATE TABLE c{number} (a REFERENCES c{before} ON DELETE CASCADE);"));
        }
        script.push_str("COMMIT");
        database.execute_batch(&script).unwrap();
    });
    assert!(grown < SLACK, "{grown} KiB");
}

#[test]
fn large_rows_do_not_fill_the_memory() {
    let columns = |cell: &str, count: usize| {
        let cells: Vec<String> = (0..count).map(|at| format!("{cell} AS c{at}")).collect();
        format!("SELECT {}", cells.join(", "))
    };
    // Refused by the size of a cell, a row or a result, and the component may go on.
    let refused = [
        columns("zeroblob(120000000)", 100),
        columns("zeroblob(15000000)", 60),
        "SELECT printf('%.*c', 120000000, 'x')".to_owned(),
    ];
    let grown = growth(&refused, 0, |_| {});
    assert!(grown < SLACK, "{grown} KiB");
}

/// SQLite rolls the transaction back when it gets no memory.
#[test]
fn values_that_sqlite_assembles_do_not_fill_the_memory() {
    for statement in [
        "SELECT group_concat(hex(zeroblob(1000000))) FROM people",
        "SELECT json_group_array(hex(zeroblob(1000000))) FROM people",
        "SELECT group_concat(randomblob(15000000)) FROM people",
    ] {
        let grown = growth(&[statement.to_owned()], 7, |_| {});
        assert!(grown < SLACK, "{statement}: {grown} KiB");
    }
}

/// Each view uses the one before it twice.
#[test]
fn views_that_multiply_do_not_fill_the_memory() {
    let grown = growth(&["SELECT * FROM d24".to_owned()], 0, |database| {
        let mut script = String::from("CREATE VIEW d0 AS SELECT 1 AS a;");
        for number in 1..=24 {
            let before = number - 1;
            script.push_str(&format!(
                "CREATE VIEW d{number} AS SELECT (SELECT a FROM d{before}) + (SELECT a FROM d{before}) AS a;"
            ));
        }
        database.execute_batch(&script).unwrap();
    });
    assert!(grown < SLACK, "{grown} KiB");
}
