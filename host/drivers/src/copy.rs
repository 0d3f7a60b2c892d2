//! Scratch copies of a database: in a separate file for SQLite, in a scratch database next to the original for MySQL
//! and MariaDB. A copy is removed when it is discarded; the next run finds and removes what a killed run left.

#[cfg(not(all(feature = "sqlite", feature = "mysql")))]
use crate::no_driver;
pub use runner_database::scratch::{CopyProgress, Directory, ScratchCopy, ScratchPlace, ScratchRequest};
use runner_database::{Database, DatabaseError, DatabaseErrorKind, Dialect};

/// Copies a database.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "mysql")),
    expect(unused_variables, reason = "PostgreSQL alone needs no copy")
)]
pub async fn make(original: &mut dyn Database, request: &ScratchRequest<'_>) -> Result<ScratchCopy, DatabaseError> {
    // The driver that makes the copy.
    match original.facts().dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => runner_sqlite::scratch::make(request).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => runner_mysql::scratch::make(original, request).await,
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
        ScratchPlace::Directory(directory) => {
            let path = directory.path.clone();
            directory.remove().map_err(|error| {
                DatabaseError::new(DatabaseErrorKind::Other, format!("cannot remove `{}`: {error}", path.display()))
            })
        }
        #[cfg(feature = "mysql")]
        ScratchPlace::Schema(name) => runner_mysql::scratch::discard(original, &name).await,
        #[cfg(not(feature = "mysql"))]
        ScratchPlace::Schema(_) => Err(no_driver(original.facts().dialect)),
    }
}

/// Removes what a killed run left of its copy and returns its name, if there was one. Only for runs that hold the lock.
pub async fn sweep(original: &mut dyn Database) -> Result<Option<String>, DatabaseError> {
    // Only the driver of MySQL and MariaDB can leave one; directories are swept when the next one is made.
    match original.facts().dialect {
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => runner_mysql::scratch::sweep(original).await,
        _ => Ok(None),
    }
}
