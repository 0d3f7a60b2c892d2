//! Operators' decisions about interrupted revisions, and their reasons. They are kept whatever happens to the revision.

use super::read::{corrupt, is_there, unreadable};
use crate::schema::repair as sql;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{HostSession, QueryLimits, ToolChange, tool_sql};

/// The action of accepting a changed artifact.
pub const ACCEPT_CHECKSUM: &str = "accept-checksum";

/// The action of letting a changed build continue an unfinished transform; its statement is the digest of the build
/// before.
pub const ACCEPT_CHANGED: &str = "accept-changed";

/// A corrected build that repeated what was recorded continued by itself; its statement is the digest of the build before.
pub const CORRECTED: &str = "corrected";

/// A repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The history row it concerns.
    pub history: i64,
    /// The direction of the interrupted run: `upgrade` or `downgrade`.
    pub direction: String,
    /// The step it concerns; `None` for the whole revision.
    pub step: Option<u64>,
    /// The decision: `retry`, `mark-done`, `skip`, `as-applied`, `as-not-applied`, `accept-checksum`,
    /// `accept-changed`, `corrected`, `stamp` or `baseline`.
    pub action: String,
    /// The statement of the step.
    pub statement: String,
    /// The rows that were recorded as affected.
    pub rows: Option<u64>,
    /// The reason.
    pub why: String,
    /// The time, in ISO 8601, UTC.
    pub at: String,
    /// The operator: `user@host`.
    pub by: String,
    /// The id of the `runner repair` call.
    pub run_id: String,
}

impl Repair {
    /// Returns whether it is all that happened: nothing ran.
    pub fn is_record(&self) -> bool {
        matches!(self.action.as_str(), "stamp" | "baseline")
    }

    /// Returns whether another build took over.
    pub fn is_handover(&self) -> bool {
        matches!(self.action.as_str(), ACCEPT_CHANGED | CORRECTED)
    }

    /// Returns what happened, for the table of `runner history`.
    pub fn event(&self) -> String {
        let state = if self.direction == "upgrade" { "applied" } else { "not applied" };
        match self.is_record() {
            true => format!("{}: {state}", self.action),
            false => format!("repaired: {}", self.shown()),
        }
    }

    /// Describes the decision: `mark-done of step 3`.
    pub fn shown(&self) -> String {
        match (self.step, self.rows) {
            (Some(step), Some(rows)) => format!("{} of step {step}, rows affected: {rows}", self.action),
            (Some(step), None) if self.is_handover() => {
                let before = self.statement.get(..12).unwrap_or(&self.statement);
                format!("{} from step {step}, after sha256 {before}", self.action)
            }
            (Some(step), None) => format!("{} of step {step}", self.action),
            (None, _) => self.action.clone(),
        }
    }
}

/// Records a repair, in the transaction of what it changes.
pub async fn add_repair(database: &mut HostSession<'_>, repair: &Repair) -> Result<()> {
    let (text, values) = repaired(repair).statement(database.facts()).map_err(unreadable)?;
    match database.execute(&text, &values).await.map_err(unreadable)? {
        1 => Ok(()),
        _ => Err(corrupt()),
    }
}

/// As [`add_repair`], as a change.
pub fn repaired(repair: &Repair) -> ToolChange {
    let number =
        |number: Option<u64>| number.map_or(Value::Null, |it| Value::Int64(i64::try_from(it).unwrap_or(i64::MAX)));
    let parameters: [Value; 10] = [
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
    ToolChange::of_one_row(sql::INSERT, parameters)
}

/// Returns all repairs, in order; none if there is no history.
pub async fn read_repairs(database: &mut HostSession<'_>) -> Result<Vec<Repair>> {
    if !is_there(database).await? {
        return Ok(Vec::new());
    }
    let text = tool_sql(sql::ALL, database.facts());
    let found = database.query(&text, &[], QueryLimits::NONE).await.map_err(unreadable)?;
    found.rows.into_iter().map(|row| repair(&row).ok_or_else(corrupt)).collect()
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
