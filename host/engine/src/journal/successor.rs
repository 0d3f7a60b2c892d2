//! Another build of a component takes over an unfinished migration: what is done stays, and the rest is the new build's.
//!
//! The new build runs from its beginning; every recorded call must be repeated, with its parameters. Only then, before the
//! first call that runs live, one transaction makes it the revision's: digest and description in the history, its bytes, the
//! fact, and a *handover* in the evidence. A build that does not repeat the calls leaves no trace.
//!
//! Within a transform some chunks of which are done, that is the operator's decision: one table would get rows of two
//! functions. The handover locks the checkpoint and every chunk that is not done, and raises their tokens, so every chunk has
//! exactly one builder; a helper asks whether its build is still the one in the history whenever it has locked something. The
//! first batch must have the columns that earlier chunks wrote. `verify` recomputes each batch with the build that did it. The
//! newer build's downgrade is the way back.
//!
//! Rejected: to record it first, which would lock the old build out if the new one did not fit; to compare the code of two
//! builds, of which only matters what they ask of the database.

use std::collections::BTreeSet;

use super::chunk;
use super::store::{self, unwritable};
use super::{Journal, JournalState, crash, head};
use crate::call::CallKind;
use crate::transaction::roll_back;
use crate::transcript::handover::{self, Handover};
use crate::transcript::{ChunkRecord, store as evidence};
use runner_base::error::{Error, Result};
use runner_data::ColumnType;
use runner_database::{HostSession, ToolChange};

/// The changes of history for a handover at a step, after the build with a digest.
pub type HandoverChanges = dyn Fn(u64, &str) -> Vec<ToolChange> + Send + Sync;

/// The build that is to take over, and what is recorded when it does.
pub struct Successor {
    /// Its digest.
    pub sha256: String,
    /// Whether the operator has decided that it may keep the finished chunks of the other build.
    pub is_accepted: bool,
    /// The changes of history.
    pub changes: Box<HandoverChanges>,
}

/// The builds that a journal knows.
#[derive(Default)]
pub(super) struct Builds {
    /// Handovers so far, in order.
    pub handovers: Vec<Handover>,
    /// The build that takes over once it has repeated every recorded call.
    pub successor: Option<Successor>,
    /// The columns that the chunks of the transform of a step wrote before.
    pub columns: Option<(u64, BTreeSet<String>)>,
}

impl Builds {
    /// Which build may continue: the last that took over, or the first.
    pub fn current<'a>(&'a self, first: &'a str) -> &'a str {
        self.handovers.last().map_or(first, |last| &last.to)
    }
}

impl Journal {
    /// Prepares an unfinished transform for another build. If no chunk of it is done, it is forgotten, as a failed statement is.
    /// Otherwise the rows of two functions would be in one table, which is the operator's decision.
    pub(super) async fn make_way(&self, database: &mut HostSession<'_>) -> Result<()> {
        let state = self.state.lock().await;
        let Some(successor) = &state.builds.successor else { return Ok(()) };
        let intent = store::intent(database, self.run).await?;
        let Some(intent) = intent.filter(|it| it.kind == CallKind::Transform.name()) else { return Ok(()) };
        self.begin_closed(database).await?;
        let made = self.clear_untouched(database, (intent.step, state.done), successor.is_accepted).await;
        match made {
            Ok(()) => Ok(database.commit_or_roll_back().await?),
            Err(error) => Err(roll_back(database, error).await),
        }
    }

    async fn clear_untouched(
        &self,
        database: &mut HostSession<'_>,
        (step, before): (u64, u64),
        is_accepted: bool,
    ) -> Result<()> {
        let done = chunk::totals(database, self.run, step, None).await.map_err(unwritable)?;
        match done.chunks {
            0 => {
                store::clear_failed(database, self.run, step).await?;
                store::make(database, [head::stepped(self.run, before)]).await
            }
            _ if is_accepted => Ok(()),
            chunks => Err(has_chunks(chunks)),
        }
    }

    /// Records that another build takes over at this step, in a transaction of its own, before the step runs. Workers of the build
    /// before finish the chunk that they have begun, and get no other.
    pub(super) async fn hand_over(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        (step, is_begun): (u64, bool),
    ) -> Result<()> {
        let Some(successor) = &state.builds.successor else { return Ok(()) };
        self.begin_closed(database).await?;
        let handover = match self.write_handover(database, &state.builds, successor, (step, is_begun)).await {
            Ok(handover) => handover,
            Err(error) => return Err(roll_back(database, error).await),
        };
        database.commit_or_roll_back().await?;
        crash::point();
        state.builds.handovers.push(handover);
        state.builds.successor = None;
        Ok(())
    }

    /// If another build has taken over at this transform, every chunk from here on must write the columns that the ones before
    /// wrote: see [`Journal::check_columns`].
    pub(super) async fn expect_columns(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        step: u64,
    ) -> Result<()> {
        if state.builds.handovers.iter().any(|it| it.step == step) {
            let written = evidence::written_columns(database, self.run, step).await?;
            state.builds.columns = written.map(|columns| (step, names(&columns)));
        }
        Ok(())
    }

    async fn write_handover(
        &self,
        database: &mut HostSession<'_>,
        builds: &Builds,
        successor: &Successor,
        (step, is_begun): (u64, bool),
    ) -> Result<Handover> {
        let (cut, open) = match is_begun {
            true => {
                let open = chunk::revoke_claims(database, self.run, step).await.map_err(unwritable)?;
                // Read again: a worker may have cut or finished chunks until now.
                (store::checkpoint(database, self.run, step).await?.done.chunks, open)
            }
            false => (0, Vec::new()),
        };
        let from = builds.current(&self.inputs.sha256).to_owned();
        let changes = (successor.changes)(step, &from);
        let handover = Handover { step, from, to: successor.sha256.clone(), cut, open };
        let all: Vec<Handover> = builds.handovers.iter().chain([&handover]).cloned().collect();
        handover::write(database, self.run, &all).await?;
        store::make(database, changes).await?;
        Ok(handover)
    }

    /// Refuses a chunk whose columns are not those that chunks of the build before wrote: half of the table would lack the others.
    pub(super) async fn check_columns(&self, step: u64, record: &ChunkRecord) -> Result<()> {
        let state = self.state.lock().await;
        let before = state.builds.columns.as_ref().filter(|(of, _)| *of == step && record.rows_out > 0);
        let Some((_, before)) = before else { return Ok(()) };
        let now = names(&record.columns);
        if now == *before {
            return Ok(());
        }
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        Err(Error::mismatch("the changed component writes other columns than the chunks that are done")
            .at("step", step.to_string())
            .cause(format!("before: {}", list(before)))
            .cause(format!("now: {}", list(&now)))
            .hint("write the same columns, and change others in a new migration")
            .hint("or `runner rollback` undoes what took effect"))
    }

    /// The error of a successor that does not repeat what took effect.
    pub(super) fn not_a_successor(&self, error: Error, done: u64) -> Error {
        Error { message: "the corrected build does not repeat the calls that took effect".to_owned(), ..error }
            .hint(format!(
                "keep what was done, up to step {done}, as it was: the same calls with the same statements and parameters"
            ))
            .hint("if that cannot be, `runner rollback` undoes what took effect; nothing was changed now")
    }
}

/// The error of a build that is to go on with another one's transform, without a decision.
fn has_chunks(chunks: u64) -> Error {
    let of = if chunks == 1 { "1 chunk is done" } else { &format!("{chunks} chunks are done") };
    Error::mismatch(format!("another build of this component was interrupted within a transform, of which {of}"))
        .cause("the rest would be done by another function than what is there")
        .hint("`runner apply --accept-changed REVISION --why TEXT` keeps what is done, and this build does the other chunks")
        .hint("or `runner rollback` undoes what took effect; the build with which it began can resume, too")
}

fn names(columns: &[(String, ColumnType)]) -> BTreeSet<String> {
    columns.iter().map(|(name, _)| name.clone()).collect()
}
