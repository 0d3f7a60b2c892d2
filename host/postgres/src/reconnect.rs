//! Opens a new connection after one was lost, once the server has finished with the old one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::error::lost;
use super::lock::Lock;
use super::scope::{rows, simple, text_of};
use super::{PostgresDatabase, lease};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// How long the old session may continue before it is ended, and how long ending it may take.
const GRACE: Duration = Duration::from_secs(5);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(200);

/// What a lost connection may have left on the server.
pub(super) struct Left {
    /// Its server process.
    pub(super) backend: i32,
    /// The id of its transaction, if that writes.
    pub(super) xid: Option<String>,
}

impl PostgresDatabase {
    pub(super) async fn reconnect_now(&mut self) -> Result<(), DatabaseError> {
        if self.is_gated() {
            // Another session takes its place, with a ticket of its own.
            return Err(lost("the session of the component is lost"));
        }
        if self.check_usable().is_ok() {
            self.busy = true;
            let alive = simple(&mut self.connection, "SELECT 1").await;
            self.busy = false;
            if alive.is_ok() {
                return self.lock_again().await;
            }
        }
        self.lost = true;
        let xid = self.transaction.take().map(|transaction| transaction.xid);
        let backend = self.backend;
        self.left.get_or_insert(Left { backend, xid });
        self.wrapped = None;
        self.forget_statements();
        let (connection, found) = self.endpoint.open_for_work().await?;
        // The old one is dropped, which closes its socket: a server that waits for the client sees that it is gone.
        self.connection = connection;
        self.meter = found.meter;
        self.sessions += 1;
        self.ended = Arc::default();
        self.inspected = false;
        self.types.unguard();
        (self.facts, self.backend) = (found.facts, found.backend);
        if let Some(left) = &self.left {
            done_with(&mut self.connection, left).await?;
        }
        (self.busy, self.lost) = (false, false);
        let locked = self.lock_again().await;
        self.lost = locked.is_err();
        if !self.lost {
            self.left = None;
        }
        locked?;
        // A statement without a transaction may have ended its own session.
        self.compare_stored("").await
    }

    /// Returns what a session that is given up may have left on the server.
    pub(super) fn take_left(&mut self) -> Left {
        let xid = self.transaction.take().map(|transaction| transaction.xid);
        self.left.take().unwrap_or(Left { backend: self.backend, xid })
    }

    /// Takes the lock again, if the run holds one. The history shows whether another run held it meanwhile.
    async fn lock_again(&mut self) -> Result<(), DatabaseError> {
        let Some(locked_for) = self.locked_for.clone() else { return Ok(()) };
        if let Some(Lock::Lease(lease)) = &self.lock {
            lease.check()?;
            // The task that renews it may not have noticed yet.
            let held =
                rows(&mut self.connection, &format!("SELECT {}", lease::is_held(lease, self.endpoint.place()))).await?;
            if held.first().and_then(|row| text_of(row, 0)).as_deref() != Some("t") {
                // What this run knows about the database is out of date.
                return Err(runner_database::lease::lost());
            }
            return simple(&mut self.connection, &locked_for.set_application()).await;
        }
        if let Some(lock) = &mut self.lock
            && lock.check().await.is_ok()
        {
            return simple(&mut self.connection, &locked_for.set_application()).await;
        }
        self.lock = None;
        self.lock_now(&locked_for.request, &self.stop.clone(), &|_| {}).await
    }
}

/// Returns the lower half of a transaction's id, which is all that the list of sessions shows.
fn lower_half(xid: &str) -> u64 {
    xid.parse::<u64>().map_or(0, |xid| xid & 0xffff_ffff)
}

/// Waits until the server has ended the old session's transaction, and ends the session if that takes too long.
pub(super) async fn done_with(connection: &mut PgConnection, left: &Left) -> Result<(), DatabaseError> {
    // A session is identified by its process and its transaction: after a restart, another session may have the same
    // process number.
    let Left { backend, xid } = left;
    let which = match xid {
        Some(xid) => format!("backend_xid OPERATOR(pg_catalog.=) '{}'::pg_catalog.xid", lower_half(xid)),
        None => format!(
            "pid OPERATOR(pg_catalog.=) {backend} AND application_name OPERATOR(pg_catalog.~~) 'runner%' \
             AND state OPERATOR(pg_catalog.<>) 'idle'"
        ),
    };
    let ask = format!(
        "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() \
         AND {which} AND datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
    );
    let mut since = Instant::now();
    let mut asked = false;
    while let Some(pid) = rows(connection, &ask).await?.first().and_then(|row| text_of(row, 0)) {
        if since.elapsed() >= GRACE {
            if asked {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Busy,
                    format!("the lost connection's session {pid} still works in the server"),
                )
                .hint(format!("wait for it, or let a superuser run `SELECT pg_terminate_backend({pid})`")));
            }
            simple(connection, &format!("SELECT pg_catalog.pg_terminate_backend({pid})")).await?;
            asked = true;
            since = Instant::now();
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
