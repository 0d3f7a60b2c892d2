//! The rules at the top of `raw`: statements, connections and threads.

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
    let texts: String =
        connection.sqlite().query_row("SELECT group_concat(v) FROM t", [], |row| row.get(0)).expect("texts");
    assert_eq!(texts, "one,two");
}
