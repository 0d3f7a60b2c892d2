//! The record of a stepwise migration. Every call that touches the database is a step that commits by itself, together
//! with its answer. An interrupted run restarts from the beginning: recorded steps are answered from the journal, and
//! the first step that is not recorded runs live.
//!
//! A step that can be rolled back is committed in one transaction with its entry, so either both exist or neither does.
//! A step that cannot is recorded before it begins and again after it ends. If only its beginning is recorded, its
//! outcome is unknown unless the database itself shows it.

mod checkpoint;
pub mod chunk;
mod closing;
pub mod crash;
mod failure;
mod head;
mod open;
mod pending;
mod repair;
mod resolve;
mod session;
mod statements;
mod step;
mod store;
mod successor;
mod suspend;
#[cfg(test)]
mod tests;

pub use checkpoint::{LiveTransform, MOST_BATCHES, TransformStep};
pub use head::{Head, Worker};
pub use open::{Build, StepProgress, first_inputs};
pub use repair::{Decision, Unknown, damage, decide, named_objects, unknown};
pub use resolve::Known;
pub use session::counts_own_statements;
pub use statements::check_statements;
pub use step::{JournalStep, LiveStep};
pub use store::{Checkpoint, trimmed};
pub use successor::Successor;

use std::collections::VecDeque;

use crate::Direction;
use crate::call::{CallKind, Inputs, answer};
use crate::clock::now;
use crate::run::Run;
use crate::stopped::stopped;
use runner_base::error::{Error, Result};
use runner_database::{Facts, HostSession, SharedDatabase, StopSignal, ToolChange};
use runner_project::catalog::Kind;

/// The journal of one migration in one direction.
pub struct Journal {
    run: Run,
    kind: Kind,
    facts: Facts,
    inputs: Inputs,
    stop: StopSignal,
    state: tokio::sync::Mutex<JournalState>,
}

/// The position of a run in its journal.
#[derive(Default)]
struct JournalState {
    /// The last step that was begun or answered.
    step: u64,
    /// The seal over all steps up to `step`.
    seal: String,
    /// The next recorded steps.
    page: VecDeque<store::Recorded>,
    /// Whether all recorded steps have been replayed.
    is_live: bool,
    /// A step that failed. It is recorded if the migration continues after it; if it ends the migration, the next run
    /// retries it.
    failed: Option<store::Entry>,
    /// The number of recorded steps.
    done: u64,
    /// The number of recorded steps that may have changed something.
    effects: u64,
    /// A step whose outcome is unknown.
    unknown: Option<(u64, String)>,
    /// A part of it remains, and it can run again.
    repeats: bool,
    /// The number of the session that the last step used.
    session_number: Option<u64>,
    /// Changes that are made together with the next ones.
    pending: Vec<ToolChange>,
    /// No part of the journal has been stored.
    is_unwritten: bool,
    /// The step whose answer is among them.
    unanswered: Option<(u64, String)>,
    /// What is in the session and not in the journal.
    session: session::Session,
    /// The builds of the component that worked on it.
    builds: successor::Builds,
}

impl JournalState {
    /// Seals a step with its answer.
    fn sealed(&mut self, entry: &mut store::Entry, answer: Vec<u8>) {
        entry.seal = entry.seal_over(&self.seal, &answer);
        entry.answer = Some(answer);
        entry.ended_at = Some(now());
    }

    fn recorded(&mut self, entry: &store::Entry) {
        self.seal.clone_from(&entry.seal);
        self.done = entry.step;
        self.effects += u64::from(entry.effect);
    }
}

impl Journal {
    /// Returns what the migration sees of the outside world, as it was when its first run began.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Returns the digest of the build that works on it.
    pub async fn build(&self) -> String {
        self.state.lock().await.builds.current(&self.inputs.sha256).to_owned()
    }

    /// Returns the history row and the direction.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Returns the migration's progress.
    pub async fn progress(&self) -> StepProgress {
        let state = self.state.lock().await;
        StepProgress {
            done: state.done,
            effects: state.effects,
            unknown: state.unknown.clone(),
            repeats: state.repeats,
        }
    }

    /// Records a failure of the last step, which the completed migration survived. Fails if the journal holds steps that it did not
    /// repeat.
    pub async fn end(&self, database: &mut HostSession<'_>) -> Result<()> {
        let mut state = self.state.lock().await;
        match self.next_recorded(database, &mut state).await? {
            None => {
                let next = state.step + 1;
                self.hand_over(database, &mut state, (next, false)).await?;
                self.record_failure(database, &mut state).await
            }
            Some(recorded) => Err(self.diverged(&state, &recorded.entry, "the end of the migration")),
        }
    }

    /// Returns how many steps the next entry is, or `None` if the journal holds no other.
    pub async fn recorded_steps(&self, database: &SharedDatabase) -> Result<Option<u64>> {
        let mut database = database.lock().await;
        let mut state = self.state.lock().await;
        let next = self.next_recorded(&mut database.host(), &mut state).await?;
        let Some(next) = next else { return Ok(None) };
        let steps = next.entry.step - state.step;
        state.page.push_front(next);
        Ok(Some(steps))
    }

    /// Returns the next entry if the journal holds one.
    async fn next_recorded(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
    ) -> Result<Option<store::Recorded>> {
        if state.is_live {
            return Ok(None);
        }
        if state.page.is_empty() {
            state.page = store::page(database, self.run, state.step).await?.into();
        }
        let Some(recorded) = state.page.pop_front() else {
            // From here on steps run live, so no entry may be missing.
            head::check(database, self.run, state.step, &state.seal).await?;
            state.is_live = true;
            return Ok(None);
        };
        recorded.check_follows(state.step)?;
        Ok(Some(recorded))
    }

    /// Returns the error for a migration that differs from what is recorded.
    fn diverged(&self, state: &JournalState, recorded: &store::Entry, now: &str) -> Error {
        if self.kind == Kind::Sql {
            return statements::changed(state.done);
        }
        let error = Error::mismatch("the component did not repeat its recorded steps")
            .at("step", recorded.step.to_string())
            .cause(format!("recorded: {} `{}`", recorded.kind, recorded.text))
            .cause(format!("now: {now}"));
        if state.builds.successor.is_some() {
            return self.not_a_successor(error, state.done);
        }
        error.hint(
            "with the same parameters, time, seed and answers a component must make the same calls: look for anything \
                 else that it depends on",
        )
    }

    fn stopped(&self) -> Option<Error> {
        self.stop.reason().map(stopped)
    }
}

/// The name of the entry with this number after so many steps: `statement 2`, or `the transaction of statements 2 to 5`.
pub fn entry_name(one: &str, done: u64, step: u64) -> String {
    match step > done + 1 {
        true => format!("the transaction of {one}s {} to {step}", done + 1),
        false => format!("{one} {step}"),
    }
}

/// Returns the error for a journal that is not as it was written.
fn damaged(what: String) -> Error {
    store::corrupt().cause(what)
}

/// Returns the end of a run's journal and the last worker.
pub async fn head(database: &mut HostSession<'_>, run: Run) -> Result<Head> {
    head::read(database, run).await
}

/// The progress of a partial revision, for read-only commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartialProgress {
    /// The number of completed steps.
    pub done: u64,
    /// The step whose outcome only an operator can determine.
    pub unknown: Option<u64>,
    /// What a transform in progress has committed.
    pub committed: answer::Transformed,
}

/// Returns the progress of a partial revision from its journal.
pub async fn progress(database: &mut HostSession<'_>, history: i64, direction: Direction) -> Result<PartialProgress> {
    let run = Run { history, direction };
    let mut progress = PartialProgress { done: store::done(database, run).await?, ..PartialProgress::default() };
    let Some(intent) = store::intent(database, run).await? else { return Ok(progress) };
    if intent.kind == CallKind::Transform.name() {
        progress.committed = run.committed(database).await?;
    } else if resolve::known(database, &intent).await?.waits_for_the_operator() {
        progress.unknown = Some(intent.step);
    }
    Ok(progress)
}

/// Returns the work of a partial revision's transforms in progress, for read-only commands, or `None` if there are
/// none. With `helper`, only the work of that run, which helped another run.
pub async fn transformed(
    database: &mut HostSession<'_>,
    run: Run,
    helper: Option<&str>,
) -> Result<Option<answer::Transformed>> {
    store::transformed(database, run, helper).await
}
