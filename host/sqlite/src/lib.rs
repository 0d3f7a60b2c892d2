//! SQLite, through `rusqlite`; statements of migrations and bulk data go through the C interface (`raw`), because a copy of
//! each cell costs more than reading it.
//!
//! It may import `runner-database` and what is below it.
//!
#![doc = include_str!("types.md")]

mod bind;
mod closed;
mod connect;
pub mod copy;
mod cursor;
mod denial;
mod dialect_sql;
mod error;
mod granted;
mod harmless;
#[cfg(unix)]
mod holders;
pub mod known;
mod lock;
mod nesting;
mod parents;
mod pragmas;
mod pulled;
mod raw;
mod reading;
mod remove;
mod rights;
mod schema;
pub mod scratch;
mod statement;
mod temporary;
mod transaction;
mod types_read;
mod types_write;
mod views;
mod words;
mod write_sql;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::limits::Limit;

use self::cursor::Cursor;
pub use self::dialect_sql::SQL;
use self::lock::Lock;
pub use self::raw::configure_process;
use self::raw::{Account, Connection};
pub use self::remove::remove;
use self::rights::Guard;
use self::transaction::Transaction;
use self::writer::Writer;
use runner_data::{Batch, RowSet, Value};
use runner_database::opened::Opened;
use runner_database::{
    BatchLimits, Bulk, Claims, ConnectOptions, CursorId, CursorRequest, Database, DatabaseError, DatabaseUrl, Dialect,
    End, Facts, FixedInputs, Grants, Large, LockHolder, LockRequest, LoginReport, LoginRequest, PageRequest, Part,
    Probe, QueryLimits, ReadingAhead, Role, RoleToken, SchemaChange, Session, StopSignal, TableIdentity, TableInfo,
    TableName, TableSource, TableTarget, ToolChange, TransactionOptions, WantedLogin, WriteHint, WriterId,
};

/// Bytes of a value or row that a statement of a guest can make: no `printf('%.*c', 900000000)`.
const GUEST_VALUE_BYTES: i32 = 128 << 20;

/// Bytes that SQLite may take for a component's statements, cursors and writers in one transaction, not counting pages,
/// a sorter as large as the pages, and the values that go in and out: text that is being assembled, expanded views,
/// records. Without it one statement can fill the memory. With the pages of the default settings it is 64 MiB in all.
const GUEST_MEMORY: usize = 32 << 20;

/// Instructions of one statement of a guest, of which each takes 24 bytes: views that are used several times by each other
/// multiply when they are expanded. SQLite's own limit allows 6 GB.
const GUEST_INSTRUCTIONS: i32 = 5_000_000;

/// The size from which bytes of the host are written in place instead of bound.
const LARGE: usize = 1 << 20;

/// A SQLite database.
struct SqliteDatabase {
    opened: Opened<Cursor, Writer>,
    cache: statement::Cache,
    connection: Connection,
    // After the connection, so that the file is closed before the lock is released.
    lock: Option<Lock>,
    guard: Guard,
    transaction: Option<Transaction>,
    /// Whether the project has foreign keys enforced.
    foreign_keys: bool,
    path: Option<PathBuf>,
    /// The version of the schema in which the tool's tables were last seen to be as the tool made them.
    proven_schema: Option<i64>,
    /// Bytes that SQLite may take for a component.
    guest_memory: usize,
    url: DatabaseUrl,
    facts: Facts,
}

/// Opens the database file of the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    let connect::OpenedFile { mut connection, path, busy_timeout, cache_bytes } = connect::open(url, options).await?;
    if !options.foreign_keys {
        connection.run("PRAGMA foreign_keys = OFF").map_err(|failure| error::from_failure(&failure))?;
    }
    let guard = Guard::new(path.clone(), busy_timeout, options.statement_timeout);
    connection.set_hooks(guard.hooks()).map_err(|failure| error::from_failure(&failure))?;
    let facts = Facts {
        sql: &SQL,
        version: rusqlite::version().to_owned(),
        history: options.history.clone(),
        ..Facts::of_dialect(Dialect::Sqlite)
    };
    Ok(Box::new(SqliteDatabase {
        opened: Opened::default(),
        cache: statement::Cache::default(),
        connection,
        lock: None,
        guard,
        transaction: None,
        foreign_keys: options.foreign_keys,
        path,
        proven_schema: None,
        guest_memory: cache_bytes.saturating_mul(2).saturating_add(GUEST_MEMORY),
        url: url.clone(),
        facts,
    }))
}

impl SqliteDatabase {
    /// Begins a call of a session, in which `bytes` go in or out, and returns where it runs.
    fn call(&self, bytes: usize) -> Arc<Account> {
        self.guard.begin_statement();
        let account = self.connection.account();
        // What is in a database in memory would count as well.
        if self.guard.rights() == Role::Component && self.path.is_some() {
            account.limit(Some(self.guest_memory.saturating_add(bytes)));
        }
        Arc::clone(account)
    }

    /// Closes cursors and writers.
    fn close_statements(&mut self) {
        self.opened.close();
        self.connection.finalize_dropped();
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        let is_guest = role == Role::Component;
        self.connection.account().serve(if role == Role::Host { StopSignal::never() } else { stop.clone() });
        self.guard.take_role(role, stop);
        let limits =
            [(Limit::SQLITE_LIMIT_LENGTH, GUEST_VALUE_BYTES), (Limit::SQLITE_LIMIT_VDBE_OP, GUEST_INSTRUCTIONS)];
        for (limit, of_guest) in limits {
            self.connection.set_limit(limit, if is_guest { of_guest } else { i32::MAX });
        }
        self.connection.account().limit(None);
        self.connection.use_fixed_inputs(is_guest);
    }

    fn fix_inputs(&mut self, inputs: FixedInputs) {
        self.connection.fix_inputs(&inputs);
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        // Statements were authorized when they were prepared.
        self.close_statements();
        self.cache.clear();
        let replacing = match &grants {
            Some(_) => {
                let _host = self.guard.as_host();
                granted::replacing(&self.connection).map_err(|failure| error::from_failure(&failure))?
            }
            None => Vec::new(),
        };
        self.guard.set_grants(grants, replacing);
        Ok(())
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
        if self.lock.is_some() {
            return Ok(());
        }
        // A database in memory is not shared.
        if let Some(path) = &self.path {
            self.lock = Some(Lock::take(path, request, stop, waiting).await?);
        }
        Ok(())
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.lock = None;
        Ok(())
    }

    fn note_work(&mut self, work: &str) {
        if let Some(lock) = &mut self.lock {
            lock.note(work);
        }
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        Ok(self.path.as_deref().and_then(lock::holder))
    }

    fn blockers(&self, _run_id: &str) -> Option<(String, Vec<Value>)> {
        // The operating system is asked which process has the file locked.
        None
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.begin_now(options)
    }

    async fn begin_confined(&mut self, _grants: Arc<Grants>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("components have no logins here"))
    }

    async fn open_for_component(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    async fn confine(&mut self, _grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("components have no logins here"))
    }

    async fn begin_part(&mut self, _part: Part) -> Result<Claims, DatabaseError> {
        self.begin_now(TransactionOptions::default()).map(|()| Claims::Within)
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.commit_now()
    }

    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        self.call(0).run(|| self.make(std::slice::from_ref(change)))
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.begin_now(TransactionOptions::default())?;
        let made = self.make(changes).and_then(|()| self.commit_now());
        if made.is_err() {
            // The error of the change matters more than that of the rollback.
            let _ = self.rollback_now();
        }
        made
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        if self.transaction.is_none() {
            return Err(DatabaseError::no_transaction("commit"));
        }
        self.check_transaction()?;
        if end != End::Step {
            self.drop_temporary_now()?;
        }
        self.make(changes)?;
        self.commit_now()
    }

    async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        self.check_constraints_now()
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.rollback_now()
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        self.begin_reading_now(table, is)
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.drop_temporary_now()
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        Ok(()) // The library cannot be lost.
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        Ok(()) // The authorizer refuses every statement that would touch them.
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.check_transaction()?;
        Ok(self.connection.holds())
    }

    async fn logins(&mut self, _request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        Err(DatabaseError::new(
            runner_database::DatabaseErrorKind::Configuration,
            format!("components have no logins of their own on {}", self.facts.dialect),
        )
        .hint("SQLite enforces `[grants.NAME]` by itself; there is nothing to set up"))
    }

    async fn check_logins(&mut self, _wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        Ok(())
    }
}

impl SqliteDatabase {
    /// Makes changes to the tool's own tables in the open transaction.
    fn make(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        for change in changes {
            if let Some(large) = change.large().filter(|large| large.bytes.len() >= LARGE) {
                self.make_large(change, large)?;
                continue;
            }
            let (statement, values) = change.statement(&self.facts)?;
            change.check(self.execute_now(&statement, &values)?)?;
        }
        Ok(())
    }

    /// Makes a change with a large value: reserves its room, and writes it there. As a parameter it would be copied several times,
    /// each time into memory that the system clears first; the 5.8 MB of a runtime would take ten times as long.
    fn make_large(&mut self, change: &ToolChange, large: &Large) -> Result<(), DatabaseError> {
        let length = Value::Int64(large.bytes.len() as i64);
        let reserve = |placeholder| format!("zeroblob({placeholder})");
        let (statement, mut values) = change.statement_with(&self.facts, reserve, |_| length.clone())?;
        change.check(self.execute_now(&statement, &values)?)?;
        values.truncate(large.key.len());
        let table = format!("{}{}", self.facts.history.prefix(Dialect::Sqlite), large.table);
        let find = format!("SELECT rowid FROM main.{table} WHERE {} = ?", large.key.join(" = ? AND "));
        let found = self.query_now(&find, &values, QueryLimits::NONE)?;
        let row =
            found.rows.first().and_then(|row| row.first()?.as_int64()).ok_or_else(DatabaseError::unexpected_rows)?;
        self.connection
            .overwrite(&table, large.column, row, &large.bytes)
            .map_err(|failure| self.failed(&failure, &find))
    }
}

/// The bytes of the texts and blobs among values.
fn bytes_of(values: &[Value]) -> usize {
    let bytes = values.iter().map(|value| match value {
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) | Value::Native { text, .. } => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    });
    bytes.sum()
}

/// What the text of a statement and its program take, roughly.
fn size_of_program(statement: &str) -> usize {
    statement.len().saturating_mul(8)
}

/// The bytes of a batch's cells.
fn size_of_batch(rows: &Batch) -> usize {
    let bytes = rows.columns.iter().map(|column| match column.values.var_values() {
        Some(values) => values.data.len(),
        None => rows.row_count.saturating_mul(size_of::<i64>()),
    });
    bytes.sum()
}

#[async_trait]
impl Session for SqliteDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        self.call(bytes_of(parameters) + size_of_program(statement))
            .run(|| self.keeping_views(statement, |it| it.execute_now(statement, parameters)))
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let bytes = limits.bytes.saturating_add(bytes_of(parameters) + size_of_program(statement));
        self.call(bytes).run(|| self.keeping_views(statement, |it| it.query_now(statement, parameters, limits)))
    }

    async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        let statement = change.statement(self.facts.dialect)?;
        self.call(size_of_program(&statement)).run(|| {
            if let SchemaChange::DropIndex { table, index } = change {
                self.check_index(table, index)?;
            }
            let _changing = self.guard.changing();
            self.keeping_views(&statement, |it| it.execute_now(&statement, &[]).map(drop))
        })
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            answers.push(self.query(question, &[], QueryLimits::NONE).await?.rows);
        }
        Ok(Probe { answers, holder: self.lock_holder().await? })
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.call(0).run(|| self.table_now(name).map(|table| table.info))
    }
}

#[async_trait]
impl Bulk for SqliteDatabase {
    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        self.call(0).run(|| self.reading_ahead_now(source, target))
    }

    async fn hold(&mut self, _source: &TableSource, _target: &TableTarget) -> Result<(), DatabaseError> {
        Ok(()) // The transaction is the only one that can write.
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        self.call(page.limits.row_bytes()).run(|| self.read_page_now(page))
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        self.call(bytes_of(&request.parameters) + size_of_program(&request.statement))
            .run(|| self.open_cursor_now(request))
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        self.call(limits.row_bytes()).run(|| self.fetch_now(cursor, limits))
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        self.opened.close_cursor(cursor);
        self.connection.finalize_dropped();
        Ok(())
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.call(0).run(|| self.open_writer_now(target))
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        // SQLite copies a row into a record, and the record into pages.
        self.call(size_of_batch(rows).saturating_mul(2)).run(|| self.write_now(writer, rows, hint))
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.opened.take_writer(writer).map(|writer| writer.rows_written())
    }
}
