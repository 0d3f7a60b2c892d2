//! The record of a stepwise migration: every call that touches the database is a step that commits by itself, together with
//! what it answered. A run that broke off is begun again from its start; what the journal holds is answered from it, and the
//! first step that it does not hold goes on live.
//!
//! A step that can be rolled back is committed in one transaction with its entry: it is either done and recorded or neither. One
//! that cannot is noted before it begins and after it ended; if it is found begun and not ended, nobody knows, unless the
//! database itself shows it.

mod checkpoint;
pub mod chunk;
pub mod crash;
mod head;
mod open;
mod repair;
mod resolve;
mod step;
mod store;
mod suspend;
#[cfg(test)]
mod tests;

pub use checkpoint::{LiveTransform, TransformStep};
pub use head::{Head, Worker};
pub use open::Progress;
pub use repair::{Decision, Unknown, damage, decide, found, unknown};
pub use resolve::Known;
pub use step::{Begun, Live};
pub use store::Checkpoint;

use std::collections::VecDeque;

use crate::database::{Facts, HostSession, StopSignal};
use crate::engine::Direction;
use crate::engine::call::{CallKind, Inputs, answer};
use crate::engine::clock::now;
use crate::engine::run::Run;
use crate::engine::stopped::stopped;
use crate::error::{Error, Result};
use crate::project::catalog::Kind;

/// The journal of one migration in one direction.
pub struct Journal {
    run: Run,
    kind: Kind,
    facts: Facts,
    inputs: Inputs,
    stop: StopSignal,
    state: tokio::sync::Mutex<State>,
}

/// Where a run stands.
#[derive(Default)]
struct State {
    /// The last step that was begun or answered.
    step: u64,
    /// The seal over everything up to it.
    seal: String,
    /// The next recorded steps.
    page: VecDeque<store::Recorded>,
    /// Nothing more is recorded.
    is_live: bool,
    /// A step that failed. It is recorded when the migration goes on after it; one that ends the migration is tried again
    /// by the next run.
    failed: Option<store::Entry>,
    /// Steps that are recorded.
    done: u64,
    /// Of these, those that may have changed something.
    effects: u64,
    /// A step of which nobody knows whether it took effect.
    unknown: Option<(u64, String)>,
}

impl State {
    /// Seals a step with its answer.
    fn sealed(&mut self, entry: &mut store::Entry, answer: Vec<u8>) {
        entry.seal = entry.seal_over(&self.seal, &answer);
        entry.answer = Some(answer);
        entry.ended_at = Some(now());
    }

    fn recorded(&mut self, entry: &store::Entry) {
        self.seal.clone_from(&entry.seal);
        self.done += 1;
        self.effects += u64::from(entry.effect);
    }
}

impl Journal {
    /// What the migration sees of the world outside, as it was when its first run began.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Which row of history and which way.
    pub fn run(&self) -> Run {
        self.run
    }

    /// How far the migration has come.
    pub async fn progress(&self) -> Progress {
        let state = self.state.lock().await;
        Progress { done: state.done, effects: state.effects, unknown: state.unknown.clone() }
    }

    /// After the migration ended well: fails if the journal holds steps that it did not ask for again.
    pub async fn end(&self, database: &mut HostSession<'_>) -> Result<()> {
        let mut state = self.state.lock().await;
        let step = state.step + 1;
        let Some(recorded) = self.next_recorded(database, &mut state, step).await? else { return Ok(()) };
        Err(self.another_way(state.done, &recorded.entry, "came to its end"))
    }

    /// The entry of a step, if the journal holds it.
    async fn next_recorded(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        step: u64,
    ) -> Result<Option<store::Recorded>> {
        if state.is_live {
            return Ok(None);
        }
        if state.page.is_empty() {
            state.page = store::page(database, self.run, step - 1).await?.into();
        }
        match state.page.pop_front() {
            None => {
                // From here on steps are done, so that nothing may be missing.
                head::check(database, self.run, step - 1, &state.seal).await?;
                state.is_live = true;
                Ok(None)
            }
            Some(recorded) if recorded.entry.step == step => Ok(Some(recorded)),
            Some(later) => Err(damaged(format!("step {step} is missing, and step {} is there", later.entry.step))),
        }
    }

    /// The error of a migration that does something else than what is recorded.
    fn another_way(&self, done: u64, recorded: &store::Entry, now: &str) -> Error {
        if self.kind == Kind::Sql {
            return changed_statements(done);
        }
        Error::mismatch("this component did something else this time")
            .at("step", recorded.step.to_string())
            .cause(format!("recorded: {} `{}`", recorded.kind, recorded.text))
            .cause(format!("now it {now}"))
            .hint(
                "a component must do the same for the same parameters, time, seed and answers: look for what it takes from \
                 elsewhere",
            )
    }

    fn stopped(&self) -> Option<Error> {
        self.stop.reason().map(stopped)
    }
}

/// The error of SQL whose statements are not those that took effect.
fn changed_statements(done: u64) -> Error {
    let (message, hint) = match done {
        1 => (
            "the first statement has taken effect, and was changed since".to_owned(),
            "restore it as it was; those behind it may change".to_owned(),
        ),
        _ => (
            format!("the first {done} statements have taken effect, and were changed since"),
            "restore them as they were; those behind them may change".to_owned(),
        ),
    };
    Error::mismatch(message).hint(hint)
}

/// The error of a journal that somebody else wrote to.
fn damaged(what: String) -> Error {
    store::garbled().cause(what)
}

/// The time as the journal notes it.
/// Where the journal of a run ends, and who was at it last.
pub async fn head(database: &mut HostSession<'_>, run: Run) -> Result<Head> {
    head::read(database, run).await
}

/// How far the journal of a partial revision has come, for those who only look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Come {
    /// Steps done.
    pub done: u64,
    /// The step of which only an operator can find out whether it took effect.
    pub unknown: Option<u64>,
    /// What a transform under way has committed.
    pub committed: answer::Transformed,
}

/// How far the journal of a partial revision has come.
pub async fn progress(database: &mut HostSession<'_>, history: i64, direction: Direction) -> Result<Come> {
    let run = Run { history, direction };
    let mut come = Come { done: store::done(database, run).await?, ..Come::default() };
    let Some(intent) = store::intent(database, run).await? else { return Ok(come) };
    if intent.kind == CallKind::Transform.name() {
        come.committed = run.committed(database).await?;
    } else if resolve::known(database, &intent).await?.waits_for_the_operator() {
        come.unknown = Some(intent.step);
    }
    Ok(come)
}

/// What the transforms of a partial revision have done that are under way, for those who only look; none: none is. `helper`:
/// what this run did of it beside others that led.
pub async fn transformed(
    database: &mut HostSession<'_>,
    run: Run,
    helper: Option<&str>,
) -> Result<Option<answer::Transformed>> {
    store::transformed(database, run, helper).await
}
