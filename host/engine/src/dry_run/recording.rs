//! A database that records the calls of migrations, and samples rows before and after they are written.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::judge::{Ground, Judgement, judge, judge_table};
use super::lasting::LastingElsewhere;
use super::recorder::DryRunRecorder;
use crate::event::dry_run::{Cell, Change};
use runner_data::{Batch, RowSet, Value};
use runner_database::message::value_text;
use runner_database::{
    BatchLimits, Bulk, Claims, CursorId, CursorRequest, Database, DatabaseError, DatabaseUrl, End, Facts, FixedInputs,
    Grants, LockHolder, LockRequest, LoginReport, LoginRequest, PageRequest, Part, Probe, QueryLimits, ReadingAhead,
    Role, RoleToken, SchemaChange, Session, StopSignal, TableIdentity, TableInfo, TableName, TableSource, TableTarget,
    ToolChange, TransactionOptions, WantedLogin, WriteHint, WriteMode, WriterId,
};

/// The most bytes of a sampled row; larger ones are not shown.
const ROW_BYTES: usize = 1 << 20;

/// The database of a dry run.
pub struct RecordingDatabase {
    inner: Box<dyn Database>,
    recorder: Arc<DryRunRecorder>,
    ground: Ground,
    role: Role,
    stop: StopSignal,
    writers: HashMap<WriterId, Writing>,
    lasting: LastingElsewhere,
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

impl RecordingDatabase {
    /// Records the calls to a database.
    pub fn new(inner: Box<dyn Database>, recorder: Arc<DryRunRecorder>, ground: Ground) -> Self {
        let (writers, lasting) = (HashMap::new(), LastingElsewhere::default());
        Self { inner, recorder, ground, role: Role::Host, stop: StopSignal::never(), writers, lasting }
    }

    /// Returns the recorded session, in its current role.
    fn inner(&mut self) -> runner_database::role::RoleSession<'_> {
        self.inner.in_role(self.role, &self.stop)
    }

    /// Whether a statement is run; false if it is only reported.
    async fn allows(&mut self, statement: &str) -> Result<bool, DatabaseError> {
        if self.role == Role::Host {
            return Ok(true);
        }
        // A component may not run what cannot run in a transaction; the database rejects it as in a real run.
        let outside = self.recorder.is_stepwise() && self.role == Role::SqlScript;
        match judge(statement, &self.ground, self.inner.facts(), outside) {
            Judgement::Run if self.ground == Ground::Transaction => {
                let checked = self.lasting.check(self.inner.as_mut(), statement).await;
                checked.inspect_err(|error| self.recorder.refuse(error)).map(|()| true)
            }
            Judgement::Run => Ok(true),
            Judgement::Leave => Ok(false),
            Judgement::Refuse(error) => {
                self.recorder.refuse(&error);
                Err(*error)
            }
        }
    }

    fn note<T>(&self, statement: &str, parameters: &[Value], answer: &Result<T, DatabaseError>) {
        if self.role != Role::Host {
            self.recorder.asked(statement, parameters, answer.as_ref().err());
        }
    }

    /// Reads the sampled rows of a batch from the table.
    async fn look(&mut self, writing: &Writing, rows: &Batch, picked: &[usize]) -> Vec<RowSnapshot> {
        let Some(info) = &writing.info else { return Vec::new() };
        let dialect = self.inner.facts().dialect;
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
impl Database for RecordingDatabase {
    fn facts(&self) -> &Facts {
        self.inner.facts()
    }

    fn url(&self) -> &DatabaseUrl {
        self.inner.url()
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, token: RoleToken) {
        self.role = role;
        self.stop = stop.clone();
        self.inner.take_role(role, stop, token);
    }

    fn fix_inputs(&mut self, inputs: FixedInputs) {
        self.inner.fix_inputs(inputs);
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        self.inner.set_grants(grants)
    }

    fn session(&self, _token: RoleToken) -> &(dyn Bulk + 'static) {
        self
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Bulk + 'static) {
        self
    }

    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError> {
        self.inner.lock(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.inner.unlock().await
    }

    fn note_work(&mut self, work: &str) {
        self.inner.note_work(work);
    }

    fn blockers(&self, run_id: &str) -> Option<(String, Vec<Value>)> {
        self.inner.blockers(run_id)
    }

    fn is_blocked(&self) -> Option<String> {
        self.inner.is_blocked()
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        self.inner.lock_holder().await
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.inner.begin(options).await
    }

    async fn begin_confined(&mut self, grants: Arc<Grants>) -> Result<(), DatabaseError> {
        self.inner.begin_confined(grants).await
    }

    async fn open_for_component(&mut self) -> Result<(), DatabaseError> {
        self.inner.open_for_component().await
    }

    async fn confine(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.confine(grants).await
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.inner.begin_part(part).await
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.commit().await
    }

    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        self.inner.change(change).await
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.inner.record(changes).await
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.finish(changes, end).await
    }

    async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        self.inner.check_constraints().await
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.rollback().await
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        self.inner.begin_reading(table, is).await
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.drop_temporary().await
    }

    fn session_number(&self) -> u64 {
        self.inner.session_number()
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.writers.clear();
        self.inner.reconnect().await
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.inner.logins(request).await
    }

    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        self.inner.check_logins(wanted).await
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        self.inner.check_tool_tables().await
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.inner.in_transaction().await
    }
}

#[async_trait]
impl Session for RecordingDatabase {
    fn facts(&self) -> &Facts {
        self.inner.facts()
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let answer = match self.allows(statement).await {
            Ok(true) => self.inner().execute(statement, parameters).await,
            Ok(false) => {
                self.recorder.left(statement, parameters);
                return Ok(0);
            }
            Err(error) => Err(error),
        };
        self.note(statement, parameters, &answer);
        answer
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let answer = match self.allows(statement).await {
            Ok(true) => self.inner().query(statement, parameters, limits).await,
            Ok(false) => {
                self.recorder.left(statement, parameters);
                return Ok(RowSet::default());
            }
            Err(error) => Err(error),
        };
        self.note(statement, parameters, &answer);
        answer
    }

    async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        let statement = change.statement(self.inner.facts().dialect)?;
        let answer = match self.allows(&statement).await {
            Ok(true) => self.inner().change_schema(change).await,
            Ok(false) => {
                self.recorder.left(&statement, &[]);
                return Ok(());
            }
            Err(error) => Err(error),
        };
        self.note(&statement, &[], &answer);
        answer
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.inner().probe(questions).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.inner().table(name).await
    }
}

#[async_trait]
impl Bulk for RecordingDatabase {
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
        if self.role != Role::Host {
            judge_table(&target.table, &self.ground).inspect_err(|error| self.recorder.refuse(error))?;
        }
        let id = self.inner().open_writer(target).await?;
        // The open writer shows that the table exists.
        let info = match target.mode {
            WriteMode::Insert => None,
            _ => self.inner().table(&target.table).await.ok(),
        };
        let key = info.as_ref().and_then(|info| info.write_key(target).ok()).unwrap_or_default();
        let what = format!("{} {}", target.mode, target.table);
        self.writers.insert(id, Writing { what, mode: target.mode, table: target.table.clone(), info, key });
        Ok(id)
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        let Some(writing) = self.writers.remove(&writer) else {
            return self.inner().write(writer, rows, hint).await;
        };
        let picked = self.recorder.pick(&writing.what, rows.row_count);
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
        self.recorder.wrote(&writing.what, written, changes);
        self.writers.insert(writer, writing);
        Ok(written)
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.writers.remove(&writer);
        self.inner().finish_writer(writer).await
    }
}
