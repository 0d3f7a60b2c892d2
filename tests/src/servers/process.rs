//! The process of a server.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::programs::User;
use crate::EVER;

/// A running program whose process ID the guardian knows. It ends when it is dropped.
pub(super) struct Process {
    child: Child,
    pid_file: PathBuf,
    log: PathBuf,
    last_signal: &'static str,
}

impl Process {
    /// Starts a program in `directory`, which also receives its process ID and log.
    pub(super) fn start(program: &Path, arguments: &[impl AsRef<OsStr>], directory: &Path, user: Option<User>) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pid_file = directory.join(format!("{name}.pid"));
        let log = directory.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("sh");
        // The process ID is written before the program starts.
        command.args(["-c", r#"echo $$ >"$0" && exec "$@""#]).arg(&pid_file).arg(program).args(arguments);
        command.current_dir(directory).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").process_group(0).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // PostgreSQL then also ends its child processes, which SIGKILL would not do.
        Self { child, pid_file, log, last_signal: "QUIT" }
    }

    /// Ends it with another signal, for a program that takes its time over that one.
    pub(super) fn ended_by(mut self, signal: &'static str) -> Self {
        self.last_signal = signal;
        self
    }

    /// Waits until the program is ready; if it exits before, returns its log.
    pub(super) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if self.has_ended() {
                return Err(self.log());
            }
            if ready() {
                return Ok(());
            }
            assert!(start.elapsed() < EVER, "the server does not get ready\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal.
    pub(super) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &self.child.id().to_string()]).stderr(Stdio::null()).status().expect("`kill`");
    }

    /// Ends it, however long that takes: its data are still needed.
    pub(super) fn end(&mut self) {
        if !self.has_ended() {
            self.signal("CONT");
            self.signal(self.last_signal);
        }
        self.wait();
    }

    /// Waits until it exits.
    pub(super) fn wait(&mut self) {
        let start = Instant::now();
        while !self.has_ended() {
            assert!(start.elapsed() < EVER, "the server does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        // Its process ID may be reused from now on.
        let _ = std::fs::remove_file(&self.pid_file);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal("CONT");
            self.signal(self.last_signal);
            let start = Instant::now();
            while !self.has_ended() && start.elapsed() < Duration::from_secs(6) {
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.pid_file);
    }
}
