//! A copy of a database to try things on: of SQLite's in a file of its own, of MySQL's and MariaDB's in a scratch database
//! beside it. It is removed when it is discarded; what a killed run left is found and removed by the next one.

pub use super::scratch::{CopyProgress, ScratchCopy, ScratchPlace, ScratchRequest};
use super::{Database, DatabaseError, DatabaseErrorKind, Dialect, mysql, sqlite};

/// Copies a database.
pub async fn make(original: &mut dyn Database, request: &ScratchRequest<'_>) -> Result<ScratchCopy, DatabaseError> {
    // Which driver makes the copy.
    match original.facts().dialect {
        Dialect::Sqlite => sqlite::scratch::make(original.url(), request).await,
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::make(original, request).await,
        Dialect::Postgres => Err(DatabaseError::new(
            DatabaseErrorKind::Configuration,
            "PostgreSQL rolls back whatever a dry run does, so it needs no copy",
        )
        .hint("leave `--on-copy` out")),
    }
}

/// Removes a copy whose connection is closed.
pub async fn discard(original: &mut dyn Database, place: ScratchPlace) -> Result<(), DatabaseError> {
    match place {
        ScratchPlace::Folder(folder) => {
            drop(folder);
            Ok(())
        }
        ScratchPlace::Schema(name) => mysql::scratch::discard(original, &name).await,
    }
}

/// Removes what a killed run left of its copy; answers its name, if there was one. For runs that hold the lock.
pub async fn sweep(original: &mut dyn Database) -> Result<Option<String>, DatabaseError> {
    // Which driver could have left one.
    match original.facts().dialect {
        Dialect::Mysql | Dialect::Mariadb => mysql::scratch::sweep(original).await,
        Dialect::Sqlite | Dialect::Postgres => Ok(None),
    }
}
