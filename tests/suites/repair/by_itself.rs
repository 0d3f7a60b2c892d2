//! Statements that commit implicitly, whose outcome the database shows: no operator is needed.

use std::collections::BTreeSet;

use runner_tests::{Engine, EngineProject, is_long, project};

/// In a long test every crash point, otherwise one of several.
fn few(step: usize) -> usize {
    if is_long() { 1 } else { step }
}

/// Kills the upgrade of a migration at every step; it continues by itself each time. Returns the number of kills.
fn heals(engine: Engine, step: usize, before: &str, up: &str, check: impl Fn(&EngineProject, usize)) -> usize {
    let mut killed = 0;
    for moment in (1..).step_by(few(step)) {
        let project = project!(engine);
        project.sql("0001_before", before, "SELECT 1;");
        project.runner("apply").succeeds();
        project.sql("0002_odd", &format!("-- runner:no-transaction\n{up}"), "SELECT 1;");
        if !super::dies_at(&project, "apply", moment) {
            break;
        }
        killed += 1;
        let output = project.runner("apply");
        assert_eq!(output.exit_code(), Some(0), "moment {moment}\n{output}");
        check(&project, moment);
    }
    killed
}

/// Applies after a kill. Where it is unknown whether statement 1 took effect, an operator decides by what was `counted`, which is 0
/// if it did not; each such count is added to `seen`.
fn apply_as_counted(project: &EngineProject, counted: String, seen: &mut BTreeSet<String>) {
    let output = project.runner("apply");
    if output.exit_code() != Some(6) {
        output.succeeds();
        return;
    }
    output.says(&["it is unknown whether statement 1", "runner repair 0001"]);
    let shown = super::told(&project.runner("repair --format json"));
    assert_eq!(shown["unknown"]["known"], "nothing", "{shown}");
    let action = if counted == "0" { "--retry" } else { "--mark-done" };
    project.runner(&format!("repair 1 {action} --why counted")).succeeds();
    project.runner("apply").succeeds();
    seen.insert(counted);
}

#[test]
fn idempotent_statements_are_run_again() {
    let up = "CREATE TABLE t (a INTEGER);\nPRAGMA user_version = 7;\nVACUUM;\nINSERT INTO t VALUES (1);";
    let killed = heals(Engine::Sqlite, 1, "CREATE TABLE s (a INTEGER);", up, |project, moment| {
        assert_eq!(project.value("PRAGMA user_version"), "7", "moment {moment}");
        assert_eq!(project.value("SELECT count(*) FROM t"), "1", "moment {moment}");
    });
    assert!(killed > 8, "{killed}");
}

#[test]
fn concurrent_indexes_of_postgres() {
    let before = "CREATE TABLE t (a integer, b integer);\nCREATE INDEX t_a ON t (a);";
    let up = "DROP INDEX CONCURRENTLY t_a;\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nREINDEX INDEX CONCURRENTLY t_b;\n\
              VACUUM t;";
    let killed = heals(Engine::Postgres, 2, before, up, |project, moment| {
        let found = project.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1");
        assert_eq!(found, ["t_b"], "moment {moment}");
    });
    assert!(killed > 5, "{killed}");
}

/// The index is the one that the session of the file meant, not one of the same name elsewhere.
#[test]
fn an_index_that_is_dropped_concurrently_may_be_in_any_schema() {
    let table = "CREATE TABLE t (a integer);\nCREATE INDEX big_idx ON t (a);";
    let before =
        format!("{table}\nCREATE SCHEMA app;\nSET search_path = app;\n{table}\nCREATE INDEX other_idx ON t (a);");
    let up = "SET search_path = app, public;\nDROP INDEX CONCURRENTLY big_idx;\nDROP INDEX CONCURRENTLY other_idx;";
    let killed = heals(Engine::Postgres, 1, &before, up, |project, moment| {
        let found = project.rows(
            "SELECT schemaname || '.' || indexname FROM pg_indexes WHERE schemaname IN ('app', 'public') ORDER BY 1",
        );
        assert_eq!(found, ["public.big_idx"], "moment {moment}");
    });
    assert!(killed > 3, "{killed}");
}

#[test]
fn names_of_postgres_beyond_ascii() {
    let before = "CREATE TABLE t (a integer, b integer);";
    let up = "CREATE INDEX CONCURRENTLY \"idx_Übung\" ON t (b);\nCREATE INDEX CONCURRENTLY Idx_ÄRGER ON t (a);\n\
              CREATE INDEX CONCURRENTLY \"Idx\" ON t (a);\nVACUUM t;";
    let killed = heals(Engine::Postgres, 1, before, up, |project, moment| {
        let found = project.value("SELECT count(*) FROM pg_indexes WHERE tablename = 't'");
        assert_eq!(found, "3", "moment {moment}");
    });
    assert!(killed > 4, "{killed}");
}

/// What others wrote into an intent does not prevent a decision.
#[test]
fn an_unreadable_intent_waits_for_the_operator() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (a integer)");
    let up = "-- runner:no-transaction\nCREATE INDEX CONCURRENTLY t_a ON t (a);";
    project.sql("0001_index", up, "SELECT 1;");
    assert!(super::dies_at(&project, "apply", 1));
    let journal = super::tool(&project, "journal");
    assert_eq!(project.value(&format!("SELECT count(*) FROM {journal} WHERE state = 'intent'")), "1");
    project.execute(&format!("UPDATE {journal} SET answer = '\\x00' WHERE state = 'intent'"));
    project.runner("status").succeeds();
    project.runner("apply").exits(6).says(&["it is unknown whether statement 1", "runner repair 0001"]);
    project.runner("repair 1 --retry --why looked").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM pg_indexes WHERE indexname = 't_a'"), "1");
}

/// What an earlier session had is neither taken for NULL nor computed again: the statement that needs it is refused until it is
/// changed.
#[test]
fn values_of_an_earlier_session_are_never_guessed() {
    let before = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, tag INT);\nCREATE TABLE u (t_id INT);\n\
                  INSERT INTO t (tag) VALUES (1), (2);";
    for (up, names, mended, look, expected) in [
        (
            "INSERT INTO t (tag) VALUES (7);\nINSERT INTO u (t_id) VALUES (LAST_INSERT_ID());",
            "`LAST_INSERT_ID()`",
            ("LAST_INSERT_ID()", "(SELECT MAX(id) FROM t)"),
            "SELECT u.t_id = t.id FROM u, t WHERE t.tag = 7",
            "1",
        ),
        (
            "SELECT MAX(id) INTO @m FROM t;\nINSERT INTO t (tag) VALUES (7);\nUPDATE t SET tag = 9 WHERE id > @m;",
            "`@m`",
            ("id > @m", "tag = 7"),
            "SELECT group_concat(tag ORDER BY id) FROM t",
            "1,2,9",
        ),
        (
            "SET @m = (SELECT MAX(id) FROM t);\nINSERT INTO t (tag) VALUES (7);\nUPDATE t SET tag = 9 WHERE id > @m;",
            "`@m`",
            ("id > @m", "tag = 7"),
            "SELECT group_concat(tag ORDER BY id) FROM t",
            "1,2,9",
        ),
        (
            "SELECT MAX(id) INTO @m FROM t;\nINSERT INTO t (tag) VALUES (7);\nCREATE TABLE late AS SELECT tag FROM t WHERE id > @m;",
            "`@m`",
            ("id > @m", "tag = 7"),
            "SELECT group_concat(tag) FROM late",
            "7",
        ),
    ] {
        let mut refused = 0;
        for moment in 1.. {
            let project = project!(Engine::Mariadb);
            project.sql("0001_before", before, "SELECT 1;");
            project.runner("apply").succeeds();
            let up = format!("-- runner:no-transaction\n{up}");
            project.sql("0002_odd", &up, "SELECT 1;");
            if !super::dies_at(&project, "apply", moment) {
                break;
            }
            let output = project.runner("apply");
            if output.exit_code() == Some(6) {
                output.says(&[names, "which has ended", "hint: replace"]);
                project.sql("0002_odd", &up.replace(mended.0, mended.1), "SELECT 1;");
                project.runner("apply").succeeds();
                refused += 1;
            } else {
                output.succeeds();
            }
            assert_eq!(project.value(look), expected, "moment {moment}: {up}");
        }
        assert!(refused > 1, "{refused}: {up}");
    }
}

/// As a dump of `mariadb-dump` begins and ends.
#[test]
fn settings_in_comments_are_made_again() {
    let up = "/*M!999999\\- enable the sandbox mode */ \n\
              /*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;\n\
              /*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\
              CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES s (a));\n\
              INSERT INTO t VALUES (0, 3), (5, 4);\n\
              /*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n\
              /*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;";
    let killed = heals(Engine::Mariadb, 1, "CREATE TABLE s (a INT PRIMARY KEY);", up, |project, moment| {
        assert_eq!(project.value("SELECT group_concat(id) FROM t"), "0,5", "moment {moment}");
    });
    assert!(killed > 5, "{killed}");
}

/// It has no value of an earlier session: the procedure is to set it.
#[test]
fn an_argument_that_a_procedure_sets_needs_no_earlier_session() {
    let project = project!(Engine::Mariadb);
    let before = "CREATE TABLE a (x INT);\nCREATE PROCEDURE answer(OUT x INT) SET x = 42;";
    project.sql("0001_before", before, "SELECT 1;");
    let up = "CREATE TABLE b (x INT);\nINSERT INTO a VALUES ('bad');\nCALL answer(@id);\nINSERT INTO a VALUES (@id);";
    project.sql("0002_calls", up, "SELECT 1;");
    project.runner("apply").exits(6).says(&["'bad'"]);
    project.sql("0002_calls", &up.replace("'bad'", "41"), "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT group_concat(x ORDER BY x) FROM a"), "41,42");
}

#[test]
fn settings_are_made_again_however_they_are_spelled() {
    let before = "CREATE TABLE t (x integer);\nCREATE SCHEMA app;\nCREATE TABLE app.t (x integer);";
    let up = "SELECT set_config('search_path', 'app', false);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);";
    let killed = heals(Engine::Postgres, 1, before, up, |project, moment| {
        assert_eq!(project.value("SELECT count(*) FROM app.t"), "2", "moment {moment}");
    });
    assert!(killed > 3, "{killed}");
}

/// Nothing shows how much of a block that commits took effect: whenever a run is killed around it, an operator decides.
#[test]
fn a_block_that_commits_is_never_run_twice_by_itself() {
    let mut seen = BTreeSet::new();
    for moment in 1.. {
        let project = project!(Engine::Postgres);
        project.execute("CREATE TABLE t (i integer)");
        let block = "DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); COMMIT; END $$";
        project.sql(
            "0001_block",
            &format!("-- runner:no-transaction\n{block};\nCREATE TABLE u (i integer);"),
            "SELECT 1;",
        );
        if !super::dies_at(&project, "apply", moment) {
            break;
        }
        let count = project.value("SELECT count(*) FROM t");
        apply_as_counted(&project, count, &mut seen);
        assert_eq!(project.value("SELECT count(*) FROM t"), "2", "moment {moment}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["0", "2"], "before and after the block");
}

#[test]
fn ddl_of_mariadb_of_every_kind() {
    let before = "CREATE TABLE a (x INT);\nCREATE TABLE b (x INT);\nCREATE TABLE t (x INT);";
    let up = "DROP TABLE a, b;\nCREATE SEQUENCE s;\nCREATE INDEX t_x ON t (x);\nALTER TABLE t ADD COLUMN y INT;\n\
              ALTER TABLE t DROP INDEX t_x;\nCREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t;\nDROP SEQUENCE s;\n\
              OPTIMIZE TABLE t;";
    let killed = heals(Engine::Mariadb, 3, before, up, |project, moment| {
        let tables = project.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database() \
             AND table_name NOT LIKE 'runner%' ORDER BY 1",
        );
        assert_eq!(tables, ["t"], "moment {moment}");
        assert_eq!(
            project.value(
                "SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 't'"
            ),
            "2"
        );
        assert_eq!(
            project.value("SELECT count(*) FROM information_schema.events WHERE event_schema = database()"),
            "1"
        );
    });
    assert!(killed > 6, "{killed}");
}

/// If only one of two tables is gone, the intent is unknown.
#[test]
fn a_half_done_statement_requires_an_operator() {
    let project = project!(Engine::Mariadb);
    project.sql(
        "0001_before",
        "CREATE TABLE a (x INT);\nCREATE TABLE b (x INT);\nCREATE TABLE c (x INT);",
        "SELECT 1;",
    );
    project.runner("apply").succeeds();
    project.sql("0002_odd", "-- runner:no-transaction\nDROP TABLE a, b;\nDROP TABLE c;", "SELECT 1;");
    assert!(super::dies_at(&project, "apply", 1));
    project.execute("DROP TABLE a");
    project.runner("apply").exits(6).says(&["it is unknown whether statement 1", "runner repair 0002"]);
    let shown = super::told(&project.runner("repair --format json"));
    assert_eq!((&shown["unknown"]["known"], &shown["unknown"]["waits"]), (&"halved".into(), &true.into()), "{shown}");
    assert_eq!(shown["unknown"]["found"], serde_json::json!(["table `b`, which is empty"]));
    project.execute("DROP TABLE b");
    // Now the database shows it.
    project.runner("apply").succeeds().says(&["the schema shows that it took effect"]);
}

/// After two tables have swapped their names, the schema has the same names as before.
#[test]
fn a_swap_of_tables_is_never_undone_by_itself() {
    let mut seen = BTreeSet::new();
    for moment in 1.. {
        let project = project!(Engine::Mariadb);
        project.execute("CREATE TABLE a (x INT);\nCREATE TABLE b (x INT);\nINSERT INTO b VALUES (1);");
        project.sql("0001_swap", "RENAME TABLE a TO c, b TO a, c TO b;\nALTER TABLE a ADD COLUMN y INT;", "SELECT 1;");
        if !super::dies_at(&project, "apply", moment) {
            break;
        }
        let rows = project.value("SELECT count(*) FROM a");
        apply_as_counted(&project, rows, &mut seen);
        assert_eq!(project.value("SELECT concat_ws(' ', x, y IS NULL) FROM a"), "1 1", "moment {moment}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["0", "1"], "before and after the swap");
}

/// A statement that fails halfway on MariaDB: its earlier changes remain, and are not ignored.
#[test]
fn a_partial_failure_is_not_reported_as_clean() {
    let before = "CREATE TABLE t (x INT PRIMARY KEY);\nCREATE TABLE my (x INT PRIMARY KEY) ENGINE = MyISAM;\nCREATE VIEW v AS SELECT 1;";
    let procedure =
        "DELIMITER //\nCREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO nope VALUES (1); END//";
    for (statement, says, count, known) in [
        ("DROP TABLE my, nope", "[1051]", "SELECT count(*) + 1 FROM t", "took-effect"),
        ("DROP VIEW v, nope", "[4092]", "SELECT count(*) + 1 FROM t", "took-effect"),
        ("CALL p()", "[1146]", "SELECT count(*) FROM t", "nothing"),
        (
            "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); COMMIT; INSERT INTO nope VALUES (1); END",
            "[1146]",
            "SELECT count(*) FROM t",
            "nothing",
        ),
        ("EXECUTE IMMEDIATE 'DROP TABLE my, nope'", "[1051]", "SELECT count(*) + 1 FROM t", "nothing"),
        ("INSERT INTO my VALUES (1), (2), (1)", "[1062]", "SELECT count(*) - 1 FROM my", "nothing"),
    ] {
        let project = project!(Engine::Mariadb);
        project.sql("0001_before", before, "SELECT 1;").sql("0002_procedure", procedure, "SELECT 1;");
        project.runner("apply").succeeds();
        let write = |statement: &str| {
            project.sql("0003_odd", &format!("-- runner:no-transaction\nDELIMITER //\n{statement}//"), "SELECT 1;");
        };
        write(statement);
        let output = project.runner("apply");
        output.exits(6).says(&[says, "0003_odd` is partial", "runner repair 0003"]);
        assert!(!output.stderr.contains("left no changes"), "{output}");
        assert_eq!(project.value(count), "1", "{statement}");
        let shown = super::told(&project.runner("repair --format json"));
        assert_eq!(shown["unknown"]["known"], known, "{statement}: {shown}");
        if known == "took-effect" {
            project.runner("apply").succeeds().says(&["the schema shows that it took effect"]);
            continue;
        }
        project.runner("apply").exits(6).says(&["it is unknown whether statement 1"]);
        project.runner("repair 3 --retry --why mended").succeeds();
        write("SELECT 1");
        project.runner("apply").succeeds();
    }
}

/// A statement that the schema shows to be complete, or that was refused for its syntax, left nothing.
#[test]
fn a_failure_without_effect_leaves_nothing() {
    for statement in [
        "DROP TABLE nope, nada",
        "CREATE TABLE t (x INT, x INT)",
        "BEGIN NOT ATOMIC SELEC 1; END",
        "RENAME TABLE t TO u, nope TO v",
    ] {
        let project = project!(Engine::Mariadb);
        project.sql("0001_before", "CREATE TABLE t (x INT);", "SELECT 1;");
        project.runner("apply").succeeds();
        project.sql("0002_odd", &format!("-- runner:no-transaction\nDELIMITER //\n{statement}//"), "SELECT 1;");
        project.runner("apply").exits(1).says(&["left no changes"]);
        assert_eq!(project.rows("SHOW TABLES LIKE 't'"), ["t"], "{statement}");
    }
}

/// A statement that commits without changing the schema is a step that commits by itself.
#[test]
fn settings_of_mariadb_that_commit() {
    let project = project!(Engine::Mariadb);
    project.sql("0001_odd", "RESET QUERY CACHE;\nSET DEFAULT ROLE NONE;\nCREATE TABLE t (x INT);", "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.rows("SHOW TABLES LIKE 't'"), ["t"]);
}

/// A component does not receive the error of a call that may be half done: it could continue as if nothing had
/// happened.
#[test]
fn a_call_that_fails_halfway_ends_a_component() {
    let project = super::shop(Engine::Mariadb, "odd = 'CALL bump()'");
    project.execute("CREATE TABLE counter (n INTEGER)");
    project.execute(
        "DELIMITER //\nCREATE PROCEDURE bump() BEGIN INSERT INTO counter VALUES (1); COMMIT; INSERT INTO nope VALUES (1); END//",
    );
    project.runner("apply").exits(6).says(&[
        "[1146]",
        "what it completed before it failed remains",
        "runner repair 0002",
    ]);
    assert_eq!(project.value("SELECT count(*) FROM counter"), "1");
    project.runner("repair 2 --mark-done --why looked").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM counter"), "1");
}

#[test]
fn users_created_one_by_one() {
    let project = project!(Engine::Mariadb);
    let odd = "-- runner:no-transaction\nCREATE USER halfway_made, root@localhost;";
    project.sql("0001_odd", odd, "SELECT 1;");
    project.runner("apply").exits(6).says(&["[1396]", "runner repair 0001"]);
    project.execute("DROP USER halfway_made");
    project.runner("repair 1 --skip --why dropped").succeeds();
    project.runner("apply").succeeds();
}

/// A database that the file has attached stays attached between its statements, and is attached again where it is resumed.
#[test]
fn attached_databases_of_sqlite() {
    let project = project!(Engine::Sqlite);
    let old = project.open("old.db");
    old.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let file = format!(
        "-- runner:no-transaction\nCREATE TABLE t (a);\nATTACH '{}' AS o;\nINSERT INTO t SELECT a FROM o.t;\nVACUUM;\n\
         INSERT INTO t SELECT a FROM o.u;\nDETACH o;",
        project.file("old.db").display()
    );
    project.sql("0001_copy", &file, "DROP TABLE t;");
    project.runner("apply").exits(6).says(&["no such table: o.u"]);
    old.execute_batch("CREATE TABLE u (a); INSERT INTO u VALUES (2)").unwrap();
    project.runner("apply").succeeds();
    assert_eq!(project.rows("SELECT a FROM t ORDER BY a"), ["1", "2"]);
}
