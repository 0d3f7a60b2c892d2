//! Ends a statement when the stop signal is raised. The server is asked to cancel it and its response is awaited,
//! because dropping a future halfway leaves a connection that cannot be used. A statement can catch its cancellation
//! and continue (`EXCEPTION WHEN query_canceled`); then its session is ended, which it cannot catch.
//!
//! It is cancelled with `pg_cancel_backend` on another connection, which works through poolers where the protocol's own
//! request may not. The process that served the `BEGIN` serves the whole transaction. A statement without one may run
//! in another process than the message before it, which then serves another client: it is found by its text as well,
//! and by the name of its run. One that continues 100 ms after it was cancelled, or 2 s after its timeout, loses its
//! session.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::endpoint::{Endpoint, Signal, Target};
use crate::error::{CANCELED, Result, lost};
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind, Meaning, StopSignal};

/// How long the server may take to respond after the first request; after that, the connection is considered lost. The
/// value is ours to choose: it is how long the shell of an operator who pressed Ctrl-C hangs if the server is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a statement may continue after it was cancelled, before its session is ended. A guest controls how long it
/// continues: without this bound, it would hold the run until it likes to end.
const GRACE: Duration = Duration::from_millis(100);

/// How long the server's answer may take after the time of a statement is up: the network may be slow.
const LATE: Duration = Duration::from_secs(2);

/// The interval between requests to end the session.
const AGAIN: Duration = Duration::from_millis(300);

/// The watch over one piece of work.
pub(crate) struct Watchdog {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) stop: StopSignal,
    pub(super) target: Target,
    pub(super) meter: Meter,
    /// Set when the session was asked to end: nothing can use the connection any more.
    pub(super) ended: Arc<AtomicBool>,
}

impl Watchdog {
    /// Runs the work, which uses the connection, to its end; never drops it while the server may still respond. If the
    /// stop signal is raised, the work is not started, or is cancelled: both end with
    /// [`DatabaseErrorKind::Interrupted`]. Work that completes nevertheless keeps its result. After [`PATIENCE`], fails
    /// with an error of kind [`DatabaseErrorKind::Connection`].
    pub(crate) async fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.run_within(None, work).await
    }

    /// As [`Self::run`], for one statement that the server cancels after `limit`: a statement that continues after that
    /// loses its session, too.
    pub(crate) async fn run_within<T>(
        &self,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if self.stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let mut work = pin!(async { self.meter.judge(work.await) });
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit.saturating_add(LATE)).await,
                None => std::future::pending().await,
            }
        };
        let first = tokio::select! {
            biased;
            result = &mut work => return result,
            _ = self.stop.raised() => Signal::Cancel,
            // The server has cancelled it already.
            () = over => Signal::Terminate,
        };
        self.end(first, work).await.map_err(|error| {
            let is_ended = self.ended.load(Ordering::Acquire)
                && error.kind == DatabaseErrorKind::Connection
                && error.meaning != Meaning::Unanswered;
            match first {
                Signal::Cancel if is_ended || error.code == CANCELED => DatabaseError::stopped(),
                Signal::Terminate if is_ended => too_long(error),
                _ => error,
            }
        })
    }

    /// Asks the server to end the work until it does: first as `signal` says, then by ending the session.
    async fn end<T, W>(&self, signal: Signal, mut work: std::pin::Pin<&mut W>) -> Result<T>
    where
        W: Future<Output = Result<T>>,
    {
        let mut patience = pin!(tokio::time::sleep(PATIENCE));
        let mut next = signal;
        loop {
            if next == Signal::Terminate {
                self.ended.store(true, Ordering::Release);
            }
            let mut request = pin!(self.endpoint.signal(&self.target, next));
            tokio::select! {
                result = &mut work => {
                    // A request still on its way would end whatever runs next.
                    let _ = tokio::time::timeout(AGAIN, request).await;
                    return result;
                }
                () = &mut patience => return Err(silent()),
                () = &mut request => {}
            }
            let pause = if next == Signal::Cancel { GRACE } else { AGAIN };
            tokio::select! {
                result = &mut work => return result,
                () = &mut patience => return Err(silent()),
                () = tokio::time::sleep(pause) => {}
            }
            next = Signal::Terminate;
        }
    }
}

fn silent() -> DatabaseError {
    lost("the server did not answer when it was asked to stop").means(Meaning::Unanswered)
}

fn too_long(error: DatabaseError) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Timeout,
        "the statement went on after its time was up, so its session was ended",
    )
    .code(CANCELED)
    .detail(error.message)
    .hint("it catches `query_canceled`: let it end when it is cancelled, or raise the statement timeout")
}
