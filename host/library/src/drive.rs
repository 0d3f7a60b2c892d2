//! Runs the engine on a thread of its own. SQLite blocks the thread it is called on, and so does other work of a run; the
//! calling program's runtime, whichever it is, only waits for the answer.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use tokio::sync::oneshot;

use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::StopSignal;
use runner_database::stop::StopReason;

/// The runs of a program that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveRuns {
    stops: Arc<Mutex<Vec<(u64, StopSignal)>>>,
}

/// A run whose caller waits for it. Dropping it stops the run at its next safe point.
struct Awaited {
    runs: ActiveRuns,
    number: u64,
    stop: StopSignal,
}

impl ActiveRuns {
    /// Stops all runs under way at their next safe points.
    pub fn stop(&self) {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.iter().for_each(|(_, stop)| stop.raise(StopReason::Interrupt));
    }

    /// Does the work on a thread of its own, at most for the given time.
    pub async fn drive<T, F>(
        &self,
        wall_time: Option<Duration>,
        work: impl FnOnce(StopSignal) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>>,
    {
        let awaited = self.begin();
        let stop = awaited.stop.clone();
        let (answer, answered) = oneshot::channel();
        let thread = Builder::new().name("runner".to_owned()).stack_size(runtime::STACK).spawn(move || {
            let result = clock(&stop, wall_time).and_then(|_clock| runtime::run(work(stop)));
            // The program may have stopped waiting.
            let _ = answer.send(result);
        });
        thread.map_err(no_thread)?;
        let result = answered.await;
        drop(awaited);
        result.unwrap_or_else(|_| Err(Error::failed("the run panicked; this is a bug in runner")))
    }

    fn begin(&self) -> Awaited {
        let stop = StopSignal::default();
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let number = stops.last().map_or(0, |(number, _)| number + 1);
        stops.push((number, stop.clone()));
        Awaited { runs: self.clone(), number, stop }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // Harmless if the run has ended.
        self.stop.raise(StopReason::Interrupt);
        self.runs.stops.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.number);
    }
}

/// Raises the signal when the time is up, unless what is returned is dropped before. A thread of its own sees to it: the
/// database may keep that of the run busy.
pub fn clock(stop: &StopSignal, wall_time: Option<Duration>) -> Result<Option<Sender<()>>> {
    let Some(wall_time) = wall_time else { return Ok(None) };
    let stop = stop.clone();
    let (running, ended) = channel();
    let thread = Builder::new().name("runner clock".to_owned()).spawn(move || {
        if ended.recv_timeout(wall_time) == Err(RecvTimeoutError::Timeout) {
            stop.raise(StopReason::WallTime);
        }
    });
    thread.map(|_| Some(running)).map_err(no_thread)
}

fn no_thread(error: std::io::Error) -> Error {
    Error::failed("cannot start a thread").cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_future_stops_its_run() {
        let (tell, told) = oneshot::channel();
        let work = |stop: StopSignal| async move {
            let _ = tell.send(stop.raised().await);
            Ok(())
        };
        let runs = ActiveRuns::default();
        let waiting = tokio::time::timeout(Duration::from_millis(20), runs.drive(None, work));
        assert!(waiting.await.is_err());
        assert_eq!(told.await, Ok(StopReason::Interrupt));
        assert!(runs.stops.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn runs_end_when_told_or_when_their_time_is_up() {
        let runs = ActiveRuns::default();
        let work = |stop: StopSignal| async move { Ok(stop.raised().await) };
        assert_eq!(runs.drive(Some(Duration::from_millis(5)), work).await.expect("a reason"), StopReason::WallTime);
        let (reason, ()) = tokio::join!(runs.drive(None, work), async { runs.stop() });
        assert_eq!(reason.expect("a reason"), StopReason::Interrupt);
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let work = |_| async { if true { panic!("no") } else { Ok(()) } };
        assert!(ActiveRuns::default().drive(None, work).await.is_err());
    }
}
