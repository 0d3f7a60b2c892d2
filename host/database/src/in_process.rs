//! Calls of an embedded database, which run in this process: one that nothing inside can interrupt ends with the process.
//!
//! SQLite checks for a stop between its instructions. One instruction can take hours, such as `instr` or `LIKE` over
//! megabytes, and SQLite has no means to end it from outside, nor can a thread be ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::StopSignal;
use super::stop::StopReason;

/// How often the calls are checked, and how often one is seen before it counts as stuck.
const INTERVAL: Duration = Duration::from_millis(500);
const TIMES: u32 = 10;

/// Of all connections of the process.
static ALL: Mutex<Vec<Weak<Calls>>> = Mutex::new(Vec::new());

/// The calls of a connection, one after the other.
#[derive(Debug)]
pub struct Calls {
    /// How many have begun and ended: odd during a call.
    turns: AtomicU64,
    /// What stops the migration for which they are.
    stop: Mutex<StopSignal>,
}

impl Calls {
    /// Those of a new connection.
    pub fn new() -> Arc<Self> {
        let calls = Arc::new(Self { turns: AtomicU64::new(0), stop: Mutex::new(StopSignal::never()) });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|calls| calls.strong_count() > 0);
        all.push(Arc::downgrade(&calls));
        calls
    }

    /// From here on, they are for a migration that this stops; a signal that cannot be raised: for the host, who is never stuck.
    pub fn serve(&self, stop: StopSignal) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }

    /// A call begins, or ends.
    #[inline]
    pub fn turn(&self) {
        // One thread at a time uses a connection.
        self.turns.store(self.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The number of a call that should have been stopped, and why.
    fn overdue(&self) -> Option<(u64, StopReason)> {
        let turn = self.turns.load(Ordering::Relaxed);
        if turn.is_multiple_of(2) {
            return None;
        }
        Some((turn, self.stop.lock().unwrap_or_else(PoisonError::into_inner).reason()?))
    }
}

/// Waits until a call for a migration has continued for seconds after it was stopped. Returns why it was.
pub async fn stuck() -> StopReason {
    let mut seen = Seen::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let all = ALL.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(reason) = look(&mut seen, all.iter().filter_map(Weak::upgrade)) {
            return reason;
        }
    }
}

/// The calls that should have ended, and how often each was seen.
type Seen = BTreeMap<usize, (u64, u32)>;

/// Checks the calls once more. Returns why a call was to stop that was seen too often.
fn look(seen: &mut Seen, all: impl Iterator<Item = Arc<Calls>>) -> Option<StopReason> {
    let mut now = Seen::new();
    for calls in all {
        let Some((turn, reason)) = calls.overdue() else { continue };
        let place = Arc::as_ptr(&calls).addr();
        let times = seen.get(&place).filter(|(before, _)| *before == turn).map_or(1, |(_, times)| times + 1);
        if times >= TIMES {
            return Some(reason);
        }
        now.insert(place, (turn, times));
    }
    *seen = now;
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_outlives_its_stop_is_stuck() {
        let calls = Calls::new();
        let stop = StopSignal::default();
        let look = |each: &dyn Fn()| {
            let mut seen = Seen::new();
            (0..TIMES).find_map(|_| {
                each();
                look(&mut seen, std::iter::once(Arc::clone(&calls)))
            })
        };
        calls.turn();
        assert_eq!(look(&|| ()), None, "the host's");
        calls.serve(stop.clone());
        assert_eq!(look(&|| ()), None, "not stopped");
        stop.raise(StopReason::WallTime);
        assert_eq!(look(&|| (0..2).for_each(|_| calls.turn())), None, "one after the other");
        assert_eq!(look(&|| ()), Some(StopReason::WallTime));
        calls.turn();
        assert_eq!(look(&|| ()), None, "it has ended");
    }
}
