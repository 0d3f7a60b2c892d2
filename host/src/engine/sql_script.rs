//! A migration in SQL: its statements one by one, each a step.

use std::time::Instant;

use async_trait::async_trait;

use super::event::Level;
use super::{Direction, Event};
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, StopSignal};
use crate::engine::call::{Call, CallKind};
use crate::engine::invalid_index;
use crate::engine::journal::{Begun, Journal, Live, crash};
use crate::engine::script::{RunContext, Script};
use crate::engine::stopped::stopped;
use crate::engine::unreadable::unreadable;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{StatementClass, classify, excerpt, split};

/// A pair of SQL scripts, split into statements.
#[derive(Debug)]
pub struct SqlScript {
    up: Vec<Statement>,
    down: Option<Vec<Statement>>,
}

#[derive(Debug)]
struct Statement {
    text: String,
    /// Where it begins in its file, counted from 1.
    line: usize,
    column: usize,
}

impl Statement {
    fn call(&self) -> Call<'_> {
        Call { kind: CallKind::Statement, text: &self.text, parameters: "" }
    }
}

impl SqlScript {
    /// Splits the two texts, with LF line ends, as the database reads them.
    pub fn new(up: &str, down: Option<&str>, dialect: Dialect) -> Result<Self> {
        let statements = |direction: Direction, text: &str| -> Result<Vec<Statement>> {
            let statements = split(text, dialect).map_err(|error| unreadable(direction, error))?;
            let owned = statements.into_iter().map(|it| {
                // A statement is a part of the text.
                let before = text.get(..it.text.as_ptr().addr() - text.as_ptr().addr()).unwrap_or_default();
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                Statement { text: it.text.to_owned(), line: it.line, column }
            });
            Ok(owned.collect())
        };
        let down = down.map(|down| statements(Direction::Down, down)).transpose()?;
        Ok(Self { up: statements(Direction::Up, up)?, down })
    }
}

#[async_trait]
impl Script for SqlScript {
    async fn run(&self, direction: Direction, context: &RunContext) -> Result<()> {
        let statements = match direction {
            Direction::Up => &self.up,
            Direction::Down => self.down.as_ref().ok_or_else(|| {
                Error::failed("the migration has no way back").hint("write its `.down.sql`, or restore a backup")
            })?,
        };
        let skip = usize::try_from(context.left_out.statements).unwrap_or(usize::MAX);
        for (at, statement) in statements.iter().enumerate().skip(skip) {
            if let Some(reason) = context.stop.reason() {
                return Err(stopped(reason));
            }
            let place = || format!("{} of {}, line {}", at + 1, statements.len(), statement.line);
            let started = Instant::now();
            let (step, rows) = match &context.journal {
                None => {
                    crash::point();
                    let step = context.recorder.begin_step(&statement.call());
                    let answer =
                        context.database.lock().await.script(&context.stop).execute(&statement.text, &[]).await;
                    (step, answer.map_err(|error| failed(error, statement, direction, context, place()))?)
                }
                Some(journal) => {
                    let ran = run_step(journal, statement, context).await;
                    let answer = ran.map_err(|error| placed(error, statement, direction, place()))?;
                    match answer {
                        Step::Recorded(rows) => {
                            context.recorder.add_rows_written(rows);
                            continue;
                        }
                        Step::Failed(error) => return Err(failed(error, statement, direction, context, place())),
                        Step::Done(step, rows) => (step, rows),
                    }
                }
            };
            context.recorder.add_rows_written(rows);
            context.recorder.answered(&rows);
            context.events.emit(&Event::StepFinished {
                revision: context.revision.clone(),
                step,
                statement: statement.text.clone(),
                rows,
                duration: started.elapsed(),
            });
        }
        Ok(())
    }

    fn steps(&self, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Up => Some(self.up.len() as u64),
            Direction::Down => self.down.as_ref().map(|statements| statements.len() as u64),
        }
    }
}

/// What came of a statement that is a step of the journal.
enum Step {
    /// An earlier run did it.
    Recorded(u64),
    /// It is done, under that number.
    Done(u64, u64),
    /// The database refused it.
    Failed(DatabaseError),
}

async fn run_step(journal: &Journal, statement: &Statement, context: &RunContext) -> Result<Step> {
    let call = statement.call();
    context.recorder.begin_step(&call);
    context.control.before_step(&context.database).await?;
    let mut live = match journal.begin::<u64>(&context.database, &call).await? {
        Begun::Recorded(_, Ok(rows)) => {
            context.recorder.answered(&rows);
            return set_again(statement, context).await.map(|()| Step::Recorded(rows));
        }
        Begun::Recorded(_, Err(error)) => return Ok(Step::Failed(error)),
        Begun::Live(live) => live,
    };
    let step = live.number();
    clear(&mut live, statement, context).await;
    let result = live.session().execute(&statement.text, &[]).await;
    if result.as_ref().is_err_and(|error| error.kind != DatabaseErrorKind::Connection) {
        clear(&mut live, statement, context).await;
    }
    Ok(match journal.finish(live, result).await? {
        Ok(rows) => Step::Done(step, rows),
        Err(error) => Step::Failed(error),
    })
}

/// Settings ended with the session of the run that made them: those behind them are to find them as they were.
async fn set_again(statement: &Statement, context: &RunContext) -> Result<()> {
    let mut database = context.database.lock().await;
    if classify(&statement.text, database.facts().dialect) == StatementClass::Session {
        database.script(&context.stop).execute(&statement.text, &[]).await?;
    }
    Ok(())
}

/// Takes away what a failed try of the statement left behind. If that fails, the statement itself will say why it cannot run.
async fn clear(live: &mut Live, statement: &Statement, context: &RunContext) {
    let message = match invalid_index::clear(&mut live.host(), &statement.text).await {
        Ok(message) => message,
        Err(error) => Some(format!("what a try that failed left behind could not be taken away: {error}")),
    };
    if let Some(message) = message {
        let revision = context.revision.clone();
        context.events.emit(&Event::Log { revision, level: Level::Warning, message });
    }
}

/// The error of a statement that the database refused.
fn failed(
    mut error: DatabaseError,
    statement: &Statement,
    direction: Direction,
    context: &RunContext,
    place: String,
) -> Error {
    context.recorder.note_error(&error);
    error.detail = error.detail.map(|detail| in_file(&detail, statement));
    statement_failed(error, &context.stop, &statement.text, place).at("script", direction.to_string())
}

/// An error of a step with its place.
fn placed(error: Error, statement: &Statement, direction: Direction, place: String) -> Error {
    if error.kind == ErrorKind::Mismatch {
        // It is not this statement that is wrong.
        return error;
    }
    error.at("text", excerpt(&statement.text)).at("statement", place).at("script", direction.to_string())
}

/// The database's `line 1, column 2, …`, which counts within the statement, counted within the file; anything else as it is.
fn in_file(detail: &str, statement: &Statement) -> String {
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

/// The error of a statement: what ended it, and where it stands.
pub(super) fn statement_failed(error: DatabaseError, stop: &StopSignal, text: &str, place: String) -> Error {
    match stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
        Some(reason) => stopped(reason),
        None => explain(error),
    }
    .at("text", excerpt(text))
    .at("statement", place)
}

/// The database's error, with advice where only the kind of migration is wrong.
fn explain(error: DatabaseError) -> Error {
    let message = error.message.to_lowercase();
    // SQLite's VACUUM; PostgreSQL's VACUUM, CREATE INDEX CONCURRENTLY, CREATE DATABASE and ALTER SYSTEM.
    let wants_none = message.contains("from within a transaction") || message.contains("inside a transaction block");
    let advise = wants_none && error.hint.is_none();
    let error = Error::from(error);
    if advise { error.hint("write the directive `-- runner:no-transaction` on top of the file") } else { error }
}

#[cfg(test)]
mod tests;
