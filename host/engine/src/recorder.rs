//! Counts and records what a migration does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::call::{Answer, Call, Inputs, codec};
use super::event::Unrepeatable;
use super::transcript::store::{self, EvidenceKind, EvidenceOf};
use super::transcript::{Transcript, TranscriptRecorder, TransformRecord};
use runner_data::Digest;
use runner_database::{DatabaseError, DatabaseErrorKind, ToolChange};

/// The number of transforms whose chunks are kept. A migration with more could do with fewer.
const KEPT_TRANSFORMS: usize = 256;

/// The number of unrepeatable statements that are remembered, not counting those with a reason of their own.
const KEPT_UNREPEATABLE: usize = 16;

/// The number of all of them.
const MOST_UNREPEATABLE: usize = 256;

/// The run recorder, shared with the code that reports on the run.
#[derive(Default)]
pub struct RunRecorder {
    steps: AtomicU64,
    rows_read: AtomicU64,
    rows_written: AtomicU64,
    /// Those of the rows read and written that an interrupted run had already read and written.
    earlier: [AtomicU64; 2],
    transcript: Mutex<Transcript>,
    transforms: Mutex<Vec<TransformRecord>>,
    unrepeatable: Mutex<Vec<Unrepeatable>>,
    met_a_lock: AtomicBool,
    missed_something: AtomicBool,
    lost_connection: AtomicBool,
    ended_transaction: AtomicBool,
}

impl RunRecorder {
    /// The changes that add the recorded evidence, except for what a stepwise run has already written. They belong in the unit of
    /// work that records the run as done.
    pub fn evidence(&self, of: EvidenceOf<'_>, inputs: &Inputs) -> Vec<ToolChange> {
        let mut changes = store::added(of, EvidenceKind::Inputs, 0, &codec::pack(inputs));
        let calls = self.recording().map(|calls| store::added(of, EvidenceKind::Calls, 0, &calls));
        changes.extend(calls.into_iter().flatten());
        for (record, at) in self.take_transforms().iter().zip(0..) {
            changes.extend(store::added(of, EvidenceKind::Transform, at, &codec::pack(record)));
        }
        for (statement, at) in self.unrepeatable().iter().zip(0..) {
            changes.extend(store::added(of, EvidenceKind::Unrepeatable, at, &codec::encode(statement)));
        }
        changes
    }

    /// Creates a recorder that also records every call, up to this many bytes.
    pub fn recording_within(bytes: u64) -> Self {
        Self { transcript: Mutex::new(Transcript::new(TranscriptRecorder::new(bytes))), ..Self::default() }
    }

    /// Begins a step and returns its number, counted from 1.
    pub fn begin_step(&self, call: &Call<'_>) -> u64 {
        self.called(call);
        self.steps.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts steps that are not in the transcript.
    pub fn add_steps(&self, number: u64) {
        self.steps.fetch_add(number, Ordering::Relaxed);
    }

    /// Records that the transaction was found to have ended. After a lock conflict, the server has rolled it back.
    pub fn note_ended_transaction(&self) {
        self.ended_transaction.fetch_or(!self.had_lock_conflict(), Ordering::Relaxed);
    }

    /// Adds a call that is not a step to the transcript.
    pub fn called(&self, call: &Call<'_>) {
        lock(&self.transcript).called(call);
    }

    /// Adds an answer to the transcript.
    pub fn answered<T: Answer>(&self, answer: &T) {
        lock(&self.transcript).answered(Ok(answer));
    }

    /// Records an error that the migration received.
    pub fn note_error(&self, error: &DatabaseError) {
        lock(&self.transcript).answered::<u64>(Err(error));
        self.met_a_lock.fetch_or(error.is_transient(), Ordering::Relaxed);
        let missed = matches!(error.kind, DatabaseErrorKind::Syntax | DatabaseErrorKind::InvalidArgument);
        self.missed_something.fetch_or(missed, Ordering::Relaxed);
        self.lost_connection.fetch_or(error.kind == DatabaseErrorKind::Connection, Ordering::Relaxed);
        self.ended_transaction.fetch_or(error.has_ended_transaction(), Ordering::Relaxed);
    }

    /// Records a completed transform.
    pub fn add_transform(&self, record: TransformRecord) {
        let mut transforms = lock(&self.transforms);
        if transforms.len() < KEPT_TRANSFORMS {
            transforms.push(record);
        }
    }

    /// Takes the completed transforms recorded here, in order. A second call returns none.
    pub fn take_transforms(&self) -> Vec<TransformRecord> {
        std::mem::take(&mut *lock(&self.transforms))
    }

    /// Records an unrepeatable statement. Returns true if it is new. However many there are, one is kept for each reason.
    pub fn note_unrepeatable(&self, statement: &Unrepeatable) -> bool {
        let mut known = lock(&self.unrepeatable);
        let is_new = match known.len() {
            ..KEPT_UNREPEATABLE => !known.contains(statement),
            KEPT_UNREPEATABLE..MOST_UNREPEATABLE => !statement.has_reason_of(&known),
            _ => false,
        };
        if is_new {
            known.push(statement.clone());
        }
        is_new
    }

    /// Returns the unrepeatable statements.
    pub fn unrepeatable(&self) -> Vec<Unrepeatable> {
        lock(&self.unrepeatable).clone()
    }

    /// Takes the recording, or returns `None` if nothing was to be recorded or it exceeded its limit.
    pub fn recording(&self) -> Option<Vec<u8>> {
        lock(&self.transcript).recording()
    }

    /// Returns whether an error was recorded that may not recur if the whole migration is retried.
    pub fn had_lock_conflict(&self) -> bool {
        self.met_a_lock.load(Ordering::Relaxed)
    }

    /// Returns whether a statement ended the transaction that it ran in, so that what was done in it may stay.
    pub fn ended_transaction(&self) -> bool {
        self.ended_transaction.load(Ordering::Relaxed)
    }

    /// Returns whether a statement named an unknown object or was not understood by the database.
    pub fn had_unknown_name(&self) -> bool {
        self.missed_something.load(Ordering::Relaxed)
    }

    /// Returns whether the connection was lost.
    pub fn lost_connection(&self) -> bool {
        self.lost_connection.load(Ordering::Relaxed)
    }

    /// Adds rows read.
    pub fn add_rows_read(&self, rows: u64) {
        self.rows_read.fetch_add(rows, Ordering::Relaxed);
    }

    /// Adds rows written.
    pub fn add_rows_written(&self, rows: u64) {
        self.rows_written.fetch_add(rows, Ordering::Relaxed);
    }

    /// Records that an interrupted run had already read and written some of the rows.
    pub fn add_earlier(&self, read: u64, written: u64) {
        self.earlier[0].fetch_add(read, Ordering::Relaxed);
        self.earlier[1].fetch_add(written, Ordering::Relaxed);
    }

    /// Returns the number of rows that this run itself read and wrote.
    pub fn own_rows(&self) -> (u64, u64) {
        let [read, written] = self.earlier.each_ref().map(|rows| rows.load(Ordering::Relaxed));
        (self.rows_read().saturating_sub(read), self.rows_written().saturating_sub(written))
    }

    /// Returns the number of steps begun.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Returns the number of rows read.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// Returns the number of rows written.
    pub fn rows_written(&self) -> u64 {
        self.rows_written.load(Ordering::Relaxed)
    }

    /// Returns the digest of the transcript so far.
    pub fn transcript(&self) -> Digest {
        lock(&self.transcript).digest()
    }

    /// Returns the digest of the transcript so far, in hexadecimal.
    pub fn transcript_digest(&self) -> String {
        self.transcript().hex()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Why;

    #[test]
    fn every_reason_is_kept() {
        let recorder = RunRecorder::default();
        let note = |number: usize, why: Why| {
            recorder.note_unrepeatable(&Unrepeatable { statement: format!("SELECT {number}"), why })
        };
        let calls = |calls: &[&str]| Why::Calls(calls.iter().map(|&call| call.to_owned()).collect());
        let kept = (0..1000).filter(|&number| note(number, Why::NoOrder)).count();
        assert_eq!(kept, KEPT_UNREPEATABLE);
        assert!(note(1000, calls(&["now()"])) && !note(1001, calls(&["now()"])));
        assert!(note(1002, calls(&["now()", "random()"])) && !note(1003, calls(&["random()", "now()"])));
        assert!(note(1004, Why::Ties) && !note(1005, Why::Ties) && !note(1006, Why::NoOrder));
        let others = (0..1000).filter(|number| note(*number, calls(&[&format!("@@{number}")]))).count();
        assert!(others > 200, "{others}");
        assert_eq!(recorder.unrepeatable().len(), MOST_UNREPEATABLE, "a guest decides how many there are");
    }
}
