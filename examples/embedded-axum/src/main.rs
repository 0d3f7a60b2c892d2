//! A service that applies its own migrations when it starts, and then serves the table that they create.

use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use include_dir::{Dir, include_dir};
use runner::{Event, Project, Runner};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{Row, query};
use tokio::net::TcpListener;

/// The project: `migrations/`, `runner.toml` and `runner.lock`. The command line also works in that directory.
static DB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/db");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::var("DATABASE_FILE").unwrap_or("notes.db".to_owned());
    let address = std::env::var("ADDRESS").unwrap_or("127.0.0.1:3000".to_owned());
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);

    if let Err(error) = migrate(&options).await {
        eprintln!("cannot migrate the database: {error:#}");
        return Err(error.into());
    }

    let pool = SqlitePool::connect_with(options).await?;
    let app = Router::new().route("/notes", get(list).post(add)).with_state(pool);
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    Ok(())
}

/// Applies pending migrations. Instances that start together wait for the one that holds the lock.
async fn migrate(options: &SqliteConnectOptions) -> runner::Result<()> {
    let runner = Runner::builder()
        .project(Project::included(&DB))
        .database(options.clone())
        .locked(true)
        .on_event(|event| match event {
            Event::LockWaiting { holder } => println!("waiting for {holder}"),
            Event::MigrationFinished { revision, name, .. } => println!("applied {revision}_{name}"),
            _ => {}
        })
        .build()?;
    let outcome = runner.apply().await?;
    if outcome.is_up_to_date() {
        println!("the database is up to date");
    }
    Ok(())
}

async fn list(State(pool): State<SqlitePool>) -> Result<Json<Value>, StatusCode> {
    let rows = query("SELECT id, text, written_at FROM notes ORDER BY id").fetch_all(&pool).await.map_err(failed)?;
    let note = |row| -> Result<Value, sqlx::Error> {
        let row: &sqlx::sqlite::SqliteRow = row;
        let (id, text): (i64, String) = (row.try_get("id")?, row.try_get("text")?);
        let written_at: String = row.try_get("written_at")?;
        Ok(json!({ "id": id, "text": text, "written_at": written_at }))
    };
    let notes = rows.iter().map(note).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok(Json(Value::Array(notes)))
}

async fn add(State(pool): State<SqlitePool>, text: String) -> Result<StatusCode, StatusCode> {
    query("INSERT INTO notes (text) VALUES (?)").bind(text).execute(&pool).await.map_err(failed)?;
    Ok(StatusCode::CREATED)
}

fn failed(error: sqlx::Error) -> StatusCode {
    eprintln!("a query failed: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}
