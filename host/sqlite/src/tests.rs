//! What is specific to SQLite; `database::contract` tests what every database does.

mod connect;
mod contract;
mod fixed;
mod grants;
mod guard;
mod hostile;
mod lock;
mod lost;
mod math;
mod nesting;
mod random;
mod range;
mod read_ahead;
mod tool_tables;
mod transaction;
mod types;

use std::path::Path;

use super::*;
use runner_contract::{batch, column, integers, page, read, rows, run, texts, write};
use runner_data::{Column, ColumnValues, VarValues};
use runner_database::WriteMode;
use runner_database::unguarded::Unguarded as _;

async fn open_at(directory: &Path) -> Box<dyn Database> {
    open_url(directory, "sqlite://app.db").await
}

async fn open_url(directory: &Path, url: &str) -> Box<dyn Database> {
    let url = DatabaseUrl::parse(url, directory).expect("a URL");
    super::connect(&url, &ConnectOptions::creating()).await.expect("a database")
}

async fn in_memory() -> Box<dyn Database> {
    open_url(Path::new("/"), "sqlite::memory:").await
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// The only cell of a query's result, as text.
async fn text_of(database: &mut dyn Database, statement: &str) -> String {
    match rows(database, statement).await.pop().and_then(|mut row| row.pop()) {
        Some(Value::Text(text)) => text,
        other => panic!("{statement}: {other:?}"),
    }
}
