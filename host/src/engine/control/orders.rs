//! What operators want of runs, from another terminal or another host.

use crate::data::Value;
use crate::database::{DatabaseErrorKind, Facts, HostSession, QueryLimits};
use crate::engine::schema::control as sql;
use crate::engine::throttle::Pause;
use crate::error::{Error, Result};

/// The scope of what is said about everything.
pub const EVERYTHING: &str = "*";

/// What is said about a scope.
#[derive(Clone, Debug)]
pub struct Control {
    /// A revision, or [`EVERYTHING`].
    pub scope: String,
    /// The pause, if it is on.
    pub pause: Option<Pause>,
    /// How often it was cancelled.
    pub cancels: i64,
    /// Who cancelled last, and why.
    pub cancelled: Option<(String, Option<String>)>,
}

/// All that is said. Nothing where the tables are not there.
pub async fn read(database: &mut HostSession<'_>) -> Result<Vec<Control>> {
    let text = question(database.facts());
    let found = match database.query(&text, &[], QueryLimits::NONE).await {
        Ok(found) => found,
        Err(error) if error.kind == DatabaseErrorKind::Syntax => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    answered(&found.rows)
}

/// The question for all that is said, whose answer [`answered`] reads.
pub(super) fn question(facts: &Facts) -> String {
    sql::text(sql::CONTROLS, facts)
}

pub(super) fn answered(rows: &[Vec<Value>]) -> Result<Vec<Control>> {
    rows.iter().map(|row| control(row).ok_or_else(garbled)).collect()
}

fn control(row: &[Value]) -> Option<Control> {
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
    Some(Control { scope, pause, cancels: cancels.as_int64()?, cancelled })
}

/// What an operator says, and in whose name.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// A revision, or [`EVERYTHING`].
    pub scope: &'a str,
    /// Who: `user@host`.
    pub by: &'a str,
    /// Why.
    pub why: Option<&'a str>,
}

/// Has runs wait.
pub async fn pause(database: &mut HostSession<'_>, order: Order<'_>) -> Result<()> {
    write(database, order, [sql::PAUSE, sql::PAUSE_FIRST]).await
}

/// Has runs under way stop.
pub async fn cancel(database: &mut HostSession<'_>, order: Order<'_>) -> Result<()> {
    write(database, order, [sql::CANCEL, sql::CANCEL_FIRST]).await
}

/// Ends a pause.
pub async fn resume(database: &mut HostSession<'_>, scope: &str) -> Result<()> {
    let text = sql::text(sql::RESUME, database.facts());
    database.execute(&text, &[scope.into()]).await.map_err(unusable)?;
    Ok(())
}

async fn write(database: &mut HostSession<'_>, order: Order<'_>, [change, first]: [&str; 2]) -> Result<()> {
    let Order { scope, by, why } = order;
    let why: Value = why.map(str::to_owned).into();
    let facts = database.facts().clone();
    let changed = sql::text(change, &facts);
    let changed = database.execute(&changed, &[by.into(), why.clone(), scope.into()]).await.map_err(unusable)?;
    if changed > 0 {
        return Ok(());
    }
    let first = sql::text(first, &facts);
    match database.execute(&first, &[scope.into(), by.into(), why.clone()]).await {
        Ok(_) => Ok(()),
        // Somebody else was quicker.
        Err(error) if error.kind == DatabaseErrorKind::Constraint => {
            let again = sql::text(change, &facts);
            database.execute(&again, &[by.into(), why, scope.into()]).await.map_err(unusable)?;
            Ok(())
        }
        Err(error) => Err(unusable(error)),
    }
}

pub(super) fn garbled() -> Error {
    Error::mismatch("`runner_control` or `runner_progress` does not read as runner wrote it")
        .hint("empty them: they hold nothing but pauses and what runs under way tell of themselves")
}

/// An error met while runs and operators speak to each other.
pub(super) fn unusable(error: crate::database::DatabaseError) -> Error {
    let is_right = matches!(error.kind, DatabaseErrorKind::Denied | DatabaseErrorKind::ReadOnly);
    let error = Error::from(error).at("while using", "`runner_control` and `runner_progress`");
    if is_right {
        return error.hint("this wants the rights of whoever applies migrations: use that user's URL");
    }
    error
}
