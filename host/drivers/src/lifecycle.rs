//! Creates and drops whole databases: files on SQLite, `CREATE DATABASE` and `DROP DATABASE` on servers.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::connect;
use runner_database::{ConnectOptions, DatabaseError, DatabaseErrorKind, DatabaseUrl};
use runner_database::{Database, Dialect};

/// Databases that belong to the server.
const SYSTEM: [&str; 7] =
    ["postgres", "template0", "template1", "mysql", "information_schema", "performance_schema", "sys"];

/// PostgreSQL and MySQL: the database exists. The second is that of a unique index: another session has just created it.
const EXISTS: [&str; 3] = ["42P04", "23505", "1007"];

/// PostgreSQL: the database is in use.
const IN_USE: &str = "55006";

/// How long to wait for sessions that use a database which is to be dropped.
const DROP_WAIT: Duration = Duration::from_secs(30);

/// How often a statement is tried for which PostgreSQL has to wait until sessions have ended.
const ATTEMPTS: u32 = 6;

/// Runs a statement for which PostgreSQL waits until sessions have ended that it has terminated. On a busy machine,
/// these may take longer than the five seconds that it waits.
pub async fn patiently(admin: &mut dyn Database, statement: &str) -> Result<(), DatabaseError> {
    let mut more = 1..ATTEMPTS;
    loop {
        match admin.host().execute(statement, &[]).await {
            Err(error) if error.code == IN_USE && more.next().is_some() => {}
            ended => return ended.map(std::mem::drop),
        }
    }
}

/// Drops a database that need not exist. `by_force` ends other sessions where the server can.
pub async fn drop_named(admin: &mut dyn Database, name: &str, by_force: bool) -> Result<(), DatabaseError> {
    let dialect = admin.facts().dialect;
    let statement = format!("DROP DATABASE IF EXISTS {}", dialect.quote(name));
    if by_force && dialect == Dialect::Postgres {
        return patiently(admin, &format!("{statement} WITH (FORCE)")).await;
    }
    admin.host().execute(&statement, &[]).await.map(std::mem::drop)
}

/// Creates the database of a URL and returns whether it did not exist.
pub async fn create(url: &DatabaseUrl, options: &ConnectOptions) -> Result<bool, DatabaseError> {
    url.check_set()?;
    if !url.dialect().has_server() {
        let Some(path) = url.sqlite_path() else { return Err(in_memory()) };
        // An empty file is not yet a database, but becomes one unless the URL forbids it.
        let size = || path.metadata().map(|found| found.len()).ok();
        let before = size();
        if before > Some(0) {
            return Ok(false);
        }
        connect(url, &ConnectOptions { create: true, ..options.clone() }).await?;
        return Ok(before.is_none() || size() > before);
    }
    create_on_server(url, options).await
}

/// Drops the database of a URL and returns whether it existed. Refused while a run holds its lock; `by_force` ends other
/// sessions where the server can.
pub async fn drop(url: &DatabaseUrl, options: &ConnectOptions, by_force: bool) -> Result<bool, DatabaseError> {
    url.check_set()?;
    if !url.dialect().has_server() {
        let Some(path) = url.sqlite_path() else { return Err(in_memory()) };
        #[cfg(feature = "sqlite")]
        return runner_sqlite::remove(&path).await;
        #[cfg(not(feature = "sqlite"))]
        return Err(crate::no_driver(url.dialect())).map(|()| path.exists());
    }
    drop_on_server(url, options, by_force).await
}

fn in_memory() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, "a database in memory cannot be created or dropped")
        .hint("use a file: `sqlite://app.db`")
}

/// Returns the decoded name of the URL's database.
fn name_of(url: &DatabaseUrl) -> Result<String, DatabaseError> {
    let of_path = || {
        let name = url.database_name()?;
        percent_decode_str(name).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let of_parameter = || url.parameter(&["dbname"]).filter(|_| url.dialect() == Dialect::Postgres);
    of_parameter().or_else(of_path).ok_or_else(|| {
        DatabaseError::new(DatabaseErrorKind::Configuration, "the database URL names no database")
            .hint("add its name: `postgres://host/app`")
    })
}

/// Connects to a database of the server that always exists.
async fn admin(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    let candidates: &[&str] = match url.dialect() {
        Dialect::Postgres => &["postgres", "template1"],
        _ => &["information_schema"],
    };
    let options = ConnectOptions { lock_timeout: Some(DROP_WAIT), ..options.clone() };
    let mut last = None;
    for name in candidates {
        match connect(&url.with_database_name(name), &options).await {
            Ok(database) => return Ok(database),
            Err(error) if error.kind == DatabaseErrorKind::NotFound => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| crate::no_driver(url.dialect())))
}

async fn create_on_server(url: &DatabaseUrl, options: &ConnectOptions) -> Result<bool, DatabaseError> {
    let name = name_of(url)?;
    let mut admin = admin(url, options).await?;
    let dialect = admin.facts().dialect;
    let characters = if dialect == Dialect::Postgres { "" } else { " CHARACTER SET utf8mb4" };
    let statement = format!("CREATE DATABASE {}{characters}", dialect.quote(&name));
    match patiently(&mut *admin, &statement).await {
        Ok(()) => Ok(true),
        Err(error) if EXISTS.contains(&error.code.as_str()) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn drop_on_server(url: &DatabaseUrl, options: &ConnectOptions, by_force: bool) -> Result<bool, DatabaseError> {
    let name = name_of(url)?;
    if SYSTEM.contains(&name.to_lowercase().as_str()) {
        return Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("`{name}` belongs to the server and is not dropped"),
        ));
    }
    match connect(url, options).await {
        Ok(mut database) => {
            if let Some(holder) = database.host().lock_holder().await? {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Busy,
                    format!("the database is in use: the lock is held by {holder}"),
                )
                .hint("`runner cancel` stops the run"));
            }
        }
        Err(error) if error.kind == DatabaseErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut admin = admin(url, options).await?;
    match drop_named(&mut *admin, &name, by_force).await {
        Ok(()) => Ok(true),
        Err(error) if error.code == IN_USE && by_force => {
            Err(error.hint("the other sessions have been asked to end, and have not ended yet: run it again"))
        }
        Err(error) if error.code == IN_USE => Err(error.hint("`--force` ends the other sessions")),
        Err(error) => Err(error),
    }
}
