//! The limit on the rows per second, as a token bucket that is never full: what is idle saves nothing up.

use std::time::{Duration, Instant};

/// The chunks per second of each worker, at the limit: small enough for an even load, large enough to be worth a commit.
const CHUNKS_PER_SECOND: u64 = 20;

/// A limit on rows that holds in every window of one second, if it is at least one row per worker: a chunk has a row or more.
///
/// Chunks of one worker commit when they are done, not when they were allowed to begin. If each of `workers` has a chunk of
/// `c` rows under way, a window of one second contains at most `r + 2 * workers * c` rows, where `r` is the rate at which rows
/// are allowed: one time for the chunks under way when it begins, one time for those whose own duration is made up for.
/// So `r` is that much below the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLimit {
    /// Rows per second, at least 1.
    pub rows: u64,
    /// How many chunks may be under way at once, at least 1.
    pub workers: u64,
}

impl RowLimit {
    /// Returns the most rows of a chunk.
    pub fn chunk(self) -> u64 {
        (self.rows / CHUNKS_PER_SECOND.saturating_mul(self.workers)).max(1)
    }

    /// Returns the rows per second that are allowed on average: nine tenths of the limit, less if it is very small.
    fn refill(self) -> f64 {
        let under_way = self.workers.saturating_mul(self.chunk());
        let most = self.rows.saturating_sub(under_way.saturating_mul(2));
        (most as f64).max(self.rows as f64 / (2.0 * self.workers as f64 + 1.0))
    }

    /// Returns when the next chunk may begin, after some rows were committed. `allowed` is what it returned before.
    pub fn next(self, allowed: Option<Instant>, rows: u64, now: Instant) -> Instant {
        // The duration of the chunks under way is made up for, idle time is not.
        let refill = self.refill();
        let time = |rows: u64| Duration::try_from_secs_f64(rows as f64 / refill).unwrap_or(LONGEST).min(LONGEST);
        let earliest = now.checked_sub(time(self.workers.saturating_mul(self.chunk()))).unwrap_or(now);
        allowed.map_or(now, |allowed| allowed.max(earliest)) + time(rows)
    }
}

/// Longer than any run: a bound for arithmetic on time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs workers on a simulated clock, each chunk taking a different time, and returns the rows of the fullest second and
    /// the average per second.
    fn simulated(limit: RowLimit, durations: &[u64]) -> (u64, f64) {
        let begin = Instant::now();
        let mut allowed = None;
        let mut busy_until = vec![begin; usize::try_from(limit.workers).expect("few")];
        let mut commits: Vec<(Instant, u64)> = Vec::new();
        // The chunks under way, in the order of their commits.
        let mut under_way: Vec<(Instant, usize)> = Vec::new();
        let mut now = begin;
        let mut durations = durations.iter().cycle();
        for _ in 0..400_000 {
            now += Duration::from_millis(1);
            if now > begin + Duration::from_secs(20) {
                break;
            }
            under_way.sort_unstable();
            while under_way.first().is_some_and(|(end, _)| *end <= now) {
                under_way.remove(0);
                commits.push((now, limit.chunk()));
                allowed = Some(limit.next(allowed, limit.chunk(), now));
            }
            for (worker, until) in busy_until.iter_mut().enumerate() {
                if *until <= now && allowed.is_none_or(|allowed| allowed <= now) {
                    *until = now + Duration::from_millis(*durations.next().expect("a cycle"));
                    under_way.push((*until, worker));
                }
            }
        }
        let window = Duration::from_secs(1);
        let fullest = commits.iter().enumerate().map(|(at, (from, _))| {
            commits[at..].iter().take_while(|(time, _)| *time < *from + window).map(|(_, rows)| rows).sum::<u64>()
        });
        let total: u64 = commits.iter().map(|(_, rows)| rows).sum();
        (fullest.max().unwrap_or(0), total as f64 / 20.0)
    }

    #[test]
    fn it_holds_in_every_second() {
        for workers in [1, 2, 4] {
            for rows in [1, 2, 7, 10, 100, 105, 1_000, 20_000] {
                let limit = RowLimit { rows, workers };
                for durations in [&[0][..], &[1], &[10], &[1, 40, 3], &[30, 1, 1, 200], &[700, 2]] {
                    let (fullest, average) = simulated(limit, durations);
                    let most = if rows > workers { rows } else { workers };
                    assert!(fullest <= most, "{limit:?} {durations:?}: {fullest}");
                    let is_quick = durations.iter().max() <= Some(&10);
                    let is_large = rows >= 100 * workers;
                    assert!(
                        !(is_quick && is_large) || average > 0.85 * rows as f64,
                        "{limit:?} {durations:?}: {average}"
                    );
                }
            }
        }
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let limit = RowLimit { rows: 1_000, workers: 1 };
        let now = Instant::now();
        let allowed = limit.next(None, 50, now);
        let later = now + Duration::from_secs(3600);
        let next = limit.next(Some(allowed), 500, later);
        assert!(next > later + Duration::from_millis(450), "{:?}", next - later);
    }

    #[test]
    fn huge_numbers_do_no_harm() {
        let limit = RowLimit { rows: 1, workers: u64::MAX };
        limit.next(None, u64::MAX, Instant::now());
        let limit = RowLimit { rows: u64::MAX, workers: 1 };
        limit.next(None, 1, Instant::now());
    }
}
