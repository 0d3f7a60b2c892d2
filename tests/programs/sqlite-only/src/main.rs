//! Migrates the SQLite database given as an argument, and prints what this build cannot do.

use runner::{Project, Runner, Target};

const SQL: [(&str, &[u8]); 2] = [
    ("migrations/0001_users.up.sql", b"CREATE TABLE users (id INTEGER PRIMARY KEY);"),
    ("migrations/0001_users.down.sql", b"DROP TABLE users;"),
];
const COMPONENT: (&str, &[u8]) = ("migrations/0002_fill.wasm", b"\0asm");

/// Lists the bytes above as a component; a build without a sandbox never reads them.
const LOCKFILE: &str = include_str!("../runner.lock");

#[tokio::main(flavor = "current_thread")]
async fn main() -> runner::Result<()> {
    let url = format!("sqlite://{}", std::env::args().nth(1).unwrap_or_default());
    for other in ["postgres://localhost/app", "mysql://localhost/app", "mariadb://localhost/app"] {
        let built = Runner::builder().project(Project::embedded(SQL)).database(other).build();
        println!("{}", built.err().map_or("it builds".to_owned(), |error| format!("{error:#}")));
    }

    let lockfile = ("runner.lock", LOCKFILE.as_bytes());
    let files = SQL.into_iter().chain([COMPONENT, lockfile]);
    let mixed = Runner::builder().project(Project::embedded(files)).database(&url).build()?;
    let applied = mixed.apply().await;
    println!("{}", applied.err().map_or("it runs".to_owned(), |error| format!("{error:#}")));
    println!("pending: {}", mixed.status().await?.pending());

    let runner = Runner::builder().project(Project::embedded(SQL)).database(&url).build()?;
    println!("applied: {}", runner.apply().await?.done.len());
    println!("rolled back: {}", runner.rollback(Target::Base).await?.done.len());
    Ok(())
}
