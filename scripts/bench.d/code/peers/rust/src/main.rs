//! The job in Rust, in one transaction: on SQLite with prepared statements, on PostgreSQL pipelined, or with arrays.

use std::env;
use std::error::Error;

mod postgres;
#[path = "../../../rust/migrations/20260101000001_people/src/rules.rs"]
mod rules;
mod sqlite;

const CHUNK: i64 = 10_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let database = arguments.next().ok_or("which database?")?;
    if database.starts_with("postgres:") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(postgres::run(&database, arguments.next().as_deref() == Some("--arrays")))
    } else {
        sqlite::run(&database)
    }
}
