//! The session of a migration in a dry run: it records the calls, and samples rows before and after they are written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::judge::{Ground, Judgement, judge, judge_table};
use super::lasting::LastingElsewhere;
use super::recorder::DryRunRecorder;
use crate::event::dry_run::{Cell, Change};
use runner_data::{Batch, RowSet, Value};
use runner_database::message::value_text;
use runner_database::role::RoleSession;
use runner_database::{
    BatchLimits, Bulk, CursorId, CursorRequest, Database, DatabaseError, Facts, PageRequest, Probe, QueryLimits,
    ReadingAhead, Role, SchemaChange, Session, StopSignal, TableInfo, TableName, TableSource, TableTarget, WriteHint,
    WriteMode, WriterId,
};

/// The most bytes of a sampled row; larger ones are not shown.
const ROW_BYTES: usize = 1 << 20;

/// What a dry run watches.
pub struct Watch {
    /// What is reported of it.
    pub recorder: Arc<DryRunRecorder>,
    ground: Ground,
    writers: Mutex<HashMap<WriterId, Writing>>,
    lasting: tokio::sync::Mutex<LastingElsewhere>,
}

impl Watch {
    /// Watches a dry run.
    pub fn new(recorder: Arc<DryRunRecorder>, ground: Ground) -> Self {
        Self { recorder, ground, writers: Mutex::default(), lasting: tokio::sync::Mutex::default() }
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<WriterId, Writing>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session of a migration in a dry run.
pub struct RecordingSession<'a> {
    /// Lends it the session in its role.
    pub database: &'a mut (dyn Database + 'a),
    /// The role.
    pub role: Role,
    /// Ends its statements.
    pub stop: StopSignal,
    /// What it is recorded by.
    pub watch: &'a Watch,
}

/// An open writer.
struct Writing {
    what: String,
    mode: WriteMode,
    table: TableName,
    /// The table; `None` if the database could not describe it, in which case no rows are shown.
    info: Option<TableInfo>,
    key: Vec<String>,
}

impl RecordingSession<'_> {
    /// Returns the recorded session.
    fn inner(&mut self) -> RoleSession<'_> {
        self.database.in_role(self.role, &self.stop)
    }

    /// Whether a statement is run; false if it is only reported.
    async fn allows(&mut self, statement: &str) -> Result<bool, DatabaseError> {
        // A component may not run what cannot run in a transaction; the database rejects it as in a real run.
        let outside = self.watch.recorder.is_stepwise() && self.role == Role::SqlScript;
        match judge(statement, &self.watch.ground, self.database.facts(), outside) {
            Judgement::Run if self.watch.ground == Ground::Transaction => {
                let checked = self.watch.lasting.lock().await.check(self.database, statement).await;
                checked.inspect_err(|error| self.watch.recorder.refuse(error)).map(|()| true)
            }
            Judgement::Run => Ok(true),
            Judgement::Leave => Ok(false),
            Judgement::Refuse(error) => {
                self.watch.recorder.refuse(&error);
                Err(*error)
            }
        }
    }

    /// Runs a statement, unless it is only reported, and records it.
    async fn record<T: Default>(
        &mut self,
        statement: &str,
        parameters: &[Value],
        run: impl AsyncFnOnce(&mut RoleSession<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let answer = match self.allows(statement).await {
            Ok(true) => run(&mut self.inner()).await,
            Ok(false) => {
                self.watch.recorder.left(statement, parameters);
                return Ok(T::default());
            }
            Err(error) => Err(error),
        };
        self.note(statement, parameters, &answer);
        answer
    }

    fn note<T>(&self, statement: &str, parameters: &[Value], answer: &Result<T, DatabaseError>) {
        self.watch.recorder.asked(statement, parameters, answer.as_ref().err());
    }

    /// Reads the sampled rows of a batch from the table.
    async fn look(&mut self, writing: &Writing, rows: &Batch, picked: &[usize]) -> Vec<RowSnapshot> {
        let Some(info) = &writing.info else { return Vec::new() };
        let dialect = self.database.facts().dialect;
        let column = |name: &String| rows.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        let Some(key) = writing.key.iter().map(column).collect::<Option<Vec<_>>>() else { return Vec::new() };
        let is_key = |name: &str| writing.key.iter().any(|key| key.eq_ignore_ascii_case(name));
        let mut columns = writing.key.clone();
        columns.extend(
            rows.columns
                .iter()
                .filter(|it| !is_key(&it.name))
                .filter_map(|it| info.name_of(&it.name).map(str::to_owned)),
        );
        if writing.mode == WriteMode::Delete {
            // A batch to delete contains only keys; the columns that are deleted with them should be shown.
            columns.extend(info.columns.iter().filter(|it| !is_key(&it.name)).map(|it| it.name.clone()));
        }
        columns.dedup();
        let list = columns.iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ");
        let places = writing.key.iter().enumerate();
        let declared = |name: &String| info.column(name).map_or("", |column| column.declared_type.as_str());
        let places = places.map(|(at, name)| {
            format!(
                "{} {} {}",
                dialect.quote(name),
                dialect.comparison("=", declared(name)),
                dialect.placeholder(at + 1)
            )
        });
        let text = format!(
            "SELECT {list} FROM {} WHERE {}",
            writing.table.quoted(dialect),
            places.collect::<Vec<_>>().join(" AND ")
        );
        let mut looked = Vec::with_capacity(picked.len());
        for row in picked {
            let values: Vec<Value> = key.iter().map(|column| Value::of_cell(column, *row)).collect();
            if values.contains(&Value::Null) {
                continue;
            }
            let limits = QueryLimits { rows: 2, bytes: ROW_BYTES };
            let Ok(found) = self.inner().query(&text, &values, limits).await else { continue };
            let cells = |values: Vec<Value>| -> Vec<Cell> {
                let pairs = columns[writing.key.len()..].iter().zip(values.into_iter().skip(writing.key.len()));
                pairs.map(|(column, value)| Cell { column: column.clone(), value: value_text(&value) }).collect()
            };
            let key = writing.key.iter().zip(values);
            let key = key.map(|(column, value)| Cell { column: column.clone(), value: value_text(&value) }).collect();
            looked.push(RowSnapshot { row: *row, key, cells: found.rows.into_iter().next().map(cells) });
        }
        looked
    }
}

/// A row at one point in time.
struct RowSnapshot {
    row: usize,
    key: Vec<Cell>,
    /// `None` if there is no such row.
    cells: Option<Vec<Cell>>,
}

/// Pairs the rows before and after.
fn changes(before: Vec<RowSnapshot>, after: Vec<RowSnapshot>) -> Vec<Change> {
    let pair = |before: RowSnapshot| {
        let after = after.iter().find(|after| after.row == before.row)?;
        let change = Change { key: before.key, before: before.cells, after: after.cells.clone() };
        (change.before.is_some() || change.after.is_some()).then_some(change)
    };
    before.into_iter().filter_map(pair).collect()
}

/// The rows of a batch.
fn inserted(rows: &Batch, picked: &[usize]) -> Vec<Change> {
    let cells = |row: usize| {
        let cell = |column: &runner_data::Column| Cell {
            column: column.name.clone(),
            value: value_text(&Value::of_cell(column, row)),
        };
        rows.columns.iter().map(cell).collect()
    };
    picked.iter().map(|row| Change { key: Vec::new(), before: None, after: Some(cells(*row)) }).collect()
}

#[async_trait]
impl Session for RecordingSession<'_> {
    fn facts(&self) -> &Facts {
        self.database.facts()
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        self.record(statement, parameters, async |it| it.execute(statement, parameters).await).await
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        self.record(statement, parameters, async |it| it.query(statement, parameters, limits).await).await
    }

    async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        let statement = change.statement(self.database.facts().dialect)?;
        self.record(&statement, &[], async |it| it.change_schema(change).await).await
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.inner().probe(questions).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.inner().table(name).await
    }
}

#[async_trait]
impl Bulk for RecordingSession<'_> {
    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        // Reads through another connection are not recorded.
        Ok(ReadingAhead { elsewhere: None, ..self.inner().reading_ahead(source, target).await? })
    }

    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError> {
        self.inner().hold(source, target).await
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        let statement = page.statement();
        let answer = match self.allows(&statement).await {
            // The database rejects reading with a statement that cannot run in a transaction.
            Ok(_) => self.inner().read_page(page).await,
            Err(error) => Err(error),
        };
        self.note(&statement, &page.parameters, &answer);
        answer
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        let answer = match self.allows(&request.statement).await {
            // The database rejects a cursor over a statement that cannot run in a transaction.
            Ok(_) => self.inner().open_cursor(request).await,
            Err(error) => Err(error),
        };
        self.note(&request.statement, &request.parameters, &answer);
        answer
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        self.inner().fetch(cursor, limits).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        self.inner().close_cursor(cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        judge_table(&target.table, &self.watch.ground).inspect_err(|error| self.watch.recorder.refuse(error))?;
        let id = self.inner().open_writer(target).await?;
        // The open writer shows that the table exists.
        let info = match target.mode {
            WriteMode::Insert => None,
            _ => self.inner().table(&target.table).await.ok(),
        };
        let key = info.as_ref().and_then(|info| info.write_key(target).ok()).unwrap_or_default();
        let what = format!("{} {}", target.mode, target.table);
        self.watch.writers().insert(id, Writing { what, mode: target.mode, table: target.table.clone(), info, key });
        Ok(id)
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        let Some(writing) = self.watch.writers().remove(&writer) else {
            return self.inner().write(writer, rows, hint).await;
        };
        let picked = self.watch.recorder.pick(&writing.what, rows.row_count);
        let before = match writing.mode {
            WriteMode::Insert => Vec::new(),
            _ => self.look(&writing, rows, &picked).await,
        };
        let written = self.inner().write(writer, rows, hint).await?;
        let changes = match writing.mode {
            WriteMode::Insert => inserted(rows, &picked),
            _ => {
                let after = self.look(&writing, rows, &picked).await;
                changes(before, after)
            }
        };
        self.watch.recorder.wrote(&writing.what, written, changes);
        self.watch.writers().insert(writer, writing);
        Ok(written)
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.watch.writers().remove(&writer);
        self.inner().finish_writer(writer).await
    }
}
