//! What a lost connection may have left on the server.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::error::Result;
use crate::host_sql::{rows, simple, text_of};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// How long the old session may continue before it is ended, and how long ending it may take.
const GRACE: Duration = Duration::from_secs(5);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(200);

/// A session that may still work, by its process and its transaction: after a restart, another session may have the same process
/// number.
pub struct LostSession {
    /// Its server process.
    pub(super) backend: i32,
    /// The id of its transaction, if that writes.
    pub(super) xid: Option<String>,
}

/// Returns the lower half of a transaction's id, which is all that the list of sessions shows.
fn lower_half(xid: &str) -> u64 {
    xid.parse::<u64>().map_or(0, |xid| xid & 0xffff_ffff)
}

impl LostSession {
    /// Waits until the server has ended its transaction, and ends the session if that takes too long.
    pub(super) async fn done(&self, connection: &mut PgConnection) -> Result<()> {
        let Self { backend, xid } = self;
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
}
