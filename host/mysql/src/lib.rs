//! MySQL and MariaDB through sqlx. One implementation serves both; the server's version shows which of the two it is.
//!
//! It may import `runner-database` and what is below it.
//!
//! Every answer on the work connection is awaited under `Watch::over` (see `watch`), and every statement of a
//! caller runs between `before` and `after` (see `rights`), which check what the caller may do and what the statement
//! did to the transaction.
//!
//! # What is guaranteed, and how
//!
//! These servers commit at every `CREATE`, keep no lock beyond a session, and let a procedure end the caller's
//! transaction.
//!
//! * A session means the same on every server: `sql_mode` is the server's plus `STRICT_TRANS_TABLES`, without what
//!   changes how a file is split and without what only the driver adds; UTC, `utf8mb4`, REPEATABLE READ, autocommit.
//!   What a script sets is for the script.
//! * A session that a migration used is replaced, unless its statements can have left nothing: temporary tables,
//!   variables and settings cannot be listed before MariaDB 11.2. Connecting takes 2 ms; `COM_RESET_CONNECTION` is not
//!   in the driver, and ends the transaction.
//! * The prepared protocol takes exactly one statement. Where the server does not support a statement there (error
//!   1295), it has parsed the text as one before it says so; only then, and only for files, is the text protocol used.
//! * There is no delay: the protocol does not acknowledge the closing of a prepared statement, so with Nagle's
//!   algorithm the next message would wait 40 ms. The sockets of `pipe` turn it off.
//!
//! Limitations: an XA transaction that a script prepares with dynamic SQL survives everything. Outside of a
//! transaction, and where a procedure commits, dynamic SQL can write to the tool's tables: it is found, the migration
//! fails, and nothing takes the change back. `SHOW PROCESSLIST` shows the user alone.
//!
#![doc = include_str!("types.md")]

mod blockers;
mod connect;
mod cursor;
mod cursor_batch;
mod dialect_sql;
pub mod dump;
mod error;
mod inspect;
mod keepalive;
mod learned;
mod lease;
mod lock;
mod logins;
mod look;
mod make;
mod node;
mod owner;
mod packed;
mod page;
mod parameters;
mod programs;
mod record;
mod refusals;
mod refusals_login;
mod rights;
mod schema;
pub mod scratch;
mod session;
mod settings;
mod speech;
mod statement;
mod tool_tables;
mod transaction;
mod types;
mod types_convert;
mod types_read;
mod types_write;
mod watch;
mod work;
mod write_check;
mod write_sql;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::MySqlConnection;

use self::connect::Endpoint;
use self::cursor::Cursor;
pub use self::dialect_sql::SQL;
use self::learned::Learned;
use self::lock::Lock;
use self::logins::session::Gated;
use self::node::Node;
pub use self::refusals::refused_text;
use self::rights::Guard;
use self::session::SessionFacts;
use self::transaction::Transaction;
use self::watch::Watch;
use self::work::WorkSession;
use self::writer::Writer;
use runner_data::{Batch, RowSet, Value};
use runner_database::logins::sessions::{Driver as _, Logins};
use runner_database::opened::Opened;
use runner_database::{
    BatchLimits, Bulk, Claims, ConnectOptions, CursorId, CursorRequest, Database, DatabaseError, DatabaseUrl, Dialect,
    End, Facts, FixedInputs, Grants, LockHolder, LockRequest, LoginReport, LoginRequest, PageRequest, Part, Probe,
    QueryLimits, ReadingAhead, Role, RoleToken, SchemaChange, Session, StopSignal, TableIdentity, TableInfo, TableName,
    TableSource, TableTarget, ToolChange, TransactionOptions, WantedLogin, WriteHint, WriterId, not_read_apart,
};

/// A database on a MySQL or MariaDB server.
pub struct MysqlDatabase {
    /// The work connection, which runs every statement of a run.
    connection: WorkSession,
    /// What is known of the server and of the session of `connection`.
    server: SessionFacts,
    /// Watches over the answers of `connection`.
    watch: Watch,
    /// What the role may do, and what has been done so far.
    guard: Guard,
    transaction: Option<Transaction>,
    /// The open cursors and writers of the transaction.
    opened: Opened<Cursor, Writer>,
    /// Temporary tables of cursors, quoted.
    kept: Vec<String>,
    learned: Learned,
    lock: Option<Lock>,
    endpoint: Endpoint,
    url: DatabaseUrl,
    /// The session is that of a component's own login.
    gated: Option<Gated>,
    /// Statements are refused: they would be those of a component under grants, on the session of the host.
    is_denied: bool,
}

/// Opens the database of the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    let endpoint = Endpoint::new(url, options)?;
    let (connection, server) = endpoint.connect().await?;
    // Connections that follow are part of a run, which continues while its node brings another one up to date.
    server.node.as_ref().map_or(Ok(()), Node::is_synced)?;
    Ok(Box::new(Logins::new(MysqlDatabase::of(connection, server, endpoint, url.clone()))))
}

impl MysqlDatabase {
    /// Works on a connection that was just made. `endpoint` makes those that end its statements.
    fn of(connection: MySqlConnection, server: SessionFacts, endpoint: Endpoint, url: DatabaseUrl) -> Self {
        Self {
            watch: Watch::new(endpoint.clone(), &server),
            guard: Guard::default(),
            transaction: None,
            opened: Opened::default(),
            kept: Vec::new(),
            learned: Learned::default(),
            lock: None,
            connection: WorkSession::of(connection, &server, endpoint.database()),
            url,
            server,
            endpoint,
            gated: None,
            is_denied: false,
        }
    }

    /// Closes cursors and writers. The cursors' tables are dropped before the next cursor is opened.
    fn close_statements(&mut self) {
        self.opened.close();
        self.learned.forget_tables();
    }
}

#[async_trait]
impl Database for MysqlDatabase {
    fn facts(&self) -> &Facts {
        &self.server.facts
    }

    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.set_role(role, stop);
    }

    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        match grants {
            Some(_) => Err(DatabaseError::invalid("grants need a session of their own")),
            None => Ok(()),
        }
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

    fn blockers(&self, _run_id: &str) -> Option<(String, Vec<Value>)> {
        Some((blockers::query(&self.server), Vec::new()))
    }

    fn is_blocked(&self) -> Option<String> {
        Some(blockers::is_blocked(&self.server))
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.begin_now(options).await
    }

    async fn begin_confined(&mut self, _grants: Arc<Grants>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn open_for_component(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    async fn confine(&mut self, _grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.begin_part_now(part).await
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.commit_now().await
    }

    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        let (statement, values) = change.statement(&self.server.facts)?;
        let rows = self.execute_now(&statement, &values).await?;
        change.check(rows)
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

    async fn begin_reading(&mut self, _table: &TableName, _is: &TableIdentity) -> Result<(), DatabaseError> {
        Err(not_read_apart())
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.drop_temporary_now().await
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.reconnect_now().await
    }

    fn session_number(&self) -> u64 {
        self.watch.id
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        self.check_tool_tables_now().await
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.in_transaction_now().await
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.logins_now(request).await
    }

    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        self.check_logins_now(wanted).await
    }
}

#[async_trait]
impl Session for MysqlDatabase {
    fn facts(&self) -> &Facts {
        &self.server.facts
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

    async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        // MySQL spells everything as MariaDB does but that type.
        let spelling = if self.server.facts.has_uuid { Dialect::Mariadb } else { Dialect::Mysql };
        let statement = change.statement(spelling)?;
        // MySQL reads the defaults that it keeps, in which it has put backslashes, in the mode of the session.
        if !self.guard.quoting.is_some_and(|quoting| quoting.plain_backslash) {
            return self.execute_now(&statement, &[]).await.map(drop);
        }
        self.renew_if_due().await?;
        self.connection.settle(self.guard.rights()).await?;
        let plain = |modes: &mut Vec<&str>| modes.retain(|mode| *mode != "NO_BACKSLASH_ESCAPES");
        let changed = self.connection.change_modes(plain).await?;
        let done = self.execute_now(&statement, &[]).await.map(drop);
        done.and(self.connection.undo(changed).await)
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.look_now(questions).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        self.table_now(name).await.map(|table| table.info)
    }
}

#[async_trait]
impl Bulk for MysqlDatabase {
    async fn reading_ahead(
        &mut self,
        _source: &TableSource,
        _target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        // Transforms run in chunks, each of which is read in the transaction that writes it.
        Ok(ReadingAhead::default())
    }

    async fn hold(&mut self, _source: &TableSource, _target: &TableTarget) -> Result<(), DatabaseError> {
        Ok(()) // Transforms run in chunks, which lock the rows that they read.
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        self.read_page_now(page).await
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        self.open_cursor_now(request).await
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        self.check_transaction()?;
        let answer = self.fetch_now(cursor, limits).await;
        self.check_after_failure(answer).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        self.close_cursor_now(cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.open_writer_now(target).await
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        self.check_transaction()?;
        let answer = self.write_now(writer, rows, hint).await;
        self.check_after_failure(answer).await
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        self.opened.take_writer(writer).map(|writer| writer.rows_written())
    }
}
