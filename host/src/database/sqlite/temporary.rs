//! Temporary tables, views and triggers: SQLite keeps them for the connection and not for the transaction, and they stand
//! in front of what has the same name in the file. Attached databases are kept for the connection likewise.

use rusqlite::OptionalExtension as _;

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::raw::{Connection, Failure};
use super::rights::is_attached;
use crate::database::{DatabaseError, Dialect};

/// The next object to drop. Triggers and views first; a virtual table takes its shadow tables along, which cannot be
/// dropped by themselves.
const NEXT: &str = "SELECT type, name FROM temp.sqlite_schema
    WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY type = 'table', sql NOT LIKE 'create virtual%' LIMIT 1";

impl SqliteDatabase {
    /// Drops everything temporary and detaches other files, so that one migration's leftovers are not the next one's
    /// surroundings.
    pub(super) fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        self.close_statements();
        drop_all(&self.connection).map_err(|failure| from_failure(&failure))?;
        match self.detach_all() {
            // A file that the open transaction has touched goes when the transaction ends.
            Err(_) if !self.connection.is_autocommit() => Ok(()),
            detached => detached.map_err(|failure| from_failure(&failure)),
        }
    }

    /// Detaches every database but the run's own, as far as SQLite lets go of them; the first failure comes back.
    pub(super) fn detach_all(&mut self) -> Result<(), Failure> {
        let attached = databases(&self.connection)?.into_iter().filter(|name| is_attached(name));
        let mut result = Ok(());
        for name in attached {
            // Statements that were prepared with it would look for it in vain.
            self.cache.clear();
            let detached = self.connection.run(&format!("DETACH {}", Dialect::Sqlite.quote(&name)));
            result = result.and(detached);
        }
        result
    }
}

/// The names of the databases of a connection.
pub(super) fn databases(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    connection.each_row("PRAGMA database_list", |row| {
        names.push(text_of(row, 1)?);
        Ok(())
    })?;
    Ok(names)
}

fn drop_all(connection: &Connection) -> Result<(), Failure> {
    loop {
        let next = connection.sqlite().query_row(NEXT, [], |row| Ok((text_of(row, 0)?, text_of(row, 1)?)));
        let Some((kind, name)) = next.optional()? else { return Ok(()) };
        connection.run(&format!("DROP {kind} temp.{}", Dialect::Sqlite.quote(&name)))?;
    }
}
