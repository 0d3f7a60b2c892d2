//! A running process, which ends with the test at the latest.

use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// A child process that is killed when it is dropped.
pub struct Running(Child);

impl Running {
    /// Starts a command and discards its standard output. It reacts to SIGHUP, also if the tests were started with `nohup`.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, libc::SIG_DFL)
    }

    /// As above, but started with `nohup` itself.
    pub fn start_without_hang_up(command: &mut Command) -> Self {
        Self::start_with(command, libc::SIG_IGN)
    }

    fn start_with(command: &mut Command, hang_up: libc::sighandler_t) -> Self {
        // SAFETY: between fork and exec only a system call is made that may be made there.
        unsafe {
            command.pre_exec(move || {
                libc::signal(libc::SIGHUP, hang_up);
                Ok(())
            });
        }
        Self(command.stdout(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Sends it a signal. It may have exited in the meantime.
    pub fn signal(&self, name: &str) {
        let signal = match name {
            "HUP" => libc::SIGHUP,
            "INT" => libc::SIGINT,
            "KILL" => libc::SIGKILL,
            "TERM" => libc::SIGTERM,
            "STOP" => libc::SIGSTOP,
            "CONT" => libc::SIGCONT,
            other => panic!("no signal `{other}`"),
        };
        // SAFETY: the process is a child that has not been waited for, so the number is its own.
        unsafe { libc::kill(self.id().try_into().expect("a process"), signal) };
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
