//! A file has no server: neither logins nor sessions nor replicas.

use async_trait::async_trait;

use crate::error::{advice, unknown_name};
use runner_database::dialect_sql::{Server, UnknownName};
use runner_database::{Database, DatabaseError};

/// A file.
pub(super) struct File;

#[async_trait]
impl Server for File {
    /// The path.
    async fn identity(&self, database: &mut dyn Database) -> Result<String, DatabaseError> {
        let file = database.facts().file.as_ref();
        Ok(file.and_then(|path| path.canonicalize().ok()).unwrap_or_default().display().to_string())
    }

    fn advice(&self, error: &DatabaseError) -> Option<&'static str> {
        advice(error)
    }

    fn unknown_name<'a>(&self, message: &'a str) -> Option<UnknownName<'a>> {
        unknown_name(message)
    }
}
