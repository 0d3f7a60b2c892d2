//! The same change as `native_transform`, in SQL: what a transform is measured against.
//!
//! `cargo run --release --example sql_update -- FILE`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use runner_database::{ConnectOptions, DatabaseUrl, TransactionOptions};
use runner_drivers::connect;

#[path = "support/mod.rs"]
mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (file, _) = support::arguments("FILE")?;
    let url = DatabaseUrl::parse(&format!("sqlite:{file}"), Path::new("."))?;
    let mut database = connect(&url, &ConnectOptions::default()).await?;
    let started = Instant::now();
    let mut session = database.host();
    session.begin(TransactionOptions::default()).await?;
    let rows = session.execute("UPDATE t SET name = upper(name), bal = bal * 1.1", &[]).await?;
    session.commit_or_roll_back().await?;
    support::report(started.elapsed(), rows)
}
