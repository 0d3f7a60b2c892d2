//! Ends a statement when the stop signal is raised. The server is asked to cancel it and its response is awaited,
//! because dropping a future halfway leaves a connection that cannot be used.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::connect::Endpoint;
use super::error::{CANCELED, lost};
use crate::database::{DatabaseError, StopSignal};

/// How long the server may take to respond after the first cancel request; after that, the connection is considered
/// lost. The value is ours to choose: it is how long the shell of an operator who pressed Ctrl-C hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The interval between cancel requests: the first may arrive while no statement runs.
const AGAIN: Duration = Duration::from_millis(300);

/// The watch over one piece of work.
pub(super) struct Watch {
    endpoint: Arc<Endpoint>,
    stop: StopSignal,
    backend: i32,
}

impl Watch {
    pub(super) fn new(endpoint: Arc<Endpoint>, stop: StopSignal, backend: i32) -> Self {
        Self { endpoint, stop, backend }
    }

    /// Runs the work, which uses the connection, to its end; never drops it while the server may still respond. If the
    /// stop signal is raised, the work is not started, or is cancelled: both end with
    /// [`DatabaseErrorKind::Interrupted`]. Work that completes nevertheless keeps its result. After [`PATIENCE`], fails
    /// with an error of kind [`DatabaseErrorKind::Connection`].
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        if self.stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let mut work = pin!(work);
        tokio::select! {
            biased;
            result = &mut work => return result,
            _ = self.stop.raised() => {}
        }
        let mut timeouts = pin!(tokio::time::sleep(PATIENCE));
        let result = loop {
            let mut cancel = pin!(self.endpoint.cancel(self.backend));
            tokio::select! {
                result = &mut work => {
                    // A request still on its way would cancel whatever runs next.
                    let _ = tokio::time::timeout(AGAIN, cancel).await;
                    break result;
                }
                () = &mut timeouts => return Err(lost("the server did not answer when it was asked to stop")),
                () = &mut cancel => {}
            }
            tokio::select! {
                result = &mut work => break result,
                () = &mut timeouts => return Err(lost("the server did not answer when it was asked to stop")),
                () = tokio::time::sleep(AGAIN) => {}
            }
        };
        result.map_err(|error| if error.code == CANCELED { DatabaseError::stopped() } else { error })
    }
}
