//! Statements with parameters: prepared for the present role, bound, and run to their end.

mod cache;
mod sizes;
mod views;

pub(crate) use sizes::{bytes_of, size_of_batch, size_of_program};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::limits::Limit;

use self::cache::{Cache, Key};
use crate::connect::OpenedFile;
use crate::error::of_statement;
use crate::guard::{Guard, replacing};
use crate::raw::{Account, Active, Connection, Failure, Statement};
use crate::text::{check_nesting, something_else};
use crate::types::{self, BindError, bind_all};
use runner_data::{RowSet, Value};
use runner_database::{DatabaseError, DatabaseErrorKind, Grants, QueryLimits, Role, StopSignal};

/// What a component's statements can make: values and rows of so many bytes, so no `printf('%.*c', 900000000)`; and programs of so many
/// instructions, of which each takes 24 bytes: views that are used several times by each other multiply when they are expanded.
/// SQLite's own limit allows 6 GB.
const COMPONENT_LIMITS: [(Limit, i32); 2] =
    [(Limit::SQLITE_LIMIT_LENGTH, 128 << 20), (Limit::SQLITE_LIMIT_VDBE_OP, 5_000_000)];

/// Bytes that SQLite may take for a component's statements, cursors and writers in one transaction, not counting pages,
/// a sorter as large as the pages, and the values that go in and out: text that is being assembled, expanded views,
/// records. Without it one statement can fill the memory. With the pages of the default settings it is 64 MiB in all.
const COMPONENT_MEMORY: usize = 32 << 20;

/// Prepares statements for the present role and runs them.
pub(crate) struct Executor {
    connection: Connection,
    guard: Guard,
    cache: Cache,
    /// The file of the database; none: it is in memory.
    file: Option<PathBuf>,
    /// Bytes that SQLite may take for a component.
    component_memory: usize,
}

impl Executor {
    /// Executes statements on an open file. `statement_timeout`: how long one of a migration may take.
    pub(crate) fn new(opened: OpenedFile, statement_timeout: Option<Duration>) -> Result<Self, Failure> {
        let OpenedFile { mut connection, file, busy_timeout, cache_bytes } = opened;
        let guard = Guard::new(file.clone(), busy_timeout, statement_timeout);
        connection.set_hooks(Box::new(guard.clone()))?;
        let component_memory = cache_bytes.saturating_mul(2).saturating_add(COMPONENT_MEMORY);
        Ok(Self { connection, guard, cache: Cache::default(), file, component_memory })
    }

    /// The connection, for statements of the host: under [`Guard::as_host`], or outside of calls of a session.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The file of the database; none: it is in memory.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Begins a call of a session, in which `bytes` go in or out, and returns where it runs.
    pub(crate) fn call(&self, bytes: usize) -> Arc<Account> {
        self.guard.begin_statement();
        let account = self.connection.account();
        // What is in a database in memory would count as well.
        if self.guard.role() == Role::Component && self.file.is_some() {
            account.limit(Some(self.component_memory.saturating_add(bytes)));
        }
        Arc::clone(account)
    }

    /// Sets the role of the following statements, with the limits of SQLite that it has, and what ends them.
    pub(crate) fn take_role(&self, role: Role, stop: StopSignal) {
        let is_component = role == Role::Component;
        self.connection.account().serve(if role == Role::Host { StopSignal::never() } else { stop.clone() });
        self.guard.take_role(role, stop);
        for (limit, most) in COMPONENT_LIMITS {
            self.connection.set_limit(limit, if is_component { most } else { i32::MAX });
        }
        self.connection.account().limit(None);
        self.connection.fixed().apply(is_component);
    }

    /// Restricts components to what was granted.
    pub(crate) fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        // Statements were authorized when they were prepared.
        self.cache.clear();
        let replacing = match &grants {
            Some(_) => {
                let _host = self.guard.as_host();
                replacing(&self.connection)?
            }
            None => Vec::new(),
        };
        self.guard.set_grants(grants, replacing);
        Ok(())
    }

    /// Forgets prepared statements, which another database than the run's own may be part of.
    pub(crate) fn clear_cache(&mut self) {
        self.cache.clear();
    }

    /// Runs a statement to its end and returns how many rows it changed.
    pub(crate) fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let (key, mut prepared) = self.prepare_cached(statement)?;
        let mut active = prepared.activate(&self.connection);
        self.bind(&mut active, parameters, statement)?;
        let before = self.connection.total_changes();
        while active.step().map_err(|failure| self.failed(failure, statement))?.is_row() {}
        // Statements other than INSERT, UPDATE and DELETE do not reset the count of the one before.
        let changed = self.connection.total_changes() != before;
        let rows = if changed { self.connection.changes() } else { 0 };
        active.release();
        self.keep(key, prepared);
        Ok(rows)
    }

    /// Runs a query and returns its rows, which must be within the limits.
    pub(crate) fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let (key, mut prepared) = self.prepare_cached(statement)?;
        let mut active = prepared.activate(&self.connection);
        self.bind(&mut active, parameters, statement)?;
        let width = active.column_count();
        let columns: Vec<String> = (0..width).map(|column| active.column_name(column)).collect();
        let declared: Vec<_> = (0..width).map(|column| types::declared(&active, column)).collect();
        let mut rows = Vec::new();
        let mut bytes = 0usize;
        while active.step().map_err(|failure| self.failed(failure, statement))?.is_row() {
            if rows.len() >= limits.rows {
                return Err(too_much(format!("the result has more than {} rows", limits.rows)));
            }
            let mut row = Vec::with_capacity(width);
            for (column, declared) in declared.iter().enumerate() {
                bytes = bytes.saturating_add(active.cell_bytes(column).max(8));
                if bytes > limits.bytes {
                    return Err(too_much(format!("the result has more than {} bytes", limits.bytes)));
                }
                let cell = active.cell(column);
                row.push(types::value(cell, *declared).map_err(|what| {
                    DatabaseError::new(DatabaseErrorKind::Conversion, format!("column `{}`: {what}", columns[column]))
                })?);
            }
            active.check_cells().map_err(|failure| self.failed(failure, statement))?;
            rows.push(row);
        }
        active.release();
        self.keep(key, prepared);
        Ok(RowSet { columns, rows })
    }

    /// A statement to run, and what it is kept under. One of a file in SQL is not kept: a file hardly has a statement twice, and may have a
    /// million of them.
    fn prepare_cached(&mut self, statement: &str) -> Result<(Option<Key>, Statement), DatabaseError> {
        self.guard.check_stop()?;
        if self.guard.role() == Role::SqlScript {
            return Ok((None, self.prepare(statement, false)?));
        }
        let (role, transaction) = (self.guard.role(), self.guard.transaction());
        let key = Key { role, transaction, text: statement.to_owned() };
        let prepared = match self.cache.take(&key) {
            Some(prepared) => {
                self.guard.expect(statement);
                prepared
            }
            None => self.prepare(statement, true)?,
        };
        Ok((Some(key), prepared))
    }

    fn keep(&mut self, key: Option<Key>, prepared: Statement) {
        if let Some(key) = key {
            self.cache.keep(key, prepared);
        }
    }

    /// Prepares the one statement of a text. `persistent`: for long, so that it takes none of the memory that SQLite has at hand for short
    /// work.
    pub(crate) fn prepare(&self, statement: &str, persistent: bool) -> Result<Statement, DatabaseError> {
        check_nesting(statement)?;
        self.guard.expect(statement);
        let prepared =
            self.connection.prepare(statement, persistent).map_err(|failure| self.failed(failure, statement))?;
        let Some(prepared) = prepared else {
            return Err(DatabaseError::no_statement());
        };
        let tail = &statement.as_bytes()[prepared.end..];
        if let Some(at) = something_else(tail) {
            let rest: String = String::from_utf8_lossy(&tail[at..]).chars().take(40).collect();
            return Err(DatabaseError::new(
                DatabaseErrorKind::Syntax,
                "only one statement per call, but there is more text after it",
            )
            .detail(format!("at `{}`", rest.trim_end()))
            .hint("run each statement in a call of its own"));
        }
        Ok(prepared.statement)
    }

    /// Binds the parameters of a statement.
    pub(crate) fn bind(
        &self,
        active: &mut Active<'_>,
        parameters: &[Value],
        statement: &str,
    ) -> Result<(), DatabaseError> {
        bind_all(active, parameters).map_err(|error| match error {
            BindError::Sqlite(failure) => self.failed(failure, statement),
            BindError::Ours(error) => error,
        })
    }

    /// The error of a statement: a refusal of the authorizer, the stop signal, or SQLite's own.
    pub(crate) fn failed(&self, failure: Failure, statement: &str) -> DatabaseError {
        // SQLite's messages and codes for a refusal vary and never give the reason.
        if let Some(denied) = self.guard.denied() {
            return denied;
        }
        self.guard.or_stopped(of_statement(failure, statement))
    }
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}
