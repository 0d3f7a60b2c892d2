//! Changes that wait for the next ones: the answer of a statement is stored together with the intent of the one that follows,
//! and the beginning of a migration together with its first step. Each pair would otherwise be two transactions, without
//! anything in between.
//!
//! What waits is lost if the process is killed in between. So only what the database itself shows may wait: the effect of a
//! statement that is in the schema, and a migration of which nothing has run.
//!
//! The answer of a statement whose effect the schema shows is stored with the intent of the next one. A process killed
//! in between has an intent without an answer, which the next run resolves from the schema, as for one killed during
//! the statement. An answer that nothing else shows is stored at once, and so is every answer before the run pauses or
//! is throttled.

use super::store;
use super::{Journal, JournalState};
use runner_base::error::Result;
use runner_database::{HostSession, SharedDatabase, ToolChange, TransactionOptions, UnitOfWork};

impl Journal {
    /// Makes the changes that wait. To be called before the run waits for anything, and where it ends.
    pub async fn flush(&self, database: &mut HostSession<'_>) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.pending.is_empty() {
            return Ok(());
        }
        let step = state.step;
        self.record(database, &mut state, Vec::new(), step).await
    }

    /// As [`Self::flush`], for a caller that does not hold the database.
    pub async fn flush_shared(&self, database: &SharedDatabase) -> Result<()> {
        if self.state.lock().await.pending.is_empty() {
            return Ok(());
        }
        let mut database = database.lock().await;
        self.flush(&mut database.host()).await
    }

    /// Whether no part of the journal has been stored yet, so that there is nothing to undo.
    pub async fn is_unwritten(&self) -> bool {
        self.state.lock().await.is_unwritten
    }

    /// Takes the changes that wait, for a caller that makes them with others. The answer among them is unknown until
    /// [`Self::settled`].
    pub async fn take_pending(&self) -> Vec<ToolChange> {
        let mut state = self.state.lock().await;
        state.unknown = state.unanswered.take();
        std::mem::take(&mut state.pending)
    }

    /// What was taken is stored.
    pub async fn settled(&self) {
        self.state.lock().await.unknown = None;
    }

    /// Makes the changes that wait and these, all in one transaction. The journal then ends with `step`.
    pub(super) async fn record(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        changes: Vec<ToolChange>,
        step: u64,
    ) -> Result<()> {
        let mut all = std::mem::take(&mut state.pending);
        all.extend(changes);
        let recorded = database.commit(UnitOfWork::Apart(&all)).await;
        let unanswered = state.unanswered.take();
        let waited = unanswered.as_ref().is_some_and(|(waited, _)| *waited == step);
        if recorded.error().is_some() {
            state.unknown = unanswered.or_else(|| state.unknown.take());
        }
        // An intent does not show the answer of its step.
        let marker = if waited { store::has_answer(self.run, step) } else { store::has_step(self.run, step) };
        let resolved = self.resolve_commit(database, state, recorded, &marker).await;
        // Changes of which the outcome is unknown may be stored.
        state.is_unwritten &= matches!(resolved, Ok(Err(_)));
        resolved?.map_err(store::unmade)?;
        state.unknown = None;
        Ok(())
    }

    /// Makes the changes that wait, if any, and begins the transaction of a step.
    pub(super) async fn record_and_begin(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        step: u64,
    ) -> Result<()> {
        if !state.pending.is_empty() {
            self.record(database, state, Vec::new(), step).await?;
            self.set_again(database, state).await?;
        }
        Ok(database.begin(TransactionOptions::default()).await?)
    }
}
