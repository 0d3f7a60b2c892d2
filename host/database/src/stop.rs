//! The signal that ends a run at its next safe point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a run must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM or SIGHUP.
    Terminate,
    /// The run's wall time is used up.
    WallTime,
    /// An operator ran `runner cancel` elsewhere.
    Cancelled,
}

/// A signal that is raised once and seen by every holder of a clone: the sandbox between two slices of guest code, a
/// database between two rows, a run that waits for the lock.
#[derive(Clone, Debug)]
pub struct StopSignal {
    /// `None` for a signal that can never be raised.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    reason: AtomicU8,
    /// The signal that this one follows.
    parent: Option<StopSignal>,
    raised: tokio::sync::Notify,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self { inner: Some(Arc::default()) }
    }
}

impl StopSignal {
    /// Returns a signal that cannot be raised. Unlike [`StopSignal::default`], it allocates nothing.
    pub const fn never() -> Self {
        Self { inner: None }
    }

    /// Returns a signal that is raised with this one, and can be raised alone: for one run of several.
    pub fn child(&self) -> Self {
        Self { inner: Some(Arc::new(Inner { parent: Some(self.clone()), ..Inner::default() })) }
    }

    /// Raises the signal; the first reason is kept.
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

    /// Returns why to stop, if the signal is raised.
    pub fn reason(&self) -> Option<StopReason> {
        let inner = self.inner.as_ref()?;
        match inner.reason.load(Ordering::Acquire) {
            0 => inner.parent.as_ref()?.reason(),
            1 => Some(StopReason::Interrupt),
            2 => Some(StopReason::Terminate),
            3 => Some(StopReason::WallTime),
            _ => Some(StopReason::Cancelled),
        }
    }

    /// Returns whether the signal is raised.
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
            match &inner.parent {
                None => notified.await,
                Some(parent) => tokio::select! {
                    () = notified => {}
                    _ = Box::pin(parent.raised()) => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_raised_with_its_parent_and_alone() {
        let parent = StopSignal::default();
        let (first, second) = (parent.child(), parent.child());
        first.raise(StopReason::Cancelled);
        assert_eq!((first.reason(), second.reason(), parent.reason()), (Some(StopReason::Cancelled), None, None));
        let (reason, ()) = tokio::join!(second.raised(), async { parent.raise(StopReason::Terminate) });
        assert_eq!(reason, StopReason::Terminate);
        assert_eq!((first.reason(), second.reason()), (Some(StopReason::Cancelled), Some(StopReason::Terminate)));
    }
}
