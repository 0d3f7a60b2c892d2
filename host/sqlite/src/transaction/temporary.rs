//! Temporary tables, views and triggers: SQLite keeps them for the connection and not for the transaction, and they hide
//! objects of the same name in the file. Attached databases are kept for the connection as well.

use crate::error::text_of;
use crate::executor::Executor;
use crate::guard::is_attached;
use crate::raw::{Connection, Failure};
use runner_database::Dialect;

/// The next object to drop. Triggers and views come first; dropping a virtual table drops its shadow tables, which cannot be
/// dropped by themselves.
const NEXT: &str = "SELECT type, name FROM temp.sqlite_schema
    WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY type = 'table', sql NOT LIKE 'create virtual%' LIMIT 1";

/// Drops all temporary objects.
pub(super) fn drop_all(connection: &Connection) -> Result<(), Failure> {
    while let Some((kind, name)) =
        connection.fetch_optional(NEXT, &[], |row| Ok((text_of(row, 0)?, text_of(row, 1)?)))?
    {
        connection.run(&format!("DROP {kind} temp.{}", Dialect::Sqlite.quote(&name)))?;
    }
    Ok(())
}

/// Detaches every database but the run's own, as far as SQLite allows; returns the first failure.
pub(super) fn detach_all(executor: &mut Executor) -> Result<(), Failure> {
    let mut result = Ok(());
    for name in databases(executor.connection())?.into_iter().filter(|name| is_attached(name)) {
        // Statements that were prepared with it would fail.
        executor.clear_cache();
        let detached = executor.connection().run(&format!("DETACH {}", Dialect::Sqlite.quote(&name)));
        result = result.and(detached);
    }
    result
}

/// The names of the databases of a connection.
pub(super) fn databases(connection: &Connection) -> Result<Vec<String>, Failure> {
    connection.fetch_all("PRAGMA database_list", &[], |row| text_of(row, 1))
}
