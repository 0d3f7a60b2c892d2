//! The signal that ends a run at its next safe point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The run's wall time is used up.
    WallTime,
    /// An operator said `runner cancel` somewhere else.
    Cancelled,
}

/// Raised once, seen by everybody who holds a clone: the sandbox between two slices of guest code, a database between two
/// rows, a waiter for the lock.
#[derive(Clone, Debug)]
pub struct StopSignal {
    /// None: it can never be raised.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    reason: AtomicU8,
    raised: tokio::sync::Notify,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self { inner: Some(Arc::default()) }
    }
}

impl StopSignal {
    /// A signal that cannot be raised. Unlike a new one it allocates nothing.
    pub const fn never() -> Self {
        Self { inner: None }
    }

    /// Raises the signal; the first reason stays.
    pub fn raise(&self, reason: StopReason) {
        let code = match reason {
            StopReason::Interrupt => 1,
            StopReason::Terminate => 2,
            StopReason::WallTime => 3,
            StopReason::Cancelled => 4,
        };
        let Some(inner) = &self.inner else { return };
        if inner.reason.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            inner.raised.notify_waiters();
        }
    }

    /// Whether and why to stop.
    pub fn reason(&self) -> Option<StopReason> {
        match self.inner.as_ref()?.reason.load(Ordering::Acquire) {
            0 => None,
            1 => Some(StopReason::Interrupt),
            2 => Some(StopReason::Terminate),
            3 => Some(StopReason::WallTime),
            _ => Some(StopReason::Cancelled),
        }
    }

    /// Whether to stop.
    pub fn is_raised(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits until the signal is raised.
    pub async fn raised(&self) -> StopReason {
        let Some(inner) = &self.inner else { return std::future::pending().await };
        loop {
            let notified = inner.raised.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            notified.await;
        }
    }
}
