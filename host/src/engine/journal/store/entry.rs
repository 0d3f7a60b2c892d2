//! What the journal holds of a step: to write down, to read back, and while it is only intended.

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
    /// Its number.
    pub step: u64,
    /// Its kind.
    pub kind: String,
    /// Its digest.
    pub digest: String,
    /// The statement, or what the step was.
    pub text: String,
    /// Whether it was answered.
    pub is_done: bool,
    /// Its seal.
    pub seal: String,
    /// Its answer, packed, if that is small.
    pub answer: Option<Vec<u8>>,
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
