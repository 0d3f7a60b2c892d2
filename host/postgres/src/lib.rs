//! PostgreSQL through sqlx: one dedicated connection for the work, and a second one that holds the lock.
//!
//! It may import `runner-database` and what is below it.
//!
//! A [`PostgresDatabase`] is a [`Session`] and the [`Rows`] that are open in it. A session has a connection (`link`), a lock, a guard
//! of the tool's tables, its own settings, and at times a transaction and a gate; each of them has its fields to itself. Every
//! statement goes through the same three calls, so that rights, transactions, timeouts and the stop signal are handled in one place:
//!
//! ```ignore
//! let scope = session.enter(Some(statement)).await?;           // session/scope.rs: rights, BEGIN or SAVEPOINT, timeouts
//! let watch = session.watch();                                 // link/watchdog.rs: ends with the stop signal
//! let result = watch.run(work(session.wire())).await;
//! session.leave(scope, result).await                           // session/scope.rs: COMMIT or ROLLBACK, what an error means
//! ```
//!
//! The host's own statements, in between or otherwise, are sent only by `host_sql.rs`, and each COMMIT by `commit.rs`.
//!
//! The floors, from the top down. A room imports rooms of lower floors only, and no two files import each other; a test reads this
//! drawing and holds the imports against it.
//!
//! ```text
//! database dump          what a run asks of the driver; how other programs connect
//! logins                 the logins of components: their rights, their sessions
//! rows                   cursors, pages, writers
//! schema                 tables as the server declares them, and changes of them
//! statement              one statement with its parameters and its result
//! session                a connection with its transaction: what surrounds each statement, how it begins, commits, is reset
//! transaction gate lock  what is open; how the host writes in a component's transaction; what keeps runs apart
//! guard                  whether the tool's tables are untouched
//! link                   the connection for the work: opened, watched, lost, opened again
//! commit types           the one place that sends COMMIT; the server's types
//! settings changes place  texts: settings of a transaction, changes of the tool's tables, what depends on their schema
//! verdict                what the server answers to the host's questions
//! host_sql denied_statements how the host sends statements; which words of a guest are refused
//! error                  what the server's errors mean
//! citus dialect_sql      spread tables; the statements of the tool that PostgreSQL spells in its own way
//! ```
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
//!   they end with their first error; nor have chunks of tables that run no code (`session/code_free`).
//! * Each commit is verified (`transaction`), the tool's tables are compared by what the server itself knows
//!   where code of a migration could run (`guard`), and words of statements are only checked for good errors (`rights`).
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

mod changes;
mod citus;
mod commit;
mod database;
mod denied_statements;
mod dialect_sql;
pub mod dump;
mod error;
mod gate;
mod guard;
mod host_sql;
mod link;
mod lock;
mod logins;
mod place;
mod rows;
mod schema;
mod session;
mod settings;
mod statement;
mod transaction;
mod types;
mod verdict;

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::denied_statements::refused_text;
pub use self::dialect_sql::SQL;
use self::link::endpoint::Endpoint;
use self::rows::{Rows, reading, row_locks};
use self::session::Session;
use crate::error::Result;
use runner_data::{Batch, RowSet, Value};
use runner_database::logins::sessions::Logins;
use runner_database::{
    BatchLimits, ConnectOptions, CursorId, CursorRequest, Database, DatabaseUrl, Facts, PageRequest, QueryLimits,
    ReadingAhead, TableInfo, TableName, TableSource, TableTarget, WriteHint, WriterId,
};

/// A PostgreSQL database.
pub struct PostgresDatabase {
    session: Session,
    rows: Rows,
}

/// Opens the database at the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>> {
    Ok(Box::new(Logins::new(open(url, options).await?)))
}

async fn open(url: &DatabaseUrl, options: &ConnectOptions) -> Result<PostgresDatabase> {
    let endpoint = Endpoint::new(url, options)?;
    let (connection, found) = endpoint.open_for_work().await?;
    Ok(PostgresDatabase::of(Session::new(connection, Arc::new(endpoint), found)))
}

impl PostgresDatabase {
    fn of(session: Session) -> Self {
        Self { session, rows: Rows::default() }
    }
}

#[async_trait]
impl runner_database::Session for PostgresDatabase {
    fn facts(&self) -> &Facts {
        self.session.facts()
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64> {
        statement::execute(&mut self.session, statement, parameters).await
    }

    async fn execute_each(
        &mut self,
        statements: &[&str],
        changed: &mut Vec<u64>,
    ) -> Result<(), (usize, runner_database::DatabaseError)> {
        statement::execute_each(&mut self.session, statements, changed).await
    }

    async fn query(&mut self, statement: &str, parameters: &[Value], limits: QueryLimits) -> Result<RowSet> {
        statement::query(&mut self.session, statement, parameters, limits).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo> {
        schema::table(&mut self.session, name).await.map(|table| table.info)
    }

    async fn reading_ahead(&mut self, source: &TableSource, target: &TableTarget) -> Result<ReadingAhead> {
        reading::reading_ahead(&mut self.session, source, target).await
    }

    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<()> {
        row_locks::hold(&mut self.session, source, target).await
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>> {
        self.rows.read_page(&mut self.session, page).await
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId> {
        self.rows.open_cursor(&mut self.session, request).await
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>> {
        self.rows.fetch(&mut self.session, cursor, limits).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<()> {
        self.rows.close_cursor(&mut self.session, cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId> {
        self.rows.open_writer(&mut self.session, target).await
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64> {
        self.rows.write(&mut self.session, writer, rows, hint).await
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64> {
        self.rows.finish_writer(&self.session, writer)
    }
}
