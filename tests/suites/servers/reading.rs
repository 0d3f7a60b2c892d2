//! A second connection reads for a transform in a single transaction; whatever happens to that connection, the run
//! continues.

use runner_tests::{Running, guests, until};

use super::*;

const ROWS: u64 = 3_000;

/// The sessions of a run that only read the table; others of the run may be within a transaction too, but do not lock it.
const READERS: &str = "SELECT pid FROM pg_stat_activity a WHERE datname = current_database() AND xact_start IS NOT NULL \
    AND application_name LIKE 'runner%' AND backend_xid IS NULL AND state = 'idle in transaction' \
    AND query NOT LIKE '%runner lock%' \
    AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.relation = 'things'::regclass)";

fn things() -> EngineProject {
    let project = project!(Engine::Postgres);
    project
        .sql(
            "0001_things",
            &format!(
                "CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL);\n\
                 INSERT INTO things SELECT n, 'thing ' || n FROM generate_series(1, {ROWS}) AS n;"
            ),
            "DROP TABLE things;",
        )
        .component("0002_turn", &guests::component("turn"))
        // Waits for nothing: the reading connection must have released its locks by then.
        .sql("0003_more", "SET LOCAL lock_timeout = 1;\nALTER TABLE things ADD COLUMN more int;", "SELECT 1;")
        .settings(
            "[limits]\nbatch_rows = 10\n[parameters]\nsource = \"things\"\n\
             [database]\ntable_lock_timeout = \"100s\"\nretries = 0\n",
        );
    project.runner("apply --target 1").succeeds();
    project
}

/// Runs `apply`, pauses it near its end, calls `meanwhile`, and resumes it.
fn with_a_pause(project: &EngineProject, meanwhile: impl FnOnce(&str)) {
    let client = project.server_database().client();
    let mut holder = client.session();
    holder.run("BEGIN; SELECT FROM things WHERE id = 2950 FOR UPDATE");
    let mut run = Running::start(&mut project.command(["apply", "--target", "2"]));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock' AND backend_xid IS NOT NULL AND query LIKE 'UPDATE%'";
    let mut reader = String::new();
    until("one connection waits, and another one reads", || {
        // In this order: until it waits, the connection of the migration may have changed nothing yet, and look like a reader.
        client.value(waits) == "1" && {
            reader = client.value(&format!("SELECT coalesce(string_agg(pid::text, ','), '') FROM ({READERS}) r"));
            !reader.is_empty()
        }
    });
    assert!(!reader.contains(','), "several connections read: {reader}");
    meanwhile(&reader);
    holder.run("COMMIT");
    assert!(run.wait().unwrap().success());
    let right = "SELECT count(*) FROM things WHERE name = 'THING ' || id";
    assert_eq!(project.value(right), ROWS.to_string());
}

#[test]
fn the_reader_leaves_nothing_locked() {
    let project = things();
    with_a_pause(&project, |_| ());
    project.runner("apply").succeeds();
    assert_eq!(project.value(&format!("SELECT count(*) FROM ({READERS}) r")), "0");
    assert_eq!(project.value("SELECT count(more) FROM things"), "0");
}

/// With rights to some columns only, in the session of a login of its own.
#[test]
fn a_component_under_grants_reads_ahead() {
    let project = things();
    let settings = project.read("runner.toml");
    // The login of the tests is one.
    let grants = "allow = ['read things(id, name)', 'update things(name)']\nsuperuser = true\n";
    project.write("runner.toml", format!("{settings}[grants.0002_turn]\n{grants}"));
    project.runner("grants sync").succeeds();
    let client = project.server_database().client();
    with_a_pause(&project, |reader| {
        let own = client.value(&format!("SELECT usename <> current_user FROM pg_stat_activity WHERE pid = {reader}"));
        assert_eq!(own, "t", "the login of the host reads for the component");
    });
    project.write("runner.toml", settings);
    project.runner("grants sync").succeeds();
}

#[test]
fn a_lost_reader_does_not_affect_the_run() {
    let project = things();
    let client = project.server_database().client();
    with_a_pause(&project, |reader| {
        assert_eq!(client.value(&format!("SELECT pg_terminate_backend({reader})")), "t");
    });
}

#[test]
fn a_session_waiting_for_the_table_causes_no_deadlock() {
    let project = things();
    let mut other = project.server_database().client().session();
    with_a_pause(&project, |_| {
        other.send("ALTER TABLE things ADD COLUMN late int");
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'";
        until("somebody waits for the table", || project.value(waits) == "1");
    });
    other.run("SELECT count(late) FROM things");
}
