//! The content of a database, for comparison at two points in time: every schema object by its definition, and the rows of each
//! table by a digest. Rows are read in batches and not kept; runner's own tables are excluded.

mod compare;
mod mysql;
mod postgres;
mod rows;
mod schema;

pub use compare::{Difference, Ignore, MovedColumns};

use std::collections::BTreeMap;

use runner_database::{Database, DatabaseError};

/// The content of a database at one point in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// Schema objects, such as `table users` or `index users_email`, and their definitions: one line, or one for each column and
    /// constraint of a table.
    pub objects: BTreeMap<String, Vec<String>>,
    /// The rows of the tables.
    pub tables: BTreeMap<String, Rows>,
    /// The columns of each table in their order, which [`Dump::differences`] does not compare.
    pub columns: BTreeMap<String, Vec<String>>,
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
    let session = &mut database.host();
    let schema = schema::read(&mut **session).await?;
    let (mut tables, mut columns) = (BTreeMap::new(), BTreeMap::new());
    for table in schema.tables {
        columns.insert(table.label.clone(), table.columns.iter().map(|(name, _)| name.clone()).collect());
        let rows = rows::digest(session, &table, ignore).await?;
        tables.insert(table.label, rows);
    }
    Ok(Dump { objects: schema.objects, tables, columns })
}

#[cfg(test)]
mod tests;
