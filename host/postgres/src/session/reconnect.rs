//! What belongs to a new session after one was lost.

use super::Session;
use crate::error::{Result, lost};
use crate::transaction::Transaction;

impl Session {
    /// Lets another session take the place of a lost one, once the server has finished with that.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        if self.is_gated() {
            // Another session takes its place, with a ticket of its own.
            return Err(lost("the session of the component is lost"));
        }
        if self.link.check().is_ok() && self.link.run("SELECT 1").await.is_ok() {
            return self.lock.take_again(&mut self.link).await;
        }
        self.link.leave(self.transaction.take().map(Transaction::into_xid));
        self.link.reopen().await?;
        self.guard.is_new();
        self.types.unguard();
        if let Err(error) = self.lock.take_again(&mut self.link).await {
            self.link.lose();
            return Err(error);
        }
        self.link.is_new();
        // A statement without a transaction may have ended its own session.
        self.guard.compare_stored(&mut self.link, "").await
    }
}
