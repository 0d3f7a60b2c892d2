//! SQLite, through `rusqlite`; statements of migrations and bulk data go through the C interface (`raw`), because a copy of
//! each cell costs more than reading it.
//!
//! It may import `runner-database` and what is below it.
//!
//! A database is a handful of parts, each with fields of its own: `rows`, `transaction`, `executor` and `lock`. The rooms, from the
//! top down; a room imports rooms of lower floors only, which a test holds against the imports.
//!
//! ```text
//! scratch               a copy of a database for a dry run
//! copy offline_checks remove  files as a whole; what is known of a statement without a database
//! rows                  cursors, pages and writers
//! transaction           what is open, what is checked at its end, and how it ends; reading ahead of writes
//! tool_tables schema    changes to the tool's own tables; tables as they are declared
//! executor              statements: prepared for a role, cached, bound and run
//! connect               opens a file, as its URL says
//! guard                 what a role may do, and when its statement must end
//! dialect_sql           the statements of the tool that SQLite spells in its own way
//! types error           cells and values; SQLite's result codes as errors
//! raw text lock         SQLite's C interface; what the text of a statement shows; the lock file
//! ```
//!
#![doc = include_str!("types.md")]

mod connect;
pub mod copy;
mod dialect_sql;
mod error;
mod executor;
mod guard;
mod lock;
pub mod offline_checks;
mod raw;
mod remove;
mod rows;
mod schema;
pub mod scratch;
mod text;
mod tool_tables;
mod transaction;
mod types;

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::dialect_sql::SQL;
use self::executor::{Executor, bytes_of, size_of_batch, size_of_program};
use self::lock::Lock;
pub use self::raw::configure_process;
pub use self::remove::remove;
use self::rows::Rows;
use self::transaction::Transaction;
use runner_data::{Batch, RowSet, Value};
use runner_database::{
    BatchLimits, Begin, Check, Claims, Committed, ConnectOptions, Connection, CursorId, CursorRequest, Database,
    DatabaseError, DatabaseUrl, Dialect, Facts, FixedInputs, Grants, LockRequest, PageRequest, Probe, QueryLimits,
    ReadingAhead, Role, RoleToken, SchemaChange, Session, StopSignal, TableInfo, TableName, TableSource, TableTarget,
    TransactionOptions, UnitOfWork, WriteHint, WriterId,
};

/// A SQLite database.
struct SqliteDatabase {
    rows: Rows,
    transaction: Transaction,
    executor: Executor,
    // After the connection, so that the file is closed before the lock is released.
    lock: Option<Lock>,
    facts: Facts,
}

/// Opens the database file of the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    let opened = connect::open(url, options).await?;
    let facts = Facts {
        sql: &SQL,
        version: rusqlite::version().to_owned(),
        history: options.history.clone(),
        file: url.sqlite_path(),
        ..Facts::of_dialect(Dialect::Sqlite)
    };
    Ok(Box::new(SqliteDatabase {
        rows: Rows::default(),
        transaction: Transaction::new(options.foreign_keys, &options.history),
        executor: Executor::new(opened, options.statement_timeout)?,
        lock: None,
        facts,
    }))
}

impl SqliteDatabase {
    fn commit_unit(&mut self, unit: UnitOfWork<'_>) -> Result<(), DatabaseError> {
        if let UnitOfWork::Apart(changes) = unit {
            self.transaction.begin(&mut self.executor, TransactionOptions::default())?;
            let made = self.commit_unit(UnitOfWork::Step(changes));
            if made.is_err() {
                // The error of the change matters more than that of the rollback.
                let _ = self.transaction.roll_back(&mut self.executor);
            }
            return made;
        }
        if !self.transaction.is_open() {
            return Err(DatabaseError::no_transaction("commit"));
        }
        self.rows.close(&self.executor);
        self.executor.connection().check()?;
        if unit.ends_migration() {
            self.transaction.drop_temporary(&mut self.executor)?;
        }
        tool_tables::make(&mut self.executor, &self.facts, unit.changes())?;
        self.transaction.commit(&mut self.executor)
    }
}

#[async_trait]
impl Connection for SqliteDatabase {
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
        if let Some(path) = self.executor.file() {
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

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            answers.push(self.query(question, &[], QueryLimits::NONE).await?.rows);
        }
        Ok(Probe { answers, holder: self.executor.file().and_then(lock::holder) })
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        Ok(()) // The library cannot be lost.
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.executor.take_role(role, stop);
    }

    fn session(&self, _token: RoleToken) -> &(dyn Session + 'static) {
        self
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Session + 'static) {
        self
    }

    async fn change_schema(&mut self, change: &SchemaChange, _token: RoleToken) -> Result<(), DatabaseError> {
        let statement = change.statement(self.facts.dialect)?;
        self.transaction.note_statement();
        let executor = &mut self.executor;
        executor.call(size_of_program(&statement)).run(|| {
            if let SchemaChange::DropIndex { table, index } = change {
                schema::check_index(executor, table, index)?;
            }
            let _changing = executor.guard().changing();
            executor.keeping_views(&statement, |it| it.execute(&statement, &[]).map(drop))
        })
    }

    async fn begin_transaction(&mut self, begin: Begin<'_>) -> Result<Claims, DatabaseError> {
        match begin {
            Begin::Work(options) => self.transaction.begin(&mut self.executor, options)?,
            Begin::Part(..) => self.transaction.begin(&mut self.executor, TransactionOptions::default())?,
            Begin::Reading(table, is) => self.transaction.begin_reading(&mut self.executor, table, is)?,
        }
        Ok(Claims::Within)
    }

    async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        match self.commit_unit(unit) {
            // Nothing is committed yet: the caller rolls back.
            Err(error) if self.transaction.is_open() => Committed::No(error),
            ended => ended.into(),
        }
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.rows.close(&self.executor);
        self.transaction.roll_back(&mut self.executor)
    }

    async fn check(&mut self, what: Check) -> Result<(), DatabaseError> {
        match what {
            Check::Ours => {
                self.executor.connection().check()?;
                let holds = self.executor.connection().holds();
                if holds { Ok(()) } else { Err(DatabaseError::ended_by_migration()) }
            }
            // The authorizer refuses every statement that would touch them.
            Check::ToolTables => Ok(()),
            Check::Constraints => self.transaction.check_constraints(&self.executor),
        }
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.rows.close(&self.executor);
        self.transaction.drop_temporary(&mut self.executor)
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        self.rows.close(&self.executor);
        self.executor.set_grants(grants)
    }

    fn fix_inputs(&mut self, inputs: FixedInputs) {
        self.executor.connection().fixed().set(&inputs);
    }
}

#[async_trait]
impl Session for SqliteDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        self.transaction.note_statement();
        let executor = &mut self.executor;
        executor
            .call(bytes_of(parameters) + size_of_program(statement))
            .run(|| executor.keeping_views(statement, |it| it.execute(statement, parameters)))
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let bytes = limits.bytes.saturating_add(bytes_of(parameters) + size_of_program(statement));
        self.transaction.note_statement();
        let executor = &mut self.executor;
        executor.call(bytes).run(|| executor.keeping_views(statement, |it| it.query(statement, parameters, limits)))
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.executor.call(0).run(|| schema::table(&self.executor, name).map(|table| table.info))
    }

    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        self.executor.call(0).run(|| self.transaction.reading_ahead(&self.executor, source, target))
    }

    async fn hold(&mut self, _source: &TableSource, _target: &TableTarget) -> Result<(), DatabaseError> {
        Ok(()) // The transaction is the only one that can write.
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        self.executor.call(page.limits.row_bytes()).run(|| rows::read_page(&self.executor, page))
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        let bytes = bytes_of(&request.parameters) + size_of_program(&request.statement);
        self.executor.call(bytes).run(|| self.rows.open_cursor(&self.executor, request))
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        self.executor.call(limits.row_bytes()).run(|| self.rows.fetch(&self.executor, cursor, limits))
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        self.rows.close_cursor(&self.executor, cursor);
        Ok(())
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.executor.call(0).run(|| self.rows.open_writer(&self.executor, target))
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        // SQLite copies a row into a record, and the record into pages.
        let bytes = size_of_batch(rows).saturating_mul(2);
        self.executor.call(bytes).run(|| self.rows.write(&self.executor, &mut self.transaction, writer, rows, hint))
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.rows.finish_writer(writer)
    }
}
