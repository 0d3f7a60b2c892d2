//! A migration in SQL: each statement is a step.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;

use super::event::LogLevel;
use super::{CallError, Direction, Event};
use crate::call::Call;
use crate::dry_run::lasting_table;
use crate::execution::{RunningStep, StepStart, Steps};
use crate::implicit_delete::ImplicitDelete;
use crate::invalid_index::{self, Leftover};
use crate::script::{Execution, RunContext, Script};
use crate::stopped::stopped;
use crate::unknown_name;
use crate::unreadable::unreadable;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::dialect_sql::Server;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, StopSignal};
use runner_project::catalog::Kind;
use runner_sql::{
    CopiedRows, Program, Sql, Statement as SqlStatement, StatementClass, Tokens, excerpt, inserts_values, names_schema,
    session_values,
};

/// The two directions of a migration in SQL.
#[derive(Debug)]
pub struct SqlScript {
    up: Units,
    /// A downgrade that cannot be split does not prevent the upgrade.
    down: Option<Result<Units>>,
}

/// What counts as one: a statement, or what is between a `BEGIN` and its `COMMIT`, is a step of a stepwise migration. In an atomic
/// one, each statement is.
#[derive(Debug)]
struct Units {
    program: Arc<Program>,
    units: Vec<Range<usize>>,
    /// SQLite: the statements that delete rows without saying so.
    deletes: BTreeMap<usize, ImplicitDelete>,
}

impl Units {
    fn of(sql: &Sql, direction: Direction, dialect: Dialect) -> Result<Self> {
        let program = sql.program(dialect).map_err(|error| unreadable(direction, error))?;
        let (units, deletes) = (program.units(true), ImplicitDelete::all(&program));
        Ok(Self { program, units, deletes })
    }

    /// How many of these statements, from the first, insert rows that they name, and have no more than so many bytes. `is_apart`: in a
    /// transaction of their own.
    fn inserts(&self, units: &[Range<usize>], most: usize, is_apart: bool) -> usize {
        let mut bytes = 0;
        let fits = |unit: &&Range<usize>| {
            let Some(statement) = self.program.within((*unit).clone()).next() else { return false };
            bytes += statement.text.len();
            let is_alone = self.program.transactions.contains(*unit) || self.deletes.contains_key(&unit.start);
            let tokens = statement.tokens();
            bytes <= most && !is_alone && inserts_values(&tokens) && !(is_apart && needs_more(&tokens))
        };
        units.iter().take_while(fits).count()
    }

    /// The statements at these positions.
    fn statements(&self, unit: &Range<usize>) -> impl Iterator<Item = Statement<'_>> {
        let of = move |(at, SqlStatement { text, line, .. })| Statement {
            text,
            line,
            column: self.program.column_of(at),
            deletes: self.deletes.get(&at),
        };
        unit.clone().zip(self.program.within(unit.clone())).map(of)
    }
}

/// Whether an insert needs what is not in its transaction: a table that it names with a database, or what statements before it left in the
/// session, which another run does not have.
fn needs_more(tokens: &Tokens<'_>) -> bool {
    let values = session_values(tokens);
    let reads = !values.reads.is_empty() || values.reads_key.is_some() || values.reads_last.is_some();
    reads || names_schema(tokens)
}

/// Bytes of the statements that are sent together. More would save little; and the server shows them as one text, where a trigger or a
/// log asks for it.
const IN_A_MESSAGE: usize = 8 << 10;

/// Bytes of the statements that a stepwise migration commits together: with these, commits take a small part of the time, and what a
/// failure undoes is little.
const IN_A_TRANSACTION: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
struct Statement<'a> {
    text: &'a str,
    /// Its position in the file, counted from 1.
    line: usize,
    column: usize,
    deletes: Option<&'a ImplicitDelete>,
}

impl SqlScript {
    /// Of the two texts, which have LF line endings, as the database reads them.
    pub fn new(up: &Sql, down: Option<&Sql>, dialect: Dialect) -> Result<Self> {
        let down = down.map(|down| Units::of(down, Direction::Down, dialect));
        Ok(Self { up: Units::of(up, Direction::Up, dialect)?, down })
    }
}

#[async_trait]
impl Script for SqlScript {
    async fn run(&self, direction: Direction, context: &RunContext) -> Result<()> {
        let units = match direction {
            Direction::Up => &self.up,
            Direction::Down => match &self.down {
                Some(down) => down.as_ref().map_err(Error::clone)?,
                None => {
                    let error = Error::failed("the migration has no downgrade");
                    return Err(error.hint("write its `.down.sql`, or restore a backup"));
                }
            },
        };
        let skip = usize::try_from(context.left_out.statements).unwrap_or(usize::MAX);
        let mut steps = Steps::new(context.clone(), Kind::Sql);
        let left = &units.units[skip.min(units.units.len())..];
        let is_atomic = matches!(context.execution, Execution::Atomic);
        let left: Vec<Range<usize>> = match is_atomic {
            true => left.iter().flat_map(Clone::clone).map(|at| at..at + 1).collect(),
            false => left.to_vec(),
        };
        let of = skip + left.len();
        let server = context.database.lock().await.facts().sql.server;
        let most = match (&context.execution, &context.trial) {
            // A report has each statement.
            (_, Some(_)) => 0,
            (Execution::Journalled(_), None) if context.each_commits => 0,
            (Execution::Journalled(_), None) => IN_A_TRANSACTION,
            (Execution::Atomic, None) => IN_A_MESSAGE,
            (Execution::Replayed(_), None) => 0,
        };
        let (mut done, mut takes_all_back) = (0, None);
        while done < left.len() {
            if let Some(reason) = context.stop.reason() {
                return Err(stopped(reason));
            }
            let number = skip + done + 1;
            let counted = (number as u64, of as u64);
            let together = together(units, &left[done..], most, &mut takes_all_back, context).await?;
            let ran = match &left[done..done + together] {
                rows @ [_, _, ..] if is_atomic => run_together(&mut steps, units, rows, counted, context).await,
                step => run_step(&mut steps, units, step, counted, context).await,
            };
            ran.map_err(|(at, (error, statement))| {
                let place = format!("{} of {of}, line {}", number + at, statement.line);
                failed(error, statement, (direction, place), &context.stop, server)
            })?;
            done += together;
        }
        Ok(())
    }

    fn steps(&self, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Up => Some(self.up.units.len() as u64),
            Direction::Down => self.down.as_ref()?.as_ref().ok().map(|down| down.units.len() as u64),
        }
    }
}

/// How many of the units that are left are executed together: as many as an earlier run committed together, or such with no more than
/// so many bytes. `takes_all_back`: whether a rollback undoes what is written to any table, as far as that is known.
async fn together(
    units: &Units,
    left: &[Range<usize>],
    most: usize,
    takes_all_back: &mut Option<bool>,
    context: &RunContext,
) -> Result<usize> {
    let Execution::Journalled(journal) = &context.execution else {
        return Ok(units.inserts(left, most, false).max(1));
    };
    if let Some(steps) = journal.recorded_steps(&context.database).await? {
        return Ok(usize::try_from(steps).unwrap_or(usize::MAX).min(left.len()));
    }
    let is_rows = |unit: &Range<usize>| units.program.within(unit.clone()).all(|it| it.class == StatementClass::Rows);
    if left.first().is_some_and(|unit| !is_rows(unit)) {
        *takes_all_back = None;
    }
    if units.inserts(&left[..left.len().min(2)], most, true) < 2 {
        return Ok(1);
    }
    let takes_all_back = match *takes_all_back {
        Some(known) => known,
        None => *takes_all_back.insert(lasting_table(&mut context.database.lock().await.host()).await?.is_none()),
    };
    Ok(if takes_all_back { units.inserts(left, most, true) } else { 1 })
}

/// Executes a statement, or those of a transaction, in the mode of the run, or returns the one that failed, and the number of its unit,
/// counted from 0. `step`: the unit, or several that insert rows.
async fn run_step<'a>(
    steps: &mut Steps,
    units: &'a Units,
    step: &[Range<usize>],
    (number, of): (u64, u64),
    context: &RunContext,
) -> Result<(), (usize, (CallError, Statement<'a>))> {
    context.control.at_statement(&context.database, (number, of)).await;
    let statements: Vec<(usize, Statement<'a>)> =
        step.iter().enumerate().flat_map(|(at, unit)| units.statements(unit).map(move |it| (at, it))).collect();
    let (Some(call), Some((_, first))) = (Call::of_units(&units.program, step), statements.first().copied()) else {
        return Ok(());
    };
    let begun = steps.begin_several(&call, step.len() as u64).await;
    let mut running = match begun.map_err(|error| (0, (error, first)))? {
        StepStart::Answered(rows) => {
            steps.count(0, rows);
            return Ok(());
        }
        StepStart::Running(running) => running,
    };
    let (mut last, mut result) = ((0, first), Ok(0));
    begins((number, of), context);
    for (at, statement) in statements {
        let Ok(rows) = result else { break };
        if at > last.0 {
            begins((number + at as u64, of), context);
        }
        last = (at, statement);
        result = run_statement(&mut running, statement, context).await.map(|more| rows + more);
    }
    let rows = steps.end(running, result).await.map_err(|error| (last.0, (error, last.1)))?;
    steps.count(0, rows);
    Ok(())
}

/// Executes statements that insert rows, in the transaction of the migration, or returns the one that failed, and its number, counted
/// from 0.
async fn run_together<'a>(
    steps: &mut Steps,
    units: &'a Units,
    rows: &[Range<usize>],
    (number, of): (u64, u64),
    context: &RunContext,
) -> Result<(), (usize, (CallError, Statement<'a>))> {
    context.control.at_statement(&context.database, (number, of)).await;
    let statements: Vec<Statement<'a>> = rows.iter().flat_map(|unit| units.statements(unit)).collect();
    let calls: Vec<Call<'a>> = rows.chunks(1).filter_map(|unit| Call::of_units(&units.program, unit)).collect();
    let mut step = steps.begin_atomic(&calls[0]).await;
    let begins = |at: usize| begins((number + at as u64, of), context);
    begins(0);
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text).collect();
    let mut changed = Vec::with_capacity(texts.len());
    let done = step.execute_each(&texts, &mut changed).await;
    let mut results: Vec<_> = changed.into_iter().map(Ok).enumerate().collect();
    if let Err((at, error)) = done {
        results.push((at, Err(unknown_name::suggest(error, &mut step.host(), texts[at]).await)));
    }
    results.iter().skip(1).for_each(|(at, _)| begins(*at));
    let (last, ended) = steps.end_each(step, &calls, results);
    ended.map_err(|error| (last, (error, statements[last])))
}

fn begins((statement, of): (u64, u64), context: &RunContext) {
    context.events.emit(&Event::StatementStarted { revision: context.revision.clone(), statement, of });
}

/// Executes a statement; returns the number of rows it changed.
async fn run_statement(
    step: &mut RunningStep,
    statement: Statement<'_>,
    context: &RunContext,
) -> Result<u64, DatabaseError> {
    let cleared = clear(step, statement, context).await;
    // With `IF NOT EXISTS`, it would be content with what a failed attempt left.
    let result = match cleared {
        Ok(()) => {
            let execute = async |step: &mut RunningStep| step.execute(statement.text, &[]).await;
            step.guarding(statement.deletes, execute).await
        }
        Err(error) => Err(error),
    };
    let result = match result {
        Err(error) => Err(unknown_name::suggest(error, &mut step.host(), statement.text).await),
        done => done,
    };
    if let Err(error) = &result
        && error.kind != DatabaseErrorKind::Connection
        && let Err(error) = clear(step, statement, context).await
    {
        warn(context, format!("what the failed attempt left in the database stays until the next one: {error}"));
    }
    result
}

/// Removes what a failed attempt at the statement left in the database: as the statement itself, so that it waits for no lock
/// longer than that, and can be stopped.
async fn clear(step: &mut RunningStep, statement: Statement<'_>, context: &RunContext) -> Result<(), DatabaseError> {
    let found = match step.own_transaction() {
        Some(mut host) => invalid_index::find(&mut host, statement.text).await?,
        None => Leftover::default(),
    };
    for index in found.indexes {
        match step.execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"), &[]).await {
            Ok(_) => warn(context, format!("dropped the invalid index {index}, which a failed attempt had left")),
            Err(error) if found.is_in_the_way || ENDING.contains(&error.kind) => return Err(error),
            Err(error) => {
                warn(context, format!("the invalid index {index}, which a failed attempt had left, stays: {error}"))
            }
        }
    }
    Ok(())
}

/// Errors after which no other statement can be tried.
const ENDING: [DatabaseErrorKind; 2] = [DatabaseErrorKind::Connection, DatabaseErrorKind::Interrupted];

fn warn(context: &RunContext, message: String) {
    let revision = context.revision.clone();
    context.events.emit(&Event::Log { revision, level: LogLevel::Warning, message });
}

/// The error of a statement, with its place, and what the server of the database advises.
fn failed(
    error: CallError,
    statement: Statement<'_>,
    (direction, place): (Direction, String),
    stop: &StopSignal,
    server: &dyn Server,
) -> Error {
    let error = match error {
        // Another statement caused the error, not this one.
        CallError::Failed(error) if error.kind == ErrorKind::Mismatch => return error,
        CallError::Database(mut error) => {
            error.detail = error.detail.map(|detail| in_file(&detail, statement));
            match stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
                Some(reason) => stopped(reason),
                None => server.advice(&error).into_iter().fold(Error::from(error), Error::hint),
            }
        }
        CallError::Stopped(reason) => stopped(reason),
        CallError::Failed(error) => error,
    };
    let first = CopiedRows::of(statement.text).map(|copied| copied.first_line(statement.line));
    let error = first.into_iter().fold(error, |error, line| error.at("rows", format!("from line {line} on")));
    error.at("text", excerpt(statement.text)).at("statement", place).at("script", direction.to_string())
}

/// Converts the database's `line 1, column 2, …`, which is relative to the statement, to a position in the file.
/// Returns other text unchanged.
fn in_file(detail: &str, statement: Statement<'_>) -> String {
    let counted = || -> Option<(usize, usize, &str)> {
        let (line, rest) = detail.strip_prefix("line ")?.split_once(", column ")?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some((line.parse().ok()?, rest[..end].parse().ok()?, &rest[end..]))
    };
    match counted() {
        Some((1, column, rest)) => format!("line {}, column {}{rest}", statement.line, statement.column + column - 1),
        Some((line, column, rest)) => format!("line {}, column {column}{rest}", statement.line + line - 1),
        None => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests;
