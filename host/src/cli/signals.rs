//! SIGINT and SIGTERM: the first stops at the next safe point, the second at once.

use std::time::Duration;

use crate::database::StopSignal;
use crate::database::stop::StopReason;

/// Raises the stop signal when the process is told to stop, or when its time is up. Must stand inside the runtime.
pub fn watch(stop: &StopSignal, wall_time: Option<Duration>) {
    if let Some(wall_time) = wall_time {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wall_time).await;
            stop.raise(StopReason::WallTime);
        });
    }
    let stop = stop.clone();
    // Here and not in the task, which may have to wait for a thread while work has begun.
    let Some(mut signals) = Signals::listen() else { return };
    tokio::spawn(async move {
        let first = signals.next().await;
        stop.raise(first);
        let second = signals.next().await;
        leave(second);
    });
}

/// The database rolls back by itself when its connection ends with the process.
#[allow(clippy::exit, reason = "somebody who asks a second time wants no clean-up")]
fn leave(reason: StopReason) -> ! {
    std::process::exit(match reason {
        StopReason::Terminate => 143,
        StopReason::Interrupt | StopReason::WallTime | StopReason::Cancelled => 130,
    })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// None if the system refuses: then a signal ends the process as it always does.
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Some(Self {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
        })
    }

    async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.interrupt.recv() => StopReason::Interrupt,
            _ = self.terminate.recv() => StopReason::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) -> StopReason {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        StopReason::Interrupt
    }
}
