//! Ends a statement when the stop signal is raised: the server is asked to cancel it, and its answer is awaited, because a
//! future that is dropped half-way leaves a connection that cannot be used.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::connect::Endpoint;
use super::error::{CANCELED, lost};
use crate::database::{DatabaseError, StopSignal};

/// How long the server may take to answer after it was first asked to cancel; a server that does not answer by then is
/// taken for lost. Ours to choose: the shell of a person who pressed Ctrl-C hangs as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after one request to cancel comes the next: the first may come while no statement runs.
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

    /// Does the work, which uses the connection, to its end; never drops it while the server may answer. With the stop signal
    /// raised the work is not begun, or is cancelled: both end with [`DatabaseErrorKind::Interrupted`]. Work that came to
    /// its end all the same keeps its result. After [`PATIENCE`] an error of kind [`DatabaseErrorKind::Connection`].
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
                    // A request on its way would hit whatever comes next.
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
