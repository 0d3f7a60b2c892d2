//! Writers: batches into a table, by key.

use std::sync::Arc;

use sqlx::PgConnection;

use super::PostgresDatabase;
use super::rights::check_table;
use super::schema::{Table, literal};
use super::scope::{Scope, rows as ask, text_of};
use super::types::{ServerType, Types};
use super::write_job::Job;
use super::write_sql::{PLANNER, Way, WriteSql};
use crate::data::{Batch, ColumnValues};
use crate::database::write::{Layout, RowErrors};
use crate::database::{DatabaseError, Dialect, TableName, TableTarget, WriteHint, WriteMode, WriterId};

/// How many times as wide as its rows a range of integer keys may be for the table to be read between its ends.
const SPARSE: u64 = 4;

/// The savepoint before a batch, where the statement has none.
const SAVEPOINT: &str = "runner_batch";

/// An open writer.
pub(super) struct Writer {
    pub(super) table: Table,
    /// The table as statements name it.
    pub(super) into: String,
    pub(super) mode: WriteMode,
    pub(super) key: Vec<String>,
    /// The key is the primary key, so that there is an index for it and a key has one row at most.
    pub(super) is_primary: bool,
    /// The table takes `COPY`.
    copies: bool,
    types: Vec<Arc<ServerType>>,
    /// The planner's settings that a batch may change, as they are otherwise.
    planner: Vec<String>,
    /// Made for the columns of the first batch.
    sql: Option<WriteSql>,
    rows_written: u64,
}

impl Writer {
    /// Rows that all batches changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// For errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }

    /// How the rows of this batch find those of the table.
    fn way(&self, layout: &Layout, rows: &Batch, hint: WriteHint) -> Way {
        if !self.is_primary {
            return Way::Free;
        }
        let [key] = layout.key.as_slice() else { return Way::Probe };
        if hint.covers_key_range || is_dense(&rows.columns[*key].values) { Way::Range } else { Way::Probe }
    }
}

/// Whether integers ascend, and there is not much between the first and the last but themselves.
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
            let way = writer.way(&sql.layout, rows, hint);
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
    /// The statements for a batch. A column that was all NULLs may have another type later.
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

/// Tells the planner what it cannot know, and sets the savepoint to which the search for a row goes back, unless there is one.
fn begin_batch(scope: &Scope, planner: &[(&str, &str)]) -> String {
    let mut text = if scope.savepoint().is_none() { format!("SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    text.extend(planner.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")));
    text
}

/// Takes back what a batch that went well leaves. One that failed was rolled back, and its settings with it.
fn end_batch(scope: &Scope, planner: &[(&str, &str)], was: &[String]) -> String {
    let mut text = if scope.savepoint().is_none() { format!("RELEASE SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    for (name, _) in planner {
        let at = PLANNER.iter().position(|known| known == name);
        if let Some(was) = at.and_then(|at| was.get(at)) {
            text.push_str(&format!("SET LOCAL {name} = {}; ", literal(was)));
        }
    }
    text
}

/// What the server says of a table that is opened for writing.
struct ServerSide {
    /// The table takes `COPY`.
    copies: bool,
    /// The types of its columns.
    types: Vec<Arc<ServerType>>,
    /// The settings of [`PLANNER`].
    planner: Vec<String>,
}

async fn ask_for(
    connection: &mut PgConnection,
    types: &mut Types,
    table: &Table,
    into: &str,
) -> Result<ServerSide, DatabaseError> {
    let numbers: Vec<u32> = table.types.iter().map(|declared| declared.base).collect();
    let types = types.of(connection, &numbers).await?;
    let settings: String = PLANNER.iter().map(|name| format!(", pg_catalog.current_setting('{name}')")).collect();
    let secured = match table.info.is_view {
        true => "true".to_owned(),
        false => format!("pg_catalog.row_security_active({}::pg_catalog.regclass)", literal(into)),
    };
    let found = ask(connection, &format!("SELECT {secured}{settings}")).await?;
    let text = |column: usize| found.first().and_then(|row| text_of(row, column));
    let planner = (1..=PLANNER.len()).map(|column| text(column).unwrap_or_default()).collect();
    Ok(ServerSide { copies: text(0).as_deref() == Some("f"), types, planner })
}
