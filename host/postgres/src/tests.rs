//! Tests of what is specific to PostgreSQL; `database::contract` tests what every database does.

mod citus;
mod closed;
mod code_free;
mod connect;
mod contract;
mod conversions;
mod encodings;
mod hostile;
mod late;
mod lock;
mod lost_guest;
mod makes;
mod names;
mod pages;
mod plain;
mod reading;
mod rights;
mod schema;
mod transaction;
mod types;
mod writers;

use std::path::Path;

use runner_tests::servers::{self, TestDatabase};

use super::*;
use runner_contract::{rows, run};
use runner_database::unguarded::Unguarded as _;
use runner_database::{DatabaseError, Role, StopSignal, ToolChange, TransactionOptions, UnitOfWork};

/// Creates a fresh database on the server that all tests share.
fn fresh() -> TestDatabase {
    servers::postgres().database()
}

/// Whether the server is of this version or a later one.
fn since(database: &TestDatabase, version: u32) -> bool {
    database.value("SELECT current_setting('server_version_num')").parse::<u32>().expect("a number") >= version * 10_000
}

/// A condition on `pg_locks`: the lock is of this database.
const HERE: &str = "database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Sends a signal to a server process.
fn signal(name: &str, pid: &str) {
    let sent = std::process::Command::new("kill").args([name, pid]).status().expect("`kill`");
    assert!(sent.success(), "{name}: {sent}");
}

/// Ends the sessions whose `pid` is in this part of a query, and returns when they are gone.
fn terminate(database: &TestDatabase, from: &str) {
    let sessions = database.sql(&format!("SELECT DISTINCT pid FROM {from}")).join(", ");
    assert!(!sessions.is_empty(), "no session: {from}");
    database.sql(&format!("SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[{sessions}]) AS ended (pid)"));
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({sessions})");
    while database.value(&left) != "0" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

async fn open(database: &TestDatabase) -> Box<dyn Database> {
    open_url(&database.url()).await.expect("a connection")
}

async fn open_url(url: &str) -> Result<Box<dyn Database>, DatabaseError> {
    open_with(url, &ConnectOptions::default()).await
}

async fn open_with(url: &str, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    super::connect(&DatabaseUrl::parse(url, Path::new("/")).expect("a URL"), options).await
}

/// Returns the error of a connection that must fail; needed because a database cannot be printed.
fn refusal(result: Result<Box<dyn Database>, DatabaseError>) -> DatabaseError {
    match result {
        Err(error) => error,
        Ok(_) => panic!("a connection was made"),
    }
}

/// Creates tables with the names of the tool's own, with one row each.
async fn make_tool_tables(database: &mut dyn Database) {
    run(database, "CREATE SCHEMA runner").await;
    for table in runner_database::facts::TOOL_TABLES {
        run(database, &format!("CREATE TABLE runner.{table} (id int PRIMARY KEY, state text)")).await;
        run(database, &format!("INSERT INTO runner.{table} VALUES (1, 'applied')")).await;
    }
}
