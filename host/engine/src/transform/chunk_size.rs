//! The size of the next chunk: as many rows as allowed, within the bytes of a batch, and within the time that a chunk should
//! take, judged by the chunks before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The fewest rows to which time alone shrinks a chunk: smaller chunks cost more than their rows.
const LEAST: u64 = 64;

/// Shared by all workers of a transform in this process.
pub(super) struct ChunkSizer {
    rows: AtomicU64,
    most: u64,
    bytes: u64,
    time: Option<Duration>,
}

impl ChunkSizer {
    /// `most` is the largest number of rows. A batch has at most `batch_rows` rows and `batch_bytes` bytes.
    pub(super) fn new(most: u64, time: Option<Duration>, batch_rows: u64, batch_bytes: u64) -> Self {
        let bytes = batch_bytes.saturating_mul(most.div_ceil(batch_rows.max(1)).max(1));
        // With a target duration it begins small: a large first chunk could take minutes.
        let first = if time.is_some() { most.min(16 * LEAST) } else { most };
        Self { rows: AtomicU64::new(first.max(1)), most: most.max(1), bytes, time }
    }

    /// Rows of the next chunk.
    pub(super) fn rows(&self) -> usize {
        usize::try_from(self.rows.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Takes the width of some rows into account, before the first chunk is cut.
    pub(super) fn weigh(&self, rows: u64, bytes: u64) {
        let first = self.rows.load(Ordering::Relaxed);
        self.rows.store(first.min(self.bytes.saturating_mul(rows) / bytes.max(1)).max(1), Ordering::Relaxed);
    }

    /// Adapts to a chunk that is done.
    pub(super) fn learn(&self, rows: u64, bytes: u64, took: Duration) {
        if rows == 0 {
            return;
        }
        let now = self.rows.load(Ordering::Relaxed);
        let mut next = match self.time {
            None => self.most,
            Some(time) => {
                let fits = time.as_secs_f64() / took.as_secs_f64().max(1e-6) * rows as f64;
                // One slow chunk must not make the next ones tiny, nor a quick one huge.
                (fits as u64).clamp(now / 2, now.saturating_mul(2)).max(LEAST)
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
        let sizer = ChunkSizer::new(20, None, 16_384, 2 << 20);
        sizer.learn(20, 100, Duration::from_secs(9));
        assert_eq!(sizer.rows(), 20);
    }

    #[test]
    fn bytes_bound_it() {
        let sizer = ChunkSizer::new(16_384, None, 16_384, 2 << 20);
        assert_eq!(sizer.rows(), 16_384);
        sizer.learn(16_384, 16_384 << 10, Duration::ZERO);
        assert_eq!(sizer.rows(), 2_048);
        sizer.learn(1, 64 << 20, Duration::ZERO);
        assert_eq!(sizer.rows(), 1);
        sizer.learn(1, 10, Duration::ZERO);
        assert_eq!(sizer.rows(), 16_384);
        let large = ChunkSizer::new(4 * 16_384, None, 16_384, 2 << 20);
        large.learn(4 * 16_384, 8 << 20, Duration::ZERO);
        assert_eq!(large.rows(), 4 * 16_384, "four batches");
    }

    #[test]
    fn it_comes_near_its_time_step_by_step() {
        let sizer = ChunkSizer::new(16_384, Some(Duration::from_millis(100)), 16_384, 2 << 20);
        assert_eq!(sizer.rows(), 1_024);
        // A row takes 50 µs.
        for rows in [2_000, 2_000] {
            let took = Duration::from_micros(50 * sizer.rows() as u64);
            sizer.learn(sizer.rows() as u64, 1, took);
            assert_eq!(sizer.rows(), rows);
        }
        sizer.learn(2_000, 1, Duration::from_secs(60));
        assert_eq!(sizer.rows(), 1_000, "not less than the half");
        for _ in 0..20 {
            sizer.learn(sizer.rows() as u64, 1, Duration::from_secs(60));
        }
        assert_eq!(sizer.rows(), 64);
        for _ in 0..20 {
            sizer.learn(sizer.rows() as u64, 1, Duration::ZERO);
        }
        assert_eq!(sizer.rows(), 16_384);
    }
}
