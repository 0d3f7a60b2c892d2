//! Makes the table that the other examples change: `t (id INTEGER PRIMARY KEY, name TEXT, bal REAL)`.
//!
//! `cargo run --release --example seed_table -- FILE ROWS`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use runner_data::{Batch, Column, ColumnValues, VarValues};
use runner_database::{ConnectOptions, DatabaseUrl, TableName, TableTarget, TransactionOptions, WriteHint, WriteMode};
use runner_drivers::connect;

#[path = "support/mod.rs"]
mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (file, rows) = support::arguments("FILE ROWS")?;
    let rows: usize = rows.ok_or("how many rows?")?.parse()?;
    let url = DatabaseUrl::parse(&format!("sqlite:{file}"), Path::new("."))?;
    let mut database = connect(&url, &ConnectOptions::creating()).await?;
    let started = Instant::now();
    let mut session = database.host();
    session.begin(TransactionOptions::default()).await?;
    session.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, bal REAL)", &[]).await?;
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Insert, key: Vec::new() };
    let writer = session.open_writer(&target).await?;
    for first in (0..rows).step_by(16_384) {
        let batch = batch(first, (first + 16_384).min(rows));
        session.write(writer, &batch, WriteHint::default()).await?;
    }
    let written = session.finish_writer(writer).await?;
    session.commit_or_roll_back().await?;
    support::report(started.elapsed(), written)
}

fn batch(first: usize, end: usize) -> Batch {
    let mut names = VarValues::default();
    for id in first..end {
        names.data.extend_from_slice(format!("customer {id:09}").as_bytes());
        names.offsets.push(names.data.len() as u32);
    }
    let column = |name: &str, values| Column { name: name.to_owned(), nulls: Vec::new(), values };
    Batch {
        row_count: end - first,
        columns: vec![
            column("id", ColumnValues::Int64((first as i64 + 1..=end as i64).collect())),
            column("name", ColumnValues::Text(names)),
            column("bal", ColumnValues::Float64((first..end).map(|id| id as f64 * 0.25).collect())),
        ],
    }
}
