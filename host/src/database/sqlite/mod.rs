//! SQLite: sqlx opens and owns the connection; statements and bulk data go through its raw handle.

use super::{Database, DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// Opens the database file of the URL.
pub async fn connect(url: &DatabaseUrl, create: bool) -> Result<Box<dyn Database>, DatabaseError> {
    let _ = create;
    Err(DatabaseError::new(DatabaseErrorKind::Other, format!("{url}: being built")))
}
