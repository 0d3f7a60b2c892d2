//! Statements with parameters. The server describes them first, so that each value is sent in the type it expects.
//!
//! Prepared statements are dropped after every statement that is not plain DML: a prepared `SELECT * FROM t` that
//! outlives an `ALTER TABLE` fails with "cached plan must not change result type", and ends the transaction.

use futures_util::{Stream, TryStreamExt as _};
use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Executor as _, PgConnection, Row as _, ValueRef as _};

use super::PostgresDatabase;
use super::error::from_sqlx;
use super::scope::{Commits, Scope};
use super::statement_describe::{Described, Shape, describe, one_statement, shape};
use super::types::{Asker, Types};
use super::types_read::value;
use super::{formats, parameters};
use runner_data::{RowSet, Value};
use runner_database::error::RAN;
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, QueryLimits, Role};
use runner_sql::classify::{StatementClass, classify, identifiers};

/// SQLSTATE of a COMMIT in a procedure that runs in a transaction.
const TERMINATES: &str = "2D000";

/// The bytes that a cell of fixed size counts as.
const CELL: usize = 8;

impl PostgresDatabase {
    pub(super) async fn execute_now(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let done = self.execute_once(statement, parameters, Commits::Host).await;
        if !done.as_ref().is_err_and(|error| error.code == TERMINATES) || !self.may_commit_itself(statement) {
            return done;
        }
        // It was rolled back whole, so it can run again where it may commit.
        self.execute_once(statement, parameters, Commits::Itself).await.map_err(|error| match error.kind {
            DatabaseErrorKind::Connection => error,
            _ => {
                let code = error.code.clone();
                error.code(RAN).detail(format!("SQLSTATE {code}, in a procedure that commits"))
            }
        })
    }

    /// Whether a statement may be a call of a procedure that commits: only the server knows the procedure.
    fn may_commit_itself(&self, statement: &str) -> bool {
        let is_call =
            || identifiers(statement, Dialect::Postgres).first().is_some_and(|it| it.eq_ignore_ascii_case("CALL"));
        self.transaction.is_none() && self.rights == Role::SqlScript && !self.is_gated() && is_call()
    }

    async fn execute_once(
        &mut self,
        statement: &str,
        parameters: &[Value],
        commits: Commits,
    ) -> Result<u64, DatabaseError> {
        if self.goes_through_gate(statement) {
            return self.execute_gated(statement, parameters).await;
        }
        if self.is_gated() && self.rights == Role::SqlScript {
            return self.execute_script_confined(statement, parameters).await;
        }
        let scope = self.enter_to_execute(statement, commits).await?;
        self.note_host(statement);
        let watch = if scope.is_bare() { self.watch_alone(statement) } else { self.watch() };
        let limit = self.own.limit(self.rights, self.endpoint.settings());
        let result = if scope.is_bare() {
            watch.run_within(limit, execute_bare(&mut self.connection, statement, parameters)).await
        } else if self.rights == Role::SqlScript && parameters.is_empty() && !statement.contains(';') {
            // The server ends a statement at a semicolon only: a text without one is a single statement, and need not be
            // described to prove it.
            watch.run_within(limit, execute_plain(&mut self.connection, &self.meter, statement)).await
        } else {
            let work = execute(&mut self.connection, &self.meter, &mut self.types, statement, parameters);
            watch.run_within(limit, work).await
        };
        let settled = self.settle(&scope, statement).await;
        self.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await
    }

    pub(super) async fn query_now(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        if self.goes_through_gate(statement) {
            return self.query_gated(statement, parameters, limits).await;
        }
        let scope = self.enter(Some(statement)).await?;
        self.note_host(statement);
        let watch = if scope.is_bare() { self.watch_alone(statement) } else { self.watch() };
        let limit = self.own.limit(self.rights, self.endpoint.settings());
        let result = if scope.is_bare() {
            let work = execute_bare(&mut self.connection, statement, parameters);
            watch.run_within(limit, work).await.map(|_| RowSet::default())
        } else {
            let work = query((&mut self.connection, &self.meter), &mut self.types, statement, parameters, limits);
            watch.run_within(limit, work).await
        };
        let settled = self.settle(&scope, statement).await;
        self.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await
    }

    /// Whether a statement of the host is about its own tables, on which the login of this session has no privilege.
    fn goes_through_gate(&self, statement: &str) -> bool {
        self.is_gated() && self.rights == Role::Host && self.endpoint.place().is_named_in(statement)
    }

    /// Notes that the host has a statement described by itself, and not for a migration, as its pages and writers are.
    fn note_host(&mut self, statement: &str) {
        if self.rights == Role::Host && !self.endpoint.place().is_named_in(statement) {
            self.types.ask_as(Asker::Host);
        }
    }

    /// Forgets prepared statements that may be wrong: the schema may have changed or, behind a pooler, the session.
    pub(super) async fn settle(&mut self, scope: &Scope, statement: &str) -> Result<(), DatabaseError> {
        let (goes_on, class) = (scope.is_in_transaction(), classify(statement, Dialect::Postgres));
        if goes_on && class == StatementClass::Rows {
            return Ok(());
        }
        let is_setting = goes_on && class == StatementClass::Session && self.rights == Role::SqlScript;
        let names = if is_setting { formats::reset_by(statement) } else { Vec::new() };
        if !names.is_empty() {
            let again = formats::again(&names, &self.own);
            self.later(scope, &again);
        }
        self.types.clear();
        self.pages.forget_statement();
        if scope.is_bare() || self.connection.cached_statements_size() == 0 {
            return Ok(());
        }
        self.connection.clear_cached_statements().await.map_err(|error| from_sqlx(&error, None))
    }
}

async fn execute_bare(
    connection: &mut PgConnection,
    statement: &str,
    parameters: &[Value],
) -> Result<u64, DatabaseError> {
    if !parameters.is_empty() {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            format!("{} parameters for a statement that has 0", parameters.len()),
        ));
    }
    let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await;
    done.map(|_| 0).map_err(|error| from_sqlx(&error, None))
}

async fn execute_plain(connection: &mut PgConnection, meter: &Meter, statement: &str) -> Result<u64, DatabaseError> {
    affected(meter.rows(connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(statement)))), statement).await
}

/// Receives the rows of a statement, and returns how many it changed.
async fn affected(
    mut answer: impl Stream<Item = Result<Either<PgQueryResult, PgRow>, sqlx::Error>> + Unpin,
    statement: &str,
) -> Result<u64, DatabaseError> {
    let mut rows = 0;
    while let Some(part) = answer.try_next().await.map_err(|error| from_sqlx(&error, Some(statement)))? {
        rows += part.left().map_or(0, |done| done.rows_affected());
    }
    // The server also counts rows that were only read.
    Ok(if shape(statement) == Shape::Change { rows } else { 0 })
}

async fn execute(
    connection: &mut PgConnection,
    meter: &Meter,
    types: &mut Types,
    statement: &str,
    values: &[Value],
) -> Result<u64, DatabaseError> {
    one_statement(statement)?;
    let described = describe(connection, types, statement, &[], values).await?;
    let arguments = parameters::encode(connection, types, &described.placeholders, values).await?;
    let query = sqlx::query_with(AssertSqlSafe(statement), arguments);
    affected(meter.rows(connection.fetch_many(query)), statement).await
}

/// Runs a statement with parameters, and returns its rows.
pub(super) async fn query(
    (connection, meter): (&mut PgConnection, &Meter),
    types: &mut Types,
    text: &str,
    values: &[Value],
    limits: QueryLimits,
) -> Result<RowSet, DatabaseError> {
    let statement = one_statement(text)?;
    let described = describe(connection, types, text, &[], values).await?;
    let arguments = parameters::encode(connection, types, &described.placeholders, values).await?;
    // One row more than allowed shows that there are too many; no further rows need to be sent.
    let rows = limits.rows.checked_add(1).filter(|_| shape(statement) == Shape::Select);
    let wrapped = described.wrapped(statement, rows)?;
    let query = sqlx::query_with(AssertSqlSafe(wrapped.unwrap_or_else(|| text.to_owned())), arguments);
    let mut found = SmallResult { rows: Vec::new(), bytes: 0, failed: None };
    let _allowed = meter.allow(limits.bytes);
    let mut stream = meter.rows(connection.fetch(query));
    loop {
        match stream.try_next().await {
            Ok(Some(row)) => found.take(&described, &row, limits),
            Ok(None) => break,
            Err(error) => return Err(from_sqlx(&error, Some(text))),
        }
    }
    match found.failed {
        Some(error) => Err(error),
        None => {
            let columns = described.columns.into_iter().map(|column| column.name).collect();
            Ok(RowSet { columns, rows: found.rows })
        }
    }
}

/// A small result that is being read.
struct SmallResult {
    rows: Vec<Vec<Value>>,
    bytes: usize,
    /// The rest is still read: dropping the stream would leave the connection in the middle of a response.
    failed: Option<DatabaseError>,
}

impl SmallResult {
    fn take(&mut self, described: &Described, row: &PgRow, limits: QueryLimits) {
        if self.failed.is_some() {
            return;
        }
        if self.rows.len() >= limits.rows {
            self.fail(too_much(format!("the result has more than {} rows", limits.rows)));
            return;
        }
        match self.read(described, row, limits) {
            Ok(cells) => self.rows.push(cells),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: DatabaseError) {
        self.failed = Some(error);
        self.rows = Vec::new();
    }

    fn read(&mut self, described: &Described, row: &PgRow, limits: QueryLimits) -> Result<Vec<Value>, DatabaseError> {
        let mut cells = Vec::with_capacity(described.columns.len());
        for (index, column) in described.columns.iter().enumerate() {
            let raw = row.try_get_raw(index).map_err(|error| from_sqlx(&error, None))?;
            let bytes = if raw.is_null() { None } else { raw.as_bytes().ok() };
            self.bytes = self.bytes.saturating_add(bytes.map_or(0, <[u8]>::len).max(CELL));
            if self.bytes > limits.bytes {
                return Err(too_much(format!("the result has more than {} bytes", limits.bytes)));
            }
            cells.push(match bytes {
                None => Value::Null,
                Some(bytes) => value(&column.read_as, bytes).map_err(|unfit| {
                    let what = format!("column `{}` holds {}", column.name, unfit.what);
                    let error = DatabaseError::new(DatabaseErrorKind::Conversion, what);
                    match unfit.hint {
                        Some(_) => error.hint("let the statement return the column as text: `column::text`"),
                        None => error,
                    }
                })?,
            });
        }
        Ok(cells)
    }
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}
