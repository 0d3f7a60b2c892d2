//! Writes the history. The caller holds the lock, has set the host's rights and owns the transaction.
//!
//! A row of history takes the number after all that its tables hold, in the statement that adds it. On MySQL and
//! MariaDB the run asks once for the next number, and on PostgreSQL each stepwise file does; the journal's rows can
//! then be written together with the row of history they belong to.

use std::sync::atomic::{AtomicI64, Ordering};

use super::read::{FORMAT, Presence, corrupt, presence, unreadable};
use super::record::{Record, State, declared_json};
use crate::schema::history as sql;
use crate::settle::Marker;
use crate::{Direction, transcript};
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::facts::Citus;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits, ToolChange, UnitOfWork, tool_sql};
use runner_project::catalog::Description;

/// Creates the tables if they do not exist. Call it in a transaction if the database has transactional DDL; elsewhere it
/// completes what a crash left unfinished.
pub async fn ensure(database: &mut HostSession<'_>) -> Result<()> {
    if presence(database).await? == Presence::Whole {
        return Ok(());
    }
    let made = async {
        for change in making(database).await? {
            let (text, values) = change.statement(database.facts())?;
            database.execute(&text, &values).await?;
        }
        Ok(())
    };
    let made = made.await;
    made.map_err(|error| unmakable(database, error))
}

/// As [`ensure`], in a transaction of its own.
pub async fn ensure_apart(database: &mut HostSession<'_>) -> Result<()> {
    if presence(database).await? == Presence::Whole {
        return Ok(());
    }
    let made = match making(database).await {
        Ok(changes) => database.commit(UnitOfWork::Apart(&changes)).await.result(),
        Err(error) => Err(error),
    };
    made.map_err(|error| unmakable(database, error))
}

fn unmakable(database: &HostSession<'_>, error: DatabaseError) -> Error {
    let is_right = matches!(error.kind, DatabaseErrorKind::Denied | DatabaseErrorKind::ReadOnly);
    let grant = database.facts().sql.tool.grant.filter(|_| is_right);
    let error = Error::from(error).at("while creating", "the history tables");
    match grant {
        Some(grant) => error.hint(grant),
        None => error,
    }
}

/// The statements that make the tables.
async fn making(database: &mut HostSession<'_>) -> std::result::Result<Vec<ToolChange>, DatabaseError> {
    let facts = database.facts().clone();
    let schema = &facts.sql.tool;
    let mut changes = Vec::new();
    if facts.citus.is_some() {
        changes.push(ToolChange::of_any_rows(Citus::STAYS, []));
    }
    if let Some((is_there, create)) = schema.schema {
        let found =
            database.query(&tool_sql(is_there, &facts), &[facts.tool_schema().into()], QueryLimits::NONE).await?;
        if found.rows.is_empty() {
            changes.push(ToolChange::of_any_rows(create, []));
        }
    }
    changes.extend(schema.create.iter().map(|create| ToolChange::of_any_rows(create, [])));
    changes.extend(schema.close.map(|close| ToolChange::of_any_rows(close, [])));
    if facts.citus.is_some() {
        changes.push(ToolChange::of_any_rows(Citus::SPREADS, []));
    }
    changes.push(ToolChange::of_one_row(sql::INSERT_FORMAT, [FORMAT.to_string().into()]));
    Ok(changes)
}

/// Adds a row in force, under the record's own number unless that is 0; the database refuses a second one of the same revision.
pub fn inserted(record: &Record) -> ToolChange {
    let mut values = cells(record);
    if record.id == 0 {
        return ToolChange::of_one_row(sql::INSERT, values);
    }
    values.push(record.id.into());
    ToolChange::of_one_row(sql::INSERT_AS, values)
}

/// The numbers of the rows that a run adds, where it knows them before anything is stored. Only the holder of the lock adds rows.
#[derive(Debug, Default)]
pub struct Numbers(AtomicI64);

impl Numbers {
    /// Returns a number that no row has had, without a question for each; 0 where each row takes the next one itself.
    pub async fn next(&self, database: &mut HostSession<'_>) -> std::result::Result<i64, DatabaseError> {
        if !database.facts().sql.tool.own_number_counts {
            return Ok(0);
        }
        let next = match self.0.load(Ordering::Relaxed) {
            0 => {
                let text = tool_sql(sql::NEXT_NUMBER, database.facts());
                number_of(&database.query(&text, &[], QueryLimits::NONE).await?.rows)?
            }
            next => next,
        };
        self.0.store(next + 1, Ordering::Relaxed);
        Ok(next)
    }

    /// As [`Self::next`]; asks the database each time where other rows take numbers themselves.
    pub async fn take(&self, database: &mut HostSession<'_>) -> Result<i64> {
        let schema = &database.facts().sql.tool;
        if schema.own_number_counts || !schema.can_ask_number {
            return self.next(database).await.map_err(unwritable);
        }
        let question = tool_sql(sql::NEXT_NUMBER, database.facts());
        let probe = database.probe(&[question]).await.map_err(unreadable)?;
        number_of(probe.answers.first().map(Vec::as_slice).unwrap_or_default()).map_err(unwritable)
    }

    /// Asks the database again before the next row: something else may have added one.
    pub fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The number that is the only value of an answer.
fn number_of(rows: &[Vec<Value>]) -> std::result::Result<i64, DatabaseError> {
    let number = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
    number.ok_or_else(DatabaseError::unexpected_rows)
}

/// Returns a row's columns except `id`.
fn cells(record: &Record) -> Vec<Value> {
    vec![
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
        record.rolled_back_at.clone().into(),
        record.rolled_back_by.clone().into(),
        record.rolled_back_run_id.clone().into(),
        record.rolled_back_duration_ms.map_or(Value::Null, number),
        record.rolled_back_rows_read.map_or(Value::Null, number),
        record.rolled_back_rows_written.map_or(Value::Null, number),
        record.rolled_back_transcript.clone().into(),
    ]
}

/// What shows that an upgrade is committed with its row: a run has put the revision in force.
pub fn in_force(revision: &str, run_id: &str) -> Marker {
    Marker::new(sql::IN_FORCE, [revision.into(), run_id.into()])
}

/// What shows that a row has come into a state.
pub fn in_state(id: i64, state: State) -> Marker {
    Marker::new(sql::IN_STATE, [id.into(), state.name().into()])
}

/// The end of a row.
#[derive(Clone, Debug)]
pub struct End {
    /// The time, in ISO 8601, UTC.
    pub at: String,
    /// The operator: `user@host`.
    pub by: String,
    /// The run.
    pub run_id: String,
    /// The work of the downgrade.
    pub work: Work,
    /// The digest of its transcript.
    pub transcript: String,
}

/// The work of a run in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The duration.
    pub duration_ms: u64,
    /// The number of steps.
    pub steps: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
}

/// Adds the work of an interrupted attempt; the steps are those of all attempts.
pub async fn add_work(database: &mut HostSession<'_>, id: i64, direction: Direction, work: &Work) -> Result<()> {
    let (duration, read, written) = (number(work.duration_ms), number(work.rows_read), number(work.rows_written));
    match direction {
        Direction::Up => change(database, sql::ADD_UP, &[duration, number(work.steps), read, written, id.into()]).await,
        Direction::Down => change(database, sql::ADD_DOWN, &[duration, read, written, id.into()]).await,
    }
}

/// Takes a row out of force; it remains as a record.
pub fn ended(id: i64, end: &End) -> [ToolChange; 2] {
    let parameters = [
        end.at.as_str().into(),
        end.by.as_str().into(),
        end.run_id.as_str().into(),
        number(end.work.duration_ms),
        number(end.work.rows_read),
        number(end.work.rows_written),
        end.transcript.as_str().into(),
        id.into(),
    ];
    [ToolChange::of_one_row(sql::END, parameters), transcript::store::retired(id)]
}

/// Makes changes in the open transaction.
pub async fn make(database: &mut HostSession<'_>, changes: impl IntoIterator<Item = ToolChange>) -> Result<()> {
    for change in changes {
        database.change(&change).await.map_err(unwritable)?;
    }
    Ok(())
}

/// The error of changes that were committed with others.
pub fn unmade(error: DatabaseError) -> Error {
    if error.is_unexpected_rows() { corrupt() } else { error.into() }
}

fn unwritable(error: DatabaseError) -> Error {
    if error.is_unexpected_rows() { corrupt() } else { unreadable(error) }
}

/// Changes the state of a row, and clears the totals of a downgrade.
pub async fn reopen(database: &mut HostSession<'_>, id: i64, state: State) -> Result<()> {
    change(database, sql::REOPEN, &[state.name().into(), id.into()]).await
}

/// Deletes the row of an upgrade that had no effect.
pub async fn discard(database: &mut HostSession<'_>, id: i64) -> Result<()> {
    change(database, sql::DISCARD, &[id.into()]).await
}

/// Marks a revision as applied from this artifact, by decision of the operator.
pub async fn set_applied(
    database: &mut HostSession<'_>,
    id: i64,
    sha256: &str,
    declared: &str,
    at: &str,
    reason: &str,
) -> Result<()> {
    let parameters = [sha256.into(), declared.into(), at.into(), reason.into(), id.into()];
    change(database, sql::SET_APPLIED, &parameters).await
}

/// Records why the operator ended a row.
pub async fn set_reason(database: &mut HostSession<'_>, id: i64, reason: &str) -> Result<()> {
    change(database, sql::SET_REASON, &[reason.into(), id.into()]).await
}

/// Another build, with what it says about itself, continues an unfinished upgrade.
pub fn handed_over(id: i64, name: &str, sha256: &str, description: &Description) -> ToolChange {
    let declared = declared_json(description);
    let summary = description.summary.as_str();
    ToolChange::of_one_row(sql::HAND_OVER, [name.into(), summary.into(), sha256.into(), declared.into(), id.into()])
}

/// Deletes artifacts of a revision that no history row names.
pub fn unused_artifacts(revision: &str) -> ToolChange {
    ToolChange::of_any_rows(sql::DROP_ARTIFACTS, [revision.into()])
}

/// Completes a stepwise upgrade, all of whose statements took effect. Durations and row counts of `record` are added to the
/// row; its other columns replace those of the row.
pub fn finished_stepwise(record: &Record) -> ToolChange {
    let values = [
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
    ToolChange::of_one_row(sql::FINISH_STEPWISE, values)
}

/// Runs a statement that must change exactly one row.
async fn change(database: &mut HostSession<'_>, statement: &'static str, parameters: &[Value]) -> Result<()> {
    make(database, [ToolChange::of_one_row(statement, parameters.iter().cloned())]).await
}

/// Converts a number of history. They are far below 2^63; a larger one becomes the maximum.
fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}
