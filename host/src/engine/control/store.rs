//! The rows in which runs say how far they are.

use super::orders::{garbled, unusable};
use crate::data::Value;
use crate::database::{DatabaseError, DatabaseErrorKind, Facts, HostSession, QueryLimits};
use crate::engine::event::Total;
use crate::engine::schema::control as sql;
use crate::error::Result;

/// What holds a run that broke off.
pub const ENDED: &str = "ended";

/// A run as its row tells.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run.
    pub run_id: String,
    /// Who: as the lock's other waiters are told.
    pub owner: String,
    /// Whether it works beside the run that has the lock. Its rows and chunks are those that it did itself.
    pub shares: bool,
    /// Of one that shares: whether the session is there by which it wrote this. None: it is not known by which.
    pub is_connected: Option<bool>,
    /// The revision that it is at.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: String,
    /// `atomic` or `stepwise`.
    pub mode: String,
    /// The transform that it is at.
    pub transform: Option<String>,
    /// Rows that are done.
    pub rows_done: u64,
    /// Of so many.
    pub total: Option<Total>,
    /// Chunks that are done.
    pub chunks: u64,
    /// How often something was tried again.
    pub retries: u64,
    /// Rows in a second.
    pub rate: Option<u64>,
    /// What holds it: its name, and in words. `ended`: it broke off.
    pub held: Option<(String, String)>,
    /// When it was first heard of, on the database's clock.
    pub began_at: i64,
    /// When it was last heard of, on the database's clock.
    pub beat_at: i64,
    /// The time on the database's clock when the row was read.
    pub now: i64,
}

/// Whose session a row is written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// One that works, and may end before its run does.
    Worker,
    /// One that looks, for as long as the run does.
    Watch,
}

/// Writes a run's row. `is_known`: it was written before. Answers whether it is there now.
pub(super) async fn beat(
    database: &mut HostSession<'_>,
    row: &RunRow,
    is_known: bool,
    by: By,
) -> std::result::Result<bool, DatabaseError> {
    let facts = database.facts().clone();
    let (held, held_text) = row.held.clone().unzip();
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
        row.run_id.as_str().into(),
    ];
    let shares = match (row.shares, by) {
        (false, _) => "0",
        (true, By::Worker) => "1",
        (true, By::Watch) => sql::session(facts.dialect),
    };
    let text = |text: &str| sql::text(text, &facts).replace("$shares", shares);
    if is_known && database.execute(&text(sql::BEAT), &parameters).await? > 0 {
        return Ok(true);
    }
    if !row.shares {
        database.execute(&sql::text(sql::FORGET_DEAD, &facts), &[row.run_id.as_str().into()]).await?;
    }
    parameters.push(row.owner.as_str().into());
    match database.execute(&text(sql::BEAT_FIRST), &parameters).await {
        Ok(_) => Ok(true),
        // It was written through another connection.
        Err(error) if error.kind == DatabaseErrorKind::Constraint => Ok(true),
        // Before the first run there are no tables.
        Err(error) if error.kind == DatabaseErrorKind::Syntax => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has others see that this session is there, who watches for a run that shares.
pub(super) async fn sign_in(database: &mut HostSession<'_>) -> std::result::Result<(), DatabaseError> {
    if let Some(text) = sql::sign_in(database.facts().dialect) {
        database.execute(text, &[]).await?;
    }
    Ok(())
}

/// Takes a run's row away. `led`: the revision that it led to its end, of which no helper, alive or dead, has anything more to
/// tell.
pub(super) async fn forget(database: &mut HostSession<'_>, run_id: &str, led: Option<&str>) -> Result<()> {
    let text = sql::text(sql::FORGET, database.facts());
    database.execute(&text, &[run_id.into()]).await.map_err(unusable)?;
    if let Some(revision) = led {
        let text = sql::text(sql::FORGET_SHARING, database.facts());
        database.execute(&text, &[revision.into()]).await.map_err(unusable)?;
    }
    Ok(())
}

/// The rows of all runs. Nothing where the table is not there.
pub(super) async fn read(database: &mut HostSession<'_>) -> Result<Vec<RunRow>> {
    let text = question(database.facts());
    let found = match database.query(&text, &[], QueryLimits::NONE).await {
        Ok(found) => found,
        Err(error) if error.kind == DatabaseErrorKind::Syntax => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    answered(&found.rows)
}

/// The question for the rows of all runs, whose answer [`answered`] reads.
pub(super) fn question(facts: &Facts) -> String {
    sql::text(sql::RUNS, facts)
}

pub(super) fn answered(rows: &[Vec<Value>]) -> Result<Vec<RunRow>> {
    rows.iter().map(|row| run(row).ok_or_else(garbled)).collect()
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

fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}
