//! Pauses between attempts: longer each time and random, so that many that wait do not come at once.

use std::time::Duration;

/// The pauses of one wait.
#[derive(Clone, Debug)]
pub struct Backoff {
    pause: Duration,
    longest: Duration,
}

impl Backoff {
    /// Between half of `first` and the whole, then of twice as long, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { pause: first, longest }
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.pause.min(self.longest);
        self.pause = pause.saturating_mul(2);
        // A pause is not a secret: without randomness it is the whole.
        let bits = getrandom::u32().unwrap_or(u32::MAX);
        pause / 2 + (pause / 2).mul_f64(f64::from(bits) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_differ_within_their_bounds() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 5);
        for longest in [1, 2, 4, 5, 5].map(|seconds| second * seconds) {
            let pause = backoff.pause();
            assert!((longest / 2..=longest).contains(&pause), "{pause:?} of {longest:?}");
        }
        let pauses: Vec<Duration> = (0..20).map(|_| Backoff::new(second, second).pause()).collect();
        assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "{pauses:?}");
    }
}
