//! What is specific to MySQL and MariaDB; `database::contract` tests what every database does.

mod closed;
mod connect;
mod contract;
mod cursors;
mod encodings;
mod hostile;
mod lock;
mod logins;
mod makes;
mod modes;
mod rights;
mod schema;
mod session;
mod settings;
mod statements;
mod transaction;
mod types;
mod write_values;
mod writers;

use std::path::Path;

use runner_tests::servers::{self, Kind, TestDatabase};

use super::*;
use runner_contract::{endless, rows, run};
use runner_database::unguarded::Unguarded as _;
use runner_database::{DatabaseErrorKind, TransactionOptions};

/// A new database on the server that the tests share.
fn fresh() -> TestDatabase {
    servers::mariadb().database()
}

/// What follows `FROM` for rows whose column `seq` has the numbers from 1 to the last.
fn seq(last: u64) -> String {
    Kind::Mariadb.sequence(last)
}

/// Whether the server is MySQL, which lacks some types and statements of MariaDB.
fn is_mysql() -> bool {
    Kind::Mariadb.is_mysql()
}

/// Replaces a table.
async fn make(database: &mut dyn Database, table: &str, definition: &str) {
    run(database, &format!("DROP TABLE IF EXISTS {table}")).await;
    run(database, &format!("CREATE TABLE {table} {definition}")).await;
}

async fn open_url(url: &str) -> Result<Box<dyn Database>, DatabaseError> {
    open_with(url, &ConnectOptions::default()).await
}

async fn open_with(url: &str, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
    super::connect(&url, options).await
}

async fn open(database: &TestDatabase) -> Box<dyn Database> {
    open_url(&database.url()).await.expect("a connection")
}

/// The only cell of a query's result, as text.
async fn text_of(database: &mut dyn Database, statement: &str) -> String {
    match rows(database, statement).await.pop().and_then(|mut row| row.pop()) {
        Some(Value::Text(text)) => text,
        Some(Value::Int64(number)) => number.to_string(),
        other => panic!("{statement}: {other:?}"),
    }
}

/// The connection ID of a database's session.
async fn session_of(database: &mut dyn Database) -> u64 {
    text_of(database, "SELECT CAST(CONNECTION_ID() AS CHAR)").await.parse().expect("a number")
}

/// The error of a statement that must fail.
async fn error_of(database: &mut dyn Database, statement: &str) -> DatabaseError {
    database.execute(statement, &[]).await.expect_err(statement)
}

const NONE: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: false, is_tried: false };
