//! Random bits, and pauses that differ.

use std::time::Duration;

/// Random bits of the operating system.
///
/// # Panics
/// If the system has no source of randomness.
pub fn bits() -> u64 {
    getrandom::u64().expect("the operating system supplies random bits")
}

/// Between half the pause and the whole, so that many that wait do not come at once.
pub fn jittered(pause: Duration) -> Duration {
    // A pause is no secret: without randomness it is the whole.
    let bits = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + (pause / 2).mul_f64(f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_within_their_bounds() {
        let pause = Duration::from_secs(1);
        let pauses: Vec<Duration> = (0..20).map(|_| jittered(pause)).collect();
        assert!(pauses.iter().all(|found| (pause / 2..=pause).contains(found)), "{pauses:?}");
        assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "{pauses:?}");
        assert_ne!(bits(), bits());
    }
}
