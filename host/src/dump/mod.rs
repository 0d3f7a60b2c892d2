//! What a database holds, so that two moments can be compared: every object of the schema by its definition, and the rows of
//! each table by a digest. Rows are read in batches and none is kept, whatever the size of the table; runner's own tables are
//! left out.

mod compare;
mod mysql;
mod postgres;
mod rows;
mod schema;

pub use compare::{Difference, Ignore};

use std::collections::BTreeMap;

use crate::database::{Database, DatabaseError};

/// A database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// The objects of the schema, such as `table users` or `index users_email`, and their definitions.
    pub objects: BTreeMap<String, String>,
    /// What is in the tables.
    pub tables: BTreeMap<String, Rows>,
}

/// The rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many there are.
    pub count: u64,
    /// The digest of all of them, whatever their order. Columns that are to be ignored are not in it.
    pub digest: [u64; 4],
    /// For each column, the digest of its cells, whatever their order: it tells where a difference is.
    pub columns: BTreeMap<String, u64>,
    /// The rows themselves where there are few, for messages: columns in the order of their names.
    pub few: Option<Vec<String>>,
}

/// Reads what the database holds. Opens a transaction, so none may be open.
pub async fn take(database: &mut dyn Database, ignore: &Ignore) -> Result<Dump, DatabaseError> {
    let session = &mut database.host();
    let schema = schema::read(&mut **session).await?;
    let mut tables = BTreeMap::new();
    for table in schema.tables {
        let rows = rows::digest(session, &table, ignore).await?;
        tables.insert(table.label, rows);
    }
    Ok(Dump { objects: schema.objects, tables })
}
