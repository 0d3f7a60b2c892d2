//! PostgreSQL through sqlx: one dedicated connection for the work, and a second one that holds the lock.
//!
//! It may import `runner-database` and what is below it.
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
//!
//! What the host says itself, in between or otherwise, is sent by `speech.rs` alone.
//!
//! # What is guaranteed, and how
//!
//! PostgreSQL ends a transaction at the first error, answers its `COMMIT` with a `ROLLBACK` and no error, and continues
//! a statement when its client has disconnected. Poolers hand its sessions from one client to the next. Therefore:
//!
//! * A transaction is around everything, and all settings are `SET LOCAL`: nothing depends on the session, and the
//!   whole contract of `Database` is tested through `pgbouncer`. Only statements that refuse a transaction are sent
//!   bare, with their timeouts set for the session in a message before and reset in one after; a pooler may hand each
//!   of the three to another session.
//! * A savepoint is before each statement of a component, which may handle an error, as on SQLite. It costs a round
//!   trip (0.29 instead of 0.17 ms for an UPDATE of one row; a batch has one for all its rows). Files have none, since
//!   they end with their first error.
//! * Each commit is verified (`transaction`), the tool's tables are compared by what the server itself knows
//!   (`tool_tables`), and words of statements are only checked for good errors (`rights`).
//!
//! Rejected: a role for scripts by `SET ROLE`, which a script can undo; a digest over the rows of the tool's tables,
//! which grows with the history and misses triggers; session settings at the start (`options`), which poolers drop;
//! `tcp_user_timeout`, which ends the session of a slow reader.
//!
//! Not covered: a trigger that a migration puts on one of your tables may change the history later, in a transaction of
//! the application. A superuser can switch off the counts of the server. Another program behind the same pooler that
//! leaves prepared statements named like those of the driver conflicts with it. Advisory locks are local to the server:
//! after a failover they are gone.

#![doc = include_str!("types.md")]

mod bare;
mod blockers;
mod citus;
mod connect;
mod cursor;
mod cursor_batch;
mod dialect_sql;
pub mod dump;
mod error;
mod foreign;
mod formats;
mod hold;
mod lease;
mod lock;
mod logins;
mod look;
mod make;
mod orphans;
mod page;
mod page_copy;
mod parameters;
mod place;
mod reading;
mod reconnect;
mod record;
mod rights;
mod schema;
mod schema_change;
mod scope;
mod search_path;
mod settings;
mod speech;
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

use self::connect::{Connected, Endpoint, Running, Target};
use self::cursor::Cursor;
pub use self::dialect_sql::SQL;
use self::lock::{Lock, LockedFor};
use self::logins::session::Gated;
use self::page::Pages;
use self::reconnect::Left;
pub use self::rights::refused_text;
use self::settings::Own;
use self::stored::Stored;
use self::tool_tables::Fingerprint;
use self::transaction::Transaction;
use self::types::Types;
use self::watch::Watch;
use self::writer::Writer;
use runner_data::{Batch, RowSet, Value};
use runner_database::logins::sessions::Logins;
use runner_database::opened::Opened;
use runner_database::pipe::Meter;
use runner_database::{
    BatchLimits, Bulk, ConnectOptions, CursorId, CursorRequest, Database, DatabaseError, DatabaseUrl, Facts,
    PageRequest, Probe, QueryLimits, ReadingAhead, Role, SchemaChange, Session, StopSignal, TableInfo, TableName,
    TableSource, TableTarget, WriteHint, WriterId,
};

/// A PostgreSQL database.
pub struct PostgresDatabase {
    /// Runs the statements. Used only between `enter` and `leave`.
    connection: PgConnection,
    /// Counts what the server sends on it.
    meter: Meter,
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
    /// The lock, on its own connection.
    lock: Option<Lock>,
    /// Whom the lock was taken for, kept until the lock is released: the lock may be lost meanwhile.
    locked_for: Option<LockedFor>,
    /// How many sessions were opened in place of lost ones. (The number of the server's process does not show it:
    /// behind a pooler it differs from transaction to transaction.)
    sessions: u64,
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
    /// What a pooler said when it closed the connection, which would close another for the same reason.
    pooler: Option<DatabaseError>,
    /// Its session was ended, because a statement continued after it was cancelled.
    ended: Arc<AtomicBool>,
    /// The statement that has its own transaction may change something.
    changes: bool,
    /// The state of the tool's tables before a script's statement that has its own transaction.
    wrapped: Option<Fingerprint>,
    /// What the tool's tables held before a script's statement that has no transaction.
    stored: Option<Stored>,
    /// Nothing foreign is attached to the tool's tables, as far as this connection has seen.
    inspected: bool,
    /// What a lost connection may have left on the server.
    left: Option<Left>,
    facts: Facts,
    /// The name of the database, as the server says it.
    database: String,
    /// The session is that of a component's own login.
    gated: Option<Gated>,
    /// Statements are refused: they would be those of a component under grants, on the session of the host.
    is_denied: bool,
}

/// Opens the database at the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    Ok(Box::new(Logins::new(open(url, options).await?)))
}

async fn open(url: &DatabaseUrl, options: &ConnectOptions) -> Result<PostgresDatabase, DatabaseError> {
    let endpoint = Endpoint::new(url, options)?;
    let (connection, found) = endpoint.open_for_work().await?;
    Ok(PostgresDatabase::of(connection, Arc::new(endpoint), found))
}

impl PostgresDatabase {
    /// Works on a connection that was just made. `endpoint` makes those that cancel its statements.
    fn of(connection: PgConnection, endpoint: Arc<Endpoint>, found: Connected) -> Self {
        Self {
            connection,
            meter: found.meter,
            opened: Opened::default(),
            pages: Pages::default(),
            types: Types::default(),
            transaction: None,
            lock: None,
            locked_for: None,
            sessions: 0,
            rights: Role::Host,
            own: Own::of(&found.facts, endpoint.in_options(), found.configured),
            endpoint,
            stop: StopSignal::never(),
            backend: found.backend,
            busy: false,
            lost: false,
            pooler: None,
            ended: Arc::default(),
            changes: false,
            wrapped: None,
            stored: None,
            inspected: false,
            left: None,
            facts: found.facts,
            database: found.database,
            gated: None,
            is_denied: false,
        }
    }

    /// Returns a watch for work on the connection: see [`Watch::run`]. It is independent of `self`, so that the work
    /// may borrow it.
    fn watch(&self) -> Watch {
        self.watch_for(Target { backend: self.backend, running: None })
    }

    /// As [`Self::watch`], for a message of this text that no transaction was begun for.
    fn watch_alone(&self, text: &str) -> Watch {
        let application = self.locked_for.as_ref().map(|it| it.application.clone());
        let running = Some(Running { text: text.to_owned(), application });
        self.watch_for(Target { backend: self.backend, running })
    }

    fn watch_for(&self, target: Target) -> Watch {
        let (meter, ended) = (self.meter.clone(), self.ended.clone());
        Watch::new(self.endpoint.clone(), self.stop.clone(), target, meter, ended)
    }

    /// Closes cursors and writers: the transaction they belong to ends, or they must no longer be visible.
    fn forget_statements(&mut self) {
        self.opened.close();
        self.pages.forget_statement();
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

    async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        self.change_schema_now(change).await
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
    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        self.reading_ahead_now(source, target).await
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
