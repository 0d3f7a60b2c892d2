//! The lock that keeps two runs apart: an advisory lock of an open transaction on its own connection. It ends with its
//! owner, a migration cannot release it, and a pooler cannot hand it to another client. It is polled instead of waited
//! for on the server: `CREATE INDEX CONCURRENTLY` waits for every session that waits there, which would be a deadlock.
//!
//! It is asked by `pg_try_advisory_xact_lock`, with growing pauses of random length, and the transaction of a failed
//! attempt is rolled back at once. A comment in the holder's statement says who it is; `pg_stat_activity` shows it to
//! sessions of the same role. A session lock was rejected: a pooler keeps it or hands it to another client.

use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::error::{Result, lock_lost, unnamed};
use crate::host_sql::{backend_of, rows, rows_with_mark, simple, text_of};
use crate::place::ToolPlace;
use crate::settings::{Own, in_transaction};
use runner_base::backoff::Backoff;
use runner_database::holder::{still_held, wait_longer};
use runner_database::{DatabaseError, DatabaseErrorKind, LockHolder, LockRequest, StopSignal};

/// The prefix of a holder's statements; its record follows.
const MARK: &str = "/* runner lock, held by ";

/// Refreshes the list of sessions, which otherwise stays the same within a transaction.
pub(super) const ANEW: &str = "SELECT pg_catalog.pg_stat_clear_snapshot()";

/// The pauses between two attempts: the first and the longest.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));

/// How long a check of the lock's connection may take before the connection is considered lost.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Called with the holder that a run waits for.
pub(crate) type Waiting<'a> = &'a (dyn for<'b> Fn(&'b str) + Send + Sync);

/// An advisory lock.
pub(super) struct Advisory {
    connection: PgConnection,
    /// Comes before each statement of this connection, so that the list of sessions shows the lock's owner.
    mark: String,
    /// The server process behind it: its transaction stays open, so that a pooler cannot give it another.
    backend: i32,
    key: i64,
}

impl Advisory {
    /// Its connection, and what comes before each statement there.
    pub(super) fn wire(&mut self) -> (&mut PgConnection, &str) {
        (&mut self.connection, &self.mark)
    }

    /// Releases it.
    pub(super) async fn release(mut self) -> Result<()> {
        let released = simple(&mut self.connection, "ROLLBACK").await;
        if released.is_ok() {
            // The lock is already released.
            let _ = self.connection.close().await;
        }
        released
    }

    /// Fails if the connection that holds the lock is closed: another run may then hold the lock.
    pub(super) async fn check(&mut self) -> Result<()> {
        let held = ask(&self.mark, self.key);
        let answer = tokio::time::timeout(CHECK_TIMEOUT, rows_with_mark(&mut self.connection, &held)).await;
        match answer {
            Ok(Ok(rows)) if rows.first().and_then(|row| text_of(row, 0)).as_deref() == Some("t") => Ok(()),
            _ => Err(lock_lost()),
        }
    }

    /// Returns the condition under which the server still has the lock on record for the connection that holds it.
    pub(super) fn is_held_by(&self) -> String {
        format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE {} AND l.pid OPERATOR(pg_catalog.=) {})",
            on(self.key),
            self.backend
        )
    }

    /// Asks for the lock until it is free. In between nothing is open on the server: behind a pooler, a waiting run would
    /// keep a connection from the run that it waits for. Also returns whether the database has leases: one of a run that looks for the
    /// lock after it took its lease, or the other way round, sees the other.
    pub(super) async fn take(
        mut connection: PgConnection,
        place: &ToolPlace,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: Waiting<'_>,
    ) -> Result<(Self, bool)> {
        let mark = format!("{MARK}{} */ ", comment(&LockHolder::record(request)));
        let begin = format!(
            "{mark}BEGIN ISOLATION LEVEL READ COMMITTED; {}; SELECT pg_catalog.pg_backend_pid() AS pg_backend_pid; \
             SELECT pg_catalog.pg_try_advisory_xact_lock({}); \
             SAVEPOINT look; {}; ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look",
            in_transaction(&Own::default()),
            place.key,
            place.has_leases
        );
        let started = Instant::now();
        let mut told: Option<String> = None;
        let mut pauses = PAUSES;
        loop {
            if stop.is_raised() {
                return Err(DatabaseError::stopped());
            }
            let answer = rows_with_mark(&mut connection, &begin).await?;
            let has_leases = answer.last().and_then(|row| text_of(row, 0)).as_deref() == Some("leases");
            let locked = answer.iter().rev().nth(usize::from(has_leases));
            if locked.and_then(|row| text_of(row, 0)).as_deref() == Some("t") {
                let backend = backend_of(&answer).ok_or_else(|| unnamed("process it is"))?;
                return Ok((Self { connection, mark, backend, key: place.key }, has_leases));
            }
            let found = rows(&mut connection, &format!("{}; ROLLBACK", holder_query(place.key))).await?;
            if let Some(holder) = self::holder(&found)
                && told.as_ref() != Some(&holder.name)
            {
                waiting(&holder.name);
                told = Some(holder.name);
            }
            let left = request.wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(busy(told.as_deref().unwrap_or("another run"), request.wait));
            }
            tokio::select! {
                _ = stop.raised() => {}
                () = tokio::time::sleep(pauses.pause().min(left)) => {}
            }
        }
    }
}

/// Returns the query that requests the lock; requesting it again is harmless for its holder.
fn ask(mark: &str, key: i64) -> String {
    format!("{mark}SELECT pg_catalog.pg_try_advisory_xact_lock({key})")
}

/// Returns the query for the processes whose transaction works for a run.
pub(super) fn workers_query(place: &ToolPlace) -> String {
    format!("SELECT l.pid FROM pg_catalog.pg_locks l WHERE {}", on(place.work_key()))
}

/// Returns the condition on a row `l` of `pg_locks` that it is the lock of this key, and granted.
fn on(key: i64) -> String {
    let (high, low) = (key >> 32, key & 0xffff_ffff);
    format!(
        "l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted \
         AND l.classid::pg_catalog.int8 OPERATOR(pg_catalog.=) {high}::pg_catalog.int8 \
         AND l.objid::pg_catalog.int8 OPERATOR(pg_catalog.=) {low}::pg_catalog.int8 \
         AND l.objsubid OPERATOR(pg_catalog.=) 1 AND l.database OPERATOR(pg_catalog.=) \
             (SELECT d.oid FROM pg_catalog.pg_database d \
              WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"
    )
}

/// Queries the server in the transaction that holds the lock or waits for it. This transaction lasts as long as the
/// run, and what it has read would stay locked: `VACUUM FULL` and `REINDEX DATABASE` would wait for it, and new
/// connections would wait for them.
pub(super) async fn query(connection: &mut PgConnection, mark: &str, ask: &str) -> Result<Vec<PgRow>> {
    let look = format!("{mark}SAVEPOINT look; {ANEW}; {ask}; ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look");
    rows_with_mark(connection, &look).await
}

/// Returns the query for the session that holds the lock. It asks for this session only: the view of all sessions looks
/// up the database and role of each of them.
pub(crate) fn holder_query(key: i64) -> String {
    format!(
        "SELECT a.query, a.pid, pg_catalog.pg_get_userbyid(a.usesysid) \
         FROM pg_catalog.pg_locks l CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(l.pid) a \
         WHERE {} AND a.pid OPERATOR(pg_catalog.=) l.pid",
        on(key)
    )
}

/// Returns the holder named in the answer to [`holder_query`].
pub(crate) fn holder(found: &[PgRow]) -> Option<LockHolder> {
    let row = found.iter().find(|row| row.len() == 3)?;
    let query = text_of(row, 0).unwrap_or_default();
    let record = query.strip_prefix(MARK).map(|rest| rest.split(" */").next().unwrap_or(rest));
    let session =
        || format!("the session {} of `{}`", text_of(row, 1).unwrap_or_default(), text_of(row, 2).unwrap_or_default());
    Some(record.map_or_else(|| LockHolder::without_record(session()), LockHolder::parse))
}

/// Returns the text in a form that cannot end the comment around it.
fn comment(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .collect::<String>()
        .replace("*/", "* /")
        .replace("/*", "/ *")
}

fn busy(holder: &str, waited: Duration) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Busy, still_held(holder, waited)).hint(wait_longer(waited))
}
