//! How much memory a process takes.

use std::process::{Command, ExitStatus};

/// Runs a command to completion. Returns how it ended, and the peak memory of the largest of its processes, in KiB, as counted by
/// the kernel. Our allocator gives back at once what is freed: otherwise what it keeps for later differs by tens of MiB from run
/// to run.
pub fn peak(command: &mut Command) -> (ExitStatus, i64) {
    use std::os::unix::process::ExitStatusExt;
    #[allow(clippy::zombie_processes, reason = "wait4 waits for it, and says what it used, too")]
    let child = command.env("MIMALLOC_PURGE_DELAY", "0").spawn().unwrap();
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which all bits may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to variables of the right types that live longer than the call.
    let waited = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, child.id() as i32);
    // macOS counts bytes.
    let peak = if cfg!(target_os = "macos") { usage.ru_maxrss / 1024 } else { usage.ru_maxrss };
    (ExitStatus::from_raw(status), peak)
}
