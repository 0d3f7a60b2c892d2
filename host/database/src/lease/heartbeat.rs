//! Renews a lease. This has a thread and a connection of its own: neither a long statement nor a computation of the run delays it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::LeaseRows;
use super::takeover::BEATS;
use crate::{DatabaseError, DatabaseErrorKind};

/// How long releasing may take; then the lease ends by itself. Tests have to see it released, however busy the machine
/// is.
const RELEASE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 2 });

/// What renews a lease until it is dropped, which releases the lease.
pub struct Heartbeat {
    has_lost: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    stopped: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Opens a connection to the rows.
pub type Open = Box<dyn Fn() -> BoxFuture<'static, Result<Box<dyn LeaseRows>, DatabaseError>> + Send>;

impl Heartbeat {
    /// Begins to renew the lease with this token. Fails if there is no connection for that.
    pub async fn start(open: Open, token: i64, length: Duration) -> Result<Self, DatabaseError> {
        let has_lost = Arc::new(AtomicBool::new(false));
        let (stop, stopping) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let (begun, beginning) = oneshot::channel();
        let lost = Arc::clone(&has_lost);
        let work = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = begun.send(Err(cannot_start(&error)));
                    return;
                }
            };
            runtime.block_on(async {
                match open().await {
                    Ok(rows) => {
                        let _ = begun.send(Ok(()));
                        Renewals { open, rows: Some(rows), token, length, lost: &lost }.run(stopping).await;
                    }
                    Err(error) => {
                        let _ = begun.send(Err(error));
                    }
                }
            });
            let _ = ended.send(());
        };
        let thread = std::thread::Builder::new().name("lease".to_owned()).spawn(work);
        let thread = thread.map_err(|error| cannot_start(&error))?;
        let heartbeat = Self { has_lost, stop: Some(stop), stopped, thread: Some(thread) };
        match beginning.await {
            Ok(Ok(())) => Ok(heartbeat),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(cannot_start(&"its thread has ended")),
        }
    }

    /// Whether another run was found to have taken the lease.
    pub fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Acquire)
    }

    /// Stops, and releases the lease.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.stopped).await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let Some(thread) = self.thread.take() else { return };
        let since = Instant::now();
        while !thread.is_finished() && since.elapsed() < RELEASE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn cannot_start(error: &dyn std::fmt::Display) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, format!("cannot start the thread that renews the lease: {error}"))
}

struct Renewals<'a> {
    open: Open,
    /// The connection, while it works.
    rows: Option<Box<dyn LeaseRows>>,
    token: i64,
    length: Duration,
    lost: &'a AtomicBool,
}

impl Renewals<'_> {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let period = self.length / BEATS;
        let mut pause = period;
        loop {
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
            // A statement that gets no answer must not keep the next one, on another connection, from being sent in time.
            let beat = tokio::select! {
                _ = &mut stop => {
                    // Its connection may be in the middle of an answer.
                    self.rows = None;
                    break;
                }
                beat = tokio::time::timeout(period, self.renew()) => beat,
            };
            pause = match beat {
                Ok(Ok(true)) => period,
                Ok(Ok(false)) => {
                    self.lost.store(true, Ordering::Release);
                    return;
                }
                Ok(Err(_)) | Err(_) => {
                    // While no other run has taken the lease, it can be renewed even late: the token decides.
                    self.rows = None;
                    period / 10
                }
            };
        }
        let _ = tokio::time::timeout(RELEASE, self.release()).await;
    }

    async fn rows(&mut self) -> Result<&mut Box<dyn LeaseRows>, DatabaseError> {
        match self.rows {
            Some(ref mut rows) => Ok(rows),
            None => Ok(self.rows.insert((self.open)().await?)),
        }
    }

    async fn renew(&mut self) -> Result<bool, DatabaseError> {
        let (token, length) = (self.token, self.length);
        self.rows().await?.renew(token, length).await
    }

    async fn release(&mut self) -> Result<(), DatabaseError> {
        let token = self.token;
        self.rows().await?.release(token).await
    }
}
