//! PostgreSQL's maintenance statements for whole databases, which affect everything, including runner's own tables
//! and sessions.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Engine, EngineProject, project};

/// A private server: such statements lock what all databases share.
#[test]
fn whole_databases_can_be_maintained() {
    let server = Server::private(Kind::Postgres).start();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    let name = project.server_database().name().to_owned();
    project.sql("0001_items", "CREATE TABLE items (id integer PRIMARY KEY);\nANALYZE;", "DROP TABLE items;").sql(
        "0002_whole",
        &format!(
            "-- runner:no-transaction\nANALYZE;\nVACUUM;\nVACUUM FULL;\nREINDEX DATABASE {name};\n\
                 REINDEX SYSTEM {name};\nCLUSTER;"
        ),
        "ANALYZE;",
    );
    project.runner("apply --table-lock-timeout 1m --retries 0").succeeds();
    project.runner("rollback").succeeds();
    assert_eq!(project.history(), ["0001"]);
}

/// Its text does not show that it does: it runs in a transaction first, and without one if the server says so.
#[test]
fn a_procedure_that_commits_runs_outside_of_a_transaction() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (i integer)");
    project.execute("CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (1); COMMIT; END'");
    project.sql("0001_call", "CALL p();", "SELECT 1;");
    project.runner("apply").exits(1).says(&["0001_call", "[2D000]", "hint:", "runner:no-transaction"]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "0");
    // As the hint says.
    project.sql("0001_call", "-- runner:no-transaction\nCALL p();", "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM t"), "1");
    project.sql("0002_block", "-- runner:no-transaction\nDO $$ BEGIN CALL p(); COMMIT; END $$;", "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM t"), "2");
    // What it has committed remains, and is told.
    project.execute(
        "CREATE PROCEDURE q() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (2); COMMIT; PERFORM 1 / 0; END'",
    );
    project.sql("0003_fails", "-- runner:no-transaction\nCALL q();", "SELECT 1;");
    project.runner("apply").exits(6).says(&["division by zero", "22012", "`0003_fails` is partial", "repair"]);
    assert_eq!(project.value("SELECT count(*) FROM t"), "3");
    // The history is not for it either.
    project.execute(
        "CREATE PROCEDURE r() LANGUAGE plpgsql AS 'BEGIN UPDATE runner.runner_history SET reason = reason; COMMIT; END'",
    );
    project.run(["repair", "3", "--as-not-applied", "--why", "its row is gone"]).succeeds();
    project.sql("0003_fails", "-- runner:no-transaction\nCALL r();", "SELECT 1;");
    project.runner("apply").exits(6).says(&["changed runner's own table `runner_history`"]);
}

/// Fills a column in batches, as migrations of supabase/storage do.
const BATCHES: &str = "DO $$
DECLARE done integer;
BEGIN
    LOOP
        WITH batch AS (SELECT i FROM t WHERE level IS NULL LIMIT 40)
        UPDATE t SET level = pg_current_xact_id()::text::bigint WHERE i IN (SELECT i FROM batch);
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done = 0 THEN
            COMMIT;
            EXIT;
        ELSE
            COMMIT;
        END IF;
    END LOOP;
END;
$$;";

#[test]
fn a_block_that_commits_needs_the_directive() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (i integer, level bigint)");
    project.execute("INSERT INTO t SELECT generate_series(1, 100)");
    project.sql("0001_fill", BATCHES, "SELECT 1;");
    for verb in ["validate", "plan", "apply"] {
        project.runner(verb).exits(2).says(&[
            "0001_fill",
            "cannot run inside a transaction",
            "-- runner:no-transaction",
        ]);
    }
    for directive in ["-- runner:no-transaction", "-- postgres-migrations disable-transaction"] {
        project.execute("UPDATE t SET level = NULL");
        let text = format!("{directive}\nCREATE TABLE before (a integer);\n{BATCHES}\nCREATE TABLE after (a integer);");
        project.sql("0001_fill", &text, "DROP TABLE before;\nDROP TABLE after;");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(DISTINCT level) FROM t WHERE level IS NOT NULL"), "3", "{directive}");
        assert_eq!(project.history(), ["0001"]);
        project.runner("rollback").succeeds();
    }
}

/// What it has committed before it failed stays, and is not taken for nothing.
#[test]
fn a_block_that_fails_after_it_committed_waits_for_the_operator() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (i integer)");
    let block = "DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO nope VALUES (2); END $$;";
    project.sql("0001_half", &format!("-- runner:no-transaction\n{block}\nINSERT INTO t VALUES (3);"), "SELECT 1;");
    project.runner("apply").exits(6).says(&[
        "[42P01]",
        "what it completed before it failed remains",
        "runner repair 0001",
    ]);
    assert_eq!(project.rows("SELECT i FROM t"), ["1"]);
    project.runner("apply").exits(6).says(&["it is unknown whether statement 1", "runner repair 0001"]);
    project.runner("repair 1 --mark-done --why looked").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.rows("SELECT i FROM t ORDER BY i"), ["1", "3"]);
}

#[test]
fn a_block_that_commits_cannot_change_the_history_unseen() {
    let project = project!(Engine::Postgres);
    project.sql("0001_a", "CREATE TABLE t (i integer);", "DROP TABLE t;");
    project.runner("apply").succeeds();
    // The text does not show the name.
    let forge = "EXECUTE 'UPDATE runner.runner' || '_history SET name = $q$forged$q$';";
    project.sql("0002_b", &format!("-- runner:no-transaction\nDO $$ BEGIN {forge} COMMIT; END $$;"), "SELECT 1;");
    project.runner("apply").exits(6).says(&["the statement has changed runner's own table `runner_history`"]);
    // A table that is gone is asked for in vain, and what is attached to one is told; both times, the settings are as before.
    for (done, told) in [
        ("DROP TABLE runner.runner' || '_repair", "the statement has changed runner's own table `runner_repair`"),
        (
            "CREATE RULE r AS ON INSERT TO runner.runner' || '_repair DO INSTEAD NOTHING",
            "the rule `r on runner.runner_repair`",
        ),
    ] {
        let project = project!(Engine::Postgres);
        project.sql("0001_a", "CREATE TABLE t (i integer);", "DROP TABLE t;");
        project.runner("apply").succeeds();
        let block = format!("-- runner:no-transaction\nDO $$ BEGIN EXECUTE '{done}'; COMMIT; END $$;");
        project.sql("0002_b", &block, "SELECT 1;");
        project.runner("apply").exits(6).says(&[told]);
    }
    // Without the `COMMIT` it is prevented.
    let other = project!(Engine::Postgres);
    other.sql("0001_a", &format!("-- runner:no-transaction\nDO $$ BEGIN {forge} END $$;"), "SELECT 1;");
    other.runner("apply").exits(7).says(&["the migration has changed or locked one of runner's own tables"]);
}
