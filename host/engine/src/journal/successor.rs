//! Another build of a component takes over an unfinished transform, by decision of the operator: what is done stays, and every
//! chunk that is not done is the new build's.
//!
//! The new build runs from its beginning; every call up to the unfinished transform, and the transform itself, must be
//! the recorded one. Only then, before its first chunk, one transaction makes it the revision's: digest and description
//! in the history, its bytes, the decision, and a *handover* in the evidence. A build that does not repeat the calls
//! leaves no trace. The handover locks the checkpoint and every chunk that is not done, and raises their tokens, so
//! every chunk has exactly one builder; a helper asks whether its build is still the one in the history whenever it has
//! locked something. The first batch must have the columns that earlier chunks wrote. `verify` recomputes each batch
//! with the build that did it. The newer build's downgrade is the way back.
//!
//! Rejected: to record the decision first, by `repair`, which would lock the old build out if the new one did not fit;
//! to continue between two steps, too, where nothing large is lost; to compare the code of two builds, of which only
//! matters what they ask of the database.

use std::collections::BTreeSet;

use super::chunk;
use super::store::{self, Checkpoint, unwritable};
use super::{Journal, JournalState, crash};
use crate::call::CallKind;
use crate::run::Run;
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
    /// The changes of history.
    pub changes: Box<HandoverChanges>,
}

/// The builds that a journal knows.
#[derive(Default)]
pub(super) struct Builds {
    /// Handovers so far, in order.
    pub handovers: Vec<Handover>,
    /// The build that takes over at the unfinished transform, once it has repeated every call before that.
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

/// Checks that another build can take over, as far as the journal shows.
pub(super) async fn check(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    match store::intent(database, run).await? {
        Some(intent) if intent.kind == CallKind::Transform.name() => Ok(()),
        _ => Err(Error::usage("it did not stop within a transform, so another build cannot go on from a chunk")
            .hint("restore the build with which it began, or `runner rollback` undoes what took effect")),
    }
}

impl Journal {
    /// Records that another build takes over at this transform, in a transaction of its own, before its first chunk. Workers of the
    /// build before finish the chunk that they have begun, and get no other.
    pub(super) async fn hand_over(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        step: u64,
    ) -> Result<()> {
        if let Some(successor) = &state.builds.successor {
            self.begin_closed(database).await?;
            let handover = match self.write_handover(database, &state.builds, successor, step).await {
                Ok(handover) => handover,
                Err(error) => return Err(roll_back(database, error).await),
            };
            database.commit_or_roll_back().await?;
            crash::point();
            state.builds.handovers.push(handover);
            state.builds.successor = None;
        }
        self.expect_columns(database, state, step).await
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
        step: u64,
    ) -> Result<Handover> {
        let open = chunk::revoke_claims(database, self.run, step).await.map_err(unwritable)?;
        // Read again: a worker may have cut or finished chunks until now.
        let Checkpoint { done, .. } = store::checkpoint(database, self.run, step).await?;
        let from = builds.current(&self.inputs.sha256).to_owned();
        let changes = (successor.changes)(step, &from);
        let handover = Handover { step, from, to: successor.sha256.clone(), cut: done.chunks, open };
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
    pub(super) fn not_a_successor(&self, error: Error) -> Error {
        Error { message: "the changed component does not repeat the calls that took effect".to_owned(), ..error }
            .hint(
                "keep every call before the unfinished transform, and its name, tables, columns and key, as they were",
            )
            .hint("nothing was recorded: the build with which it began can resume, and `runner rollback` can undo it")
    }
}

fn names(columns: &[(String, ColumnType)]) -> BTreeSet<String> {
    columns.iter().map(|(name, _)| name.clone()).collect()
}
