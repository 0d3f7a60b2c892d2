//! What only SQLite does; what every database does is tested by `database::contract`.

mod contract;

use std::path::Path;

use super::*;
use crate::database::contract::{batch, column, integers, read, rows, run, texts, write};

async fn open_at(folder: &Path) -> Box<dyn Database> {
    open_url(folder, "sqlite://app.db").await
}

async fn open_url(folder: &Path, url: &str) -> Box<dyn Database> {
    let url = DatabaseUrl::parse(url, folder).expect("a URL");
    connect(&url, true).await.expect("a database")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}
