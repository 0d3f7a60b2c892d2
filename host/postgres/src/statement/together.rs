//! Statements of a migration in SQL that are sent in one message: a server that is far away is not waited for after each.
//!
//! The server reads the whole message before it runs any of it, and names a failed statement only by what it has done before. So there
//! is a savepoint before them, and where one fails, all are undone and run again one by one: the error is then that of the statement
//! alone, with its place.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Either, Executor as _, PgConnection};

use super::execute;
use crate::denied_statements;
use crate::error::{Result, from_sqlx};
use crate::session::Session;
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role};
use runner_sql::Tokens;

/// The savepoint before the statements.
const SAVEPOINT: &str = "runner_together";

/// Runs statements one after the other, up to the first that fails; adds how many rows each has changed.
pub(crate) async fn execute_each(session: &mut Session, statements: &[&str], changed: &mut Vec<u64>) -> Result<()> {
    let mut rest = statements;
    while !rest.is_empty() {
        let together = rest.iter().take_while(|text| may_be_sent_together(session, text)).count();
        let (now, after) = rest.split_at(together.max(1));
        let sent = if together > 1 { execute_together(session, now).await? } else { None };
        match sent {
            Some(rows) => changed.extend(rows),
            None => {
                for statement in now {
                    changed.push(execute(session, statement, &[]).await?);
                }
            }
        }
        rest = after;
    }
    Ok(())
}

/// Whether the server reads exactly this statement in a text of several. It ends a statement at a semicolon only; a backslash it may
/// read as an escape, if a script has changed the settings.
fn may_be_sent_together(session: &Session, statement: &str) -> bool {
    session.role() == Role::SqlScript
        && session.has_transaction()
        && !session.is_gated()
        && !statement.contains([';', '\\', '\0'])
        && denied_statements::check(&Tokens::new(statement, Dialect::Postgres), session.role()).is_ok()
}

/// Runs statements in one message, and returns how many rows each has changed; `None` if one failed, and all are undone.
async fn execute_together(session: &mut Session, statements: &[&str]) -> Result<Option<Vec<u64>>> {
    let scope = session.enter_with(statements.first().copied(), &format!("SAVEPOINT {SAVEPOINT}; ")).await?;
    let limit = session.limit().map(|each| each.saturating_mul(u32::try_from(statements.len()).unwrap_or(u32::MAX)));
    let watch = session.watch();
    let (connection, meter, _) = session.wire();
    let result = watch.run_within(limit, send(connection, meter, statements)).await;
    let result = match result {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if is_of_one(&error) => session
            .link_mut()
            .run(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}"))
            .await
            .map(|()| None),
        Err(error) => Err(error),
    };
    session.leave(scope, result).await
}

/// Whether it may be the error of a single statement, rather than that of the session or of a run that is to stop.
fn is_of_one(error: &DatabaseError) -> bool {
    !matches!(error.kind, DatabaseErrorKind::Connection | DatabaseErrorKind::Interrupted)
}

async fn send(connection: &mut PgConnection, meter: &Meter, statements: &[&str]) -> Result<Vec<u64>> {
    // What is on the last line of a statement may be a comment.
    let text = format!("{}\n; RELEASE SAVEPOINT {SAVEPOINT}", statements.join("\n;"));
    let mut answers = meter.rows(connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(text))));
    let mut rows = Vec::with_capacity(statements.len() + 1);
    while let Some(part) = answers.try_next().await.map_err(|error| from_sqlx(&error, None))? {
        if let Either::Left(done) = part {
            rows.push(done.rows_affected());
        }
    }
    // That of the RELEASE.
    rows.pop();
    match rows.len() == statements.len() {
        true => Ok(rows),
        false => Err(DatabaseError::invalid("the server has read other statements than were sent to it")),
    }
}
