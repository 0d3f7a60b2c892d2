//! What the journal holds of a step: to write down, to read back, and while it is only intended.

use crate::engine::call::digest_of;

/// The number of the row that holds a run's inputs, which the steps follow.
pub const INPUTS: u64 = 0;

/// What the journal notes of a step.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its number, counted from 1.
    pub step: u64,
    /// Its kind.
    pub kind: String,
    /// The digest of kind, statement and parameters.
    pub digest: String,
    /// The statement, or what the step is, for people.
    pub text: String,
    /// Whether it may have changed something.
    pub effect: bool,
    /// Rows that it changed or read.
    pub rows: u64,
    /// The seal over it and everything before it; empty while it is only intended.
    pub seal: String,
    /// Packed, or for an intent what is known of the time before it.
    pub answer: Option<Vec<u8>>,
    /// When it began.
    pub began_at: String,
    /// When it ended; none: it is only intended.
    pub ended_at: Option<String>,
}

/// A step as it is read back; its answer is fetched when it is needed.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The step, without its times, and with its answer if that is small.
    pub entry: Entry,
    /// Whether it was answered.
    pub is_done: bool,
}

impl Entry {
    /// The row of the inputs, of an artifact with this digest.
    pub fn inputs(digest: &str) -> Self {
        Self { step: INPUTS, kind: "inputs".to_owned(), digest: digest.to_owned(), ..Self::default() }
    }

    /// The seal over it with this answer, and over everything before it.
    /// It holds what an operator is shown of a step, too.
    pub fn seal_over(&self, before: &str, answer: &[u8]) -> String {
        let [before, kind, digest, text] = [before, &self.kind, &self.digest, &self.text].map(str::as_bytes);
        let (step, rows, effect) = (self.step.to_le_bytes(), self.rows.to_le_bytes(), [u8::from(self.effect)]);
        digest_of(&[before, &step, kind, digest, text, &rows, &effect, answer])
    }
}

/// A step that was intended and not answered.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its number.
    pub step: u64,
    /// Its kind.
    pub kind: String,
    /// The digest of kind, statement and parameters.
    pub digest: String,
    /// The statement, whole where the step commits apart from its entry.
    pub text: String,
    /// What is known of the time before it.
    pub before: Option<Vec<u8>>,
    /// When it began.
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
