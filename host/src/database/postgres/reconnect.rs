//! After a connection was lost: a new one, once the server has done with the old.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::PostgresDatabase;
use super::scope::{rows, simple, text_of};
use super::watch::stopped;
use crate::database::{DatabaseError, DatabaseErrorKind};

/// How long a server that was restarted may take to come back.
const RETURN: Duration = Duration::from_secs(60);

/// How long the old session may go on before it is ended, and how long its end may take.
const GRACE: Duration = Duration::from_secs(5);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

impl PostgresDatabase {
    pub(super) async fn reconnect_now(&mut self) -> Result<(), DatabaseError> {
        if self.check_usable().is_ok() {
            self.busy = true;
            let alive = simple(&mut self.connection, "SELECT 1").await;
            self.busy = false;
            if alive.is_ok() {
                return Ok(());
            }
        }
        let (connection, found) = self.come_back().await?;
        let old = std::mem::replace(&mut self.connection, connection);
        // Closes the socket: a server that waits for us sees that nobody is there.
        drop(old);
        self.facts = found.facts;
        let backend = std::mem::replace(&mut self.backend, found.backend);
        let xid = self.transaction.take().map(|transaction| transaction.xid).or(self.doubtful.take());
        self.wrapped = None;
        self.forget_statements();
        (self.busy, self.lost) = (false, false);
        done_with(&mut self.connection, backend, xid.as_deref()).await?;
        self.lock_again().await
    }

    async fn come_back(&self) -> Result<(PgConnection, super::connect::Found), DatabaseError> {
        let deadline = Instant::now() + RETURN;
        loop {
            match self.server.open_for_work().await {
                Err(error) if error.kind == DatabaseErrorKind::Connection && Instant::now() < deadline => {
                    tokio::select! {
                        _ = self.stop.raised() => return Err(stopped()),
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
                other => return other,
            }
        }
    }

    async fn lock_again(&mut self) -> Result<(), DatabaseError> {
        let Some(lock) = &mut self.lock else { return Ok(()) };
        let request = lock.request().clone();
        if lock.check().await.is_ok() {
            return simple(&mut self.connection, &super::lock::set_application(&request.run_id)).await;
        }
        self.lock = None;
        self.lock_now(&request, &self.stop.clone(), &|_| {}).await
    }
}

/// Waits until the server has ended the old session's transaction, and ends the session if that lasts.
async fn done_with(connection: &mut PgConnection, backend: i32, xid: Option<&str>) -> Result<(), DatabaseError> {
    // A session is known by its process and its transaction: after a restart, the same process number may be another's.
    let which = match xid {
        Some(xid) => format!("(backend_xid::text::int8 = ({xid} & 4294967295))"),
        None => format!("(pid = {backend} AND application_name LIKE 'runner%' AND state <> 'idle')"),
    };
    let ask = format!(
        "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND {which} \
         AND datname = pg_catalog.current_database()"
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
