//! A copy of a database to try things on: of SQLite's in a file of its own, of MySQL's and MariaDB's in a scratch database
//! beside it. It goes when it is discarded; what a killed run left is found by the next one and removed.

#[cfg(feature = "sqlite")]
mod file;

#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(not(all(feature = "sqlite", feature = "mysql")))]
use super::no_driver;
use super::{ConnectOptions, Database, DatabaseError, DatabaseErrorKind, Dialect, StopSignal};
#[cfg(feature = "sqlite")]
pub use file::Folder;

/// Hears how far a copy has come: what is counted, how much is done, of how much.
pub type Progress<'a> = &'a (dyn Fn(&str, u64, Option<u64>) + Send + Sync);

/// What is copied, and how.
pub struct Request<'a> {
    /// At most so many rows of each table, where a copy can be a part; none: all.
    pub rows: Option<u64>,
    /// How the copy is connected to.
    pub connect: &'a ConnectOptions,
    /// Ends it early.
    pub stop: &'a StopSignal,
    /// Hears how far it has come.
    pub progress: Progress<'a>,
}

/// A copy.
pub struct Copy {
    /// The connection to it.
    pub database: Box<dyn Database>,
    /// What it is: `copy` or `scratch database`.
    pub name: &'static str,
    /// The databases of the server that are no copies.
    pub others: Vec<String>,
    /// In what it is no exact copy.
    pub caveats: Vec<String>,
    /// What is to be removed in the end.
    pub place: Place,
}

/// Where a copy is.
pub enum Place {
    /// A folder of its own.
    #[cfg(feature = "sqlite")]
    Folder(Folder),
    /// A database of the server, by its name.
    Schema(String),
}

/// Copies a database.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "mysql")),
    expect(unused_variables, reason = "PostgreSQL alone needs no copy")
)]
pub async fn make(original: &mut dyn Database, request: &Request<'_>) -> Result<Copy, DatabaseError> {
    match original.facts().dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => file::copy(original.url(), request).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::make(original, request).await,
        Dialect::Postgres => Err(DatabaseError::new(
            DatabaseErrorKind::Configuration,
            "PostgreSQL rolls back whatever a dry run does, so that it needs no copy",
        )
        .hint("leave `--on-copy` out")),
        #[cfg(not(all(feature = "sqlite", feature = "mysql")))]
        missing => Err(no_driver(missing)),
    }
}

/// Removes a copy whose connection is closed.
pub async fn discard(original: &mut dyn Database, place: Place) -> Result<(), DatabaseError> {
    match place {
        #[cfg(feature = "sqlite")]
        Place::Folder(folder) => {
            drop(folder);
            Ok(())
        }
        #[cfg(feature = "mysql")]
        Place::Schema(name) => mysql::scratch::discard(original, &name).await,
        #[cfg(not(feature = "mysql"))]
        Place::Schema(_) => Err(no_driver(original.facts().dialect)),
    }
}

/// Removes what a killed run left of its copy; answers what it was, if there was one. For runs that hold the lock.
pub async fn sweep(original: &mut dyn Database) -> Result<Option<String>, DatabaseError> {
    match original.facts().dialect {
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::sweep(original).await,
        _ => Ok(None),
    }
}
