//! Writers: write batches into a table, by key.

use std::sync::Arc;

use sqlx::PgConnection;

use super::PostgresDatabase;
use super::rights::check_table;
use super::schema::{Table, literal, spelled};
use super::scope::{Scope, rows as ask, text_of};
use super::types::{ServerType, Types};
use super::write_job::Job;
use super::write_sql::{PLANNER, Way, WriteSql};
use runner_data::{Batch, ColumnValues};
use runner_database::write::RowErrors;
use runner_database::{DatabaseError, Dialect, TableName, TableTarget, WriteHint, WriteMode, WriterId};

/// How many times its number of rows a batch's range of integer keys may span for the table to be read between its
/// ends.
const SPARSE: u64 = 4;

/// The savepoint before a batch, if the statement has none.
const SAVEPOINT: &str = "runner_batch";

/// An open writer.
pub(super) struct Writer {
    pub(super) table: Table,
    /// The table, as statements name it.
    pub(super) into: String,
    pub(super) mode: WriteMode,
    pub(super) key: Vec<String>,
    /// The key is the primary key, so it has an index, and at most one row has a given key.
    pub(super) is_primary: bool,
    /// `COPY` does with the table what `INSERT` does.
    copies: bool,
    types: Vec<Arc<ServerType>>,
    /// The original values of the planner settings that a batch may change.
    planner: Vec<String>,
    /// The statements, made for the columns of the first batch.
    sql: Option<WriteSql>,
    rows_written: u64,
}

impl Writer {
    /// Returns the number of rows that all batches have changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// Returns the context for errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }

    /// Returns how the rows of this batch are matched with those of the table.
    fn way(&self, sql: &WriteSql, rows: &Batch, hint: WriteHint) -> Way {
        if !self.is_primary {
            return Way::Free;
        }
        let [key] = sql.layout.key.as_slice() else { return Way::Probe };
        // A column of texts takes numbers as digits, and has another order.
        let is_dense = || sql.targets[*key].is_number() && is_dense(&rows.columns[*key].values);
        if hint.covers_key_range || is_dense() { Way::Range } else { Way::Probe }
    }
}

/// Whether integers ascend with few gaps between the first and the last.
fn is_dense(values: &ColumnValues) -> bool {
    let ColumnValues::Int64(entries) = values else { return false };
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if entries.is_sorted() => {
            last.abs_diff(*first) <= SPARSE.saturating_mul(entries.len() as u64)
        }
        _ => false,
    }
}

impl PostgresDatabase {
    pub(super) async fn open_writer_now(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        check_table(&target.table, self.rights)?;
        let table = self.table_now(&target.table).await?;
        let key = table.info.write_key(target)?;
        let qualified = TableName { schema: Some(table.schema.clone()), name: target.table.name.clone() };
        let into = qualified.quoted(Dialect::Postgres);
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let asked = watch.run(ask_for(&mut self.connection, &mut self.types, &table, &into)).await;
        let settled = self.settle(&scope, "SELECT").await;
        let ServerSide { copies, types, planner } =
            self.leave(scope, asked.and_then(|answer| settled.map(|()| answer))).await?;
        let is_primary = !key.is_empty() && table.info.identifies(&key);
        let mode = target.mode;
        let writer = Writer { table, into, mode, key, is_primary, copies, types, planner, sql: None, rows_written: 0 };
        Ok(self.opened.add_writer(writer))
    }

    pub(super) async fn write_now(
        &mut self,
        id: WriterId,
        rows: &Batch,
        hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        // A writer that fails is closed.
        let mut writer = self.opened.take_writer(id)?;
        if rows.row_count > 0 {
            let sql = writer.sql_for(rows)?;
            let way = writer.way(&sql, rows, hint);
            let copies = writer.mode == WriteMode::Insert && writer.copies && sql.is_binary();
            let planner = if copies { &[] } else { way.settings() };
            let scope = self.enter_with(None, |scope| begin_batch(scope, planner)).await?;
            let savepoint = scope.savepoint().unwrap_or(SAVEPOINT);
            let watch = self.watch();
            let job = Job { writer: &writer, sql: &sql, rows, way, copies, savepoint };
            let result = watch.run(job.run(&mut self.connection)).await;
            if result.is_ok() {
                let end = end_batch(&scope, planner, &writer.planner);
                self.later(&scope, &end);
            }
            let settled = self.settle(&scope, "INSERT").await;
            let written = self.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await?;
            writer.rows_written += written;
            writer.sql = Some(sql);
            self.opened.put_writer(id, writer);
            return Ok(written);
        }
        self.opened.put_writer(id, writer);
        Ok(0)
    }
}

impl Writer {
    /// Returns the statements for a batch. A column that was all NULLs may have another type later.
    fn sql_for(&mut self, rows: &Batch) -> Result<WriteSql, DatabaseError> {
        if let Some(sql) = self.sql.take() {
            sql.layout.check_columns(&self.table.info, rows)?;
            if sql.has_types(rows) {
                return Ok(sql);
            }
        }
        WriteSql::new(&self.table, &self.types, self.mode, &self.key, rows)
    }
}

/// Returns the statements that set the planner settings, and the savepoint for the search for a failing row unless
/// there is one already.
fn begin_batch(scope: &Scope, planner: &[(&str, &str)]) -> String {
    let mut text = if scope.savepoint().is_none() { format!("SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    text.extend(planner.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")));
    text
}

/// Returns the statements that undo the settings after a batch that succeeded. A failed batch was rolled back along
/// with its settings.
fn end_batch(scope: &Scope, planner: &[(&str, &str)], was: &[String]) -> String {
    let mut text = if scope.savepoint().is_none() { format!("RELEASE SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    for (name, _) in planner {
        let at = PLANNER.iter().position(|known| known == name);
        if let Some(was) = at.and_then(|at| was.get(at)) {
            text.push_str(&format!("SET LOCAL {name} = {}; ", spelled(was)));
        }
    }
    text
}

/// What the server reports about a table that is opened for writing.
struct ServerSide {
    /// `COPY` does with the table what `INSERT` does.
    copies: bool,
    /// The types of its columns.
    types: Vec<Arc<ServerType>>,
    /// The values of the [`PLANNER`] settings.
    planner: Vec<String>,
}

async fn ask_for(
    connection: &mut PgConnection,
    types: &mut Types,
    table: &Table,
    into: &str,
) -> Result<ServerSide, DatabaseError> {
    types.guard(connection).await?;
    let numbers: Vec<u32> = table.types.iter().map(|declared| declared.base).collect();
    let types = types.of(connection, &numbers).await?;
    let settings: String = PLANNER.iter().map(|name| format!(", pg_catalog.current_setting('{name}')")).collect();
    let name = literal(into);
    // COPY refuses a table with policies, and inserts past its rules.
    let needs_insert = match table.info.is_view {
        true => "true".to_owned(),
        false => format!(
            "pg_catalog.row_security_active({name}::pg_catalog.regclass) OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w \
             WHERE w.ev_class OPERATOR(pg_catalog.=) {name}::pg_catalog.regclass::pg_catalog.oid \
                 AND w.ev_type OPERATOR(pg_catalog.=) '3')"
        ),
    };
    let found = ask(connection, &format!("SELECT {needs_insert}{settings}")).await?;
    let text = |column: usize| found.first().and_then(|row| text_of(row, column));
    let planner = (1..=PLANNER.len()).map(|column| text(column).unwrap_or_default()).collect();
    Ok(ServerSide { copies: text(0).as_deref() == Some("f"), types, planner })
}
