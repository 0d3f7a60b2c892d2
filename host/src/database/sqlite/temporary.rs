//! Temporary tables, views and triggers: SQLite keeps them for the connection and not for the transaction, and they stand
//! in front of what has the same name in the file.

use super::SqliteDatabase;
use super::error::from_failure;
use super::raw::{Connection, Failure};
use crate::database::{DatabaseError, Dialect};

/// The next object to drop. Triggers and views first; a virtual table takes its shadow tables along, which cannot be
/// dropped by themselves.
const NEXT: &str = "SELECT type, name FROM temp.sqlite_schema
    WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY type = 'table', sql NOT LIKE 'create virtual%' LIMIT 1";

impl SqliteDatabase {
    /// Drops everything temporary, so that one migration's leftovers are not the next one's surroundings.
    pub(super) fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        self.close_statements();
        drop_all(&self.connection).map_err(|failure| from_failure(&failure))
    }
}

fn drop_all(connection: &Connection) -> Result<(), Failure> {
    loop {
        let Some(mut next) = connection.prepare(NEXT, false)? else { return Ok(()) };
        if !next.statement.step()?.is_row() {
            return Ok(());
        }
        let (kind, name) = (next.statement.text(0), next.statement.text(1));
        drop(next);
        connection.run(&format!("DROP {kind} temp.{}", Dialect::Sqlite.quote(&name)))?;
    }
}
