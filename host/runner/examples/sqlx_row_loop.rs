//! The same change as `native_transform`, the way it is often written: sqlx, a SELECT, and an UPDATE for each row.
//! Changes the first 100,000 rows, or as many as the second argument says.
//!
//! `cargo run --release --example sqlx_row_loop -- FILE [ROWS]`

use std::error::Error;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

#[path = "support/mod.rs"]
mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (file, rows) = support::arguments("FILE [ROWS]")?;
    let rows: i64 = rows.as_deref().unwrap_or("100000").parse()?;
    let mut connection: SqliteConnection = SqliteConnectOptions::new().filename(file).connect().await?;
    let started = Instant::now();
    let mut transaction = connection.begin().await?;
    let found =
        sqlx::query("SELECT id, name, bal FROM t ORDER BY id LIMIT ?1").bind(rows).fetch_all(&mut *transaction).await?;
    let mut changed = 0;
    for row in &found {
        let (id, name, bal): (i64, String, f64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let done = sqlx::query("UPDATE t SET name = ?1, bal = ?2 WHERE id = ?3")
            .bind(name.to_uppercase())
            .bind(bal * 1.1)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        changed += done.rows_affected();
    }
    transaction.commit().await?;
    support::report(started.elapsed(), changed)
}
