//! The catalogue of PostgreSQL.

use runner_database::{Database, DatabaseError};

use super::{Reading, take, version};
use crate::model::Schema;

/// Names that a function of the server writes are qualified then, but for the server's own; and no operator of the user's takes the
/// place of the server's. To compile the statement would take the server most of its time.
const SETTINGS: &str = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), \
    pg_catalog.set_config('jit', 'off', true)";

/// Everything in one statement, and so in one snapshot.
const OBJECTS: &str = include_str!("postgres.sql");

const PRIVILEGES: &str = include_str!("postgres_privileges.sql");

pub(super) async fn read(database: &mut dyn Database, reading: Reading) -> Result<Schema, DatabaseError> {
    let facts = database.facts();
    let mut schema = Schema { own_schema: facts.schema.clone(), ..Schema::empty(facts.dialect) };
    let text = if reading.privileges { format!("{OBJECTS} UNION ALL {PRIVILEGES}") } else { OBJECTS.to_owned() };
    // Since version 14.
    let text =
        text.replace("{compression}", if version(&facts.version) >= (14, 0) { "attcompression" } else { "NULL" });
    let answers = database.probe(&[SETTINGS.to_owned(), text]).await?.answers;
    take(&mut schema, answers.into_iter().nth(1).unwrap_or_default())?;
    Ok(schema)
}
