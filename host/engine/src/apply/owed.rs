//! The end of a migration that is stored with the beginning of the next one, in one transaction and one message.
//!
//! Only the end of a migration in SQL waits: a process that is killed before it is stored leaves statements that the journal
//! records or the schema shows, so the next run completes the migration without executing anything. Whoever follows the
//! run is told that it finished when that is stored, and so before anything is told of the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::opening::Opened;
use super::stepwise::made;
use super::{Engine, Failure};
use crate::Direction;
use crate::history::{Numbers, RunMode};
use crate::journal::Written;
use crate::outcome::{Done, Failed, Outcome, TookEffect};
use crate::plan::PlannedMigration;
use runner_base::error::{Error, ErrorKind};
use runner_database::ToolChange;
use runner_project::catalog::Kind;

/// What a stepwise migration takes over from those before it, and leaves to the one after it.
pub(super) struct Relay<'a> {
    /// The numbers of history rows.
    pub numbers: &'a Numbers,
    /// The end of the migration before, not stored yet.
    pub before: Option<&'a Owed>,
    /// Whether the next migration can store the end of this one, if its number in history is known before.
    pub may_owe: bool,
    /// The end of this one, if it is left to the next.
    pub owed: Option<Owed>,
}

/// The end of a migration that did everything, not stored yet.
pub(super) struct Owed {
    pub step: PlannedMigration,
    pub done: Done,
    pub opened: Opened,
    pub changes: Vec<ToolChange>,
    pub is_stored: Arc<AtomicBool>,
}

impl Owed {
    pub fn is_stored(&self) -> bool {
        self.is_stored.load(Ordering::Acquire)
    }

    /// What `step` stores of it before anything of its own, and what happens then.
    pub fn handed_to(&self, engine: &Engine, step: &PlannedMigration) -> (Vec<ToolChange>, Option<Written>) {
        if self.is_stored() {
            return (Vec::new(), None);
        }
        let (events, is_stored) = (engine.events.clone(), self.is_stored.clone());
        let (finished, started) = (Engine::finished(&self.done), Engine::started(step));
        let written = move || {
            is_stored.store(true, Ordering::Release);
            events.emit(&finished);
            events.emit(&started);
        };
        (self.changes.clone(), Some(Box::new(written)))
    }
}

/// Whether a migration begins with a message that can store the end of the one before it.
pub(super) fn can_store(next: &PlannedMigration) -> bool {
    let is_new = next.record.is_none() && next.broken.is_none() && next.resume_after.is_none();
    next.kind == Kind::Sql && next.mode == RunMode::Stepwise && next.direction == Direction::Up && is_new
}

impl Engine {
    /// Stores what is owed, unless the migration after it did. Returns false if that fails, which ends the run.
    pub(super) async fn settle(&self, owed: Option<Owed>, outcome: &mut Outcome) -> bool {
        let Some(owed) = owed else { return true };
        if !owed.is_stored() {
            if let Err(failure) = self.store(&owed).await {
                let error = self.control.explain(self.explain(failure.error, &owed.step));
                self.emit_failed(&owed.step, &error);
                outcome.error = Some(error);
                outcome.failed = Some(Failed { step: owed.step, took_effect: failure.took_effect });
                return false;
            }
            self.events.emit(&Self::finished(&owed.done));
        }
        outcome.done.push(owed.done);
        true
    }

    async fn store(&self, owed: &Owed) -> std::result::Result<(), Failure> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let recorded = database.record(&owed.changes).await;
        made(database, &owed.step, &owed.opened, recorded).await.map_err(|error| unstored(error, owed))
    }
}

/// The failure of a migration that did everything but stays open in history.
fn unstored(mut error: Error, owed: &Owed) -> Failure {
    if !matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) {
        error.kind = ErrorKind::Partial;
    }
    let steps = owed.done.steps;
    let took_effect = TookEffect { steps, of: Some(steps), ..TookEffect::default() };
    let error =
        error.hint(format!("what took effect stays: {took_effect}; `runner apply` records the migration as applied"));
    Failure { error, took_effect: Some(took_effect), met_a_lock: false }
}
