//! The memory that the process takes during an attempt, as far as the system says it.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What an attempt may take: far more than the bound of an answer, and far less than what is asked for.
const MOST: u64 = 128 << 20;

/// Why nothing can be said about it.
pub(super) const UNKNOWN: &str = "this system does not say how much memory a process has taken";

/// Attempts that are measured run alone.
static TURN: RwLock<()> = RwLock::const_new(());

/// An attempt that is measured.
pub(super) struct Measured {
    before: u64,
    _alone: RwLockWriteGuard<'static, ()>,
}

impl Measured {
    /// Begins when no other attempt runs.
    pub(super) async fn begin() -> Self {
        let alone = TURN.write().await;
        // The peak is reset. Where it is not, too much is counted.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self { before: read("VmRSS:").unwrap_or_default(), _alone: alone }
    }

    /// What it has taken, if that is too much.
    pub(super) fn exceeded(self) -> Option<String> {
        let taken = read("VmHWM:")?.saturating_sub(self.before);
        (taken > MOST).then(|| format!("it makes the process take {} MiB", taken >> 20))
    }
}

/// Runs alongside others that are not measured either.
pub(super) async fn unmeasured() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}

/// Whether the system says it.
pub(super) fn is_known() -> bool {
    read("VmHWM:").is_some()
}

/// A line of the status of the process, in bytes.
fn read(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let found = status.lines().find_map(|it| it.strip_prefix(line))?;
    found.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
