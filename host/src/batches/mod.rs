//! Bulk reading in key order: pages of a table, and the chunks of a transform.

use crate::data::Batch;
use crate::database::{BatchLimits, Database, DatabaseError, TableSource};

/// Reads a table in pages, in the order of its key.
pub struct TableReader;

impl TableReader {
    /// Opens it.
    pub async fn open(
        _database: &mut dyn Database,
        _source: TableSource,
        _limits: BatchLimits,
        _bounded: bool,
    ) -> Result<Self, DatabaseError> {
        Ok(Self)
    }

    /// The next page.
    pub async fn next(&mut self, _database: &mut dyn Database) -> Result<Option<Batch>, DatabaseError> {
        Ok(None)
    }

    /// How many rows there are.
    pub async fn count(&mut self, _database: &mut dyn Database) -> Result<u64, DatabaseError> {
        Ok(0)
    }
}
