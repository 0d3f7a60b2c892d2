//! The tool's own tables: changes to them, and that they are a closed set. A migration can add nothing to them, since the authorizer
//! refuses that; a process that can write to the file can, and what acts when they are written, or restricts it, would act for the
//! host.

use crate::error::text_of;
use crate::executor::Executor;
use crate::raw::Connection;
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, HistoryPlace, Large, QueryLimits, ToolChange};

/// The size from which bytes of the host are written in place instead of bound.
const LARGE: usize = 1 << 20;

/// What is known of the tool's tables.
pub(crate) struct ToolTables {
    /// The query for what is about them and should not be.
    strangers: String,
    /// The version of the schema in which there was nothing of it.
    proven: Option<i64>,
}

impl ToolTables {
    pub(crate) fn new(history: &HistoryPlace) -> Self {
        Self { strangers: unexpected_objects(history), proven: None }
    }

    /// Fails if there is anything about the tool's tables but the tables themselves. Belongs in a transaction that
    /// writes; checks only where the schema has changed since the last check.
    pub(crate) fn check(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        let version = connection.fetch_optional("PRAGMA main.schema_version", &[], |row| row.get(0))?;
        if version.is_some() && self.proven == version {
            return Ok(());
        }
        let look = |row: &rusqlite::Row<'_>| Ok((text_of(row, 0)?, text_of(row, 1)?));
        if let Some((kind, name)) = connection.fetch_optional(&self.strangers, &[], look)? {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                format!("the tables of runner have the {kind} `{name}`, which runner did not make"),
            )
            .hint("remove it, and look who may write to the database file"));
        }
        self.proven = version;
        Ok(())
    }

    /// Forgets the last check: what it saw is rolled back.
    pub(crate) fn forget(&mut self) {
        self.proven = None;
    }
}

/// What is about the tool's tables, and is neither one of them nor an index that SQLite makes with one.
fn unexpected_objects(history: &HistoryPlace) -> String {
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

/// Makes changes to the tool's tables in the open transaction.
pub(crate) fn make(executor: &mut Executor, facts: &Facts, changes: &[ToolChange]) -> Result<(), DatabaseError> {
    for change in changes {
        if let Some(large) = change.large().filter(|large| large.bytes.len() >= LARGE) {
            make_large(executor, facts, change, large)?;
            continue;
        }
        let (statement, values) = change.statement(facts)?;
        change.check(executor.execute(&statement, &values)?)?;
    }
    Ok(())
}

/// Makes a change with a large value: reserves its room, and writes it there. As a parameter it would be copied several times,
/// each time into memory that the system clears first; the 5.8 MB of a runtime would take ten times as long.
fn make_large(executor: &mut Executor, facts: &Facts, change: &ToolChange, large: &Large) -> Result<(), DatabaseError> {
    let length = Value::Int64(large.bytes.len() as i64);
    let reserve = |placeholder| format!("zeroblob({placeholder})");
    let (statement, mut values) = change.statement_with(facts, reserve, |_| length.clone())?;
    change.check(executor.execute(&statement, &values)?)?;
    values.truncate(large.key.len());
    let table = format!("{}{}", facts.history.prefix(Dialect::Sqlite), large.table);
    let find = format!("SELECT rowid FROM main.{table} WHERE {} = ?", large.key.join(" = ? AND "));
    let found = executor.query(&find, &values, QueryLimits::NONE)?;
    let row = found.rows.first().and_then(|row| row.first()?.as_int64()).ok_or_else(DatabaseError::unexpected_rows)?;
    executor
        .connection()
        .overwrite(&table, large.column, row, &large.bytes)
        .map_err(|failure| executor.failed(failure, &find))
}
