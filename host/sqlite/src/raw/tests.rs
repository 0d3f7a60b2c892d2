//! The rules at the top of `raw`: statements, connections and threads.

use rusqlite::ffi;

use super::active::Step;
use super::*;

fn open() -> Connection {
    let sqlite = rusqlite::Connection::open_in_memory().expect("a database");
    Connection::new(sqlite).expect("a connection")
}

fn prepare(connection: &Connection, sql: &str) -> Statement {
    connection.prepare(sql, true).expect("valid SQL").expect("a statement").statement
}

#[test]
fn a_statement_can_be_dropped_after_its_connection() {
    let connection = open();
    let mut statement = prepare(&connection, "SELECT 1");
    assert_eq!(statement.activate(&connection).step().expect("a step"), Step::Row);
    // It is finalized here, in the middle of a row.
    drop(connection);
    drop(statement);
}

#[test]
#[should_panic(expected = "with the connection that prepared it")]
fn another_connection_refuses_a_statement() {
    let (one, other) = (open(), open());
    let mut statement = prepare(&one, "SELECT 1");
    statement.activate(&other);
}

#[test]
fn the_connection_finalizes_statements_dropped_on_another_thread() {
    let connection = open();
    connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)").expect("a table");
    let mut statement = prepare(&connection, "SELECT id FROM t");
    assert_eq!(statement.activate(&connection).step().expect("a step"), Step::Row);
    std::thread::spawn(move || drop(statement)).join().expect("a thread");
    // SQLite refuses to drop a table that a statement reads.
    connection.run("DROP TABLE t").expect("no statement reads it");
}

#[test]
fn slots_are_reused() {
    let connection = open();
    for number in 0..1_000 {
        let mut statement = prepare(&connection, &format!("SELECT {number}"));
        let mut active = statement.activate(&connection);
        assert!(active.step().expect("a step").is_row());
        assert!(matches!(active.cell(0), Cell::Integer(found) if found == number));
    }
    assert!(connection.statements().len() <= 2);
}

#[test]
fn a_connection_with_functions_can_be_dropped_on_another_thread() {
    let connection = open();
    connection.provide_functions(3).expect("functions");
    let statement = prepare(&connection, "SELECT runner_pull_2(1)");
    std::thread::spawn(move || drop(connection)).join().expect("a thread");
    drop(statement);
}

#[test]
fn a_function_without_a_batch_fails() {
    let connection = open();
    connection.provide_functions(1).expect("functions");
    let mut statement = prepare(&connection, "SELECT runner_pull_0(1)");
    let failure = statement.activate(&connection).step().expect_err("there is no batch");
    assert_eq!(failure.message, "the batch has no row with this key");
}

#[test]
fn no_reference_to_a_batch_outlives_its_run() {
    let connection = open();
    connection.provide_functions(1).expect("functions");
    connection
        .run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, ''), (2, '')")
        .expect("rows");
    let mut statement = prepare(&connection, "UPDATE t SET v = runner_pull_0(id)");
    {
        let data = b"onetwo".to_vec();
        let cells = Cells::Text { offsets: &[0, 3, 6], data: &data };
        let columns = [CellColumn { nulls: &[], cells }];
        let batch = PullBatch { keys: PullKeys::Integers { sorted: &[1, 2], rows: None }, columns: &columns };
        let pulled = statement.activate(&connection).run_pulling(&batch, 0);
        pulled.result.expect("a run");
        assert_eq!(pulled.last_row, Some(1));
    }
    assert!(statement.activate(&connection).step().is_err(), "the batch is gone");
    assert_eq!(only(&connection, "SELECT group_concat(v) FROM t"), "one,two");
}

fn only(connection: &Connection, sql: &str) -> String {
    connection.fetch_optional(sql, &[], |row| row.get(0)).expect(sql).expect("a row")
}

/// What a statement reads on, or writes, after SQLite has rolled the transaction back, whatever way it takes.
#[test]
fn a_lost_transaction_is_over_until_the_host_lets_go_of_it() {
    let connection = open();
    connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)").expect("a table");
    let mut earlier = prepare(&connection, "INSERT INTO t VALUES (7)");
    connection.begin("BEGIN IMMEDIATE").expect("begun");
    assert!(connection.begin("BEGIN").is_err(), "one at a time");
    connection.run("INSERT INTO t VALUES (2)").expect("inserted");
    connection.run("INSERT OR ROLLBACK INTO t VALUES (1)").expect_err("a conflict");
    for attempt in [
        connection.run("INSERT INTO t VALUES (3)"),
        connection.run("BEGIN; INSERT INTO t VALUES (4); COMMIT"),
        connection.fetch_all("INSERT INTO t VALUES (5) RETURNING id", &[], |_| Ok(())).map(drop),
        connection.set_savepoint(),
        connection.prepare("INSERT INTO t VALUES (6)", true).map(drop),
        earlier.activate(&connection).step().map(drop),
        connection.overwrite("t", "id", 1, b""),
        connection.commit(),
    ] {
        let failure = attempt.expect_err("refused");
        assert_eq!(failure.code, ffi::SQLITE_ABORT_ROLLBACK);
        assert!(failure.message.contains("UNIQUE constraint failed"), "it tells why: {}", failure.message);
    }
    assert!(!connection.holds());
    connection.roll_back().expect("let go of");
    assert_eq!(only(&connection, "SELECT group_concat(id) FROM t"), "1");
    connection.begin("BEGIN IMMEDIATE").expect("begun anew");
    connection.run("INSERT INTO t VALUES (2)").expect("inserted");
    connection.commit().expect("committed");
    assert_eq!(only(&connection, "SELECT group_concat(id) FROM t"), "1,2");
}

/// The second barrier, by itself: what bypasses the connection's own methods cannot commit either.
#[test]
fn nobody_but_the_host_commits_what_it_holds() {
    let connection = open();
    connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY)").expect("a table");
    let beside = |statement: &str| connection.beside().execute_batch(statement);
    connection.begin("BEGIN IMMEDIATE").expect("begun");
    beside("INSERT INTO t VALUES (1)").expect("inserted");
    beside("COMMIT").expect_err("refused");
    for statement in
        ["INSERT INTO t VALUES (2)", "SAVEPOINT s; INSERT INTO t VALUES (3); RELEASE s", "BEGIN; DROP TABLE t; END"]
    {
        // Each would commit, now that no transaction is open.
        beside(statement).expect_err(statement);
        let _ = beside("ROLLBACK");
    }
    connection.roll_back().expect("let go of");
    assert_eq!(only(&connection, "SELECT CAST(count(*) AS TEXT) FROM t"), "0");
}
