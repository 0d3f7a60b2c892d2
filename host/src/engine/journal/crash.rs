//! Moments at which a test has the process die.

/// Ends the process if this is the moment that `RUNNER_TEST_CRASH_AT` names, counted from 1; like `kill -9` it leaves no time
/// for anything. Only debug builds know it.
#[cfg(debug_assertions)]
pub fn point() {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static AT: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let at = AT.get_or_init(|| std::env::var("RUNNER_TEST_CRASH_AT").ok()?.parse().ok());
    if at.is_some_and(|at| PASSED.fetch_add(1, Ordering::Relaxed) + 1 == at) {
        std::process::abort();
    }
}

/// In a release build nothing.
#[cfg(not(debug_assertions))]
pub fn point() {}
