//! Statements of a migration in SQL that are sent in one message: a server that is far away is not waited for after each.
//!
//! The server answers each statement that it has run, so the number of answers says which one failed. It reads the whole message
//! first, and runs nothing of one that it cannot read: then the place of the error says which one it is.
//!
//! Rejected: a savepoint before them, to run them one by one after an error. What no rollback undoes would be done twice, a canceled
//! statement would begin again, and each message would take the number of a subtransaction, of which a server remembers 64.

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Either, Executor as _, PgConnection};

use super::describe::is_one_statement;
use super::execute;
use crate::denied_statements;
use crate::error::{Result, from_sqlx_within};
use crate::session::Session;
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, Dialect, Role};
use runner_sql::{StatementClass, Tokens};

/// What is between two statements: the last line of one may be a comment.
const BETWEEN: &str = "\n;";

/// Runs statements one after the other, up to the first that fails: see [`runner_database::Session::execute_each`].
pub(crate) async fn execute_each(
    session: &mut Session,
    statements: &[&str],
    changed: &mut Vec<u64>,
) -> Result<(), (usize, DatabaseError)> {
    let mut done = 0;
    while let Some(first) = statements.get(done) {
        let rest = &statements[done..];
        let together = rest.iter().take_while(|text| may_be_sent_together(session, text)).count();
        if together > 1 {
            let ran = execute_together(session, &rest[..together], changed).await;
            ran.map_err(|(at, error)| (done + at, error))?;
            done += together;
        } else {
            changed.push(execute(session, first, &[]).await.map_err(|error| (done, error))?);
            done += 1;
        }
    }
    Ok(())
}

/// Whether the server reads exactly this statement in a text of several. A backslash it may read as an escape, if a script has changed
/// the settings. A limit of time is that of one statement.
fn may_be_sent_together(session: &Session, statement: &str) -> bool {
    let class = || denied_statements::check(&Tokens::new(statement, Dialect::Postgres), session.role());
    session.role() == Role::SqlScript
        && session.has_transaction()
        && !session.is_gated()
        && session.limit().is_none()
        && !statement.contains(['\\', '\0'])
        && is_one_statement(statement)
        && class() == Ok(StatementClass::Rows)
}

async fn execute_together(
    session: &mut Session,
    statements: &[&str],
    changed: &mut Vec<u64>,
) -> Result<(), (usize, DatabaseError)> {
    let scope = session.enter(statements.first().copied()).await.map_err(|error| (0, error))?;
    let watch = session.watch();
    let (connection, meter, _) = session.wire();
    let (before, mut unread) = (changed.len(), None);
    let result = watch.run(send(connection, meter, statements, changed, &mut unread)).await;
    let last = statements.len() - 1;
    let at = unread.unwrap_or(changed.len() - before).min(last);
    session.leave(scope, result).await.map_err(|error| (at, error))
}

/// Sends statements in one message, and adds how many rows each has changed. `unread`: the number of the one that the server could
/// not read.
async fn send(
    connection: &mut PgConnection,
    meter: &Meter,
    statements: &[&str],
    changed: &mut Vec<u64>,
    unread: &mut Option<usize>,
) -> Result<()> {
    let text = statements.join(BETWEEN);
    let mut answers = meter.rows(connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(text))));
    let mut done = 0;
    loop {
        match answers.try_next().await {
            Ok(Some(Either::Left(answer))) => {
                done += 1;
                changed.push(answer.rows_affected());
            }
            Ok(Some(Either::Right(_))) => {}
            Ok(None) if done == statements.len() => return Ok(()),
            Ok(None) => return Err(DatabaseError::invalid("the server has run other statements than were sent to it")),
            Err(error) => {
                let starts = starts(statements);
                if done == 0
                    && let Some(position) = position(&error)
                {
                    *unread = starts.iter().rposition(|start| *start < position);
                }
                let at = unread.unwrap_or(done).min(statements.len() - 1);
                return Err(from_sqlx_within(&error, Some(statements[at]), starts[at]));
            }
        }
    }
}

/// How many characters are before each statement.
fn starts(statements: &[&str]) -> Vec<usize> {
    let mut next = 0;
    let start = |statement: &&str| {
        let start = next;
        next += statement.chars().count() + BETWEEN.len();
        start
    };
    statements.iter().map(start).collect()
}

/// Where in a text the server found an error, counted from 1 in characters.
fn position(error: &sqlx::Error) -> Option<usize> {
    let sqlx::Error::Database(inner) = error else { return None };
    match inner.try_downcast_ref::<PgDatabaseError>()?.position()? {
        PgErrorPosition::Original(position) => Some(position),
        PgErrorPosition::Internal { .. } => None,
    }
}
