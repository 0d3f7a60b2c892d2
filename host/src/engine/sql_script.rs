//! A migration in SQL: its statements one by one, each a step.

use std::time::Instant;

use async_trait::async_trait;

use super::script::{RunContext, Script, stopped};
use super::{Direction, Event};
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, Rights, StopSignal};
use crate::error::{Error, Result};
use crate::sql::{SqlError, split};

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
        context.database.lock().await.set_rights(Rights::Script);
        for (at, statement) in statements.iter().enumerate() {
            if let Some(reason) = context.stop.reason() {
                return Err(stopped(reason));
            }
            let step = context.tally.begin_step(&statement.text);
            let started = Instant::now();
            let answer = context.database.lock().await.execute(&statement.text, &[]).await;
            let rows = answer.map_err(|mut error| {
                context.tally.note_error(&error);
                error.detail = error.detail.map(|detail| in_file(&detail, statement));
                let place = format!("{} of {}, line {}", at + 1, statements.len(), statement.line);
                statement_failed(error, &context.stop, &statement.text, place).at("script", direction.to_string())
            })?;
            context.tally.add_rows_written(rows);
            context.tally.record(&format!("{rows} rows"));
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

/// The error of a text that cannot be split.
pub(super) fn unreadable(direction: Direction, error: SqlError) -> Error {
    let result = Error::usage(error.message).at("line", error.line.to_string()).at("script", direction.to_string());
    match error.hint {
        Some(hint) => result.hint(hint),
        None => result,
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

/// The beginning of a statement on one line.
pub(super) fn excerpt(statement: &str) -> String {
    const LONGEST: usize = 160;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
