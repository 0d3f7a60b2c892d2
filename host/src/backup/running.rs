//! A running program, with all its child processes.
//!
//! It has its own session, so that it can be terminated together with its children, and ^C at the terminal reaches it only through
//! us. A program that prompts on the terminal fails at once; in a mere process group it would be stopped forever.

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

/// Interval between checks of the size of the file.
const LOOK: Duration = Duration::from_millis(250);

/// Interval between checks whether all processes have ended.
const SOON: Duration = Duration::from_millis(20);

/// How long a program may take to terminate.
const PATIENCE: Duration = Duration::from_secs(2);

/// Maximum length of the output that is kept.
const SAID: usize = 4096;

/// The process group of the running program; 0 if there is none.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// Kills the running program, if any, before this process exits.
pub fn end_at_once() {
    Group(GROUP.load(Ordering::SeqCst)).kill();
}

/// A running program; killed on drop.
pub(super) struct Running {
    child: Child,
    group: Group,
    listener: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// Starts a program and writes its input.
    pub async fn start(mut program: Command, input: Option<String>) -> std::io::Result<Self> {
        own_session(&mut program);
        let mut child = program.kill_on_drop(true).spawn()?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
        GROUP.store(group.0, Ordering::SeqCst);
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            // A program that does not read it reports its own error.
            let _ = pipe.write_all(input.as_bytes()).await;
        }
        let said = Arc::default();
        let listener = tokio::spawn(listen(child.stderr.take(), Arc::clone(&said)));
        Ok(Self { child, group, listener, said })
    }

    /// Waits for the program and its children, reports progress, and terminates them on the stop signal.
    pub async fn wait(&mut self, file: &Path, job: &BackupJob) -> Result<ExitStatus> {
        let told = Told::new(job);
        let status = loop {
            tokio::select! {
                biased;
                status = self.child.wait() => {
                    break status.map_err(|error| Error::failed("cannot wait for the program").cause(error))?;
                }
                reason = pause(&job.stop, LOOK) => self.go_on(reason).await?,
            }
            if let Ok(found) = std::fs::metadata(file) {
                told.tell(found.len(), None, "bytes");
            }
        };
        // Its children may still write. A process that has left the group is a daemon, even if it inherited the pipe.
        while !self.listener.is_finished() && self.group.is_there() {
            let reason = pause(&job.stop, SOON).await;
            self.go_on(reason).await?;
        }
        self.group = Group(0);
        Ok(status)
    }

    /// The end of its output, once it has exited.
    pub async fn said(mut self) -> String {
        // All of it is in the pipe, which never closes if a daemon inherited the other end.
        let _ = tokio::time::timeout(10 * SOON, &mut self.listener).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    async fn go_on(&mut self, reason: Option<crate::database::stop::StopReason>) -> Result<()> {
        let Some(reason) = reason else { return Ok(()) };
        self.end().await;
        Err(stopped(reason))
    }

    /// Terminates the program and its children, and kills those that do not end.
    async fn end(&mut self) {
        self.group.terminate();
        let (child, group) = (&mut self.child, self.group);
        let gone = async {
            if !group.is_there() {
                // Without process groups, nothing was signalled.
                return;
            }
            let _ = child.wait().await;
            while group.is_there() {
                tokio::time::sleep(SOON).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, gone).await;
        self.group.kill();
        // A process that hangs in a system call does not end even then.
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

/// Reads the output of the program and keeps its end.
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

/// The process group of a program, whose id is the program's; 0: none. The system does not reuse the id while one of the processes
/// exists.
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

    /// Whether the signal reached a process.
    #[cfg(unix)]
    fn signal(self, signal: i32) -> bool {
        if self.0 <= 1 {
            return false;
        }
        // SAFETY: a plain system call, and the number is that of a group that we created.
        let sent = unsafe { libc::kill(-self.0, signal) };
        // Processes of other users exist, but we may not signal them.
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
