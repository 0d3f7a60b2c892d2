//! `BEGIN` and `COMMIT` around a whole file are what the host does anyway.

use super::*;

for_each_engine! {
    fn a_transaction_around_everything(engine) {
        let project = project!(engine);
        let begin = if engine == Engine::Mariadb { "START TRANSACTION" } else { "BEGIN" };
        project
            .sql("1_a", &format!("{begin};\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nCOMMIT;\n"), "BEGIN; DROP TABLE a; COMMIT;")
            .sql("2_b", &format!("-- rows\n{begin};\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\nCOMMIT;"), "DELETE FROM a;");
        project.runner("validate").succeeds();
        // It is one transaction, where only rows change on MariaDB too.
        let plan = json(&project.runner("plan --format json"));
        assert_eq!(plan["migrations"][1]["mode"], "atomic", "{plan}");
        assert_eq!(plan["migrations"][1]["statements"], 2, "{plan}");
        project.runner("apply").exits(1).says(&["2_b", "2 of 2, line 4"]);
        project.write("migrations/2_b.up.sql", format!("{begin};\nINSERT INTO a VALUES (1);\nCOMMIT;"));
        project.runner("apply").succeeds();
        project.runner("rollback --all").succeeds();
    }
}

#[test]
fn other_transaction_control_is_refused_at_once() {
    for (text, line) in [
        ("BEGIN;\nCREATE TABLE a (id INTEGER);\nSAVEPOINT s;\nCOMMIT;", 1),
        ("CREATE TABLE a (id INTEGER);\nCOMMIT;", 2),
        ("BEGIN;\nCREATE TABLE a (id INTEGER);\nROLLBACK;", 1),
    ] {
        let project = project!();
        project.sql("1_a", text, "SELECT 1;");
        for verb in ["validate", "plan", "apply"] {
            let output = project.runner(verb);
            output.exits(7).says(&["a migration cannot begin or end transactions or use savepoints", "1_a.up.sql"]);
            output.says(&[&format!("line {line}")[..]].into_iter().filter(|_| line == 2).collect::<Vec<_>>());
        }
        assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty());
    }
}

#[test]
fn a_transaction_that_is_not_committed_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mariadb] {
        let project = project!(engine);
        project.sql("1_a", "BEGIN;\nINSERT INTO a VALUES (1);", "SELECT 1;");
        project.runner("validate").exits(2).says(&["begins a transaction and does not commit it", "cut off"]);
    }
}

/// As `psql` runs it: what is `LOCAL`, temporary or deferred ends with its transaction.
#[test]
fn each_transaction_of_a_file_ends_by_itself() {
    let project = project!(Engine::Postgres);
    project.sql(
        "1_a",
        "CREATE SCHEMA a;\nCREATE TABLE counted (n bigint);",
        "DROP SCHEMA a CASCADE;\nDROP TABLE counted;",
    );
    let text = "CREATE TEMPORARY TABLE seen (n int) ON COMMIT DELETE ROWS;
BEGIN;
SET LOCAL search_path = a;
CREATE TABLE t (x int);
COMMIT;
CREATE TABLE u (x int);
SET LOCAL search_path = a;
CREATE TABLE v (x int);
BEGIN;
INSERT INTO seen VALUES (1);
INSERT INTO counted SELECT count(*) FROM seen;
COMMIT;
BEGIN;
INSERT INTO seen VALUES (2);
INSERT INTO counted SELECT count(*) FROM seen;
COMMIT;
";
    let down = "BEGIN;\nDROP TABLE a.t;\nCOMMIT;\nDROP TABLE u, v;";
    project.sql("2_b", text, down);
    project.runner("validate").succeeds();
    project
        .runner("plan")
        .succeeds()
        .prints(&["stepwise", "its 3 transactions and 4 statements commit one after the other"]);
    project.runner("apply").succeeds();
    let schemas = "SELECT string_agg(relname || ' ' || relnamespace::regnamespace, ', ' ORDER BY relname) FROM pg_class \
         WHERE relname IN ('t', 'u', 'v')";
    assert_eq!(project.value(schemas), "t a, u public, v public");
    assert_eq!(project.value("SELECT string_agg(n::text, ',') FROM counted"), "1,1");
    project.runner("rollback").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM pg_class WHERE relname IN ('t', 'u', 'v')"), "0");
}

#[test]
fn a_file_of_several_transactions_resumes_after_the_last_that_took_effect() {
    let project = project!(Engine::Postgres);
    project.sql("1_a", "CREATE SCHEMA a;\nCREATE TABLE n (n int);", "SELECT 1;");
    let text = "BEGIN;\nINSERT INTO n VALUES (1);\nSET search_path = a, public;\nINSERT INTO n VALUES (2);\nCOMMIT;\n\
         BEGIN;\nCREATE TABLE t (x int);\nINSERT INTO n SELECT 3 / 0;\nCOMMIT;\n";
    project.sql("2_b", text, "SELECT 1;");
    project.runner("apply").exits(6).says(&["2 of 2, line 8", "division by zero"]);
    assert_eq!(project.value("SELECT string_agg(n::text, ',') FROM n"), "1,2");
    project.write("migrations/2_b.up.sql", text.replace("VALUES (2)", "VALUES (4)"));
    project.runner("plan").exits(4).says(&["the first statement took effect and has been changed since"]);
    project.write("migrations/2_b.up.sql", text.replace("/ 0", "/ 1"));
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT string_agg(n::text, ',') FROM n"), "1,2,3");
    assert_eq!(project.value("SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 't'"), "a");
}

/// As phpMyAdmin writes it.
#[test]
fn settings_in_comments_may_follow_the_commit() {
    let project = project!(Engine::Mariadb);
    let text = "SET SQL_MODE = \"NO_AUTO_VALUE_ON_ZERO\";\nSTART TRANSACTION;\nSET time_zone = \"+00:00\";\n\
         /*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!40101 SET NAMES utf8mb4 */;\n\
         CREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\nCOMMIT;\n\n\
         /*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n";
    project.sql("1_a", text, "DROP TABLE t;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM t"), "1");
}

/// A file is attached where the command was started, and detached where nothing has used it.
#[test]
fn an_attached_file_that_is_not_there_or_in_use_has_a_hint() {
    let project = project!();
    project.sql(
        "1_a",
        "ATTACH 'other.db' AS other;\nCREATE TABLE t AS SELECT x FROM other.y;\nDETACH other;",
        "DROP TABLE t;",
    );
    project
        .runner("apply")
        .exits(2)
        .says(&["unable to open database", "starts at the directory in which the command was started"]);
    project.open("other.db").execute_batch("CREATE TABLE y (x)").unwrap();
    project.runner("apply").exits(1).says(&[
        "database other is locked",
        "leave the DETACH out",
        "`-- runner:no-transaction`",
    ]);
    let up = project.read("migrations/1_a.up.sql");
    project.write("migrations/1_a.up.sql", up.replace("DETACH other;", ""));
    project.runner("apply").succeeds();
}

for_each_engine! {
    fn the_isolation_level_is_that_of_the_transaction(engine) {
        let read = match engine {
            Engine::Sqlite => return,
            Engine::Postgres => "INSERT INTO levels SELECT current_setting('transaction_isolation')",
            // The level of a transaction shows only where it is.
            Engine::Mariadb => {
                "INSERT INTO levels SELECT trx_isolation_level FROM information_schema.innodb_trx \
                 WHERE trx_mysql_thread_id = connection_id()"
            }
        };
        let project = project!(engine);
        project.sql("1_levels", "CREATE TABLE levels (level VARCHAR(40));", "DROP TABLE levels;");
        let set = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
        let text = match engine {
            Engine::Mariadb => format!("{set};\nSTART TRANSACTION;\nINSERT INTO levels VALUES ('x');\n{read};\nDELETE FROM levels WHERE level = 'x';\nCOMMIT;"),
            _ => format!("BEGIN;\n{set};\n{read};\nCOMMIT;"),
        };
        project.write("migrations/2_look.up.sql", text);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT upper(level) FROM levels"), "SERIALIZABLE");
        // Where each statement commits by itself, a level means nothing.
        project.write("migrations/3_steps.up.sql", format!("-- runner:no-transaction\n{set};\nDELETE FROM levels;"));
        project.runner("validate").exits(2).says(&["3_steps.up.sql", "isolation level"]);
    }
}
