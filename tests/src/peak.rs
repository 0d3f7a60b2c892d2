//! How much memory a process takes.

use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs a command to completion. Returns how it ended, and the peak of the memory that it took, in KiB, as counted by the kernel.
/// The pages of the executable do not count where the system tells them apart: an unoptimised build has many more of them. Our
/// allocator gives back at once what is freed: otherwise what it keeps for later differs by tens of MiB from run to run.
pub fn peak(command: &mut Command) -> (ExitStatus, i64) {
    use std::os::unix::process::ExitStatusExt;
    #[allow(clippy::zombie_processes, reason = "wait4 waits for it, and says what it used, too")]
    let child = command.env("MIMALLOC_PURGE_DELAY", "0").spawn().unwrap();
    let (pid, is_over) = (child.id(), AtomicBool::new(false));
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which all bits may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            // The system keeps the peak of all pages, so none is missed between two looks.
            let (mut peak, mut executable) = (0, 0);
            while !is_over.load(Ordering::Relaxed) {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                peak = field(&status, "VmHWM:").max(peak);
                executable = field(&status, "RssFile:").max(executable);
                std::thread::sleep(Duration::from_millis(1));
            }
            peak - executable
        });
        // SAFETY: both pointers are to variables of the right types that live longer than the call.
        let waited = unsafe { libc::wait4(pid as i32, &raw mut status, 0, &raw mut usage) };
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(waited, pid as i32);
        watch.join().unwrap()
    });
    // macOS counts bytes. On Linux this count begins with the memory of this process, which it was forked from.
    let taken = if cfg!(target_os = "linux") { seen } else { usage.ru_maxrss / 1024 };
    assert!(taken > 0, "the memory of the process was not seen");
    (ExitStatus::from_raw(status), taken)
}

/// A field of the status of a process, in KiB; 0 if it has none, as that of one that has ended.
fn field(status: &str, name: &str) -> i64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name)).and_then(|rest| rest.trim().strip_suffix("kB"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}
