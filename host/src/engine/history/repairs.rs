//! What operators said of revisions that broke off, and why: it stays, whatever becomes of the revision.

use super::read::{garbled, is_there, unreadable};
use crate::data::Value;
use crate::database::{HostSession, QueryLimits};
use crate::engine::schema::repair as sql;
use crate::engine::schema::tool_sql;
use crate::error::Result;

/// The action of accepting a changed artifact.
pub const ACCEPT_CHECKSUM: &str = "accept-checksum";

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The row of history that it is about.
    pub history: i64,
    /// Which way the revision went: `upgrade` or `downgrade`.
    pub direction: String,
    /// The step that it is about; none: the revision as a whole.
    pub step: Option<u64>,
    /// What was said: `retry`, `mark-done`, `skip`, `as-applied`, `as-not-applied`, `accept-checksum`, `stamp` or
    /// `baseline`.
    pub action: String,
    /// The statement of the step.
    pub statement: String,
    /// The rows that were recorded as affected.
    pub rows: Option<u64>,
    /// Why.
    pub why: String,
    /// When: ISO 8601, UTC.
    pub at: String,
    /// Who: `user@host`.
    pub by: String,
    /// The call of `runner repair`.
    pub run_id: String,
}

impl Repair {
    /// Returns whether it is all that happened: nothing ran.
    pub fn is_record(&self) -> bool {
        matches!(self.action.as_str(), "stamp" | "baseline")
    }

    /// Returns what happened, for the table of `runner history`.
    pub fn event(&self) -> String {
        let state = if self.direction == "upgrade" { "applied" } else { "not applied" };
        match self.is_record() {
            true => format!("{}: {state}", self.action),
            false => format!("repaired: {}", self.shown()),
        }
    }

    /// What was said, for people: `mark-done of step 3`.
    pub fn shown(&self) -> String {
        match (self.step, self.rows) {
            (Some(step), Some(rows)) => format!("{} of step {step}, rows affected: {rows}", self.action),
            (Some(step), None) => format!("{} of step {step}", self.action),
            (None, _) => self.action.clone(),
        }
    }
}

/// Notes a repair, in the transaction of what it changes.
pub async fn add_repair(database: &mut HostSession<'_>, repair: &Repair) -> Result<()> {
    let number =
        |number: Option<u64>| number.map_or(Value::Null, |it| Value::Int64(i64::try_from(it).unwrap_or(i64::MAX)));
    let parameters = [
        repair.history.into(),
        repair.direction.as_str().into(),
        number(repair.step),
        repair.action.as_str().into(),
        repair.statement.as_str().into(),
        number(repair.rows),
        repair.why.as_str().into(),
        repair.at.as_str().into(),
        repair.by.as_str().into(),
        repair.run_id.as_str().into(),
    ];
    let text = tool_sql(sql::INSERT, database.facts());
    match database.execute(&text, &parameters).await.map_err(unreadable)? {
        1 => Ok(()),
        _ => Err(garbled()),
    }
}

/// All repairs, in order; none if there is no history.
pub async fn read_repairs(database: &mut HostSession<'_>) -> Result<Vec<Repair>> {
    if !is_there(database).await? {
        return Ok(Vec::new());
    }
    let text = tool_sql(sql::ALL, database.facts());
    let found = database.query(&text, &[], QueryLimits::NONE).await.map_err(unreadable)?;
    found.rows.into_iter().map(|row| repair(&row).ok_or_else(garbled)).collect()
}

fn repair(row: &[Value]) -> Option<Repair> {
    let [history, direction, step, action, statement, rows, why, at, by, run_id] = row else { return None };
    let text = |value: &Value| value.as_text().map(str::to_owned);
    let count = |value: &Value| value.as_int64().and_then(|number| u64::try_from(number).ok());
    Some(Repair {
        history: history.as_int64()?,
        direction: text(direction)?,
        step: count(step),
        action: text(action)?,
        statement: text(statement)?,
        rows: count(rows),
        why: text(why)?,
        at: text(at)?,
        by: text(by)?,
        run_id: text(run_id)?,
    })
}
