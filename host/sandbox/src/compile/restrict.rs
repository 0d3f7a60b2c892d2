//! What a compiling process takes from itself.

/// Closes every descriptor but the standard ones, and leaves signals of the terminal to the process that started this one,
/// which ends it. Where that fails, there is nothing to close.
pub(super) fn isolate() {
    #[cfg(unix)]
    {
        close_others();
        // It opens no file, and should not keep a directory in use.
        let _ = std::env::set_current_dir("/");
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: ignoring a signal installs no handler.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        // No core file, which could be as large as the memory, and no file at all.
        lower(libc::RLIMIT_CORE, 0, 0);
        lower(libc::RLIMIT_FSIZE, 0, 0);
    }
}

/// Limits the memory that this process takes from here on, and its processor time in seconds (0: not), and returns
/// how much memory it really has: less if the process was started with less. Without limits of the system, as on Windows,
/// all that it asks for.
pub(super) fn limit(memory: u64, seconds: u64) -> u64 {
    #[cfg(unix)]
    {
        if seconds > 0 {
            // SIGXCPU at the first, SIGKILL at the second.
            lower(libc::RLIMIT_CPU, seconds, seconds.saturating_add(1));
        }
        let before = address_space();
        let all = before.saturating_add(memory);
        lower(libc::RLIMIT_AS, all, all).map_or(memory, |all| all.saturating_sub(before))
    }
    #[cfg(not(unix))]
    {
        let _ = seconds;
        memory
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
type Resource = libc::c_int;

/// Lowers a limit of this process, and returns what it is then; `None` if the system has no such limit.
#[cfg(unix)]
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions, reason = "signed on some systems")]
fn lower(resource: Resource, soft: u64, hard: u64) -> Option<u64> {
    let number = |limit: u64| libc::rlim_t::try_from(limit).unwrap_or(libc::rlim_t::MAX);
    let mut present = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a variable of the right type that lives longer than the call.
    if unsafe { libc::getrlimit(resource, &raw mut present) } != 0 {
        return None;
    }
    // A limit that is lower already stays; unlimited is the greatest number.
    let hard = present.rlim_max.min(number(hard));
    let soft = present.rlim_cur.min(hard).min(number(soft));
    let lowered = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: as above.
    let set = unsafe { libc::setrlimit(resource, &raw const lowered) };
    if set == 0 { u64::try_from(soft).ok() } else { None }
}

/// The address space that this process has now: code, stacks and what the allocator has reserved.
#[cfg(unix)]
fn address_space() -> u64 {
    // The first number of `statm` is in pages. Elsewhere an estimate: a program and its threads.
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()));
    // SAFETY: asks for a number.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    pages.map_or(1 << 30, |pages| pages.saturating_mul(page))
}

/// Closes what was inherited: a program that starts `runner`, or embeds it, may leave files and sockets open for children.
#[cfg(unix)]
fn close_others() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: closes descriptors that nothing in this process has opened yet.
        if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) } == 0 {
            return;
        }
    }
    // An old kernel, or another system. The listing's own descriptor is among the numbers, and closed by then.
    let numbers: Vec<i32> = std::fs::read_dir("/dev/fd")
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: as above; closing one that is closed already does nothing.
        unsafe { libc::close(number) };
    }
}
