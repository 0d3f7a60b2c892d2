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
    let parent = if temporary.as_os_str().len() <= 50 { temporary } else { PathBuf::from("/tmp") };
    let directory = tempfile::Builder::new().prefix("runner-servers-").tempdir_in(parent).unwrap().keep();
    super::place::open_to_all(&directory);
    directory
}
