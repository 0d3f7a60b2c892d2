//! Microseconds a row for every way to read and write a table in batches. Makes the table in a new file.
//!
//! `cargo run --release --example data_paths -- FILE [ROWS]`
#![allow(clippy::disallowed_methods, reason = "an example prints by itself")]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use runner_data::{Batch, Column, ColumnValues, VarValues};
use runner_database::keyset::TableReader;
use runner_database::{
    BatchLimits, ConnectOptions, Database, DatabaseUrl, TableName, TableSource, TableTarget, TransactionOptions,
    WriteHint, WriteMode,
};
use runner_drivers::connect;

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod support;

const BATCH: usize = 16_384;

struct Bench {
    database: Box<dyn Database>,
    rows: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (file, rows) = support::arguments("FILE [ROWS]")?;
    let rows: usize = rows.as_deref().unwrap_or("1000000").parse()?;
    let url = DatabaseUrl::parse(&format!("sqlite:{file}"), Path::new("."))?;
    let mut bench = Bench { database: connect(&url, &ConnectOptions::creating()).await?, rows };
    let started = Instant::now();
    bench.run("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, bal REAL)").await?;
    bench.run("CREATE TABLE k (name TEXT PRIMARY KEY, id INTEGER, bal REAL) WITHOUT ROWID").await?;
    let all = |columns: &[usize]| Pick { columns: columns.to_vec(), step: 1, reverse: false };
    bench.write("insert", "t", WriteMode::Insert, &all(&[0, 1, 2])).await?;
    bench.write("insert by text key", "k", WriteMode::Insert, &all(&[0, 1, 2])).await?;
    bench.read("read in pages", "t").await?;
    bench.read("read in pages, text key", "k").await?;
    bench.write("update, dense keys", "t", WriteMode::Update, &all(&[0, 1, 2])).await?;
    bench.write("update, one integer column", "t", WriteMode::Update, &all(&[0, 2])).await?;
    bench.write("update, every 2nd key", "t", WriteMode::Update, &Pick { step: 2, ..all(&[0, 1, 2]) }).await?;
    bench.write("update, every 4th key", "t", WriteMode::Update, &Pick { step: 4, ..all(&[0, 1, 2]) }).await?;
    bench.write("update, every 16th key", "t", WriteMode::Update, &Pick { step: 16, ..all(&[0, 1, 2]) }).await?;
    bench.write("update, keys backwards", "t", WriteMode::Update, &Pick { reverse: true, ..all(&[0, 1, 2]) }).await?;
    bench.write("update, text key", "k", WriteMode::Update, &all(&[1, 2])).await?;
    bench.write("upsert, all there", "t", WriteMode::Upsert, &all(&[0, 1, 2])).await?;
    bench.write("delete, every 2nd key", "t", WriteMode::Delete, &Pick { step: 2, ..all(&[0]) }).await?;
    bench.write("delete, text key", "k", WriteMode::Delete, &all(&[1])).await?;
    let sql = Instant::now();
    bench.run("UPDATE t SET name = lower(name), bal = bal * 1.1").await?;
    say("UPDATE in SQL, for comparison", sql, bench.rows / 2)?;
    support::report(started.elapsed(), rows as u64)
}

/// Which rows and columns a batch has.
struct Pick {
    columns: Vec<usize>,
    step: usize,
    reverse: bool,
}

impl Bench {
    async fn run(&mut self, statement: &str) -> Result<(), Box<dyn Error>> {
        let mut session = self.database.host();
        session.begin(TransactionOptions::default()).await?;
        session.execute(statement, &[]).await?;
        Ok(session.commit_or_roll_back().await?)
    }

    async fn write(&mut self, what: &str, table: &str, mode: WriteMode, pick: &Pick) -> Result<(), Box<dyn Error>> {
        let ids: Vec<usize> = (0..self.rows).step_by(pick.step).collect();
        let batches: Vec<Batch> = ids.chunks(BATCH).map(|ids| batch(ids, pick)).collect();
        let started = Instant::now();
        let mut session = self.database.host();
        session.begin(TransactionOptions::default()).await?;
        let target = TableTarget { table: TableName::new(table), mode, key: Vec::new() };
        let writer = session.open_writer(&target).await?;
        for batch in &batches {
            session.write(writer, batch, WriteHint::default()).await?;
        }
        let rows = session.finish_writer(writer).await?;
        session.commit_or_roll_back().await?;
        say(what, started, rows as usize)
    }

    async fn read(&mut self, what: &str, table: &str) -> Result<(), Box<dyn Error>> {
        let source = TableSource::all_of(TableName::new(table));
        let started = Instant::now();
        let mut reader = TableReader::open(&mut *self.database.host(), source, BatchLimits::default()).await?;
        let mut rows = 0;
        while let Some(batch) = reader.next(&mut *self.database.host()).await? {
            rows += batch.row_count;
        }
        say(what, started, rows)
    }
}

fn batch(ids: &[usize], pick: &Pick) -> Batch {
    let mut ids = ids.to_vec();
    if pick.reverse {
        ids.reverse();
    }
    let mut names = VarValues::default();
    for id in &ids {
        names.data.extend_from_slice(format!("customer {id:09}").as_bytes());
        names.offsets.push(names.data.len() as u32);
    }
    let column = |name: &str, values| Column { name: name.to_owned(), nulls: Vec::new(), values };
    let all = [
        column("id", ColumnValues::Int64(ids.iter().map(|id| *id as i64 + 1).collect())),
        column("name", ColumnValues::Text(names)),
        column("bal", ColumnValues::Float64(ids.iter().map(|id| *id as f64 * 0.25).collect())),
    ];
    let columns = pick.columns.iter().filter_map(|at| all.get(*at).cloned()).collect();
    Batch { row_count: ids.len(), columns }
}

fn say(what: &str, started: Instant, rows: usize) -> Result<(), Box<dyn Error>> {
    let micros = started.elapsed().as_secs_f64() * 1e6 / rows.max(1) as f64;
    writeln!(std::io::stdout().lock(), "{micros:7.3} µs a row  {what}")?;
    Ok(())
}
