//! Concurrent use of the same tables: locks, deadlocks, conflicting transactions, endless statements.

use std::process::Stdio;

use runner_tests::servers::{Kind, Session};
use runner_tests::{Engine, EngineProject, Running, for_each_server, until};

use super::{refused, shop};

/// A project whose last migration changes a contended row.
fn counter(engine: Engine, up: &str) -> EngineProject {
    let project = shop(engine);
    project.sql(
        "0001_create_users",
        "CREATE TABLE counters (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL);\n\
         INSERT INTO counters (id, n) VALUES (1, 0), (2, 0);",
        "DROP TABLE counters;",
    );
    for name in ["0002_create_orders", "0003_rename_users"] {
        for end in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/{name}.{end}.sql"))).unwrap();
        }
    }
    project.runner("apply").succeeds();
    project.sql("0002_count", up, "SELECT 1;");
    project
}

fn other(project: &EngineProject) -> Session {
    project.server_database().client().session()
}

/// Waits until some session in the database waits for a lock.
fn another_session_waits(project: &EngineProject) {
    let query = match project.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        Engine::Mariadb if Kind::Mariadb.is_mysql() => {
            "SELECT count(*) FROM information_schema.processlist \
             WHERE db = database() AND id <> connection_id() AND command <> 'Sleep' AND time >= 1"
        }
        // InnoDB's own table is a copy that is not refreshed while it is queried constantly.
        _ => {
            "SELECT count(*) FROM information_schema.processlist \
             WHERE db = database() AND id <> connection_id() AND command <> 'Sleep' AND time_ms > 200"
        }
    };
    until("somebody waits", || project.value(query) != "0");
}

/// Whether some session in the database waits for a row.
fn waits_for_a_row(project: &EngineProject) -> bool {
    match project.engine() {
        Engine::Postgres => {
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            project.value(waiting) != "0"
        }
        _ => {
            let open = project.server_database().client().innodb_transactions();
            open.iter().any(|transaction| transaction.contains("LOCK WAIT"))
        }
    }
}

fn start(project: &EngineProject, line: &str) -> Running {
    Running::start(project.command(line.split(' ')).stderr(Stdio::null()))
}

for_each_server! {
    fn a_slow_statement_is_cancelled(engine) {
        let project = counter(
            engine,
            match engine {
                Engine::Postgres => "UPDATE counters SET n = 1;\nSELECT pg_sleep(60);",
                _ => "UPDATE counters SET n = 1 WHERE id = 1 AND SLEEP(60) = 0;",
            },
        );
        refused(&project, "apply --statement-timeout 300ms", 7, &["0002_count", "timeout", "hint:"]);
    }

    /// Others hold a row or a table for longer than the migration may wait; then they release it.
    fn waiting_for_locks_is_limited(engine) {
        let project = counter(engine, "ALTER TABLE counters ADD COLUMN m INTEGER;\nUPDATE counters SET m = n;");
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = 7 WHERE id = 2");
        refused(&project, "apply --table-lock-timeout 1s --retries 1", 5, &["0002_count", "hint:"]);
        let mut waiter = start(&project, "apply --table-lock-timeout 1s --retries 100");
        another_session_waits(&project);
        holder.run("COMMIT");
        assert!(waiter.wait().unwrap().success());
        assert_eq!(project.rows("SELECT m FROM counters ORDER BY id"), ["0", "7"]);
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    /// Whichever side is rolled back, the migration takes effect once.
    fn a_deadlock_is_survived(engine) {
        let project = counter(
            engine,
            "UPDATE counters SET n = n + 1 WHERE id = 1;\nUPDATE counters SET n = n + 1 WHERE id = 2;",
        );
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = n + 10 WHERE id = 2");
        let mut run = start(&project, "apply --table-lock-timeout none");
        another_session_waits(&project);
        holder.send("UPDATE counters SET n = n + 10 WHERE id = 1; COMMIT");
        assert!(run.wait().unwrap().success());
        let counted = project.rows("SELECT n FROM counters ORDER BY id");
        assert!(counted == ["1", "1"] || counted == ["11", "11"], "{counted:?}");
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    fn concurrent_updates_of_a_row_are_counted(engine) {
        let project = counter(engine, "SELECT n FROM counters;\nUPDATE counters SET n = n + 1 WHERE id = 1;");
        if engine == Engine::Postgres {
            let name = project.server_database().name();
            project.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"));
        }
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = n + 10 WHERE id = 1");
        let mut run = start(&project, "apply --table-lock-timeout none");
        another_session_waits(&project);
        holder.run("COMMIT");
        assert!(run.wait().unwrap().success());
        assert_eq!(project.rows("SELECT n FROM counters ORDER BY id"), ["11", "0"]);
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    fn a_waiting_run_names_the_other(engine) {
        let project = counter(engine, "UPDATE counters SET n = n + 1 WHERE id = 1;");
        // The first run lasts until the second one was refused, and the third one has begun.
        let mut holder = other(&project);
        holder.run("BEGIN; SELECT n FROM counters WHERE id = 1 FOR UPDATE");
        let mut first = start(&project, "apply --table-lock-timeout none");
        until("the first run waits for the row", || waits_for_a_row(&project));
        project.runner("apply --lock-timeout 200ms").exits(5).says(&["the lock", "held", "by ", "hint:"]);
        let mut third = start(&project, "apply --lock-timeout 5m");
        holder.run("ROLLBACK");
        assert!(first.wait().unwrap().success());
        assert!(third.wait().unwrap().success());
        assert_eq!(project.value("SELECT n FROM counters WHERE id = 1"), "1");
    }
}
