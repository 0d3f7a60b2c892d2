//! A running program, with all its child processes.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use super::{ProgressReports, pause};
use runner_base::error::{Error, Result};
use runner_base::processes::{Group, own_session};
use runner_engine::backup::BackupJob;
use runner_engine::stopped::stopped;

/// Interval between checks of the size of the file.
const LOOK: Duration = Duration::from_millis(250);

/// Interval between checks whether all processes have ended.
const SOON: Duration = Duration::from_millis(20);

/// How long a program may take to terminate.
const PATIENCE: Duration = Duration::from_secs(2);

/// Maximum length of the output that is kept.
const SAID: usize = 4096;

/// A running program; killed on drop.
pub(super) struct ChildProcess {
    child: Child,
    group: Group,
    listener: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl ChildProcess {
    /// Starts a program and writes its input.
    pub async fn start(mut program: Command, input: Option<String>) -> std::io::Result<Self> {
        own_session(program.as_std_mut());
        let mut child = program.kill_on_drop(true).spawn()?;
        let group = Group::of(child.id());
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
        let progress_reports = ProgressReports::new(job);
        let status = loop {
            tokio::select! {
                biased;
                status = self.child.wait() => {
                    break status.map_err(|error| Error::failed("cannot wait for the program").cause(error))?;
                }
                reason = pause(&job.stop, LOOK) => self.continue_or_stop(reason).await?,
            }
            if let Ok(found) = std::fs::metadata(file) {
                progress_reports.report(found.len(), None, "bytes");
            }
        };
        // Its children may still write. A process that has left the group is a daemon, even if it inherited the pipe.
        while !self.listener.is_finished() && self.group.is_there() {
            let reason = pause(&job.stop, SOON).await;
            self.continue_or_stop(reason).await?;
        }
        self.forget();
        Ok(status)
    }

    /// The end of its output, once it has exited.
    pub async fn said(mut self) -> String {
        // All of it is in the pipe, which never closes if a daemon inherited the other end.
        let _ = tokio::time::timeout(10 * SOON, &mut self.listener).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    async fn continue_or_stop(&mut self, reason: Option<runner_database::stop::StopReason>) -> Result<()> {
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
        self.forget();
    }

    /// From now on the system may give the group's id to others.
    fn forget(&mut self) {
        std::mem::replace(&mut self.group, Group::NONE).forget();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.group.kill();
        self.listener.abort();
        self.forget();
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
