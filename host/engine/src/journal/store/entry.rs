//! The rows of the journal: steps as they are written and read, and intents.

use crate::call::{CallKind, digest_of};
use crate::journal::damaged;
use runner_base::error::Result;

/// The number of the first row, which holds the inputs of the run.
pub const INPUTS: u64 = 0;

/// A step as it is written.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The number of the step, counted from 1.
    pub step: u64,
    /// The kind of the call.
    pub kind: String,
    /// The digest of kind, statement and parameters.
    pub digest: String,
    /// The statement, or a description of the step, for display.
    pub text: String,
    /// Whether the step may have changed something.
    pub effect: bool,
    /// The number of rows changed or read.
    pub rows: u64,
    /// The seal over this and all previous steps; empty for an intent.
    pub seal: String,
    /// The packed answer; for an intent, the packed schema before the step.
    pub answer: Option<Vec<u8>>,
    /// What the server computes in the place of the answer when an intent is stored.
    pub expression: Option<String>,
    /// The time at which it began.
    pub began_at: String,
    /// The time at which it ended; `None` for an intent.
    pub ended_at: Option<String>,
}

/// A step as it is read. A large answer is fetched when it is needed.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The step, without its times, and without its answer if that is large.
    pub entry: Entry,
    /// Whether it has an answer.
    pub is_done: bool,
}

impl Recorded {
    /// Fails if an entry is missing between this one and the step before it. Statements that were committed together are one entry, with
    /// the number of the last.
    pub fn check_follows(&self, before: u64) -> Result<()> {
        let Entry { step, kind, .. } = &self.entry;
        if *step == before + 1 || (*step > before && *kind == CallKind::Transaction.name()) {
            return Ok(());
        }
        Err(damaged(format!("step {} is missing, but step {step} exists", before + 1)))
    }
}

impl Entry {
    /// Creates the row for the inputs of an artifact with this digest.
    pub fn inputs(digest: &str) -> Self {
        Self { step: INPUTS, kind: "inputs".to_owned(), digest: digest.to_owned(), ..Self::default() }
    }

    /// Returns the seal over this step, its answer and all previous steps. It covers the text too, which operators see.
    pub fn seal_over(&self, before: &str, answer: &[u8]) -> String {
        let [before, kind, digest, text] = [before, &self.kind, &self.digest, &self.text].map(str::as_bytes);
        let (step, rows, effect) = (self.step.to_le_bytes(), self.rows.to_le_bytes(), [u8::from(self.effect)]);
        digest_of(&[before, &step, kind, digest, text, &rows, &effect, answer])
    }
}

/// A step that began and has no answer.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The number of the step.
    pub step: u64,
    /// The kind of the call.
    pub kind: String,
    /// The digest of kind, statement and parameters.
    pub digest: String,
    /// The statement; complete if the step commits apart from its entry.
    pub text: String,
    /// The packed schema before the step.
    pub before: Option<Vec<u8>>,
    /// The time at which it began.
    pub began_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_over_everything() {
        let entry = Entry { step: 1, kind: "execute".to_owned(), rows: 2, ..Entry::default() };
        let seal = entry.seal_over("before", b"answer");
        let others = [
            Entry { step: 2, ..entry.clone() },
            Entry { kind: "query".to_owned(), ..entry.clone() },
            Entry { digest: "d".to_owned(), ..entry.clone() },
            Entry { text: "t".to_owned(), ..entry.clone() },
            Entry { effect: true, ..entry.clone() },
            Entry { rows: 3, ..entry.clone() },
        ];
        for other in others {
            assert_ne!(other.seal_over("before", b"answer"), seal, "{other:?}");
        }
        assert_ne!(entry.seal_over("", b"answer"), seal);
        assert_ne!(entry.seal_over("before", b"another"), seal);
    }
}
