//! PostgreSQL through sqlx: one dedicated connection for the work, and a second one that holds the lock.
//!
//! Every statement on the work connection goes through the same three calls, so that rights, transactions, timeouts and
//! the stop signal are handled in one place:
//!
//! ```text
//! let scope = self.enter(Some(statement)).await?;           // scope.rs: rights, BEGIN or SAVEPOINT, timeouts
//! let watch = self.watch();                                 // watch.rs: ends with the stop signal
//! let result = watch.run(work(&mut self.connection)).await;
//! self.leave(scope, result).await                           // scope.rs: COMMIT or ROLLBACK, what an error means
//! ```

#![doc = include_str!("types.md")]

mod connect;
mod cursor;
mod cursor_batch;
pub mod dump;
mod error;
mod foreign;
mod hold;
mod lock;
mod look;
mod orphans;
mod page;
mod page_copy;
mod parameters;
mod reading;
mod reconnect;
mod record;
mod rights;
mod schema;
mod scope;
mod search_path;
mod settings;
mod statement;
mod statement_describe;
mod stored;
mod temporary;
mod tool_tables;
mod transaction;
mod types;
mod types_column;
mod types_numeric;
mod types_read;
mod types_write;
mod watch;
mod write_job;
mod write_sql;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use sqlx::PgConnection;

use self::connect::Endpoint;
use self::cursor::Cursor;
use self::lock::Lock;
use self::page::Pages;
use self::reconnect::Left;
use self::record::Ahead;
use self::settings::Own;
use self::stored::Stored;
use self::tool_tables::Fingerprint;
use self::transaction::Transaction;
use self::types::Types;
use self::watch::Watch;
use self::writer::Writer;
use super::opened::Opened;
use super::{
    BatchLimits, Bulk, Claims, ConnectOptions, CursorId, CursorRequest, Database, DatabaseError, DatabaseUrl, End,
    Facts, FixedInputs, Grants, LockHolder, LockRequest, PageRequest, Part, Probe, QueryLimits, Role, RoleToken,
    Session, StopSignal, TableIdentity, TableInfo, TableName, TableSource, TableTarget, ToolChange, TransactionOptions,
    WriteHint, WriterId, no_grants,
};
use crate::data::{Batch, RowSet, Value};

/// A PostgreSQL database.
pub(super) struct PostgresDatabase {
    /// Runs the statements. Used only between `enter` and `leave`.
    connection: PgConnection,
    /// How to open further connections to the same database.
    endpoint: Arc<Endpoint>,
    /// The open cursors and writers of the transaction.
    opened: Opened<Cursor, Writer>,
    /// What earlier pages of tables showed.
    pages: Pages,
    /// The server's types seen so far.
    types: Types,
    /// The transaction that `begin` opened.
    transaction: Option<Transaction>,
    /// The transaction that was opened ahead for the next migration.
    ahead: Option<Ahead>,
    /// The lock, on its own connection.
    lock: Option<Lock>,
    /// The request with which the lock was taken, kept until the lock is released: the lock may be lost meanwhile.
    locked_for: Option<LockRequest>,
    rights: Role,
    /// What a script has set for its session.
    own: Own,
    stop: StopSignal,
    /// The server process that runs the current or last transaction: the target of a cancel request.
    backend: i32,
    /// A caller is between `enter` and `leave`. If this is set at the next `enter`, a future was dropped halfway.
    busy: bool,
    /// The connection is closed, or in the middle of something; only `reconnect` helps.
    lost: bool,
    /// Its session was ended, because a statement went on after it was cancelled.
    ended: Arc<AtomicBool>,
    /// The state of the tool's tables before a script's statement that has its own transaction.
    wrapped: Option<Fingerprint>,
    /// What the tool's tables held before a script's statement that has no transaction.
    stored: Option<Stored>,
    /// Nothing foreign is attached to the tool's tables, as far as this connection has seen.
    inspected: bool,
    /// What a lost connection may have left on the server.
    left: Option<Left>,
    facts: Facts,
}

/// Opens the database at the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    Ok(Box::new(open(url, options).await?))
}

async fn open(url: &DatabaseUrl, options: &ConnectOptions) -> Result<PostgresDatabase, DatabaseError> {
    let endpoint = Endpoint::new(url, options)?;
    let (connection, found) = endpoint.open_for_work().await?;
    Ok(PostgresDatabase {
        connection,
        endpoint: Arc::new(endpoint),
        opened: Opened::default(),
        pages: Pages::default(),
        types: Types::default(),
        transaction: None,
        ahead: None,
        lock: None,
        locked_for: None,
        rights: Role::Host,
        own: Own::default(),
        stop: StopSignal::never(),
        backend: found.backend,
        busy: false,
        lost: false,
        ended: Arc::default(),
        wrapped: None,
        stored: None,
        inspected: false,
        left: None,
        facts: found.facts,
    })
}

impl PostgresDatabase {
    /// Returns a watch for work on the connection: see [`Watch::run`]. It is independent of `self`, so that the work
    /// may borrow it.
    fn watch(&self) -> Watch {
        Watch::new(self.endpoint.clone(), self.stop.clone(), self.backend, self.ended.clone())
    }

    /// Closes cursors and writers: the transaction they belong to ends, or they must no longer be visible.
    fn forget_statements(&mut self) {
        self.opened.close();
        self.pages.forget_statement();
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn url(&self) -> &DatabaseUrl {
        self.endpoint.url()
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.rights = role;
        self.stop = stop;
    }

    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        no_grants(grants.as_deref(), self.facts.dialect)
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
        self.lock_now(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.unlock_now().await
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        self.lock_holder_now().await
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        match options.for_migration {
            true => self.begin_migration(options).await,
            false => self.begin_now(None, options.isolation).await,
        }
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.begin_now(Some(part), None).await?;
        Ok(if part == Part::Chunk { Claims::Apart } else { Claims::Within })
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.commit_now().await
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.record_now(changes).await
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.finish_now(changes, end).await
    }

    async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        self.check_constraints_now().await
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.rollback_now().await
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        self.begin_reading_now(table, is).await
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.drop_temporary_now().await
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.reconnect_now().await
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        self.check_tool_tables_now().await
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.in_transaction_now().await
    }
}

#[async_trait]
impl Session for PostgresDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        self.execute_now(statement, parameters).await
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        self.query_now(statement, parameters, limits).await
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.look_now(questions).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.table_now(name).await.map(|table| table.info.clone())
    }
}

#[async_trait]
impl Bulk for PostgresDatabase {
    async fn others_see(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Option<TableIdentity>, DatabaseError> {
        self.others_see_now(source, target).await
    }

    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError> {
        self.hold_now(source, target).await
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        self.read_page_now(page).await
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        self.open_cursor_now(request).await
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        self.fetch_now(cursor, limits).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        self.close_cursor_now(cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.open_writer_now(target).await
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        self.write_now(writer, rows, hint).await
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.opened.take_writer(writer).map(|writer| writer.rows_written())
    }
}
