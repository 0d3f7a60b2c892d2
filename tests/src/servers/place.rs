//! Directories and ports.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::guardian;
use super::process::Process;
use super::programs::User;
use crate::random::Random;

/// A new directory for one server, owned by its user.
pub(super) fn directory(name: &str, user: Option<User>) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let directory = guardian::directory().join(format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir(&directory).unwrap();
    open_to_all(&directory);
    give(&directory, user);
    directory
}

/// Makes the directory readable for everyone.
pub(super) fn open_to_all(directory: &Path) {
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes it readable only for its owner.
pub(super) fn close_to_others(path: &Path) {
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Gives a file or directory to a server's user.
pub(super) fn give(path: &Path, user: Option<User>) {
    if let Some(user) = user {
        chown(path, Some(user.uid), Some(user.gid)).unwrap();
    }
}

/// A number that no other concurrent process draws.
pub(super) fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos() as u64;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Random::new(now ^ (u64::from(std::process::id()) << 32) ^ (count << 56)).draw()
}

/// A port without a listener. Another process may take it before the server does; then starting is retried. It is
/// below the range for outgoing connections, so that a stopped server finds it free again.
pub(super) fn free_port() -> u16 {
    let mut random = Random::new(unique());
    loop {
        let port = 15_000 + random.below(17_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts a server on a free port with what the function makes of it, again on another one if its program exits, since another
/// process may have taken the port. Returns its process and port once it accepts connections.
pub(super) fn on_free_port(name: &str, mut start: impl FnMut(u16) -> Process) -> (Process, u16) {
    let mut last = String::new();
    for _ in 0..5 {
        let port = free_port();
        let mut process = start(port);
        match process.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok()) {
            Ok(()) => return (process, port),
            Err(log) => last = log,
        }
    }
    panic!("{name} does not start\n{last}");
}
