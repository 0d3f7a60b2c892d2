//! Statements with parameters. The server describes them first, so that each value is sent in the type it expects.
//!
//! Prepared statements are dropped after every statement that is not plain DML: a prepared `SELECT * FROM t` that
//! outlives an `ALTER TABLE` fails with "cached plan must not change result type", and ends the transaction.

pub(crate) mod describe;
mod gated;
pub(crate) mod parameters;
mod plain;
pub(crate) mod probe;
mod together;

use std::time::Duration;

use futures_util::{Stream, TryStreamExt as _};
use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Either, Executor as _, PgConnection, Row as _, ValueRef as _};

use self::describe::{ResultColumn, Shape, describe, is_one_statement, one_statement, shape};
pub(crate) use self::together::execute_each;
use crate::error::{Result, conversion, from_sqlx};
use crate::link::watchdog::Watchdog;
use crate::session::{Commits, Scope, Session};
use crate::types::read::value;
use crate::types::{Asker, Types};
use runner_data::{RowSet, Value};
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning, QueryLimits, Role};
use runner_sql::{CopiedRows, Tokens};

/// SQLSTATE of a COMMIT in a procedure that runs in a transaction.
const TERMINATES: &str = "2D000";

/// Bytes of a `COPY` that are sent at once.
const PIECE: usize = 64 << 10;

/// The bytes that a cell of fixed size counts as.
const CELL: usize = 8;

/// Runs a statement of the session's role, and returns how many rows it has changed.
pub(crate) async fn execute(session: &mut Session, statement: &str, parameters: &[Value]) -> Result<u64> {
    let done = execute_once(session, statement, parameters, Commits::Host).await;
    if !done.as_ref().is_err_and(|error| error.code == TERMINATES) || !may_commit_itself(session, statement) {
        return done;
    }
    // It was rolled back whole, so it can run again where it may commit.
    execute_once(session, statement, parameters, Commits::Itself).await.map_err(|error| match error.kind {
        DatabaseErrorKind::Connection => error,
        _ => error.means(Meaning::Ran).detail("in a procedure that commits"),
    })
}

/// Whether a statement may be a call of a procedure that commits: only the server knows the procedure.
fn may_commit_itself(session: &Session, statement: &str) -> bool {
    let is_call = || Tokens::new(statement, Dialect::Postgres).begins_with(&["CALL"]);
    !session.has_transaction() && session.role() == Role::SqlScript && !session.is_gated() && is_call()
}

async fn execute_once(session: &mut Session, statement: &str, parameters: &[Value], commits: Commits) -> Result<u64> {
    if session.goes_through_gate(statement) {
        return gated::execute(session, statement, parameters).await;
    }
    if plain::is_plain(session, statement, parameters) {
        return plain::execute(session, statement, parameters).await;
    }
    if session.is_gated() && session.role() == Role::SqlScript {
        return gated::execute_script(session, statement, parameters).await;
    }
    let scope = session.enter_to_execute(statement, commits).await?;
    let (watch, limit) = watch(session, &scope, statement);
    let copied = CopiedRows::of(statement).filter(|_| session.role() != Role::Component);
    let is_plain = session.role() == Role::SqlScript && parameters.is_empty() && is_one_statement(statement);
    let (connection, meter, types) = session.wire();
    let result = if scope.is_autocommit() {
        watch.run_within(limit, execute_autocommit(connection, statement, parameters)).await
    } else if let Some(copied) = copied {
        watch.run_within(limit, copy(connection, copied)).await
    } else if is_plain {
        // What is known to be a single statement need not be described to prove it.
        watch.run_within(limit, execute_plain(connection, meter, statement)).await
    } else {
        watch.run_within(limit, execute_described(connection, meter, types, statement, parameters)).await
    };
    let settled = session.settle(&scope, statement).await;
    session.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await
}

/// Runs a statement of the session's role, and returns its rows.
pub(crate) async fn query(
    session: &mut Session,
    statement: &str,
    parameters: &[Value],
    limits: QueryLimits,
) -> Result<RowSet> {
    if session.goes_through_gate(statement) {
        return gated::query(session, statement, parameters, limits).await;
    }
    // The number of rows is limited by a statement around it, which has to be described.
    if limits.rows == usize::MAX
        && plain::is_plain(session, statement, parameters)
        && let Some(found) = plain::query(session, statement, parameters, limits.bytes).await?
    {
        return Ok(found);
    }
    let scope = session.enter(Some(statement)).await?;
    let (watch, limit) = watch(session, &scope, statement);
    let (connection, meter, types) = session.wire();
    let result = if scope.is_autocommit() {
        let work = execute_autocommit(connection, statement, parameters);
        watch.run_within(limit, work).await.map(|_| RowSet::default())
    } else {
        watch.run_within(limit, rows((connection, meter), types, statement, parameters, limits)).await
    };
    let settled = session.settle(&scope, statement).await;
    session.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await
}

/// What watches a statement, and how long it may take.
fn watch(session: &mut Session, scope: &Scope, statement: &str) -> (Watchdog, Option<Duration>) {
    if session.role() == Role::Host && !session.is_about_tool_tables(statement) {
        // The host has it described by itself, and not for a migration, as its pages and writers are.
        session.wire().2.ask_as(Asker::Host);
    }
    let watch = if scope.is_autocommit() { session.watch_alone(statement) } else { session.watch() };
    (watch, session.limit())
}

async fn execute_autocommit(connection: &mut PgConnection, statement: &str, parameters: &[Value]) -> Result<u64> {
    if !parameters.is_empty() {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            format!("{} parameters for a statement that has 0", parameters.len()),
        ));
    }
    let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await;
    done.map(|_| 0).map_err(|error| from_sqlx(&error, None))
}

/// Sends rows that a file has after a `COPY`.
async fn copy(connection: &mut PgConnection, CopiedRows { statement, rows }: CopiedRows<'_>) -> Result<u64> {
    let failed = |error: sqlx::Error| from_sqlx(&error, Some(statement));
    let mut sink = connection.copy_in_raw(statement).await.map_err(failed)?;
    for piece in rows.as_bytes().chunks(PIECE) {
        sink.send(piece).await.map_err(failed)?;
    }
    sink.finish().await.map_err(failed)
}

async fn execute_plain(connection: &mut PgConnection, meter: &Meter, statement: &str) -> Result<u64> {
    affected(meter.rows(connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(statement)))), statement).await
}

/// Receives the rows of a statement, and returns how many it changed.
async fn affected(
    mut answer: impl Stream<Item = Result<Either<PgQueryResult, PgRow>, sqlx::Error>> + Unpin,
    statement: &str,
) -> Result<u64> {
    let mut rows = 0;
    while let Some(part) = answer.try_next().await.map_err(|error| from_sqlx(&error, Some(statement)))? {
        rows += part.left().map_or(0, |done| done.rows_affected());
    }
    // The server also counts rows that were only read.
    Ok(if shape(statement) == Shape::Change { rows } else { 0 })
}

async fn execute_described(
    connection: &mut PgConnection,
    meter: &Meter,
    types: &mut Types,
    statement: &str,
    values: &[Value],
) -> Result<u64> {
    one_statement(statement)?;
    let described = describe(connection, types, statement, &[], values).await?;
    let arguments = parameters::encode(connection, types, &described.placeholders, values).await?;
    let query = sqlx::query_with(AssertSqlSafe(statement), arguments);
    affected(meter.rows(connection.fetch_many(query)), statement).await
}

/// Runs a statement with parameters, and returns its rows.
async fn rows(
    (connection, meter): (&mut PgConnection, &Meter),
    types: &mut Types,
    text: &str,
    values: &[Value],
    limits: QueryLimits,
) -> Result<RowSet> {
    let statement = one_statement(text)?;
    let described = describe(connection, types, text, &[], values).await?;
    let arguments = parameters::encode(connection, types, &described.placeholders, values).await?;
    // One row more than allowed shows that there are too many; no further rows need to be sent.
    let rows = limits.rows.checked_add(1).filter(|_| shape(statement) == Shape::Select);
    let wrapped = described.wrapped(statement, rows)?;
    let query = sqlx::query_with(AssertSqlSafe(wrapped.unwrap_or_else(|| text.to_owned())), arguments);
    let columns = described.columns.iter().map(|column| column.name.clone()).collect();
    let mut found = RowSet { columns, rows: Vec::new() };
    let (mut bytes, mut failed) = (0, None);
    let _allowed = meter.allow(limits.bytes);
    let mut stream = meter.rows(connection.fetch(query));
    while let Some(row) = stream.try_next().await.map_err(|error| from_sqlx(&error, Some(text)))? {
        // The rest is still read: dropping the stream would leave the connection in the middle of a response.
        if failed.is_some() {
            found.rows.clear();
        } else if found.rows.len() >= limits.rows {
            failed = Some(too_much(format!("the result has more than {} rows", limits.rows)));
        } else {
            let cells = described.columns.iter().enumerate().map(|(index, column)| {
                let raw = row.try_get_raw(index).map_err(|error| from_sqlx(&error, None))?;
                let cell = if raw.is_null() { None } else { raw.as_bytes().ok() };
                bytes = usize::saturating_add(bytes, cell.map_or(0, <[u8]>::len).max(CELL));
                if bytes > limits.bytes {
                    return Err(too_much(format!("the result has more than {} bytes", limits.bytes)));
                }
                cell.map_or(Ok(Value::Null), |cell| read(column, cell))
            });
            match cells.collect() {
                Ok(cells) => found.rows.push(cells),
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(found), Err)
}

fn read(column: &ResultColumn, cell: &[u8]) -> Result<Value> {
    value(&column.read_as, cell).map_err(|unfit| {
        let what = format!("column `{}` holds {}", column.name, unfit.what);
        let error = conversion(what);
        match unfit.hint {
            Some(_) => error.hint("let the statement return the column as text: `column::text`"),
            None => error,
        }
    })
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}
