//! Goes through the databases: the canaries one after another, the others in parallel on a bounded number of threads.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};

use super::run::Ended;
use runner_base::error::{Error, Result};
use runner_base::runtime::STACK;
use runner_database::StopSignal;

/// In which order, and how many at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Databases at the same time.
    pub parallel: usize,
    /// How many come first, one after another. If one of them fails, no other begins.
    pub canaries: usize,
}

/// What is done with each database, given its place among them.
pub struct Work<'w, T> {
    /// Does it. The signal is the database's own, and is raised with that of the command.
    pub run: &'w (dyn Fn(usize, StopSignal) -> Result<T> + Sync),
    /// Whether the outcome is a failure.
    pub is_failure: &'w (dyn Fn(&Result<T>) -> bool + Sync),
    /// Is called as soon as one has ended.
    pub ended: &'w (dyn Fn(usize, &Result<T>, Duration) + Sync),
}

/// Goes through `number` databases; returns the result of each, in their order. A panic on one of them is its error.
pub fn each<T: Send>(number: usize, pace: Pace, stop: &StopSignal, work: &Work<'_, T>) -> Vec<(Ended<T>, Duration)> {
    on_threads(number, pace, stop, work, STACK)
}

/// The same, on threads with a stack of that size.
pub(super) fn on_threads<T: Send>(
    number: usize,
    pace: Pace,
    stop: &StopSignal,
    work: &Work<'_, T>,
    stack: usize,
) -> Vec<(Ended<T>, Duration)> {
    let results: Vec<_> = (0..number).map(|_| Mutex::new((Ended::NotRun, Duration::ZERO))).collect();
    let failures = AtomicUsize::new(0);
    let canaries = pace.canaries.min(number);
    let through = |next: &AtomicUsize, end: usize| {
        while !stop.is_raised() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= end {
                return;
            }
            let began = Instant::now();
            let ran = std::panic::catch_unwind(AssertUnwindSafe(|| (work.run)(at, stop.child())));
            // The hook of the process has shown where it was.
            let ran = ran.unwrap_or_else(|_| Err(Error::failed("runner panicked: this is a bug in runner")));
            let took = began.elapsed();
            let failed = (work.is_failure)(&ran);
            failures.fetch_add(usize::from(failed), Ordering::Relaxed);
            (work.ended)(at, &ran, took);
            *results[at].lock().unwrap_or_else(PoisonError::into_inner) = (Ended::Ran(ran), took);
            if failed && at < canaries {
                return;
            }
        }
    };
    let threads = |next: AtomicUsize, end: usize, number: usize| {
        scope(|threads| {
            for begun in 0..number {
                let thread = Builder::new().name("fleet".to_owned()).stack_size(stack);
                if thread.spawn_scoped(threads, || through(&next, end)).is_err() {
                    // The system has no more threads: those that run, or else this one, go through the rest.
                    if begun == 0 {
                        through(&next, end);
                    }
                    break;
                }
            }
        });
    };
    threads(AtomicUsize::new(0), canaries, usize::from(canaries > 0));
    if failures.load(Ordering::Relaxed) == 0 {
        let others = number - canaries;
        threads(AtomicUsize::new(canaries), number, pace.parallel.clamp(1, others.max(1)));
    }
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}
