//! Migrations of MariaDB whose statements commit by themselves: what a failure leaves, and what cannot be asked there.

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
