//! Others at the same tables: locks, deadlocks, transactions that get in each other's way, statements without an end.

use std::process::Stdio;

use runner_tests::servers::Session;
use runner_tests::{Engine, EngineProject, Running, for_each_server, until};

use super::{refused, shop};

/// A project whose last migration changes a row that others want too.
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

/// Waits until somebody in the database waits for a lock.
fn somebody_waits(project: &EngineProject) {
    let query = match project.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        // InnoDB's own table is a copy that is not renewed while anybody asks for it all the time.
        _ => {
            "SELECT count(*) FROM information_schema.processlist \
             WHERE db = database() AND id <> connection_id() AND command <> 'Sleep' AND time_ms > 200"
        }
    };
    until("somebody waits", || project.value(query) != "0");
}

fn start(project: &EngineProject, line: &str) -> Running {
    Running::start(project.command(line.split(' ')).stderr(Stdio::null()))
}

for_each_server! {
    fn a_statement_that_takes_too_long_is_ended(engine) {
        let project = counter(
            engine,
            match engine {
                Engine::Postgres => "UPDATE counters SET n = 1;\nSELECT pg_sleep(60);",
                _ => "UPDATE counters SET n = 1 WHERE id = 1 AND SLEEP(60) = 0;",
            },
        );
        refused(&project, "apply --statement-timeout 300ms", 7, &["0002_count", "timeout", "hint:"]);
    }

    /// Others hold a row or a table for longer than the migration is ready to wait; then they let go.
    fn a_lock_that_others_hold_is_not_waited_for_without_end(engine) {
        let project = counter(engine, "ALTER TABLE counters ADD COLUMN m INTEGER;\nUPDATE counters SET m = n;");
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = 7 WHERE id = 2");
        refused(&project, "apply --table-lock-timeout 1s --retries 1", 5, &["0002_count", "hint:"]);
        let mut waiter = start(&project, "apply --table-lock-timeout 1s --retries 100");
        somebody_waits(&project);
        holder.run("COMMIT");
        assert!(waiter.wait().unwrap().success());
        assert_eq!(project.rows("SELECT m FROM counters ORDER BY id"), ["0", "7"]);
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    /// Whoever is made to give way, the migration takes effect once.
    fn a_deadlock_is_survived(engine) {
        let project = counter(
            engine,
            "UPDATE counters SET n = n + 1 WHERE id = 1;\nUPDATE counters SET n = n + 1 WHERE id = 2;",
        );
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = n + 10 WHERE id = 2");
        let mut run = start(&project, "apply --table-lock-timeout none");
        somebody_waits(&project);
        holder.send("UPDATE counters SET n = n + 10 WHERE id = 1; COMMIT");
        assert!(run.wait().unwrap().success());
        let counted = project.rows("SELECT n FROM counters ORDER BY id");
        assert!(counted == ["1", "1"] || counted == ["11", "11"], "{counted:?}");
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    fn a_row_that_others_change_meanwhile_is_counted_right(engine) {
        let project = counter(engine, "SELECT n FROM counters;\nUPDATE counters SET n = n + 1 WHERE id = 1;");
        if engine == Engine::Postgres {
            let name = project.server_database().name();
            project.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"));
        }
        let mut holder = other(&project);
        holder.run("BEGIN; UPDATE counters SET n = n + 10 WHERE id = 1");
        let mut run = start(&project, "apply --table-lock-timeout none");
        somebody_waits(&project);
        holder.run("COMMIT");
        assert!(run.wait().unwrap().success());
        assert_eq!(project.rows("SELECT n FROM counters ORDER BY id"), ["11", "0"]);
        assert_eq!(project.history(), ["0001", "0002"]);
    }

    fn two_runs_wait_for_each_other_and_say_for_whom(engine) {
        let project = counter(
            engine,
            match engine {
                Engine::Postgres => "UPDATE counters SET n = n + 1 WHERE id = 1 AND pg_sleep(1.5) IS NOT NULL;",
                _ => "UPDATE counters SET n = n + 1 WHERE id = 1 AND SLEEP(1.5) = 0;",
            },
        );
        let mut holder = start(&project, "apply");
        until("its statement lasts", || project.sleeps());
        project.runner("apply --lock-timeout 200ms").exits(5).says(&["the lock", "held", "by ", "hint:"]);
        project.runner("apply").succeeds();
        assert!(holder.wait().unwrap().success());
        assert_eq!(project.value("SELECT n FROM counters WHERE id = 1"), "1");
    }
}
