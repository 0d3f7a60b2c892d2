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
    line: usize,
}

impl SqlScript {
    /// Splits the two texts, with LF line ends, as the database reads them.
    pub fn new(up: &str, down: Option<&str>, dialect: Dialect) -> Result<Self> {
        let statements = |direction: Direction, text: &str| -> Result<Vec<Statement>> {
            let statements = split(text, dialect).map_err(|error| unreadable(direction, error))?;
            let owned = statements.into_iter().map(|it| Statement { text: it.text.to_owned(), line: it.line });
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
            let rows = answer.map_err(|error| {
                let place = format!("{} of {}, line {}", at + 1, statements.len(), statement.line);
                statement_failed(error, &context.stop, &statement.text, place)
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
fn excerpt(statement: &str) -> String {
    const LONGEST: usize = 160;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
