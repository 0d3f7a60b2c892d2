//! When a chunk locks the rows that it reads, on a database where a row that changes after it was read makes the chunk fail.
//!
//! Locking costs a write for each row, so a chunk does without. But where others change rows all the time, a chunk of
//! many rows would meet such a change each time that it is tried. Once its rows are locked, a transaction that changes
//! them waits for it.
//!
//! On PostgreSQL, a chunk of many rows of which others change one every few milliseconds would fail each time. So after
//! such a conflict (`40001`), the chunk is tried again in `READ COMMITTED` with its rows locked (`FOR NO KEY UPDATE`)
//! as they are read; a transaction that changes them waits until it commits, as on MariaDB. The next 16 chunks of the
//! process do the same from the start, then one is tried without. The server locks rows after it has sorted them, and
//! returns their current versions: if another transaction changes a key meanwhile, a row could be returned out of
//! order, and the next page would begin after it. So all rows of the chunk are locked in a subquery without a limit,
//! and sorted and limited outside of it. A statement before it locks them first: a row that another transaction removes
//! and inserts again while it is waited for is not what that statement sees, but the next one does. Where rows cannot
//! be locked (a view, a foreign table, a user without the privilege), chunks are retried as before. The bounds of
//! chunks and batches, and so transcripts, do not depend on who else writes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use runner_database::{DatabaseError, Meaning};

/// How many chunks lock their rows after one has met a change: each of them would probably meet one too. Afterwards one is tried
/// without, in case the table is quiet by then; if it is not, one chunk in so many is done twice.
const CHUNKS: u32 = 16;

/// Shared by all workers of a transform in this process.
#[derive(Default)]
pub struct RowLocks {
    /// How many chunks are still to lock their rows.
    chunks: AtomicU32,
    /// The rows cannot be locked.
    is_refused: AtomicBool,
}

impl RowLocks {
    /// Whether the next attempt at a chunk locks its rows.
    pub fn are_wanted(&self) -> bool {
        self.chunks.load(Ordering::Relaxed) > 0 && !self.is_refused.load(Ordering::Relaxed)
    }

    /// A chunk has failed.
    pub fn failed(&self, error: &DatabaseError) {
        if error.meaning == Meaning::Outdated {
            self.chunks.store(CHUNKS, Ordering::Relaxed);
        }
    }

    /// A chunk that was to lock its rows has failed. Returns whether the error may be due to that; then the next ones do without.
    pub fn are_refused(&self, error: &DatabaseError) -> bool {
        let is_refused = matches!(error.meaning, Meaning::Refused | Meaning::NotGranted);
        self.is_refused.fetch_or(is_refused, Ordering::Relaxed);
        is_refused
    }

    /// A chunk is done.
    pub fn done(&self) {
        let less = |chunks: u32| chunks.checked_sub(1);
        // At zero nothing is counted.
        let _ = self.chunks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::DatabaseErrorKind;

    fn error(meaning: Meaning) -> DatabaseError {
        DatabaseError::new(DatabaseErrorKind::Other, "no").means(meaning)
    }

    #[test]
    fn some_chunks_lock_their_rows_after_one_met_a_change() {
        let locks = RowLocks::default();
        locks.failed(&error(Meaning::Conflict));
        locks.done();
        assert!(!locks.are_wanted(), "a deadlock is not a change");
        locks.failed(&error(Meaning::Outdated));
        for chunk in 0..CHUNKS {
            assert!(locks.are_wanted(), "{chunk}");
            locks.done();
        }
        assert!(!locks.are_wanted());
    }

    #[test]
    fn rows_that_cannot_be_locked_are_read_without() {
        let locks = RowLocks::default();
        locks.failed(&error(Meaning::Outdated));
        assert!(!locks.are_refused(&error(Meaning::Outdated)) && locks.are_wanted());
        assert!(locks.are_refused(&error(Meaning::Refused)) && !locks.are_wanted());
        locks.failed(&error(Meaning::Outdated));
        assert!(!locks.are_wanted());
    }
}
