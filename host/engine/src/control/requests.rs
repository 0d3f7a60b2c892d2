//! Operators' requests to runs, made from another terminal or another host.

use super::table;
use super::table::unusable;
use crate::schema::control as sql;
use crate::target::compare_revisions;
use crate::throttle::Pause;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{DatabaseErrorKind, HostSession, tool_sql};

/// The scope of requests to all runs.
pub const EVERYTHING: &str = "*";

/// What operators have requested for a scope.
#[derive(Clone, Debug)]
pub struct ScopeState {
    /// A revision, or [`EVERYTHING`].
    pub scope: String,
    /// The pause, if the scope is paused.
    pub pause: Option<Pause>,
    /// How often it has been cancelled.
    pub cancels: i64,
    /// Who cancelled it last, and why.
    pub cancelled: Option<(String, Option<String>)>,
}

impl ScopeState {
    /// Whether it is about a migration. Project and history may spell its revision differently, `0001` and `1`.
    pub fn is_about(&self, revision: &str) -> bool {
        self.scope == EVERYTHING || compare_revisions(&self.scope, revision).is_eq()
    }
}

/// The query whose rows [`parse`] reads.
pub(super) const QUERY: &str = sql::CONTROLS;

/// Reads all requests; none if the table does not exist.
pub async fn read(database: &mut HostSession<'_>) -> Result<Vec<ScopeState>> {
    table::read(database, QUERY, scope_state).await
}

pub(super) fn parse(rows: &[Vec<Value>]) -> Result<Vec<ScopeState>> {
    table::parse(rows, scope_state)
}

fn scope_state(row: &[Value]) -> Option<ScopeState> {
    let [scope, paused_at, paused_by, paused_why, cancels, cancelled_by, cancelled_why, now] = row else { return None };
    let text = |value: &Value| value.as_text().map(str::to_owned);
    let scope = text(scope)?;
    let pause = paused_at.as_int64().map(|since| Pause {
        revision: (scope != EVERYTHING).then(|| scope.clone()),
        since,
        age: u64::try_from(now.as_int64().unwrap_or(since) - since).unwrap_or(0),
        by: text(paused_by).unwrap_or_default(),
        why: text(paused_why),
    });
    let cancelled = text(cancelled_by).map(|by| (by, text(cancelled_why)));
    Some(ScopeState { scope, pause, cancels: cancels.as_int64()?, cancelled })
}

/// A request of an operator.
#[derive(Clone, Copy, Debug)]
pub struct ControlRequest<'a> {
    /// A revision, or [`EVERYTHING`].
    pub scope: &'a str,
    /// The operator: `user@host`.
    pub by: &'a str,
    /// The operator's reason.
    pub why: Option<&'a str>,
}

/// Pauses runs.
pub async fn pause(database: &mut HostSession<'_>, request: ControlRequest<'_>) -> Result<()> {
    write(database, request, [sql::PAUSE, sql::PAUSE_FIRST]).await
}

/// Cancels active runs.
pub async fn cancel(database: &mut HostSession<'_>, request: ControlRequest<'_>) -> Result<()> {
    write(database, request, [sql::CANCEL, sql::CANCEL_FIRST]).await
}

/// Ends a pause.
pub async fn resume(database: &mut HostSession<'_>, scope: &str) -> Result<()> {
    let text = tool_sql(sql::RESUME, database.facts());
    database.execute(&text, &[scope.into()]).await.map_err(unusable)?;
    Ok(())
}

async fn write(database: &mut HostSession<'_>, request: ControlRequest<'_>, [change, first]: [&str; 2]) -> Result<()> {
    let ControlRequest { scope, by, why } = request;
    let why: Value = why.map(str::to_owned).into();
    let facts = database.facts().clone();
    let changed = tool_sql(change, &facts);
    let changed = database.execute(&changed, &[by.into(), why.clone(), scope.into()]).await.map_err(unusable)?;
    if changed > 0 {
        return Ok(());
    }
    let first = tool_sql(first, &facts);
    match database.execute(&first, &[scope.into(), by.into(), why.clone()]).await {
        Ok(_) => Ok(()),
        // Another operator has inserted the row meanwhile.
        Err(error) if error.kind == DatabaseErrorKind::Constraint => {
            let again = tool_sql(change, &facts);
            database.execute(&again, &[by.into(), why, scope.into()]).await.map_err(unusable)?;
            Ok(())
        }
        Err(error) => Err(unusable(error)),
    }
}
