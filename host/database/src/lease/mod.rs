//! A lock that any SQL server can hold: a row that says who has it until when, which its holder renews. Expiry is computed by the
//! database; this process measures intervals only, so no clock of a machine matters.
//!
//! An expired lease proves nothing about its holder, which may only be slow. Therefore each takeover increments a token, and each
//! transaction of a holder changes the row with its token before it commits: the two conflict, and a holder that wakes too late
//! commits nothing. `docs/design/0039-lease-lock.md` describes what that covers and what it does not.

mod acquire;
mod heartbeat;
mod rows;
mod settings;
mod takeover;

use std::time::Duration;

pub use self::acquire::{acquire, release, wait_for_leases};
pub use self::heartbeat::{Heartbeat, Open};
pub use self::rows::{LeaseRows, Seen};
pub use self::settings::{LOCK, LOCK_LEASE, LockSettings};
use super::error::Meaning;
use super::{DatabaseError, DatabaseErrorKind, ToolChange};

/// A lease that is held until it is dropped.
pub struct Lease {
    /// The name of the database: a copy of the database under another name has no lease.
    pub scope: String,
    /// The token.
    pub token: i64,
    /// How long it stays valid without being renewed.
    pub length: Duration,
    heartbeat: Heartbeat,
}

impl Lease {
    /// A lease that was taken. `token`: what distinguishes it from earlier ones; `length`: how long it is valid without
    /// a renewal.
    pub fn new(scope: String, token: i64, length: Duration, heartbeat: Heartbeat) -> Self {
        Self { scope, token, length, heartbeat }
    }

    /// The change that proves in a transaction, until its end, that this run holds the lease.
    pub fn fence(&self) -> ToolChange {
        rows::fence(&self.scope, self.token)
    }

    /// The change that renews the lease, so that a statement which cannot be fenced begins in a lease of full length. `now`: the
    /// database's clock.
    pub fn renewal(&self, now: &str) -> ToolChange {
        rows::renew(&self.scope, self.token, self.length, now)
    }

    /// Fails if the lease was found to be another run's.
    pub fn check(&self) -> Result<(), DatabaseError> {
        if self.heartbeat.has_lost() { Err(lost()) } else { Ok(()) }
    }

    /// Releases it.
    pub async fn release(self) {
        self.heartbeat.stop().await;
    }
}

/// The error of a run whose lease another run has taken.
pub fn lost() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Other,
        "this run has lost the lock: it did not renew its lease in time, and another run has taken it",
    )
    .means(Meaning::LeaseLost)
    .hint(
        "find out what stopped this process or cut it off, or choose a longer `lock-lease` in the URL; then run the command again",
    )
}
