//! Ends the servers together with the test process, even if the process is killed and cannot clean up.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Reads until the pipe has no writer, which the kernel ensures however the process ends. Then kills every process
/// whose ID is in a file `*.pid`, and removes the directory; repeatedly, to catch processes that were just starting.
const SCRIPT: &str = r#"
cat >/dev/null
for round in 1 2 3; do
    for file in "$0"/*/*.pid; do
        read -r pid <"$file" && kill -CONT "$pid" && kill -QUIT "$pid"
    done
    sleep 0.5
    for file in "$0"/*/*.pid; do
        read -r pid <"$file" && kill -KILL "$pid"
    done
    for disk in "$0"/*/disk; do
        [ ! -d "$disk" ] || umount -l "$disk"
    done
    rm -rf "$0"
done
"#;

/// The directory of all servers of this process. It and they are removed soon after the process ends.
pub(super) fn directory() -> &'static Path {
    static GUARDED: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (directory, _) = GUARDED.get_or_init(|| {
        let directory = make();
        let guardian = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Terminal signals such as Ctrl-C are for the tests.
            .process_group(0)
            .spawn()
            .expect("sh");
        // The child holds the pipe's writing end, which no other child inherits, as long as the process lives.
        (directory, guardian)
    });
    directory
}

/// The servers' users must be able to enter it, and the path of a socket has at most 107 bytes.
fn make() -> PathBuf {
    let temporary = std::env::temp_dir();
    let parent = match in_memory() {
        Some(memory) => memory,
        None if temporary.as_os_str().len() <= 50 => temporary,
        None => PathBuf::from("/tmp"),
    };
    let directory = tempfile::Builder::new().prefix("runner-servers-").tempdir_in(parent).unwrap().keep();
    super::place::open_to_all(&directory);
    directory
}

/// What one process's servers may need.
const ROOM: u64 = 8 << 30;

/// A file system in memory, if it has room. Databases consist of hundreds of files, and tests create and drop a thousand: ext4
/// without a journal searches some seconds' worth of deleted files before it reuses their places, a third of all time.
fn in_memory() -> Option<PathBuf> {
    let directory = PathBuf::from("/dev/shm");
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // Both pointers are valid for the call.
    let status = unsafe { libc::statvfs(c"/dev/shm".as_ptr(), &raw mut found) };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    (status == 0 && free >= ROOM && found.f_flag & libc::ST_RDONLY == 0).then_some(directory)
}
