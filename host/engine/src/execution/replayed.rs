//! Replayed execution: every call is answered from a recording, and the database is never used.

use std::sync::Arc;

use super::calls::Calls;
use super::step::Steps;
use super::{NEXT, next_of_table};
use crate::CallError;
use crate::call::answer::{Page, Resolved, Spooled, Transformed};
use crate::call::{Answer, Call};
use crate::transcript::Replay;
use runner_data::Batch;
use runner_database::TableSource;

impl Steps {
    /// Answers a step.
    pub(super) fn answer_replayed<T: Answer>(&mut self, replay: &Replay, call: &Call<'_>) -> Result<T, CallError> {
        self.run.recorder.begin_step(call);
        let (number, answer) = replay.answer(call)?;
        self.answered(number, call, answer)
    }
}

/// A reader over the recording.
pub(super) struct ReplayedReader {
    replay: Arc<Replay>,
    /// The table, until its last page.
    table: Option<String>,
}

impl ReplayedReader {
    /// Opens a reader over a SELECT.
    pub(super) fn select(calls: &mut Calls, replay: Arc<Replay>, call: &Call<'_>) -> Result<Self, CallError> {
        calls.steps.answer_replayed::<Spooled>(&replay, call)?;
        Ok(Self { replay, table: None })
    }

    /// Opens a reader over a table.
    pub(super) fn table(
        calls: &mut Calls,
        replay: Arc<Replay>,
        call: &Call<'_>,
        source: TableSource,
    ) -> Result<Self, CallError> {
        calls.steps.answer_replayed::<Resolved>(&replay, call)?;
        Ok(Self { replay, table: Some(source.table.to_string()) })
    }

    /// The next batch.
    pub(super) fn next(&mut self, calls: &mut Calls) -> Result<Option<Batch>, CallError> {
        let text = self.table.as_deref().map_or_else(|| NEXT.text.to_owned(), next_of_table);
        let page: Page = calls.steps.answer_replayed(&self.replay, &Call { text: &text, ..NEXT })?;
        if page.batch.is_none() {
            self.table = None;
        }
        calls.steps.count(page.rows(), 0);
        Ok(page.batch)
    }
}

impl Calls {
    /// Answers a transform; its chunks are verified separately.
    pub(super) fn transform_replayed(&mut self, replay: &Replay, call: &Call<'_>) -> Result<Transformed, CallError> {
        let done: Transformed = self.steps.answer_replayed(replay, call)?;
        replay.transformed(done.content);
        Ok(done)
    }
}
