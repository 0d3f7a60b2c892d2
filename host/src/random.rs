//! Chance, without a crate for it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Random bits of the operating system: the keys of every `RandomState` come from there. The state must be new each time.
pub fn bits() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Between half the pause and the whole, so that many who wait do not come at once.
pub fn jittered(pause: Duration) -> Duration {
    pause / 2 + (pause / 2).mul_f64(f64::from(bits() as u32) / f64::from(u32::MAX))
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
