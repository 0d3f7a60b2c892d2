//! Work of the host in a transaction of its own.

use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, TransactionOptions};

/// Begins a transaction, works in it, and commits; rolls back if the work fails.
pub async fn in_transaction<T>(
    database: &mut HostSession<'_>,
    work: impl AsyncFnOnce(&mut HostSession<'_>) -> Result<T>,
) -> Result<T> {
    database.begin(TransactionOptions::default()).await?;
    match work(database).await {
        Ok(value) => {
            database.commit_or_roll_back().await?;
            Ok(value)
        }
        Err(error) => Err(roll_back(database, error).await),
    }
}

/// Rolls back because of an error, and returns that error.
pub async fn roll_back(database: &mut HostSession<'_>, error: Error) -> Error {
    match database.rollback().await {
        Ok(()) => error,
        Err(second) if second.kind == DatabaseErrorKind::Connection => {
            error.cause(format!("rolling back failed too: {second}"))
        }
        Err(second) => not_undone(error, second),
    }
}

/// The error of work that was rolled back, but left something behind or is not proven to have left nothing.
pub fn not_undone(mut error: Error, second: DatabaseError) -> Error {
    error.kind = ErrorKind::Partial;
    second.added_to(error.hint("check what remains in the database, and remove it before the next run"))
}
