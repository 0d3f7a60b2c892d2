//! Points at which a test can end the process.

use std::sync::atomic::{AtomicU64, Ordering};

/// The point at which to end the process, counted from 1, or 0 for none.
static AT: AtomicU64 = AtomicU64::new(0);

/// The number of points passed.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Makes the process end at the point with this number. Only the hidden command with which `runner test --crash` starts
/// its runs calls it, and that command uses scratch databases only.
pub fn arm(point: u64) {
    AT.store(point, Ordering::Relaxed);
}

/// Passes a point between two actions. Ends the process if it is armed for this point; no clean-up runs, as with
/// `kill -9`.
pub fn point() {
    let at = armed();
    if at > 0 && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == at {
        kill();
    }
}

/// In a debug build `RUNNER_TEST_CRASH_AT` works too: this project's tests kill plain `apply` and `rollback`.
#[cfg(debug_assertions)]
fn armed() -> u64 {
    static VARIABLE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let variable = VARIABLE.get_or_init(|| {
        let text = std::env::var("RUNNER_TEST_CRASH_AT").unwrap_or_default();
        text.parse().unwrap_or_default()
    });
    match *variable {
        0 => AT.load(Ordering::Relaxed),
        point => point,
    }
}

#[cfg(not(debug_assertions))]
fn armed() -> u64 {
    AT.load(Ordering::Relaxed)
}

fn kill() -> ! {
    #[cfg(unix)]
    // SAFETY: both functions take and return plain numbers and do not access this process's memory.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    // For systems without the signal, and until it is delivered.
    std::process::abort()
}
