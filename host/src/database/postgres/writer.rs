//! Writers: batches into a table, by key.

use std::sync::Arc;

use sqlx::PgConnection;

use super::PostgresDatabase;
use super::rights::check_table;
use super::schema::{Table, literal};
use super::scope::{Scope, rows as ask, text_of};
use super::types::{ServerType, Types};
use super::writer_job::Job;
use super::writer_plan::{Layout, PLANNER, Way};
use crate::data::{Batch, ColumnValues};
use crate::database::message;
use crate::database::{DatabaseError, Dialect, TableName, TableTarget, WriteHint, WriteMode, WriterId};

/// How many times as wide as its rows a range of integer keys may be for the table to be read between its ends.
const SPARSE: u64 = 4;

/// The savepoint before a batch, where the statement has none.
const SAVEPOINT: &str = "runner_batch";

/// The open writers.
#[derive(Default)]
pub(super) struct Writers {
    open: Vec<(WriterId, Writer)>,
}

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
    layout: Option<Layout>,
    rows_written: u64,
}

impl Writer {
    /// Which row of a batch it is.
    pub(super) fn row_name(&self, rows: &Batch, row: usize) -> String {
        message::row_name(&self.table.info, &self.key, rows, row)
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
        let asked = watch.run(facts_of(&mut self.connection, &mut self.types, &table, &into)).await;
        let settled = self.settle(&scope, "SELECT").await;
        let Facts { copies, types, planner } =
            self.leave(scope, asked.and_then(|facts| settled.map(|()| facts))).await?;
        let id = WriterId(self.new_id());
        let is_primary = !key.is_empty() && table.info.identifies(&key);
        let mode = target.mode;
        let writer =
            Writer { table, into, mode, key, is_primary, copies, types, planner, layout: None, rows_written: 0 };
        self.writers.open.push((id, writer));
        Ok(id)
    }

    pub(super) async fn write_now(
        &mut self,
        id: WriterId,
        rows: &Batch,
        hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        let Some(at) = self.writers.open.iter().position(|(other, _)| *other == id) else {
            return Err(DatabaseError::closed("writer"));
        };
        // A writer that fails is closed.
        let (_, mut writer) = self.writers.open.remove(at);
        if rows.row_count > 0 {
            let layout = writer.layout_for(rows)?;
            let way = writer.way(&layout, rows, hint);
            let copies = writer.mode == WriteMode::Insert && writer.copies && layout.is_binary();
            let planner = if copies { &[] } else { way.settings() };
            let scope = self.enter_with(None, |scope| begin_batch(scope, planner)).await?;
            let savepoint = scope.savepoint().unwrap_or(SAVEPOINT);
            let watch = self.watch();
            let job = Job { writer: &writer, layout: &layout, rows, way, copies, savepoint };
            let result = watch.run(job.run(&mut self.connection)).await;
            if result.is_ok() {
                let end = end_batch(&scope, planner, &writer.planner);
                self.later(&scope, &end);
            }
            let settled = self.settle(&scope, "INSERT").await;
            let written = self.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await?;
            writer.rows_written += written;
            writer.layout = Some(layout);
            self.writers.open.push((id, writer));
            return Ok(written);
        }
        self.writers.open.push((id, writer));
        Ok(0)
    }

    pub(super) async fn finish_writer_now(&mut self, id: WriterId) -> Result<u64, DatabaseError> {
        match self.writers.open.iter().position(|(other, _)| *other == id) {
            Some(at) => Ok(self.writers.open.remove(at).1.rows_written),
            None => Err(DatabaseError::closed("writer")),
        }
    }
}

impl Writer {
    /// The layout of a batch, which must be that of the first. A column that was all NULLs may have another type later.
    fn layout_for(&mut self, rows: &Batch) -> Result<Layout, DatabaseError> {
        match self.layout.take() {
            Some(layout) if !layout.fits(rows) => Err(DatabaseError::invalid(format!(
                "a batch for `{}` has other columns than the writer's first one: {}",
                self.table.info.name,
                layout.columns()
            ))),
            Some(layout) if layout.has_types(rows) => Ok(layout),
            _ => Layout::new(&self.table, &self.types, self.mode, &self.key, rows),
        }
    }
}

/// Tells the planner what it cannot know, and sets the savepoint to which the search for a row goes back, unless there is one.
fn begin_batch(scope: &Scope, planner: &[(&str, &str)]) -> String {
    let mut text = if scope.savepoint().is_none() { format!("SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    text.extend(planner.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")));
    text
}

/// Takes back what a batch that went well leaves behind. One that failed was rolled back, and its settings with it.
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

/// What a writer asks the server when it is opened.
struct Facts {
    /// The table takes `COPY`.
    copies: bool,
    /// The types of its columns.
    types: Vec<Arc<ServerType>>,
    /// The settings of [`PLANNER`].
    planner: Vec<String>,
}

async fn facts_of(
    connection: &mut PgConnection,
    types: &mut Types,
    table: &Table,
    into: &str,
) -> Result<Facts, DatabaseError> {
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
    Ok(Facts { copies: text(0).as_deref() == Some("f"), types, planner })
}
