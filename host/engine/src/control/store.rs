//! The rows in which runs record their progress.

use super::table;
use super::table::unusable;
use crate::event::Total;
use crate::schema::control as sql;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, TransactionOptions, tool_sql};

/// The name of what holds a run that stopped early.
pub const ENDED: &str = "ended";

/// The name, among what holds a run, of the statement that it executes: it holds nothing, and is shown in the same
/// column.
const STATEMENT: &str = "statement";

/// The row of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run's id.
    pub run_id: String,
    /// The run's owner, as shown to runs that wait for the lock.
    pub owner: String,
    /// Whether it helps the run that holds the lock. Its rows and chunks are then those that it processed itself.
    pub shares: bool,
    /// Whether the session that watches for a run that shares still exists; `None` if there is no such session.
    pub is_connected: Option<bool>,
    /// The revision of the current migration.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: String,
    /// `atomic` or `stepwise`.
    pub mode: String,
    /// The statement of a migration in SQL that it executes, and the number of its statements.
    pub statement: Option<(u64, u64)>,
    /// The current transform.
    pub transform: Option<String>,
    /// The number of rows done.
    pub rows_done: u64,
    /// The total number of rows.
    pub total: Option<Total>,
    /// The number of chunks done.
    pub chunks: u64,
    /// The number of retries.
    pub retries: u64,
    /// Rows per second.
    pub rate: Option<u64>,
    /// The name of what holds it, and the same in words. `ended` means that it stopped early.
    pub held: Option<(String, String)>,
    /// When it began the migration, on the database's clock.
    pub began_at: i64,
    /// When it was last seen, on the database's clock.
    pub beat_at: i64,
    /// The time on the database's clock when the row was read.
    pub now: i64,
}

/// The session that writes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrittenBy {
    /// The session of a worker, which may end before its run.
    Worker,
    /// The session of the monitor, which lasts as long as the run.
    Monitor,
}

/// Writes a run's row. `is_known` says whether it has been written before. The times are the database's; of `row` only the
/// time between its beginning and now counts. Returns whether it exists now.
pub(super) async fn write_progress(
    database: &mut HostSession<'_>,
    row: &RunRow,
    is_known: bool,
    writer: WrittenBy,
) -> std::result::Result<bool, DatabaseError> {
    let facts = database.facts().clone();
    let statement = || row.statement.map(|(number, of)| (STATEMENT.to_owned(), format!("{number} {of}")));
    let (held, held_text) = row.held.clone().or_else(statement).unzip();
    let mut parameters: Vec<Value> = vec![
        row.revision.as_str().into(),
        row.direction.as_str().into(),
        row.mode.as_str().into(),
        row.transform.clone().into(),
        number(row.rows_done),
        row.total.map_or(Value::Null, |total| number(total.rows)),
        number(u64::from(row.total.is_some_and(|total| total.is_estimate))),
        number(row.chunks),
        number(row.retries),
        row.rate.map_or(Value::Null, number),
        held.into(),
        held_text.into(),
        number(match (row.shares, writer) {
            (false, _) => 0,
            (true, WrittenBy::Worker) => 1,
            (true, WrittenBy::Monitor) => 2,
        }),
        row.run_id.as_str().into(),
    ];
    if is_known && database.execute(&tool_sql(sql::BEAT, &facts), &parameters).await? > 0 {
        return Ok(true);
    }
    if !row.shares {
        delete_dead(database, &row.run_id).await?;
    }
    parameters.push(row.owner.as_str().into());
    parameters.push((row.now - row.began_at).into());
    match database.execute(&tool_sql(sql::BEAT_FIRST, &facts), &parameters).await {
        Ok(_) => Ok(true),
        // It was written through another connection.
        Err(error) if error.kind == DatabaseErrorKind::Constraint => Ok(true),
        // Before the first run there are no tables.
        Err(error) if error.kind == DatabaseErrorKind::Syntax => Ok(false),
        Err(error) => Err(error),
    }
}

/// Adds the time of a run that was killed at a migration to its history, from the row that the run left. The row is then
/// deleted, so that the time is not added twice. No transaction is open.
pub(super) async fn add_lost(
    database: &mut HostSession<'_>,
    (history, revision): (i64, &str),
    run_id: &str,
) -> std::result::Result<(), DatabaseError> {
    database.begin(TransactionOptions::default()).await?;
    let write = async |database: &mut HostSession<'_>| {
        for statement in [sql::ADD_LOST_UP, sql::ADD_LOST_DOWN] {
            let text = tool_sql(statement, database.facts());
            database.execute(&text, &[revision.into(), history.into(), revision.into()]).await?;
        }
        delete_dead(database, run_id).await
    };
    match write(database).await {
        Ok(()) => database.commit_or_roll_back().await,
        Err(error) => {
            // What failed matters more than a failing rollback, after which the connection is closed.
            let _ = database.rollback().await;
            Err(error)
        }
    }
}

/// Counts the time of a run from now on, also in the row that it may have. No transaction is open.
pub(super) async fn counted(database: &mut HostSession<'_>, run_id: &str) {
    let text = tool_sql(sql::COUNTED, database.facts());
    // Without it, the time of a run that is killed later counts twice; it is no reason to fail.
    let _ = database.execute(&text, &[run_id.into()]).await;
}

/// Deletes the rows of dead runs. `run_id` is the run that holds the lock.
pub(super) async fn delete_dead(
    database: &mut HostSession<'_>,
    run_id: &str,
) -> std::result::Result<(), DatabaseError> {
    let text = tool_sql(sql::FORGET_DEAD, database.facts());
    match database.execute(&text, &[run_id.into()]).await {
        Err(error) if error.kind != DatabaseErrorKind::Syntax => Err(error),
        // Before the first run there are no tables.
        _ => Ok(()),
    }
}

/// Makes it visible to other users that this session, which watches for a run that shares, exists.
pub(super) async fn sign_in(database: &mut HostSession<'_>) -> std::result::Result<(), DatabaseError> {
    if let Some(text) = database.facts().sql.tool.sign_in {
        database.execute(text, &[]).await?;
    }
    Ok(())
}

/// Deletes a run's row. `led` is the revision that it led to the end; the rows of its helpers, alive or dead, are deleted
/// too.
pub(super) async fn forget(database: &mut HostSession<'_>, run_id: &str, led: Option<&str>) -> Result<()> {
    let text = tool_sql(sql::FORGET, database.facts());
    database.execute(&text, &[run_id.into()]).await.map_err(unusable)?;
    if let Some(revision) = led {
        let text = tool_sql(sql::FORGET_SHARING, database.facts());
        database.execute(&text, &[revision.into()]).await.map_err(unusable)?;
    }
    Ok(())
}

/// The query whose rows [`parse`] reads.
pub(super) const QUERY: &str = sql::RUNS;

/// Reads the rows of all runs; none if the table does not exist.
pub(super) async fn read(database: &mut HostSession<'_>) -> Result<Vec<RunRow>> {
    table::read(database, QUERY, run).await
}

pub(super) fn parse(rows: &[Vec<Value>]) -> Result<Vec<RunRow>> {
    table::parse(rows, run)
}

fn run(row: &[Value]) -> Option<RunRow> {
    let mut values = row.iter();
    let mut next = || values.next();
    let text = |value: &Value| value.as_text().map(str::to_owned);
    let count = |value: &Value| u64::try_from(value.as_int64()?).ok();
    let (run_id, owner, shares) = (text(next()?)?, text(next()?)?, count(next()?)? > 0);
    let (revision, direction, mode, transform) = (text(next()?)?, text(next()?)?, text(next()?)?, text(next()?));
    let rows_done = count(next()?)?;
    let (rows, is_estimate) = (count(next()?), count(next()?)? > 0);
    let (chunks, retries, rate) = (count(next()?)?, count(next()?)?, count(next()?));
    let held = text(next()?).zip(text(next()?));
    let (statement, held) = match held {
        Some((name, numbers)) if name == STATEMENT => (two_numbers(&numbers), None),
        held => (None, held),
    };
    let (began_at, beat_at, now) = (next()?.as_int64()?, next()?.as_int64()?, next()?.as_int64()?);
    let is_connected = next()?.as_int64().map(|sessions| sessions > 0);
    let total = rows.map(|rows| Total { rows, is_estimate });
    Some(RunRow {
        run_id,
        owner,
        shares,
        is_connected,
        revision,
        direction,
        mode,
        statement,
        transform,
        rows_done,
        total,
        chunks,
        retries,
        rate,
        held,
        began_at,
        beat_at,
        now,
    })
}

/// `2 5`: the second of five.
pub(super) fn two_numbers(text: &str) -> Option<(u64, u64)> {
    let (number, of) = text.split_once(' ')?;
    Some((number.parse().ok()?, of.parse().ok()?))
}

fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}
