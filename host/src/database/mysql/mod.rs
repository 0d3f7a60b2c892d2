//! MySQL and MariaDB through sqlx.

use super::{ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// Opens the database of the URL.
pub async fn connect(url: &DatabaseUrl, _options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    Err(DatabaseError::new(DatabaseErrorKind::Other, format!("{url}: not yet")))
}
