//! The smoothed rate of rows, and the remaining time.

use std::time::{Duration, Instant};

/// The time constant of the smoothing: a rate this long ago has about a third of the weight.
const MEMORY: f64 = 20.0;

/// The shortest time over which a rate is meaningful.
const ENOUGH: f64 = 0.05;

/// The recent rate. Requested delays count, pauses do not.
#[derive(Clone, Debug)]
pub struct Speed {
    rows: f64,
    seconds: f64,
    last: Instant,
}

impl Speed {
    /// Creates a rate before the first rows.
    pub fn new(now: Instant) -> Self {
        Self { rows: 0.0, seconds: 0.0, last: now }
    }

    /// Adds rows.
    pub fn add(&mut self, rows: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.last).as_secs_f64();
        let kept = (-passed / MEMORY).exp();
        self.rows = self.rows * kept + rows as f64;
        self.seconds = self.seconds * kept + passed;
        self.last = now;
    }

    /// Ignores the time until now.
    pub fn rest(&mut self, now: Instant) {
        self.last = now;
    }

    /// Returns the rows per second, if enough time has passed.
    pub fn rate(&self) -> Option<f64> {
        (self.seconds >= ENOUGH && self.rows > 0.0).then(|| self.rows / self.seconds)
    }

    /// Estimates the time for a number of rows.
    pub fn time_for(&self, rows: u64) -> Option<Duration> {
        let seconds = rows as f64 / self.rate()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_happens_slowly() {
        let begin = Instant::now();
        let at = |seconds: f64| begin + Duration::from_secs_f64(seconds);
        let mut speed = Speed::new(begin);
        assert_eq!(speed.rate(), None);
        for second in 1..=60 {
            speed.add(1000, at(f64::from(second)));
        }
        assert_eq!(speed.rate().map(f64::round), Some(1000.0));
        assert_eq!(speed.time_for(5000).map(|time| time.as_secs_f64().round()), Some(5.0));
        // One slow second moves it a little, a slow minute nearly all the way.
        speed.add(100, at(61.0));
        let moved = speed.rate().expect("a rate");
        assert!((900.0..1000.0).contains(&moved), "{moved}");
        for second in 62..=120 {
            speed.add(100, at(f64::from(second)));
        }
        let slow = speed.rate().expect("a rate");
        assert!((100.0..200.0).contains(&slow), "{slow}");
        // An hour's pause does not lower the rate.
        speed.rest(at(3720.0));
        speed.add(100, at(3721.0));
        assert!(speed.rate().expect("a rate") >= 100.0);
    }

    #[test]
    fn several_workers_add_up() {
        let begin = Instant::now();
        let mut speed = Speed::new(begin);
        for tenth in 1..=100 {
            speed.add(10, begin + Duration::from_millis(100 * tenth));
            speed.add(10, begin + Duration::from_millis(100 * tenth));
        }
        assert_eq!(speed.rate().map(f64::round), Some(200.0));
    }
}
