//! Keeps all workers from the transforms of a run.
//!
//! A worker that ends a failed transform, or takes it over with another build, locks the frontier and then all chunks.
//! No worker that holds a chunk waits for the frontier, so the two cannot wait for each other; and with the frontier
//! locked, none can cut another chunk. In the other order, a quick worker would always have claimed the next chunk
//! before this one learns of the last. A failure that the component handles is recorded in the same way, when its next
//! step begins or when it ends: until then, helpers may continue.

use std::time::Duration;

use super::store::unwritable;
use super::{Journal, chunk};
use runner_base::backoff::Backoff;
use runner_base::error::Result;
use runner_database::{HostSession, Part};

/// How often it is tried again after a worker was in the way for longer than a lock timeout, or the server took one of the two for
/// the victim of a deadlock: more often than there are workers, each of which leaves after its chunk.
const TRIES: u32 = 20;

/// The pause before the first further try; each is twice as long, up to a second.
const PAUSE: Duration = Duration::from_millis(50);

impl Journal {
    /// Begins a transaction, waits for all workers on chunks of the run, and keeps others from starting until it ends. It sees what
    /// they have committed until then.
    pub(super) async fn begin_closed(&self, database: &mut HostSession<'_>) -> Result<()> {
        let mut tries = 0;
        let mut pauses = Backoff::new(PAUSE, Duration::from_secs(1));
        loop {
            // The host's own, whatever the component's login is.
            database.begin_part(Part::Claim).await?;
            let Err(error) = chunk::close(database, self.run).await else { return Ok(()) };
            database.rollback().await?;
            if let Some(stopped) = self.stopped() {
                return Err(stopped);
            }
            if !error.is_transient() || tries == TRIES {
                return Err(unwritable(error));
            }
            tries += 1;
            tokio::time::sleep(pauses.pause()).await;
        }
    }
}
