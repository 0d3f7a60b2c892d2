//! SIGINT, SIGTERM and SIGHUP: the first stops at the next safe point, the second at once.

use std::sync::Arc;
use std::time::Duration;

use runner_base::error::{Error, Result};
use runner_base::processes;
use runner_base::runtime;
use runner_database::stop::StopReason;
use runner_database::{StopSignal, in_process};
use runner_engine::stopped::stopped;
use runner_report::{Printer, erase_at_exit};

/// Raises the stop signal on SIGINT, SIGTERM, SIGHUP or when the wall time is over. Listens on its own thread, because a database call may
/// block the thread of the run; ends the process if such a call does not end.
pub fn watch(printer: &Arc<Printer>, stop: &StopSignal, wall_time: Option<Duration>) -> Result<()> {
    let (printer, stop) = (Arc::clone(printer), stop.clone());
    let (ready, listening) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let spawned = thread.spawn(move || {
        runtime::run(async {
            let signals = Signals::listen();
            let _ = ready.send(());
            tokio::select! {
                ended = listen(stop, signals, wall_time) => ended,
                reason = in_process::stuck() => give_up(&printer, reason),
            }
        })
    });
    spawned.map_err(|error| Error::failed("cannot start a thread").cause(error))?;
    // Work that starts before the handlers are installed could not be stopped.
    let _ = listening.recv();
    Ok(())
}

async fn listen(stop: StopSignal, signals: Option<Signals>, wall_time: Option<Duration>) -> Result<()> {
    if let Some(wall_time) = wall_time {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wall_time).await;
            stop.raise(StopReason::WallTime);
        });
    }
    let Some(mut signals) = signals else { return std::future::pending().await };
    stop.raise(signals.next().await);
    leave(signals.next().await)
}

/// Exits because a database in this process does not end a call. The next to open its file rolls back what is not committed.
#[allow(clippy::exit, reason = "a thread cannot be ended")]
fn give_up(printer: &Printer, reason: StopReason) -> ! {
    let error = stopped(reason)
        .cause("SQLite did not end a call of the migration, so the process has ended; nothing that was not committed remains")
        .hint("look for a function over very large values in the migration, such as `instr`, `replace` or `LIKE`");
    erase_at_exit();
    let code = super::report(printer, &error);
    processes::end_at_once();
    std::process::exit(code.into())
}

/// Exits at once. The database rolls back when the connection closes with the process.
#[allow(clippy::exit, reason = "a second signal asks to exit without cleaning up")]
fn leave(reason: StopReason) -> ! {
    erase_at_exit();
    processes::end_at_once();
    std::process::exit(match reason {
        StopReason::Terminate => 143,
        StopReason::Interrupt | StopReason::WallTime | StopReason::Cancelled => 130,
    })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal is gone; `None` if the process was started to survive that, as by `nohup`.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// `None` if the system refuses; a signal then terminates the process as usual.
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Some(Self {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
            hang_up: if is_ignored(libc::SIGHUP) { None } else { signal(SignalKind::hangup()).ok() },
        })
    }

    async fn next(&mut self) -> StopReason {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => return StopReason::Interrupt,
            _ = self.terminate.recv() => return StopReason::Terminate,
            () = hang_up => {}
        }
        // Both the shell and the system report a closed terminal: the second time is not a request to exit at once.
        self.hang_up = None;
        StopReason::Terminate
    }
}

/// Whether the process that started this one made it ignore a signal.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call only writes the present action to a value of its type, for which zeroes are valid.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
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
