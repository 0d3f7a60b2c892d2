//! Migrations of MariaDB whose statements commit by themselves: what a failure leaves, what cannot be asked there, and the rows
//! that are committed together.

use runner_tests::{Engine, project};

/// Nobody but the procedure itself commits what it began.
#[test]
fn what_a_failed_procedure_left_open_is_rolled_back() {
    let project = project!(Engine::Mariadb);
    let procedure = "CREATE PROCEDURE moves() BEGIN START TRANSACTION; INSERT INTO t VALUES (1); \
        INSERT INTO nowhere VALUES (1); COMMIT; END;";
    project.sql("0001_t", &format!("CREATE TABLE t (a INT);\n{procedure}"), "DROP PROCEDURE moves;\nDROP TABLE t;");
    project.sql("0002_moves", "CALL moves();", "SELECT 1;");
    project.runner("apply").exits(6).says(&["1146", "runner repair 0002"]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "0");
    // What it commits stays.
    project.execute("CREATE TABLE nowhere (a INT)");
    project.runner("repair 0002 --retry --why rolled-back").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM t"), "1");
}

/// The journal is written between two statements.
#[test]
fn the_rows_of_the_last_statement_cannot_be_counted() {
    let project = project!(Engine::Mariadb);
    project.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); CREATE TABLE audit (n INT)");
    project.sql("0001_audits", "DELETE FROM t;\nINSERT INTO audit VALUES (ROW_COUNT());", "SELECT 1;");
    project.runner("apply").exits(2).says(&["`ROW_COUNT()` does not count the rows of the migration's last statement"]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "2", "nothing ran");
    // In a program, it is that program's.
    let block = "BEGIN NOT ATOMIC DELETE FROM t; INSERT INTO audit VALUES (ROW_COUNT()); END;";
    let project = project!(Engine::Mariadb);
    project.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE audit (n INT)");
    project.sql("0001_audits", &format!("DELETE FROM t WHERE a = 1;\n{block}"), "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT n FROM audit"), "2");
}

/// The steps that the journal has.
const STEPS: &str = "SELECT group_concat(step ORDER BY step) FROM runner_journal WHERE step > 0 AND part = 0";

/// Statements of which each inserts a row.
fn rows(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|number| format!("INSERT INTO t (a) VALUES ({number}.0);\n")).collect()
}

#[test]
fn rows_of_a_file_are_committed_together() {
    let project = project!(Engine::Mariadb);
    let up = format!("CREATE TABLE t (a INT PRIMARY KEY);\n{}UPDATE t SET a = -a;\n{}", rows(1..=3), rows(4..=5));
    project.sql("0001_t", &up, "DROP TABLE t;");
    project.sql("0002_more", &rows(6..=9), "DELETE FROM t WHERE a BETWEEN 6 AND 9;");
    project.sql("0003_each", &format!("-- runner:no-transaction\n{}", rows(10..=11)), "DELETE FROM t WHERE a > 9;");
    project.runner("apply --verbose").succeeds().says(&["INSERT INTO t (a) VALUES (1.0)", "8 rows"]);
    assert_eq!(project.value(&format!("{STEPS} AND history_id = 1")), "1,4,5,7");
    assert_eq!(project.value(&format!("{STEPS} AND history_id = 2")), "4");
    assert_eq!(project.value(&format!("{STEPS} AND history_id = 3")), "1,2", "it asks for that");
    assert_eq!(project.value("SELECT sum(a) FROM t"), "54");
}

#[test]
fn a_row_that_fails_undoes_those_that_are_committed_with_it() {
    let project = project!(Engine::Mariadb);
    let table = "CREATE TABLE t (a INT PRIMARY KEY);\n";
    let up = |rows: &str| format!("{table}{rows}ALTER TABLE t ADD b INT NOT NULL DEFAULT 1;\n");
    project.sql("0001_t", &up(&format!("{}{}", rows(1..=3), rows(3..=5))), "DROP TABLE t;");
    project.runner("apply").exits(6).says(&[
        "statement: 5 of 8, line 5",
        "INSERT INTO t (a) VALUES (3.0)",
        "what took effect stays: 1 of 8 statements",
        "the statements from 2 on",
    ]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "0");
    // What is changed from there on is not held against the file.
    project.sql("0001_t", &up(&rows(0..=5)), "DROP TABLE t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT sum(a * b) FROM t"), "15");
}

/// The journal knows how many statements are an entry of it, whatever follows them in the file by now.
#[test]
fn rows_may_be_added_where_a_file_stopped() {
    let project = project!(Engine::Mariadb);
    let up = |rows: &str, change: &str| format!("CREATE TABLE t (a INT PRIMARY KEY);\n{rows}{change}");
    project.sql("0001_t", &up(&rows(1..=3), "ALTER TABLE nowhere ADD b INT;"), "DROP TABLE t;");
    project.runner("apply").exits(6).says(&["what took effect stays: 4 of 5 statements"]);
    project.runner("plan").prints(&["upgrade from statement 5"]);
    // A row that took effect is not what it was.
    project.sql("0001_t", &up(&rows(2..=4), ""), "DROP TABLE t;");
    project.runner("apply").exits(4).says(&["the first 4 statements took effect and have been changed since"]);
    project.sql("0001_t", &up(&rows(1..=2), ""), "DROP TABLE t;");
    project.runner("apply").exits(4).says(&["the first 4 statements took effect and have been changed since"]);
    project.sql("0001_t", &up(&rows(1..=5), "ALTER TABLE t ADD b INT;"), "DROP TABLE t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT sum(a) FROM t"), "15");
    assert_eq!(project.value(STEPS), "1,4,6,7");
}

/// A statement with a commit of its own is between rows, others have another delimiter, and the last one has none.
#[test]
fn rows_around_other_statements_are_committed_apart() {
    let project = project!(Engine::Mariadb);
    let table = "CREATE TABLE t (a INT PRIMARY KEY, b INT NOT NULL DEFAULT 1);\n";
    let block = "DELIMITER //\nINSERT INTO t (a) VALUES (3)//\nCREATE PROCEDURE p() BEGIN INSERT INTO t (a) VALUES (9); END//\n\
                 INSERT INTO t (a) VALUES (4)//\nDELIMITER ;\n";
    let last = rows(5..=6);
    let up = format!("{table}{}{block}ALTER TABLE t ADD c INT;\n{}", rows(1..=2), last.trim_end_matches(";\n"));
    project.sql("0001_t", &up, "DROP PROCEDURE p;\nDROP TABLE t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value(STEPS), "1,4,5,6,7,9");
    assert_eq!(project.value("SELECT sum(a * b) FROM t"), "21");
    project.runner("rollback").succeeds();
}

/// A transaction of a few thousand rows would take their locks for long, and undo all of them.
#[test]
fn a_transaction_of_rows_ends() {
    let project = project!(Engine::Mariadb);
    project.sql("0001_t", &format!("CREATE TABLE t (a INT PRIMARY KEY);\n{}", rows(1..=4_000)), "DROP TABLE t;");
    project.runner("apply").succeeds();
    let entries: u32 = project.value("SELECT count(*) FROM runner_journal WHERE step > 1").parse().expect("a number");
    assert!((2..=3).contains(&entries), "{entries}");
    assert_eq!(project.value("SELECT count(*) FROM t"), "4000");
    project.runner("rollback").succeeds();
}

/// A row needs a variable that a query has set in the session before.
#[test]
fn rows_that_need_an_earlier_session_are_refused() {
    let project = project!(Engine::Mariadb);
    project.execute("CREATE TABLE t (a INT)");
    let up = |last: &str| format!("SELECT 5 INTO @a;\nDELETE FROM nowhere;\nINSERT INTO t VALUES (1);\n{last}");
    project.sql("0001_t", &up("INSERT INTO t VALUES (@a);"), "DELETE FROM t;");
    project.runner("apply").exits(6);
    project.execute("CREATE TABLE nowhere (a INT)");
    project.runner("apply").exits(6).says(&["the statement needs `@a` of an earlier session", "statement: 4 of 4"]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "1");
    project.sql("0001_t", &up("INSERT INTO t VALUES (5);"), "DELETE FROM t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT sum(a) FROM t"), "6");
}

/// A rollback does not reach them: what a killed run had written would be written again.
#[test]
fn rows_without_transactions_are_committed_one_by_one() {
    let project = project!(Engine::Mariadb);
    let table = "CREATE TABLE t (a INT PRIMARY KEY) ENGINE = MyISAM;\n";
    project.sql("0001_t", &format!("{}{table}{}{}", "SELECT 1;\n", rows(1..=2), rows(2..=3)), "DROP TABLE t;");
    project.runner("apply").exits(6).says(&["statement: 5 of 6", "what took effect stays: 4 of 6 statements"]);
    project.sql("0001_t", &format!("{}{table}{}", "SELECT 1;\n", rows(1..=4)), "DROP TABLE t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value(STEPS), "1,2,3,4,5,6");
}

/// A trigger writes what no rollback reaches; when that is undone by hand, the rows are inserted again.
#[test]
fn rows_whose_outcome_is_unknown_are_repaired_together() {
    let project = project!(Engine::Mariadb);
    let other = format!("{}_log", project.value("SELECT DATABASE()"));
    let trigger = format!("CREATE TRIGGER logs AFTER INSERT ON t FOR EACH ROW INSERT INTO {other}.log VALUES (NEW.a)");
    project.execute(&format!("CREATE DATABASE {other}; CREATE TABLE {other}.log (a INT) ENGINE = MyISAM"));
    project.execute(&format!("CREATE TABLE t (a INT PRIMARY KEY); {trigger}"));
    project.sql("0001_rows", &format!("{}{}", rows(1..=2), rows(2..=3)), "DELETE FROM t;");
    let failed = [
        "1062",
        "some tables keep what was written to them",
        "it is unknown whether the transaction of statements 1 to 4 took effect",
        "0 of 4 statements took effect",
    ];
    project.runner("apply").exits(6).says(&failed);
    project.execute(&format!("DELETE FROM {other}.log"));
    let skips = "the transaction of statements 1 to 4 did not take effect and should not";
    project.runner("repair 0001").prints(&["the outcome of the transaction of statements 1 to 4 is unknown", skips]);
    project.runner("plan").exits(6).says(&["it is unknown whether the transaction of statements 1 to 4"]);
    project.runner("repair 0001 --retry --why emptied-the-log").succeeds();
    project.sql("0001_rows", &rows(1..=3), "DELETE FROM t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value(&format!("SELECT group_concat(a ORDER BY a) FROM {other}.log")), "1,2,3");
    assert_eq!(project.value(STEPS), "3");
    project.execute(&format!("DROP DATABASE {other}"));
}

/// Wherever a run is killed, and the one after it, no row is missing and none is inserted twice: the table has no key.
#[test]
fn rows_that_are_committed_together_survive_a_kill() {
    let mut killed = 0;
    for moment in 1.. {
        let project = project!(Engine::Mariadb);
        let up = format!("CREATE TABLE t (a INT);\n{}UPDATE t SET a = a + 1;\n{}", rows(1..=3), rows(10..=14));
        project.sql("0001_t", &up, "DROP TABLE t;");
        if !project.dies_at("apply", moment) {
            break;
        }
        killed += 1;
        project.dies_at("apply", 4);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT group_concat(a ORDER BY a) FROM t"), "2,3,4,10,11,12,13,14", "{moment}");
        assert_eq!(project.value(STEPS), "1,4,5,10", "{moment}");
    }
    assert!(killed >= 10, "{killed}");
}
