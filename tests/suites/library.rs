//! The crate as another program uses it.

mod features;
mod files;
mod runs;
#[cfg(unix)]
mod servers;

use runner::{Builder, Project, Runner};
use tempfile::TempDir;

type Files = [(&'static str, &'static [u8])];

/// A project of two migrations.
const SHOP: [(&str, &[u8]); 4] = [
    ("migrations/0001_users.up.sql", b"CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20));"),
    ("migrations/0001_users.down.sql", b"DROP TABLE users;"),
    ("migrations/0002_orders.up.sql", b"CREATE TABLE orders (id INTEGER PRIMARY KEY);"),
    ("migrations/0002_orders.down.sql", b"DROP TABLE orders;"),
];

/// A directory for a SQLite database, and its URL.
fn database() -> (TempDir, String) {
    let directory = TempDir::with_prefix("runner-test-").unwrap();
    let url = format!("sqlite://{}", directory.path().join("app.db").display());
    (directory, url)
}

fn embedded(files: &Files, url: &str) -> Builder {
    Runner::builder().project(Project::embedded(files.iter().copied())).database(url)
}
