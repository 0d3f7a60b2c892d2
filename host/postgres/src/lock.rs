//! The lock that keeps two runs apart: an advisory lock of an open transaction on its own connection. It ends with its
//! owner, a migration cannot release it, and a pooler cannot hand it to another client. It is polled instead of waited
//! for on the server: `CREATE INDEX CONCURRENTLY` waits for every session that waits there, which would be a deadlock.
//!
//! It is asked by `pg_try_advisory_xact_lock`, with growing pauses of random length, and the transaction of a failed
//! attempt is rolled back at once. A comment in the holder's statement says who it is; `pg_stat_activity` shows it to
//! sessions of the same role. A session lock was rejected: a pooler keeps it or hands it to another client.

use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};

use super::error::lost;
use super::place::ToolPlace;
use super::scope::{backend_of, rows, simple, text_of};
use super::settings::{Own, in_transaction};
use super::speech::rows_with_mark;
use super::{PostgresDatabase, lease, orphans};
use runner_base::backoff::Backoff;
use runner_database::holder::{still_held, wait_longer};
use runner_database::lease::{self as leases, Lease, acquire, outlast};
use runner_database::{DatabaseError, DatabaseErrorKind, Facts, LockHolder, LockRequest, StopSignal};

/// The prefix of a holder's statements; its record follows.
const MARK: &str = "/* runner lock, held by ";

/// Refreshes the list of sessions, which otherwise stays the same within a transaction.
const ANEW: &str = "SELECT pg_catalog.pg_stat_clear_snapshot()";

/// The pauses between two attempts: the first and the longest.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));

/// The code of [`lock_lost`]: the connection for the work is not lost.
pub(super) const UNLOCKED: &str = "runner:unlocked";

/// How long a check of the lock's connection may take before the connection is considered lost.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// A lock that is held until it is dropped.
pub(super) enum Lock {
    /// The server's own.
    Advisory(Advisory),
    /// A row that is renewed.
    Lease(Lease),
}

/// An advisory lock.
pub(super) struct Advisory {
    connection: PgConnection,
    /// Comes before each statement of this connection, so that the list of sessions shows the lock's owner.
    mark: String,
    /// The server process behind it: its transaction stays open, so that a pooler cannot give it another.
    backend: i32,
    key: i64,
}

/// Whom the lock was taken for.
#[derive(Clone)]
pub(super) struct LockedFor {
    pub(super) request: LockRequest,
    /// The name of the connections that work for the run. The server keeps 63 bytes of it.
    pub(super) application: String,
}

impl LockedFor {
    fn of(request: &LockRequest, place: &ToolPlace) -> Self {
        let is_plain = |character: &char| character.is_ascii_graphic() && !matches!(character, '\'' | '\\');
        let name: String = request.run_id.chars().filter(is_plain).collect();
        Self { request: request.clone(), application: format!("{}{name}", place.application) }
    }

    /// Returns the statement that names the connection after its run, so that a later run can recognise what an earlier one has left.
    pub(super) fn set_application(&self) -> String {
        format!("SET application_name = '{}'", self.application)
    }
}

impl Lock {
    /// Fails if the lock is known to be lost.
    pub(super) async fn check(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Advisory(lock) => lock.check().await,
            Self::Lease(lease) => lease.check(),
        }
    }

    /// Returns the condition under which the server still has the lock on record for this run.
    pub(super) fn is_held_by(&self, place: &ToolPlace) -> String {
        match self {
            Self::Advisory(lock) => lock.is_held_by(),
            Self::Lease(lease) => lease::is_held(lease, place),
        }
    }

    /// Returns the error for the lock if it is lost.
    pub(super) fn lost(&self) -> DatabaseError {
        match self {
            Self::Advisory(_) => lock_lost(),
            Self::Lease(_) => runner_database::lease::lost(),
        }
    }

    /// Returns the statements that, right before a COMMIT, keep another run from taking the lock until then, or fail if it has
    /// it; none where the lock needs none.
    pub(super) fn fence(&self, facts: &Facts) -> Result<String, DatabaseError> {
        match self {
            Self::Advisory(_) => Ok(String::new()),
            Self::Lease(lease) => lease::fence(lease, facts),
        }
    }
}

impl Advisory {
    /// Fails if the connection that holds the lock is closed: another run may then hold the lock.
    async fn check(&mut self) -> Result<(), DatabaseError> {
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
    async fn take(
        mut connection: PgConnection,
        place: &ToolPlace,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(Self, bool), DatabaseError> {
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
                let backend = backend_of(&answer).ok_or_else(|| lost("the server does not say which process it is"))?;
                return Ok((Self { connection, mark, backend, key: place.key }, has_leases));
            }
            let found = rows(&mut connection, &format!("{}; ROLLBACK", who_holds_it(place.key))).await?;
            if let Some(holder) = self::told(&found)
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

impl PostgresDatabase {
    /// Returns what a transaction asks for when it begins, in addition to `also`, if it works for a run that holds the
    /// lock.
    pub(super) fn at_work(&self, also: &str) -> String {
        match self.locked_for {
            Some(_) => {
                format!("{also}, pg_catalog.pg_try_advisory_xact_lock_shared({})", self.endpoint.place().work_key())
            }
            None => also.to_owned(),
        }
    }

    pub(super) async fn lock_now(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.check_usable()?;
        let lock = match self.endpoint.lock().is_lease {
            true => Lock::Lease(self.take_lease(request, stop, waiting).await?),
            false => Lock::Advisory(self.take_advisory(request, stop, waiting).await?),
        };
        let locked_for = LockedFor::of(request, self.endpoint.place());
        self.busy = true;
        let named = simple(&mut self.connection, &locked_for.set_application()).await;
        self.busy = false;
        self.note_loss(&named);
        named?;
        self.lock = Some(lock);
        self.locked_for = Some(locked_for);
        Ok(())
    }

    async fn take_advisory(
        &self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Advisory, DatabaseError> {
        let connection = self.endpoint.open().await?;
        let (mut lock, has_leases) = Advisory::take(connection, self.endpoint.place(), request, stop, waiting).await?;
        if has_leases {
            let mut rows = lease::Rows::open(&self.endpoint, &self.database).await?;
            outlast(&mut rows, request, true, stop, waiting).await?;
        }
        orphans::end(&mut lock.connection, self.endpoint.place(), &lock.mark, stop, waiting).await?;
        Ok(lock)
    }

    async fn take_lease(
        &self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Lease, DatabaseError> {
        let mut rows = lease::Rows::open(&self.endpoint, &self.database).await?;
        let length = self.endpoint.lock().length;
        let token = acquire(&mut rows, request, length, true, stop, waiting).await?;
        let lease = match lease::hold(&self.endpoint, &self.database, token).await {
            Ok(lease) => lease,
            Err(error) => {
                // It is no longer renewed, and no run should have to wait for it.
                let _ = leases::release(&mut rows, token).await;
                return Err(error);
            }
        };
        simple(&mut rows.connection, &format!("BEGIN; {}", in_transaction(&Own::default()))).await?;
        orphans::end(&mut rows.connection, self.endpoint.place(), "", stop, waiting).await?;
        simple(&mut rows.connection, "ROLLBACK").await?;
        // Closed properly, it leaves no trace in the server's log; the lease is held without it.
        let _ = rows.connection.close().await;
        Ok(lease)
    }

    pub(super) async fn lock_holder_now(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        let is_lease = self.endpoint.lock().is_lease;
        if is_lease {
            self.check_free()?
        } else {
            self.check_usable()?
        }
        self.busy = true;
        let holder = match is_lease {
            true => self.lease_holder().await,
            false => holder(&mut self.connection, self.endpoint.place().key).await,
        };
        self.busy = false;
        self.note_loss(&holder);
        holder
    }

    /// Returns the holder of the lease, or else of the server's own lock.
    async fn lease_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        match lease::look(&mut self.connection, &self.facts, &self.database)
            .await?
            .and_then(|seen| seen.live_holder(true))
        {
            Some(found) => Ok(Some(found)),
            None => holder(&mut self.connection, self.endpoint.place().key).await,
        }
    }

    pub(super) async fn unlock_now(&mut self) -> Result<(), DatabaseError> {
        self.locked_for = None;
        let released = match self.lock.take() {
            None => return Ok(()),
            Some(Lock::Lease(lease)) => {
                lease.release().await;
                Ok(())
            }
            Some(Lock::Advisory(mut lock)) => {
                let released = simple(&mut lock.connection, "ROLLBACK").await;
                if released.is_ok() {
                    // The lock is already released.
                    let _ = lock.connection.close().await;
                }
                released
            }
        };
        if self.check_usable().is_ok() && self.transaction.is_none() {
            self.busy = true;
            let named = simple(&mut self.connection, &self.endpoint.set_application()).await;
            self.busy = false;
            self.note_loss(&named);
        }
        released
    }
}

/// Returns the error for a lock that was lost before it was released.
pub(super) fn lock_lost() -> DatabaseError {
    lost("the connection that holds the lock is lost, so another run may have begun")
        .code(UNLOCKED)
        .hint("run it again; check whether a pooler or the server ends idle transactions")
}

/// Returns what has to follow a text that resets the session: [`LockedFor::set_application`] of the run that has the lock.
pub(super) fn name_again(locked_for: Option<&LockedFor>) -> String {
    locked_for.map(|it| format!("; {}", it.set_application())).unwrap_or_default()
}

/// Returns the query that requests the lock; requesting it again is harmless for its holder.
fn ask(mark: &str, key: i64) -> String {
    format!("{mark}SELECT pg_catalog.pg_try_advisory_xact_lock({key})")
}

/// Returns the query for the processes whose transaction works for a run.
pub(super) fn who_works(place: &ToolPlace) -> String {
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

/// Returns the holder of the lock, as far as it can be determined.
async fn holder(connection: &mut PgConnection, key: i64) -> Result<Option<LockHolder>, DatabaseError> {
    let found = rows(connection, &format!("{ANEW}; {}", who_holds_it(key))).await?;
    Ok(told(&found))
}

/// Queries the server in the transaction that holds the lock or waits for it. This transaction lasts as long as the
/// run, and what it has read would stay locked: `VACUUM FULL` and `REINDEX DATABASE` would wait for it, and new
/// connections would wait for them.
pub(super) async fn look(connection: &mut PgConnection, mark: &str, ask: &str) -> Result<Vec<PgRow>, DatabaseError> {
    let look = format!("{mark}SAVEPOINT look; {ANEW}; {ask}; ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look");
    rows_with_mark(connection, &look).await
}

/// Returns the query for the session that holds the lock. It asks for this session only: the view of all sessions looks
/// up the database and role of each of them.
pub(super) fn who_holds_it(key: i64) -> String {
    format!(
        "SELECT a.query, a.pid, pg_catalog.pg_get_userbyid(a.usesysid) \
         FROM pg_catalog.pg_locks l CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(l.pid) a \
         WHERE {} AND a.pid OPERATOR(pg_catalog.=) l.pid",
        on(key)
    )
}

/// Returns the holder named in the answer to [`who_holds_it`].
pub(super) fn told(found: &[PgRow]) -> Option<LockHolder> {
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
