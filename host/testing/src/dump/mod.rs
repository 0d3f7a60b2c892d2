//! The content of a database, for comparison at two points in time: every schema object by its definition, and the rows of each
//! table by a digest. Rows are read in batches and not kept; runner's own tables are excluded.

mod compare;
mod rows;
mod tables;

pub use compare::{Difference, Ignore, MovedColumns};

use std::collections::BTreeMap;

use runner_database::{Database, DatabaseError};
use runner_schema::{Reading, Schema};

/// The content of a database at one point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Its schema, with owners and privileges.
    pub schema: Schema,
    /// The rows of the tables.
    pub tables: BTreeMap<String, Rows>,
}

/// The rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Number of rows.
    pub count: u64,
    /// Digest of all rows, independent of their order and without ignored columns.
    pub digest: [u64; 4],
    /// Digest of the cells of each column, independent of their order, to locate differences.
    pub columns: BTreeMap<String, u64>,
    /// The rows of small tables, for messages: columns in the order of their names.
    pub few: Option<Vec<String>>,
}

/// Reads the content of the database. Opens a transaction, so none may be open.
pub async fn take(database: &mut dyn Database, ignore: &Ignore) -> Result<Dump, DatabaseError> {
    let schema = runner_schema::read(database, Reading { privileges: true }).await?;
    let session = &mut database.host();
    let mut tables = BTreeMap::new();
    for table in tables::tables(&schema) {
        let rows = rows::digest(session, &table, ignore).await?;
        tables.insert(table.label, rows);
    }
    Ok(Dump { schema, tables })
}

#[cfg(test)]
mod tests;
