//! Temporary tables, views and triggers: SQLite keeps them for the connection and not for the transaction, and they hide
//! objects of the same name in the file. Attached databases are kept for the connection as well.

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::raw::{Connection, Failure};
use super::rights::is_attached;
use runner_database::{DatabaseError, Dialect};

/// The next object to drop. Triggers and views come first; dropping a virtual table drops its shadow tables, which cannot be
/// dropped by themselves.
const NEXT: &str = "SELECT type, name FROM temp.sqlite_schema
    WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY type = 'table', sql NOT LIKE 'create virtual%' LIMIT 1";

impl SqliteDatabase {
    /// Drops all temporary objects and detaches other files, so that a migration does not see what an earlier one left.
    pub(super) fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        self.close_statements();
        drop_all(&self.connection).map_err(|failure| from_failure(&failure))?;
        match self.detach_all() {
            // A file that the open transaction uses is detached when the transaction ends.
            Err(_) if self.connection.holds() => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.detaches = true;
                }
                Ok(())
            }
            detached => detached.map_err(|failure| from_failure(&failure)),
        }
    }

    /// Detaches every database but the run's own, as far as SQLite allows; returns the first failure.
    pub(super) fn detach_all(&mut self) -> Result<(), Failure> {
        let attached = databases(&self.connection)?.into_iter().filter(|name| is_attached(name));
        let mut result = Ok(());
        for name in attached {
            // Statements that were prepared with it would fail.
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
    connection.each_row("PRAGMA database_list", &[], |row| {
        names.push(text_of(row, 1)?);
        Ok(())
    })?;
    Ok(names)
}

fn drop_all(connection: &Connection) -> Result<(), Failure> {
    loop {
        let mut next = None;
        connection.each_row(NEXT, &[], |row| {
            next = Some((text_of(row, 0)?, text_of(row, 1)?));
            Ok(())
        })?;
        let Some((kind, name)) = next else { return Ok(()) };
        connection.run(&format!("DROP {kind} temp.{}", Dialect::Sqlite.quote(&name)))?;
    }
}
