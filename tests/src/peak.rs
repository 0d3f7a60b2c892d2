//! How much memory a process takes.

use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs a command to completion. Returns how it ended, and the peak memory of the largest of its processes, in KiB, as counted by
/// the kernel. Our allocator gives back at once what is freed: otherwise what it keeps for later differs by tens of MiB from run
/// to run.
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
            let mut seen = 0;
            while !is_over.load(Ordering::Relaxed) {
                seen = high_water(&pid.to_string()).unwrap_or_default().max(seen);
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        // SAFETY: both pointers are to variables of the right types that live longer than the call.
        let waited = unsafe { libc::wait4(pid as i32, &raw mut status, 0, &raw mut usage) };
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(waited, pid as i32);
        watch.join().unwrap()
    });
    // macOS counts bytes.
    let counted = if cfg!(target_os = "macos") { usage.ru_maxrss / 1024 } else { usage.ru_maxrss };
    // On Linux the count begins with the memory of this process, which it was forked from: what is not above that tells nothing.
    let is_inherited = high_water("self").is_some_and(|own| counted <= own);
    (ExitStatus::from_raw(status), if is_inherited { seen } else { counted })
}

/// The peak memory of a process until now, in KiB, where the system says it.
fn high_water(process: &str) -> Option<i64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
