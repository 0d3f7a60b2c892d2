//! When a lease may be taken from its holder.

use std::time::{Duration, Instant};

use super::Seen;

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it: it was released.
    Free,
    /// Take it: its holder has not renewed it in time.
    Ended,
    /// Wait.
    Held,
}

/// How many renewals there are in the length of a lease.
pub(super) const BEATS: u32 = 3;

/// Observes a lease. It measures only intervals, on the monotonic clock of this process.
pub(super) struct TakeoverClock {
    /// The database's clock is one clock. The nodes of a cluster each have their own.
    is_one_clock: bool,
    /// What the rows held last, and since when.
    last: Option<((i64, i64), Instant)>,
}

impl TakeoverClock {
    pub(super) fn new(is_one_clock: bool) -> Self {
        Self { is_one_clock, last: None }
    }

    /// Decides what to do about the rows that were read at this moment.
    pub(super) fn judge(&mut self, seen: &Seen, now: Instant) -> Verdict {
        let state = (seen.token.max(seen.beat_token), seen.beats);
        let since = match self.last {
            Some((last, since)) if last == state => since,
            _ => now,
        };
        self.last = Some((state, since));
        let silence = now.saturating_duration_since(since);
        match seen.left <= 0 {
            _ if seen.is_free => Verdict::Free,
            true if self.is_one_clock => Verdict::Ended,
            // Expired on the clock of this node; that of the holder's may be behind. A holder that lives renews it meanwhile.
            true if silence >= 2 * seen.length / BEATS => Verdict::Ended,
            // Valid on a clock that was set back, or is behind that of the holder's node.
            false if silence >= seen.length => Verdict::Ended,
            _ => Verdict::Held,
        }
    }
}

/// For how long a holder has not renewed its lease, if that is longer than it should be.
pub(super) fn silence(seen: &Seen) -> Option<(Duration, Duration)> {
    let left = Duration::from_micros(u64::try_from(seen.left).unwrap_or(0));
    let silent = seen.length.saturating_sub(left);
    (silent >= 2 * seen.length / BEATS).then_some((silent, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);
    const DAY: i64 = 86_400_000_000;

    fn seen(beats: i64, left: i64) -> Seen {
        Seen { token: 7, beat_token: 7, beats, holder: "r: me".to_owned(), length: LENGTH, left, is_free: false }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_ends_on_the_clock_of_the_database() {
        let start = Instant::now();
        let mut clock = TakeoverClock::new(true);
        assert_eq!(clock.judge(&seen(0, 1), start), Verdict::Held);
        assert_eq!(clock.judge(&seen(0, 0), start), Verdict::Ended);
        assert_eq!(clock.judge(&Seen { is_free: true, ..seen(0, DAY) }, start), Verdict::Free);
    }

    /// Nodes of a cluster whose clocks are a day apart: who renews the lease keeps it, and who does not loses it.
    #[test]
    fn clocks_that_are_a_day_apart_do_not_matter() {
        for left in [-DAY, DAY] {
            let start = Instant::now();
            let mut clock = TakeoverClock::new(false);
            for beat in 0..100_u64 {
                let now = after(start, beat * 10);
                assert_eq!(clock.judge(&seen(beat as i64, left), now), Verdict::Held, "{beat}");
            }
            assert_eq!(clock.judge(&seen(99, left), after(start, 990 + 9)), Verdict::Held);
            assert_eq!(clock.judge(&seen(99, left), after(start, 990 + 30)), Verdict::Ended);
        }
    }

    /// A clock that was set back by a day makes a lease look valid for a day.
    #[test]
    fn a_clock_that_was_set_back_does_not_lock_all_runs_out() {
        let start = Instant::now();
        let mut clock = TakeoverClock::new(true);
        assert_eq!(clock.judge(&seen(4, DAY), start), Verdict::Held);
        assert_eq!(clock.judge(&seen(4, DAY), after(start, 29)), Verdict::Held);
        assert_eq!(clock.judge(&seen(4, DAY), after(start, 30)), Verdict::Ended);
    }

    #[test]
    fn silence_is_reported_once_two_renewals_are_missing() {
        assert_eq!(silence(&seen(0, 20_000_000)), None);
        let told = (Duration::from_secs(21), Duration::from_secs(9));
        assert_eq!(silence(&seen(0, 9_000_000)), Some(told));
    }
}
