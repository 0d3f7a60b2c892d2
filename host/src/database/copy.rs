//! A copy of a database to try things on: of SQLite's in a file of its own, of MySQL's and MariaDB's in a scratch database
//! beside it. It is removed when it is discarded; what a killed run left is found and removed by the next one.

#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(not(all(feature = "sqlite", feature = "mysql")))]
use super::no_driver;
pub use super::scratch::{CopyProgress, ScratchCopy, ScratchPlace, ScratchRequest};
#[cfg(feature = "sqlite")]
use super::sqlite;
use super::{Database, DatabaseError, DatabaseErrorKind, Dialect};

/// Copies a database.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "mysql")),
    expect(unused_variables, reason = "PostgreSQL alone needs no copy")
)]
pub async fn make(original: &mut dyn Database, request: &ScratchRequest<'_>) -> Result<ScratchCopy, DatabaseError> {
    // Which driver makes the copy.
    match original.facts().dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::scratch::make(original.url(), request).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::make(original, request).await,
        Dialect::Postgres => Err(DatabaseError::new(
            DatabaseErrorKind::Configuration,
            "PostgreSQL rolls back whatever a dry run does, so it needs no copy",
        )
        .hint("leave `--on-copy` out")),
        #[cfg(not(all(feature = "sqlite", feature = "mysql")))]
        missing => Err(no_driver(missing)),
    }
}

/// Removes a copy whose connection is closed.
pub async fn discard(original: &mut dyn Database, place: ScratchPlace) -> Result<(), DatabaseError> {
    match place {
        #[cfg(feature = "sqlite")]
        ScratchPlace::Folder(folder) => {
            drop(folder);
            Ok(())
        }
        #[cfg(feature = "mysql")]
        ScratchPlace::Schema(name) => mysql::scratch::discard(original, &name).await,
        #[cfg(not(feature = "mysql"))]
        ScratchPlace::Schema(_) => Err(no_driver(original.facts().dialect)),
    }
}

/// Removes what a killed run left of its copy; answers its name, if there was one. For runs that hold the lock.
pub async fn sweep(original: &mut dyn Database) -> Result<Option<String>, DatabaseError> {
    // Only the driver of MySQL and MariaDB leaves one; folders are swept when the next one is made.
    match original.facts().dialect {
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::sweep(original).await,
        _ => Ok(None),
    }
}
