//! What a killed run has left: the server continues its last statement for a while, although the lock is free.
//!
//! Working sessions are named after their run. A run that gets the lock waits for those of other runs that are not
//! idle, then terminates them; `client_connection_check_interval` (14 and later) and keep-alives make them rare.

use std::time::{Duration, Instant};

use sqlx::{PgConnection, Row};

use super::advisory::{self, Waiting, workers_query};
use crate::error::Result;
use crate::host_sql::{literal, rows_with_mark, text_of};
use crate::place::ToolPlace;
use runner_database::{DatabaseError, DatabaseErrorKind, StopSignal};
use runner_sql::excerpt;

/// How long an orphaned statement may continue before it is ended: a run that recovers has two seconds in all, and most
/// servers end the statement within the first (see `client_connection_check_interval` in `settings`).
const GRACE: Duration = Duration::from_secs(1);

/// How long ending it may take on a busy server.
const ENDING: Duration = Duration::from_secs(30);

/// How much longer the statement may continue if the server does not permit us to end it.
const REFUSED: Duration = Duration::from_secs(5);

/// How many looks either takes at least: if this process is suspended for so long, nothing was found out meanwhile.
const LOOKS: u32 = 20;

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(100);

/// A session of a run that no longer exists.
struct Orphan {
    pid: String,
    name: String,
    query: String,
}

/// Waits until no session works for an earlier run, and ends sessions that take too long. The holder of the lock calls
/// this on the lock's connection, before it names its own work connection. `mark` is put before each statement.
pub(super) async fn end(
    connection: &mut PgConnection,
    place: &ToolPlace,
    mark: &str,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<()> {
    let since = Instant::now();
    let mut told = false;
    // When they were asked to end: this process may have been suspended until then.
    let mut asked: Option<Instant> = None;
    let mut looks = 0;
    let mut refused = None;
    loop {
        let left = query(connection, place, mark).await?;
        let Some(first) = left.first() else { return Ok(()) };
        looks += u32::from(asked.is_some());
        if !told {
            waiting(&format!("what is left of the run `{}`: {}", first.run(), excerpt(&first.query)));
            told = true;
        }
        let patience = if refused.is_some() { REFUSED } else { ENDING };
        if looks >= LOOKS && asked.is_some_and(|asked| asked.elapsed() >= patience) {
            return Err(stays(first, refused));
        }
        if since.elapsed() >= GRACE && asked.is_none() {
            for orphan in &left {
                refused = terminate(connection, mark, orphan).await?.or(refused);
            }
            asked = Some(Instant::now());
        }
        tokio::select! {
            _ = stop.raised() => return Err(DatabaseError::stopped()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

impl Orphan {
    fn run(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(_, run)| run)
    }
}

/// Finds the sessions that are active. Idle sessions do no work: a pooler may keep one with the name of its last
/// client.
async fn query(connection: &mut PgConnection, place: &ToolPlace, mark: &str) -> Result<Vec<Orphan>> {
    let ask = format!(
        "SELECT pid, application_name, query FROM pg_catalog.pg_stat_activity \
         WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
         AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() \
         AND (pg_catalog.starts_with(application_name, {}) OR pid OPERATOR(pg_catalog.=) ANY ({})) \
         AND (state OPERATOR(pg_catalog.<>) 'idle' OR state IS NULL)",
        literal(&place.application),
        workers_query(place)
    );
    let found = advisory::query(connection, mark, &ask).await?;
    let found = found.iter().filter(|row| row.len() == 3);
    Ok(found
        .map(|row| {
            let text = |column| text_of(row, column).unwrap_or_default();
            Orphan { pid: text(0), name: text(1), query: text(2) }
        })
        .collect())
}

/// Ends a session, in a savepoint: a refusal, which is a valid answer, must not end the transaction that holds the
/// lock.
async fn terminate(connection: &mut PgConnection, mark: &str, orphan: &Orphan) -> Result<Option<DatabaseError>> {
    let pid = &orphan.pid;
    let end =
        format!("{mark}SAVEPOINT orphan; SELECT pg_catalog.pg_terminate_backend({pid}); RELEASE SAVEPOINT orphan");
    match rows_with_mark(connection, &end).await {
        Ok(_) => Ok(None),
        Err(error) if error.kind == DatabaseErrorKind::Connection => Err(error),
        Err(error) => {
            rows_with_mark(connection, &format!("{mark}ROLLBACK TO SAVEPOINT orphan; RELEASE SAVEPOINT orphan"))
                .await?;
            Ok(Some(error))
        }
    }
}

fn stays(orphan: &Orphan, why: Option<DatabaseError>) -> DatabaseError {
    let Orphan { pid, query, .. } = orphan;
    let error = DatabaseError::new(
        DatabaseErrorKind::Busy,
        format!("the session {pid} still works for the run `{}`, which is gone: {}", orphan.run(), excerpt(query)),
    )
    .hint(format!("wait for it, or let its owner or a superuser run `SELECT pg_terminate_backend({pid})`"));
    match why {
        Some(why) => error.detail(why.to_string()),
        None => error,
    }
}
