//! The tool's own tables as a closed set. A migration can add nothing to them, since the authorizer refuses that; a
//! process that can write to the file can, and what acts when they are written, or restricts it, would act for the
//! host.

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, HistoryPlace};

impl SqliteDatabase {
    /// Fails if there is anything about the tool's tables but the tables themselves. Belongs in a transaction that
    /// writes; checks only where the schema has changed since the last check.
    pub(super) fn check_tool_schema(&mut self) -> Result<(), DatabaseError> {
        let failed = |failure| from_failure(&failure);
        let mut version = None;
        let read = "PRAGMA main.schema_version";
        self.connection
            .each_row(read, &[], |row| row.get(0).map(|found: i64| version = Some(found)))
            .map_err(failed)?;
        if version.is_some() && self.proven_schema == version {
            return Ok(());
        }
        let mut stranger = None;
        let look = |row: &rusqlite::Row<'_>| {
            stranger = Some((text_of(row, 0)?, text_of(row, 1)?));
            Ok(())
        };
        self.connection.each_row(&strangers(&self.facts.history), &[], look).map_err(failed)?;
        if let Some((kind, name)) = stranger {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                format!("the tables of runner have the {kind} `{name}`, which runner did not make"),
            )
            .hint("remove it, and look who may write to the database file"));
        }
        self.proven_schema = version;
        Ok(())
    }
}

/// What is about the tool's tables, and is neither one of them nor an index that SQLite makes with one.
fn strangers(history: &HistoryPlace) -> String {
    let tables = history.guarded(Dialect::Sqlite).to_ascii_lowercase();
    let ours = |name: &str| format!("lower({name}) IN ({tables})");
    let is_made = "m.type = 'index' AND m.sql IS NULL OR m.type = 'table' AND m.sql NOT LIKE 'create virtual%'";
    format!(
        "SELECT m.type, m.name FROM main.sqlite_schema m WHERE ({name} OR {table}) AND NOT ({is_made}) \
         UNION ALL SELECT 'foreign key', m.name FROM main.sqlite_schema m, pragma_foreign_key_list(m.name, 'main') f \
         WHERE m.type = 'table' AND ({name} OR {parent}) \
         UNION ALL SELECT 'generated column', c.name FROM main.sqlite_schema m, pragma_table_xinfo(m.name, 'main') c \
         WHERE m.type = 'table' AND {name} AND c.hidden <> 0 LIMIT 1",
        name = ours("m.name"),
        table = ours("m.tbl_name"),
        parent = ours("f.\"table\""),
    )
}
