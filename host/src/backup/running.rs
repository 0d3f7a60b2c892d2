//! A program that runs, with everything that it has started itself.
//!
//! It has a session of its own: so it can be ended as a whole, its children too, and a ^C at the terminal reaches it by way of
//! us alone, who also wait for its end. What asks at a terminal fails at once there, where in a mere group it would stand
//! still.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use super::{Told, pause};
use crate::engine::backup::BackupJob;
use crate::engine::stopped::stopped;
use crate::error::{Error, Result};

/// How often a look at the file tells how far it has grown.
const LOOK: Duration = Duration::from_millis(250);

/// How often a look tells whether everything that was started has ended.
const SOON: Duration = Duration::from_millis(20);

/// How long a program may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most that is kept of what a program says.
const SAID: usize = 4096;

/// The group of the program that runs; 0 if there is none.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// Ends the program that runs, if there is one, because this process ends now.
pub fn end_at_once() {
    Group(GROUP.load(Ordering::SeqCst)).kill();
}

/// A program under way. Dropped before its end, it is killed.
pub(super) struct Running {
    child: Child,
    group: Group,
    listener: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// Starts a program, and hands it what it is to read.
    pub async fn start(mut program: Command, input: Option<String>) -> std::io::Result<Self> {
        own_session(&mut program);
        let mut child = program.kill_on_drop(true).spawn()?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
        GROUP.store(group.0, Ordering::SeqCst);
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            // One that does not read it says what it lacks.
            let _ = pipe.write_all(input.as_bytes()).await;
        }
        let said = Arc::default();
        let listener = tokio::spawn(listen(child.stderr.take(), Arc::clone(&said)));
        Ok(Self { child, group, listener, said })
    }

    /// Waits for the end of the program and of what it has started, tells how far it is, and ends it when the run is to stop.
    pub async fn wait(&mut self, file: &Path, job: &BackupJob) -> Result<ExitStatus> {
        let told = Told::new(job);
        let status = loop {
            tokio::select! {
                biased;
                status = self.child.wait() => {
                    break status.map_err(|error| Error::failed("the program is lost").cause(error))?;
                }
                reason = pause(&job.stop, LOOK) => self.go_on(reason).await?,
            }
            if let Ok(found) = std::fs::metadata(file) {
                told.tell(found.len(), None, "bytes");
            }
        };
        // What it has started may still write. What has left the group is a daemon, whoever's voice it has inherited.
        while !self.listener.is_finished() && self.group.is_there() {
            let reason = pause(&job.stop, SOON).await;
            self.go_on(reason).await?;
        }
        self.group = Group(0);
        Ok(status)
    }

    /// The end of what it said; of one that has ended.
    pub async fn said(mut self) -> String {
        // All of it is in the pipe. Its end never comes where a daemon holds the other side.
        let _ = tokio::time::timeout(10 * SOON, &mut self.listener).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    async fn go_on(&mut self, reason: Option<crate::database::stop::StopReason>) -> Result<()> {
        let Some(reason) = reason else { return Ok(()) };
        self.end().await;
        Err(stopped(reason))
    }

    /// Asks the program and all that it has started to end, and ends what does not.
    async fn end(&mut self) {
        self.group.terminate();
        let (child, group) = (&mut self.child, self.group);
        let gone = async {
            if !group.is_there() {
                // Where there are no groups, nobody was asked.
                return;
            }
            let _ = child.wait().await;
            while group.is_there() {
                tokio::time::sleep(SOON).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, gone).await;
        self.group.kill();
        // One that hangs in the system does not even end then.
        let _ = tokio::time::timeout(PATIENCE, self.child.kill()).await;
        self.group = Group(0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.kill();
        self.listener.abort();
        GROUP.store(0, Ordering::SeqCst);
    }
}

/// Reads what the program says, to its end, and keeps the end of it.
async fn listen(pipe: Option<ChildStderr>, said: Arc<Mutex<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    let mut block = [0; 1024];
    while let Ok(read @ 1..) = pipe.read(&mut block).await {
        let mut kept = said.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&block[..read]);
        let excess = kept.len().saturating_sub(SAID);
        kept.drain(..excess);
    }
}

/// The group of a program's processes, which has the program's number; 0: there is none. The system gives the number to nobody
/// else as long as one of them is there.
#[derive(Clone, Copy)]
struct Group(i32);

impl Group {
    fn is_there(self) -> bool {
        self.signal(0)
    }

    #[cfg(unix)]
    fn terminate(self) {
        self.signal(libc::SIGTERM);
    }

    #[cfg(unix)]
    fn kill(self) {
        self.signal(libc::SIGKILL);
    }

    /// Whether there is somebody whom the signal concerns.
    #[cfg(unix)]
    fn signal(self, signal: i32) -> bool {
        if self.0 <= 1 {
            return false;
        }
        // SAFETY: a plain system call, and the number is that of a group that we have made.
        let sent = unsafe { libc::kill(-self.0, signal) };
        // Others' processes are there, but not ours to end.
        sent == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }

    #[cfg(not(unix))]
    fn terminate(self) {}

    #[cfg(not(unix))]
    fn kill(self) {}

    #[cfg(not(unix))]
    fn signal(self, _signal: i32) -> bool {
        false
    }
}

#[cfg(unix)]
fn own_session(program: &mut Command) {
    let leave = || match unsafe { libc::setsid() } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    // SAFETY: between fork and exec only a system call is made that may be made there.
    unsafe { program.pre_exec(leave) };
}

#[cfg(not(unix))]
fn own_session(_program: &mut Command) {}
