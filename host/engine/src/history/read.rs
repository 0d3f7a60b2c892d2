//! Reads the history.

use std::collections::BTreeSet;

use super::record::{Record, RunMode, State};
use crate::call::answer::Transformed;
use crate::schema::history as sql;
use crate::schema::history::COLUMNS;
use crate::{Direction, journal};
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::facts::TOOL_TABLES;
use runner_database::{DatabaseErrorKind, Facts, HostSession, QueryLimits, tool_sql};
use runner_project::RevisionPlace;
use runner_project::catalog::Kind;

/// The format of the tables that this version writes.
pub(super) use crate::schema::FORMAT;

/// The number of tables.
const TABLES: usize = TOOL_TABLES.len();

/// The history as far as it is in force.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The live rows, in the order of application.
    pub live: Vec<Record>,
    /// Revision and digest of the stored artifacts, if they were requested.
    pub stored: BTreeSet<(String, String)>,
}

impl History {
    /// Returns the live row of a revision.
    pub fn get(&self, revision: &str) -> Option<&Record> {
        let place = RevisionPlace::of(revision);
        self.live.iter().find(|record| RevisionPlace::of(&record.revision) == place)
    }

    /// Returns whether the database is known to store what was applied.
    pub fn keeps(&self, record: &Record) -> bool {
        self.stored.contains(&(record.revision.clone(), record.sha256.clone()))
    }

    /// Returns the newest fully applied revision: the current revision.
    pub fn current(&self) -> Option<&Record> {
        let whole = self.live.iter().filter(|record| record.state == State::Applied);
        whole.max_by_key(|record| RevisionPlace::of(&record.revision))
    }

    /// Returns the newest revision of which any part is live.
    pub fn newest(&self) -> Option<&Record> {
        self.live.iter().max_by_key(|record| RevisionPlace::of(&record.revision))
    }

    /// Returns the revision that an interrupted run left partial.
    pub fn partial(&self) -> Option<&Record> {
        self.live.iter().find(|record| record.state.is_partial())
    }
}

/// Reads the live rows without the artifacts; empty if the tables do not exist.
pub async fn read(database: &mut HostSession<'_>) -> Result<History> {
    let mut live = records(database, sql::LIVE).await?.unwrap_or_default();
    read_progress(database, &mut live).await?;
    Ok(History { live, stored: BTreeSet::new() })
}

/// Reads the live rows, and which artifacts the database stores.
pub async fn read_with_artifacts(database: &mut HostSession<'_>) -> Result<History> {
    let Some(mut live) = records(database, sql::LIVE).await? else { return Ok(History::default()) };
    read_progress(database, &mut live).await?;
    let text = tool_sql(sql::ARTIFACTS, database.facts());
    let stored = database.query(&text, &[], QueryLimits::NONE).await.map_err(unreadable)?;
    let key = |row: Vec<Value>| {
        let mut values = row.into_iter();
        Some((self::text(values.next()?)?, self::text(values.next()?)?))
    };
    Ok(History { live, stored: stored.rows.into_iter().filter_map(key).collect() })
}

/// Reads every row, including those kept only as a record; empty if the tables do not exist.
pub async fn read_all(database: &mut HostSession<'_>) -> Result<Vec<Record>> {
    let mut records = records(database, sql::ALL).await?.unwrap_or_default();
    read_progress(database, &mut records).await?;
    Ok(records)
}

/// Reads the progress of partial revisions.
async fn read_progress(database: &mut HostSession<'_>, records: &mut [Record]) -> Result<()> {
    // The mode is that of the upgrade: its downgrade may run stepwise where it was atomic.
    let has_progress = |record: &&mut Record| record.mode == RunMode::Stepwise || record.state.is_partial();
    for record in records.iter_mut().filter(has_progress) {
        let direction = match record.state {
            State::PartlyApplied => Direction::Up,
            State::PartlyRolledBack => Direction::Down,
            State::Applied | State::RolledBack => {
                record.steps_done = record.steps;
                continue;
            }
        };
        let progress = journal::progress(database, record.id, direction).await?;
        record.steps_done = progress.done;
        record.unknown_step = progress.unknown;
        record.committed = progress.committed;
    }
    Ok(())
}

/// Returns whether all the tables exist.
pub async fn is_there(database: &mut HostSession<'_>) -> Result<bool> {
    Ok(presence(database).await? == Presence::Whole)
}

/// How many of our tables exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nothing.
    None,
    /// A run was killed while it made them, and nothing is recorded yet. Only where DDL commits by itself.
    Unfinished,
    /// All of it, in the format of this version.
    Whole,
}

/// Returns how many of our tables exist; an error if this version cannot read them.
pub(super) async fn presence(database: &mut HostSession<'_>) -> Result<Presence> {
    let tables = tables(database).await?;
    if tables.is_empty() {
        return Ok(Presence::None);
    }
    if tables.len() < TABLES {
        return unfinished(database, &tables).await;
    }
    match format(database).await? {
        Some(format) => check_format(&format).map(|()| Presence::Whole),
        None => unfinished(database, &tables).await,
    }
}

/// Returns the names of our tables that exist.
async fn tables(database: &mut HostSession<'_>) -> Result<Vec<String>> {
    let facts = database.facts().clone();
    let text = tool_sql(facts.sql.tool.tables, &facts);
    let found = database.query(&text, &[facts.tool_schema().into()], QueryLimits::NONE).await.map_err(unreadable)?;
    found.rows.into_iter().map(|row| row.into_iter().next().and_then(self::text).ok_or_else(corrupt)).collect()
}

/// Returns the recorded format of the tables, if any.
async fn format(database: &mut HostSession<'_>) -> Result<Option<String>> {
    let text = tool_sql(sql::FORMAT, database.facts());
    let found = database.query(&text, &[], QueryLimits::NONE).await.map_err(unreadable)?;
    let value = found.rows.into_iter().next().and_then(|row| row.into_iter().next());
    value.map(|value| self::text(value).ok_or_else(corrupt)).transpose()
}

fn check_format(format: &str) -> Result<()> {
    match format.parse::<i64>() {
        Ok(FORMAT) => Ok(()),
        Ok(newer) if newer > FORMAT => Err(Error::mismatch(format!(
            "history was written by a newer runner (format {newer}; this version knows {FORMAT})"
        ))
        .hint("use the version of runner that the database was last migrated with, or a later one")),
        Ok(older) if older > 0 => Err(Error::mismatch(format!(
            "history was written by an older runner (format {older}; this version reads format {FORMAT} only)"
        ))
        .hint("use the version of runner that the database was last migrated with")),
        _ => Err(corrupt()),
    }
}

/// Classifies tables that are incomplete or lack their format: left by a crash, or lost.
async fn unfinished(database: &mut HostSession<'_>, tables: &[String]) -> Result<Presence> {
    let facts = database.facts().clone();
    if !facts.transactional_ddl {
        let has_history = tables.iter().any(|table| table.ends_with(TOOL_TABLES[0]));
        let any = tool_sql(sql::ANY, &facts);
        let is_empty =
            !has_history || database.query(&any, &[], QueryLimits::NONE).await.map_err(unreadable)?.rows.is_empty();
        if is_empty {
            return Ok(Presence::Unfinished);
        }
        // Another run may have finished them in between; the format is written before any row.
        if self::tables(database).await?.len() == TABLES
            && let Some(format) = format(database).await?
        {
            return check_format(&format).map(|()| Presence::Whole);
        }
    }
    match tables.len() {
        TABLES => Err(corrupt()),
        some => {
            let mut names: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
            names.sort_unstable();
            Err(Error::mismatch(format!("history has {some} of its {TABLES} tables: {}", names.join(", ")))
                .hint("restore the others from a backup, or rename what is not runner's"))
        }
    }
}

/// The rows of a statement that answers the format with each; none if there are no tables. Usually one statement, since
/// a server may be far away: only if it fails, a second one checks whether the tables exist.
async fn records(database: &mut HostSession<'_>, statement: &str) -> Result<Option<Vec<Record>>> {
    let text = tool_sql(statement, database.facts());
    let mut answer = database.query(&text, &[], QueryLimits::NONE).await;
    let has_nothing = match &answer {
        // Without the format there is no row, even where there are tables.
        Ok(found) => found.rows.is_empty(),
        Err(error) => error.kind == DatabaseErrorKind::Syntax,
    };
    if has_nothing {
        match presence(database).await? {
            Presence::None | Presence::Unfinished => return Ok(None),
            // Another run has created them in the meantime.
            Presence::Whole => answer = database.query(&text, &[], QueryLimits::NONE).await,
        }
    }
    parse(answer.map_err(unreadable)?.rows, record).map(Some)
}

/// Returns the query for the rows in force, in brief, whose result [`answered`] reads.
pub fn question(facts: &Facts) -> String {
    tool_sql(sql::BRIEF, facts)
}

/// Returns the brief history in the result of [`question`]. A result without rows means that tables are missing or
/// incomplete; [`read`] finds out which.
pub async fn answered(database: &mut HostSession<'_>, rows: Vec<Vec<Value>>) -> Result<History> {
    let mut live = parse(rows, brief)?;
    read_progress(database, &mut live).await?;
    Ok(History { live, stored: BTreeSet::new() })
}

/// Returns the brief history if one round trip is enough; `None` if there are no tables, or if [`read`] has to find out
/// what is wrong.
pub async fn glance(database: &mut HostSession<'_>) -> Option<History> {
    let question = question(database.facts());
    let probe = database.probe(&[question]).await.ok()?;
    let live = probe.answers.into_iter().next().filter(|rows| !rows.is_empty())?;
    answered(database, live).await.ok()
}

/// Reads rows as a database returns them, for tests that try rows of others.
pub fn parse_rows(rows: Vec<Vec<Value>>) -> Result<Vec<Record>> {
    parse(rows, record)
}

/// What a row has after the format.
type Values = std::vec::IntoIter<Value>;

/// Rows with the format before each.
fn parse(rows: Vec<Vec<Value>>, read: impl Fn(Values) -> Option<Record>) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(rows.len());
    let mut has_format = false;
    for row in rows {
        let mut values = row.into_iter();
        let said = values.next().and_then(self::text).ok_or_else(corrupt)?;
        if !has_format {
            check_format(&said)?;
            has_format = true;
        }
        if values.as_slice().first() != Some(&Value::Null) {
            records.push(read(values).ok_or_else(corrupt)?);
        }
    }
    if has_format { Ok(records) } else { Err(corrupt()) }
}

/// A row in the order of the statement's columns; none if it is not as we write it.
fn record(mut values: Values) -> Option<Record> {
    if values.len() != COLUMNS {
        return None;
    }
    let mut next = || values.next();
    Some(Record {
        id: next()?.as_int64()?,
        revision: text(next()?)?,
        name: text(next()?)?,
        summary: text(next()?)?,
        kind: Kind::from_name(&text(next()?)?)?,
        sha256: text(next()?)?,
        mode: RunMode::from_name(&text(next()?)?)?,
        declared: text(next()?)?,
        state: State::from_name(&text(next()?)?)?,
        started_at: text(next()?)?,
        finished_at: optional(next()?, text)?,
        duration_ms: count(next()?)?,
        steps: count(next()?)?,
        rows_read: count(next()?)?,
        rows_written: count(next()?)?,
        transcript: text(next()?)?,
        run_id: text(next()?)?,
        run_timestamp: next()?.as_int64()?,
        seed: count(next()?)?,
        applied_by: text(next()?)?,
        tool_version: text(next()?)?,
        reason: optional(next()?, text)?,
        // Filled in from the journal.
        steps_done: 0,
        unknown_step: None,
        committed: Transformed::default(),
        rolled_back_at: optional(next()?, text)?,
        rolled_back_by: optional(next()?, text)?,
        rolled_back_run_id: optional(next()?, text)?,
        rolled_back_duration_ms: optional(next()?, count)?,
        rolled_back_rows_read: optional(next()?, count)?,
        rolled_back_rows_written: optional(next()?, count)?,
        rolled_back_transcript: optional(next()?, text)?,
    })
}

/// A row in the order of [`sql::BRIEF`]. What a migration declared and the result of its downgrade are left out: such a
/// row serves for an overview only.
fn brief(mut values: Values) -> Option<Record> {
    let mut next = || values.next();
    Some(Record {
        id: next()?.as_int64()?,
        revision: text(next()?)?,
        name: text(next()?)?,
        kind: Kind::from_name(&text(next()?)?)?,
        sha256: text(next()?)?,
        mode: RunMode::from_name(&text(next()?)?)?,
        state: State::from_name(&text(next()?)?)?,
        started_at: text(next()?)?,
        duration_ms: count(next()?)?,
        steps: count(next()?)?,
        rows_read: count(next()?)?,
        rows_written: count(next()?)?,
        run_id: text(next()?)?,
        applied_by: text(next()?)?,
        ..Record::blank()
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn count(value: Value) -> Option<u64> {
    u64::try_from(value.as_int64()?).ok()
}

/// `Some(None)` for NULL, `None` for a value of another type.
fn optional<T>(value: Value, read: impl FnOnce(Value) -> Option<T>) -> Option<Option<T>> {
    match value {
        Value::Null => Some(None),
        value => read(value).map(Some),
    }
}

pub(super) fn corrupt() -> Error {
    Error::mismatch("history contains data that runner did not write")
        .hint("restore the tables of the history, `runner_…`, from a backup")
}

/// A database error met while reading or writing history.
pub fn unreadable(error: runner_database::DatabaseError) -> Error {
    Error::from(error).at("while using", "the history tables")
}
