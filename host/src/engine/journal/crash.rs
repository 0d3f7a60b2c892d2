//! Moments at which a test has the process die.

use std::sync::atomic::{AtomicU64, Ordering};

/// The moment at which to die, counted from 1; 0: never.
static AT: AtomicU64 = AtomicU64::new(0);

/// The moments that have passed.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Has the process die at the moment of that number. Only the hidden verb by which `runner test --crash` starts its runs calls
/// it, and that one works on scratch databases alone.
pub fn arm(moment: u64) {
    AT.store(moment, Ordering::Relaxed);
}

/// A moment: everything that is done is done, and nothing that is to come has begun. Ends the process if it is the one to die
/// at; no clean-up runs, as with `kill -9`.
pub fn point() {
    let at = armed();
    if at > 0 && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == at {
        die();
    }
}

/// A debug build can be told by `RUNNER_TEST_CRASH_AT`, too: the tests of this project kill plain `apply` and `rollback`.
#[cfg(debug_assertions)]
fn armed() -> u64 {
    static SAID: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let said = SAID.get_or_init(|| {
        let text = std::env::var("RUNNER_TEST_CRASH_AT").unwrap_or_default();
        text.parse().unwrap_or_default()
    });
    match *said {
        0 => AT.load(Ordering::Relaxed),
        said => said,
    }
}

#[cfg(not(debug_assertions))]
fn armed() -> u64 {
    AT.load(Ordering::Relaxed)
}

fn die() -> ! {
    #[cfg(unix)]
    // SAFETY: both functions take and answer plain numbers, and touch no memory of ours.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    // Where there is no such signal, or before it has struck.
    std::process::abort()
}
