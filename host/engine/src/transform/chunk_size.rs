//! The size of the next chunk: as many rows as allowed, within the bytes of a batch, and within the time that a chunk may hold its rows,
//! judged by the chunks before it.
//!
//! By default, the first chunks of a transform are small, and each has twice the rows of the one before, so that their bounds, which are part of a
//! transcript, depend on no clock. Where that turns out to make others wait, it is time that counts from then on: on a
//! table of 400,000 rows with 1,400 changes a second, chunks of 16,384 rows let a change wait for 0.2 to 0.4 s.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chunks::Pace;

/// The fewest rows to which time alone shrinks a chunk: smaller chunks cost more than their rows.
const LEAST: u64 = 64;

/// The rows of a first chunk where one of the most rows could be too large.
const FIRST: u64 = 16 * LEAST;

/// From how many rows on a chunk is asked whether others wait for it: a smaller one does not hold them up for long.
const WORTH_ASKING: u64 = FIRST / 2;

/// Shared by all workers of a transform in this process.
pub(super) struct ChunkSizer {
    rows: AtomicU64,
    most: u64,
    bytes: u64,
    pace: Pace,
    /// Others have waited for a chunk.
    is_busy: AtomicBool,
    /// When that was asked last.
    asked: Mutex<Option<Instant>>,
}

impl ChunkSizer {
    /// `most` is the largest number of rows. A batch has at most `batch_rows` rows and `batch_bytes` bytes.
    pub(super) fn new(most: u64, pace: Pace, batch_rows: u64, batch_bytes: u64) -> Self {
        let bytes = batch_bytes.saturating_mul(most.div_ceil(batch_rows.max(1)).max(1));
        // With a target duration it begins small: a large first chunk could take minutes.
        let first = if matches!(pace, Pace::Timed(_)) { most.min(FIRST) } else { most };
        let (rows, most) = (AtomicU64::new(first.max(1)), most.max(1));
        Self { rows, most, bytes, pace, is_busy: AtomicBool::new(false), asked: Mutex::default() }
    }

    /// Rows of the chunk with this number, counted from 1.
    pub(super) fn rows(&self, number: u64) -> usize {
        let mut rows = self.rows.load(Ordering::Relaxed);
        if self.pace == Pace::Considerate && !self.is_busy() {
            let doubled = u32::try_from(number.saturating_sub(1)).ok().and_then(|times| 2_u64.checked_pow(times));
            rows = rows.min(doubled.map_or(u64::MAX, |times| FIRST.saturating_mul(times)));
        }
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Whether it is asked now if others wait for a chunk of this many rows. No sooner than `pause` after the last time.
    pub(super) fn asks_for_others(&self, rows: u64, pause: Duration) -> bool {
        if self.pace != Pace::Considerate || rows < WORTH_ASKING || self.is_busy() {
            return false;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = asked.is_none_or(|at| at.elapsed() >= pause);
        if is_due {
            *asked = Some(Instant::now());
        }
        is_due
    }

    /// Others wait for a chunk of this many rows.
    pub(super) fn others_wait(&self, rows: u64) {
        self.rows.store(rows.max(1), Ordering::Relaxed);
        self.is_busy.store(true, Ordering::Relaxed);
    }

    /// Takes the width of some rows into account, before the first chunk is cut.
    pub(super) fn weigh(&self, rows: u64, bytes: u64) {
        let first = self.rows.load(Ordering::Relaxed);
        self.rows.store(first.min(self.bytes.saturating_mul(rows) / bytes.max(1)).max(1), Ordering::Relaxed);
    }

    /// Adapts to a chunk that is done, and has held rows for that long, if it has held any.
    pub(super) fn learn(&self, rows: u64, bytes: u64, held: Option<Duration>) {
        if rows == 0 {
            return;
        }
        let now = self.rows.load(Ordering::Relaxed);
        let time = self.pace.time().filter(|_| self.pace != Pace::Considerate || self.is_busy());
        let mut next = match (time, held) {
            (None, _) => self.most,
            (Some(_), None) => now,
            (Some(time), Some(held)) => {
                let fits = time.as_secs_f64() / held.as_secs_f64().max(1e-6) * rows as f64;
                // One slow chunk must not make the next ones tiny, nor a quick one huge. Where others wait, one that is far too large
                // must not be followed by more of them.
                let least = if self.pace == Pace::Considerate { now / 8 } else { now / 2 };
                (fits as u64).clamp(least, now.saturating_mul(2)).max(LEAST)
            }
        };
        let fit = self.bytes.saturating_mul(rows) / bytes.max(1);
        next = next.min(fit).min(self.most).max(1);
        self.rows.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_time_a_chunk_is_as_large_as_it_may_be() {
        let sizer = ChunkSizer::new(20, Pace::Fixed, 16_384, 2 << 20);
        sizer.learn(20, 100, Some(Duration::from_secs(9)));
        assert_eq!(sizer.rows(1), 20);
    }

    #[test]
    fn bytes_bound_it() {
        let sizer = ChunkSizer::new(16_384, Pace::Fixed, 16_384, 2 << 20);
        assert_eq!(sizer.rows(1), 16_384);
        sizer.learn(16_384, 16_384 << 10, Some(Duration::ZERO));
        assert_eq!(sizer.rows(1), 2_048);
        sizer.learn(1, 64 << 20, Some(Duration::ZERO));
        assert_eq!(sizer.rows(1), 1);
        sizer.learn(1, 10, Some(Duration::ZERO));
        assert_eq!(sizer.rows(1), 16_384);
        let large = ChunkSizer::new(4 * 16_384, Pace::Fixed, 16_384, 2 << 20);
        large.learn(4 * 16_384, 8 << 20, Some(Duration::ZERO));
        assert_eq!(large.rows(1), 4 * 16_384, "four batches");
    }

    #[test]
    fn it_comes_near_its_time_step_by_step() {
        let sizer = ChunkSizer::new(16_384, Pace::Timed(Duration::from_millis(100)), 16_384, 2 << 20);
        assert_eq!(sizer.rows(1), 1_024);
        // A row takes 50 µs.
        for rows in [2_000, 2_000] {
            let took = Duration::from_micros(50 * sizer.rows(1) as u64);
            sizer.learn(sizer.rows(1) as u64, 1, Some(took));
            assert_eq!(sizer.rows(1), rows);
        }
        sizer.learn(2_000, 1, Some(Duration::from_secs(60)));
        assert_eq!(sizer.rows(1), 1_000, "not less than the half");
        for _ in 0..20 {
            sizer.learn(sizer.rows(1) as u64, 1, Some(Duration::from_secs(60)));
        }
        assert_eq!(sizer.rows(1), 64);
        for _ in 0..20 {
            sizer.learn(sizer.rows(1) as u64, 1, Some(Duration::ZERO));
        }
        assert_eq!(sizer.rows(1), 16_384);
    }

    #[test]
    fn it_grows_by_number_until_others_wait() {
        let sizer = ChunkSizer::new(16_384, Pace::Considerate, 16_384, 2 << 20);
        let sizes: Vec<usize> = [1, 2, 3, 4, 5, 6, 99, u64::MAX].into_iter().map(|number| sizer.rows(number)).collect();
        assert_eq!(sizes, [1_024, 2_048, 4_096, 8_192, 16_384, 16_384, 16_384, 16_384]);
        sizer.learn(2_048, 1, Some(Duration::from_secs(9)));
        assert_eq!(sizer.rows(3), 4_096, "without others, time does not count");
        assert!(sizer.asks_for_others(1_024, Duration::ZERO) && !sizer.asks_for_others(100, Duration::ZERO));
        assert!(!sizer.asks_for_others(1_024, Duration::from_secs(3_600)), "it was asked just now");
        sizer.others_wait(4_096);
        sizer.learn(4_096, 1, Some(Duration::from_millis(60)));
        assert_eq!(sizer.rows(4), 2_048);
        assert!(!sizer.asks_for_others(4_096, Duration::ZERO), "it is known");
        sizer.learn(2_048, 1, None);
        assert_eq!(sizer.rows(5), 2_048, "one that holds nothing says nothing about time");
        for _ in 0..9 {
            sizer.learn(sizer.rows(9) as u64, 1, Some(Duration::from_millis(5)));
        }
        assert_eq!(sizer.rows(9), 16_384, "as many as fit into the time");
        let large = ChunkSizer::new(16_384, Pace::Considerate, 16_384, 2 << 20);
        large.others_wait(16_384);
        large.learn(16_384, 1, Some(Duration::from_millis(200)));
        assert_eq!(large.rows(9), 2_457, "at once");
        let narrow = ChunkSizer::new(100, Pace::Considerate, 16_384, 2 << 20);
        assert_eq!((narrow.rows(1), narrow.rows(9)), (100, 100), "a limit of the run is one here, too");
    }
}
