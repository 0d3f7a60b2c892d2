//! MySQL and MariaDB through sqlx. One implementation serves both; the server's version shows which of the two it is.
//!
//! It may import `runner-database` and what is below it.
//!
//! The floors, from the top down. A room imports rooms of lower floors only; a test reads this drawing and holds the imports against it.
//! `MysqlDatabase` is put together from `session`, `guard` and `rows`, and none of these reaches into another's fields.
//!
//! ```text
//! driver         the sessions of a run with components under grants
//! scratch dump   copies of a database; what client programs need
//! logins         the sessions and the privileges of components under grants
//! guard          what callers may do, and what may reach the tool's tables
//! rows           cursors, pages and writers
//! statement      one statement, several queries at once, and small results
//! schema session what tables are; the link of a run with its lock and its transaction
//! lock           user locks or a lease, and what proves that they are held
//! transaction    the one transaction, and what proves that it is still the same
//! inspect commit what others have attached to the tool's tables; the one place that sends COMMIT
//! link           the connection: the server, whose settings are in force, what ends a statement
//! types          what columns and cells hold
//! dialect_sql    the statements of the tool that these servers spell in their own way
//! host_sql       the statements of the host, on whatever session
//! assertion error
//! ```
//!
//! Every statement of a caller runs between `Guard::before` and `Guard::after`, which check what the caller may do and what the statement
//! did to the transaction, and its answer is awaited under `Watchdog::over`.
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

mod assertion;
mod commit;
mod dialect_sql;
mod driver;
pub mod dump;
mod error;
mod guard;
mod host_sql;
mod inspect;
mod link;
mod lock;
mod logins;
mod rows;
mod schema;
pub mod scratch;
mod session;
mod statement;
mod transaction;
mod types;

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::dialect_sql::SQL;
pub use self::guard::refused_text;
use self::guard::{Guard, names_tool_table};
use self::link::Link;
use self::link::endpoint::Endpoint;
use self::link::galera::{Attempts, Node};
use self::lock::blockers;
use self::logins::Gate;
use self::rows::Rows;
use self::session::RunSession;
use self::statement::Statement;
use crate::error::Result;
use runner_data::{Batch, RowSet, Value};
use runner_database::logins::sessions::Logins;
use runner_database::{
    BatchLimits, Begin, Blockers, Check, Claims, Committed, ConnectOptions, Connection, CursorId, CursorRequest,
    Database, DatabaseError, DatabaseUrl, Dialect, Facts, Grants, LockRequest, PageRequest, Part, Probe, QueryLimits,
    ReadingAhead, Role, RoleToken, SchemaChange, Session, StopSignal, TableInfo, TableName, TableSource, TableTarget,
    UnitOfWork, WriteHint, WriterId, not_read_apart,
};
use runner_sql::Isolation;

/// A database on a MySQL or MariaDB server.
struct MysqlDatabase {
    session: RunSession,
    guard: Guard,
    rows: Rows,
    /// Where the session is that of a component's own login, what the host writes through.
    gate: Option<Gate>,
}

/// Opens the database of the URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>> {
    let endpoint = Endpoint::new(url, options)?;
    let (connection, server) = endpoint.connect().await?;
    // Connections that follow are part of a run, which continues while its node brings another one up to date.
    server.node.as_ref().map_or(Ok(()), Node::is_synced)?;
    let link = Link::of(connection, server, endpoint);
    Ok(Box::new(Logins::new(MysqlDatabase::of(link, None))))
}

impl MysqlDatabase {
    fn of(link: Link, gate: Option<Gate>) -> Self {
        Self { session: RunSession::of(link), guard: Guard::default(), rows: Rows::default(), gate }
    }

    /// Closes cursors and writers.
    fn close_statements(&mut self) {
        self.rows.close();
        self.session.link.learned.forget_tables();
    }

    /// Whether a statement is one that the host runs through the gate, where there is one.
    fn is_of_host(session: &RunSession, statement: &str) -> bool {
        session.link.role() == Role::Host && names_tool_table(statement)
    }

    async fn begin(&mut self, mut isolation: Option<Isolation>) -> Result<()> {
        // Where the tool's tables are watched, the view of them stays the same: what is stricter than asked for serves as well.
        if isolation.is_some_and(Isolation::is_by_statement)
            && self.guard.reaches_tool_tables(&mut self.session.link).await?
        {
            isolation = None;
        }
        self.session.begin(isolation).await?;
        self.guard.begun();
        Ok(())
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims> {
        self.session.renew_if_due().await?;
        let is_watched = part != Part::Claim && self.guard.reaches_tool_tables(&mut self.session.link).await?;
        let claims = self.session.begin_part(is_watched).await?;
        self.guard.begun();
        Ok(claims)
    }

    async fn commit_transaction(&mut self, unit: UnitOfWork<'_>) -> Result<Committed> {
        self.session.transaction.savepoint(&self.session.link)?;
        self.guard.check_tool_tables(&mut self.session).await?;
        self.session.commit(unit).await
    }

    async fn try_execute(&mut self, statement: Statement<'_>) -> Result<u64> {
        let checked = self.guard.before(&mut self.session, statement.text).await?;
        let link = &mut self.session.link;
        statement.forget_tables(link).await?;
        let answer = statement.execute(link).await;
        self.guard.after(&mut self.session, checked, answer).await
    }

    async fn try_query(&mut self, statement: Statement<'_>, limits: QueryLimits) -> Result<RowSet> {
        let checked = self.guard.before(&mut self.session, statement.text).await?;
        let answer = statement.query(&mut self.session.link, limits).await;
        self.guard.after(&mut self.session, checked, answer).await
    }
}

#[async_trait]
impl Connection for MysqlDatabase {
    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<()> {
        self.session.lock.take(&mut self.session.link, request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<()> {
        self.session.lock.release(&mut self.session.link).await
    }

    fn blockers(&self, _run_id: &str) -> Option<Blockers> {
        let server = self.session.link.server();
        let (is_blocked, query) = (Some(blockers::is_blocked(server)), blockers::query(server));
        Some(Blockers { is_blocked, query, parameters: Vec::new() })
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe> {
        let holder = lock::holder_query(self.session.link.server());
        let text = questions.iter().chain([&holder]).map(String::as_str).collect::<Vec<_>>().join("; ");
        let mut attempts = Attempts::default();
        let told = loop {
            let checked = self.guard.before(&mut self.session, &text).await?;
            let told = self.session.link.answers(&text).await;
            match self.guard.after(&mut self.session, checked, told).await {
                Err(error) if self.session.is_whole() && attempts.again(&error).await => {}
                told => break told?,
            }
        };
        let (answers, is_held) = statement::probed(&told)?;
        // The holder's name takes several queries that depend on one another, and a lease has a table, which may not exist.
        let asks = is_held || self.session.link.server().has_lease();
        Ok(Probe { answers, holder: if asks { lock::holder(&mut self.session.link).await? } else { None } })
    }

    fn session_number(&self) -> u64 {
        self.session.link.facts().session
    }

    async fn reconnect(&mut self) -> Result<()> {
        if self.session.is_alive().await? {
            return Ok(());
        }
        self.close_statements();
        self.session.reconnect().await
    }
}

#[async_trait]
impl Database for MysqlDatabase {
    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.session.link.watch.take_role(role, stop);
    }

    fn session(&self, _token: RoleToken) -> &(dyn Session + 'static) {
        self
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Session + 'static) {
        self
    }

    async fn change_schema(&mut self, change: &SchemaChange, _token: RoleToken) -> Result<()> {
        // MySQL spells everything as MariaDB does but that type.
        let spelling = if self.session.link.facts().has_uuid { Dialect::Mariadb } else { Dialect::Mysql };
        let statement = change.statement(spelling)?;
        // MySQL reads the defaults that it keeps, in which it has put backslashes, in the mode of the session.
        if !self.session.link.leftovers.quoting().is_some_and(|quoting| quoting.plain_backslash) {
            return self.execute(&statement, &[]).await.map(drop);
        }
        self.session.renew_if_due().await?;
        self.session.link.settle().await?;
        let plain = |modes: &mut Vec<&str>| modes.retain(|mode| *mode != "NO_BACKSLASH_ESCAPES");
        let changed = self.session.link.work.change_modes(plain).await?;
        let done = self.execute(&statement, &[]).await.map(drop);
        done.and(self.session.link.work.undo(changed).await)
    }

    async fn begin_transaction(&mut self, begin: Begin<'_>) -> Result<Claims> {
        match begin {
            Begin::Work(options) => self.begin(options.isolation).await.map(|()| Claims::Apart),
            Begin::Part(part, _) => self.begin_part(part).await,
            Begin::Reading(..) => Err(not_read_apart()),
        }
    }

    async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        if let UnitOfWork::Apart(changes) = unit {
            return self.session.commit_changes(changes).await;
        }
        self.close_statements();
        self.commit_transaction(unit).await.unwrap_or_else(Committed::failed)
    }

    async fn rollback(&mut self) -> Result<()> {
        self.close_statements();
        self.session.transaction.rollback(&mut self.session.link).await
    }

    async fn check(&mut self, what: Check) -> Result<()> {
        let RunSession { link, transaction, .. } = &mut self.session;
        match what {
            Check::Ours if transaction.is_ours(link).await? => Ok(()),
            Check::Ours => Err(DatabaseError::ended_by_migration()),
            Check::ToolTables => self.guard.check_tool_tables(&mut self.session).await,
            // MySQL and MariaDB check each row at once; nothing is deferred to the commit.
            Check::Constraints if transaction.is_open() => Ok(()),
            Check::Constraints => Err(DatabaseError::no_transaction("check")),
        }
    }

    async fn drop_temporary(&mut self) -> Result<()> {
        self.close_statements();
        self.session.drop_temporary().await
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<()> {
        match grants {
            Some(_) => Err(DatabaseError::invalid("grants need a session of their own")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Session for MysqlDatabase {
    fn facts(&self) -> &Facts {
        self.session.link.facts()
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64> {
        let statement = Statement { text: statement, values: parameters };
        if let Some(gate) = self.gate.as_ref().filter(|_| Self::is_of_host(&self.session, statement.text)) {
            return gate.execute(&mut self.session, statement).await;
        }
        let mut attempts = Attempts::default();
        loop {
            match self.try_execute(statement).await {
                Err(error) if self.session.is_whole() && attempts.again(&error).await => {}
                executed => return executed,
            }
        }
    }

    async fn query(&mut self, statement: &str, parameters: &[Value], limits: QueryLimits) -> Result<RowSet> {
        let statement = Statement { text: statement, values: parameters };
        if let Some(gate) = self.gate.as_ref().filter(|_| Self::is_of_host(&self.session, statement.text)) {
            return gate.query(&mut self.session, statement, limits).await;
        }
        let mut attempts = Attempts::default();
        loop {
            match self.try_query(statement, limits).await {
                Err(error) if self.session.is_whole() && attempts.again(&error).await => {}
                found => return found,
            }
        }
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo> {
        self.guard.check_open(&self.session.link)?;
        self.session.renew_if_due().await?;
        schema::read_table(&mut self.session.link, name).await.map(|table| table.info)
    }

    async fn reading_ahead(&mut self, _source: &TableSource, _target: &TableTarget) -> Result<ReadingAhead> {
        // Transforms run in chunks, each of which is read in the transaction that writes it.
        Ok(ReadingAhead::default())
    }

    async fn hold(&mut self, _source: &TableSource, _target: &TableTarget) -> Result<()> {
        Ok(()) // Transforms run in chunks, which lock the rows that they read.
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>> {
        let statement = rows::page_statement(page);
        let checked = self.guard.before(&mut self.session, &statement).await?;
        let is_consistent = self.session.transaction.is_consistent();
        let answer = self.rows.read_page(&mut self.session.link, page, &statement, is_consistent).await;
        let answer = self.guard.after(&mut self.session, checked, answer).await;
        self.session.transaction.check_after_failure(&mut self.session.link, answer).await
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId> {
        let checked = self.guard.before(&mut self.session, &request.statement).await?;
        let answer = self.rows.open_cursor(&mut self.session.link, request).await;
        self.guard.after(&mut self.session, checked, answer).await
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>> {
        let RunSession { link, transaction, .. } = &mut self.session;
        transaction.check(link)?;
        let answer = self.rows.fetch(link, cursor, limits).await;
        transaction.check_after_failure(link, answer).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<()> {
        self.rows.close_cursor(&mut self.session.link, cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId> {
        self.guard.before_writing(&mut self.session, &target.table).await?;
        self.rows.open_writer(&mut self.session.link, target).await
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, _hint: WriteHint) -> Result<u64> {
        let RunSession { link, transaction, .. } = &mut self.session;
        transaction.check(link)?;
        let answer = self.rows.write(link, writer, rows).await;
        transaction.check_after_failure(link, answer).await
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64> {
        self.rows.finish_writer(writer)
    }
}
