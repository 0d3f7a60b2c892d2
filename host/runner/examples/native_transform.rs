//! What a transform costs without a sandbox: the table `t` is read in pages, changed here, and written back by key.
//!
//! `cargo run --release --example native_transform -- FILE`
#![allow(clippy::disallowed_methods, reason = "an example prints by itself")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use runner_data::{Batch, ColumnValues};
use runner_database::keyset::TableReader;
use runner_database::{
    BatchLimits, ConnectOptions, DatabaseUrl, TableName, TableSource, TableTarget, TransactionOptions, WriteHint,
    WriteMode,
};
use runner_drivers::connect;

#[path = "support/mod.rs"]
mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (file, verbose) = support::arguments("FILE [verbose]")?;
    let url = DatabaseUrl::parse(&format!("sqlite:{file}"), Path::new("."))?;
    let mut database = connect(&url, &ConnectOptions::default()).await?;
    let source = TableSource::all_of(TableName::new("t"));
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() };
    let started = Instant::now();
    let mut session = database.host();
    session.begin(TransactionOptions::default()).await?;
    let mut reader = TableReader::open_bounded(&mut *session, source, BatchLimits::default()).await?;
    let writer = session.open_writer(&target).await?;
    let hint = WriteHint { covers_key_range: reader.covers_key_range() };
    let (mut reading, mut changing, mut writing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    loop {
        let at = Instant::now();
        let Some(mut batch) = reader.next(&mut *session).await? else { break };
        reading += at.elapsed();
        let at = Instant::now();
        change(&mut batch);
        changing += at.elapsed();
        let at = Instant::now();
        session.write(writer, &batch, hint).await?;
        writing += at.elapsed();
    }
    let rows = session.finish_writer(writer).await?;
    let at = Instant::now();
    session.commit_or_roll_back().await?;
    let committing = at.elapsed();
    let elapsed = started.elapsed();
    if verbose.is_some() {
        use std::io::Write;
        let mut out = std::io::stderr().lock();
        for (what, time) in [("read", reading), ("change", changing), ("write", writing), ("commit", committing)] {
            writeln!(out, "{what}: {:.3} µs per row", time.as_secs_f64() * 1e6 / rows as f64)?;
        }
    }
    support::report(elapsed, rows)
}

/// `name = upper(name), bal = bal * 1.1`.
fn change(batch: &mut Batch) {
    for column in &mut batch.columns {
        match (column.name.as_str(), &mut column.values) {
            ("name", ColumnValues::Text(values)) => values.data.make_ascii_uppercase(),
            ("bal", ColumnValues::Float64(entries)) => entries.iter_mut().for_each(|entry| *entry *= 1.1),
            _ => {}
        }
    }
}
