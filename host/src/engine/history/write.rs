//! Writes the history. The caller holds the lock, has set the host's rights and owns the transaction.

use super::read::{FORMAT, exists, garbled, unreadable};
use super::record::{Record, State};
use super::sql::{history_sql, tool_sql};
use crate::data::Value;
use crate::database::{Database, QueryLimits};
use crate::engine::{Direction, journal};
use crate::error::Result;

/// Makes the tables if they are not there. Belongs in a transaction.
pub async fn ensure(database: &mut dyn Database) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    if exists(database, sql).await? {
        return Ok(());
    }
    for statement in sql.create {
        database.execute(statement, &[]).await.map_err(unreadable)?;
    }
    for statement in journal::sql::create(database.facts().dialect) {
        let statement = tool_sql(statement, database.facts());
        database.execute(&statement, &[]).await.map_err(unreadable)?;
    }
    database.execute(sql.insert_format, &[FORMAT.to_string().into()]).await.map_err(unreadable)?;
    Ok(())
}

/// Adds a row in force; the database refuses a second one of the same revision.
pub async fn insert(database: &mut dyn Database, record: &Record) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    let parameters: [Value; 30] = [
        record.revision.as_str().into(),
        record.name.as_str().into(),
        record.summary.as_str().into(),
        record.kind.name().into(),
        record.sha256.as_str().into(),
        record.mode.name().into(),
        record.declared.as_str().into(),
        record.state.name().into(),
        record.started_at.as_str().into(),
        record.finished_at.clone().into(),
        number(record.duration_ms),
        number(record.steps),
        number(record.rows_read),
        number(record.rows_written),
        record.transcript.as_str().into(),
        record.run_id.as_str().into(),
        record.run_timestamp.into(),
        number(record.seed),
        record.applied_by.as_str().into(),
        record.tool_version.as_str().into(),
        record.reason.clone().into(),
        number(record.statements_done),
        record.statement_started.map_or(Value::Null, number),
        record.statement_digests.as_str().into(),
        record.rolled_back_at.clone().into(),
        record.rolled_back_by.clone().into(),
        record.rolled_back_run_id.clone().into(),
        record.rolled_back_duration_ms.map_or(Value::Null, number),
        record.rolled_back_rows_read.map_or(Value::Null, number),
        record.rolled_back_rows_written.map_or(Value::Null, number),
    ];
    change(database, sql.insert, &parameters).await
}

/// The run that put a revision in force, if it is in force.
pub async fn live_run(database: &mut dyn Database, revision: &str) -> Result<Option<String>> {
    let sql = history_sql(database.facts().dialect)?;
    let found = database.query(sql.live_run, &[revision.into()], QueryLimits::NONE).await.map_err(unreadable)?;
    Ok(found.rows.first().and_then(|row| row.first()).and_then(Value::as_text).map(str::to_owned))
}

/// Who ends a row, and when.
#[derive(Clone, Debug)]
pub struct End {
    /// When: ISO 8601, UTC.
    pub at: String,
    /// Who: `user@host`.
    pub by: String,
    /// Which run.
    pub run_id: String,
    /// What the way back took.
    pub work: Work,
}

/// What a run in one direction took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How long.
    pub duration_ms: u64,
    /// Steps.
    pub steps: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
}

/// Adds the work of an attempt that broke off; the steps are those of all attempts.
pub async fn add_work(database: &mut dyn Database, id: i64, direction: Direction, work: &Work) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    let (duration, read, written) = (number(work.duration_ms), number(work.rows_read), number(work.rows_written));
    match direction {
        Direction::Up => change(database, sql.add_up, &[duration, number(work.steps), read, written, id.into()]).await,
        Direction::Down => change(database, sql.add_down, &[duration, read, written, id.into()]).await,
    }
}

/// Takes a row out of force; it stays as a record.
pub async fn end(database: &mut dyn Database, id: i64, end: &End) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    let parameters = [
        end.at.as_str().into(),
        end.by.as_str().into(),
        end.run_id.as_str().into(),
        number(end.work.duration_ms),
        number(end.work.rows_read),
        number(end.work.rows_written),
        id.into(),
    ];
    change(database, sql.end, &parameters).await
}

/// Puts a row into another state and begins to count its statements anew.
pub async fn reopen(database: &mut dyn Database, id: i64, state: State) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    change(database, sql.reopen, &[state.name().into(), id.into()]).await
}

/// Takes a row away of which no statement took effect.
pub async fn discard(database: &mut dyn Database, id: i64) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    change(database, sql.discard, &[id.into()]).await
}

/// Notes that the next statement behind those `done` begins. `digests` are of the statements before it and up to it.
pub async fn begin_statement(database: &mut dyn Database, id: i64, done: u64, digests: &str) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    change(database, sql.begin_statement, &[number(done), number(done + 1), digests.into(), id.into()]).await
}

/// Notes that the statement that was begun has no effect.
pub async fn forget_statement(database: &mut dyn Database, id: i64) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    change(database, sql.forget_statement, &[id.into()]).await
}

/// Notes that so many statements took effect.
pub async fn finish_statement(database: &mut dyn Database, id: i64, done: u64) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    change(database, sql.finish_statement, &[number(done), id.into()]).await
}

/// Ends a stepwise upgrade, all of whose statements took effect. `record` says what this run adds to the row: durations
/// and rows are added up, the rest replaces what is there.
pub async fn finish_stepwise(database: &mut dyn Database, record: &Record) -> Result<()> {
    let sql = history_sql(database.facts().dialect)?;
    let parameters = [
        record.name.as_str().into(),
        record.summary.as_str().into(),
        record.sha256.as_str().into(),
        record.declared.as_str().into(),
        record.finished_at.clone().into(),
        number(record.duration_ms),
        number(record.steps),
        number(record.rows_read),
        number(record.rows_written),
        record.transcript.as_str().into(),
        record.id.into(),
    ];
    change(database, sql.finish_stepwise, &parameters).await
}

/// Runs a statement that must change exactly one row.
async fn change(database: &mut dyn Database, statement: &str, parameters: &[Value]) -> Result<()> {
    match database.execute(statement, parameters).await.map_err(unreadable)? {
        1 => Ok(()),
        _ => Err(garbled()),
    }
}

/// Numbers of history are far below 2^63; what is not is kept as the greatest.
fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}
