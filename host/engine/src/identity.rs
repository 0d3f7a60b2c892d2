//! The identity of a run and its recorded inputs.

use jiff::Timestamp;

use super::clock::iso;
use runner_base::random;

/// The version of this tool, as history keeps it.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is reported of a run, and what its migrations see instead of a clock and randomness.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Identifies the run: its start time and a random number.
    pub run_id: String,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub run_timestamp: i64,
    /// 63 random bits.
    pub seed: u64,
    /// `user@host`.
    pub applied_by: String,
    /// The version of runner.
    pub tool_version: String,
}

impl Identity {
    /// Creates the identity of a run that begins now.
    pub fn now() -> Self {
        let now = Timestamp::now();
        let begin = now.strftime("%Y%m%dT%H%M%SZ");
        Self {
            run_id: format!("{begin}-{:08x}", random::bits() as u32),
            run_timestamp: now.as_microsecond(),
            seed: random::bits() >> 1,
            applied_by: format!("{}@{}", user(), host()),
            tool_version: TOOL_VERSION.to_owned(),
        }
    }

    /// Returns how this run is described to those that wait for the lock.
    pub fn lock_owner(&self, command: &str) -> String {
        format!(
            "`runner {command}` of {}, process {}, since {}",
            self.applied_by,
            std::process::id(),
            iso(Timestamp::from_microsecond(self.run_timestamp).unwrap_or_default())
        )
    }
}

fn user() -> String {
    named(&["USER", "LOGNAME", "USERNAME"]).or_else(user_of_process).unwrap_or_else(|| "unknown".to_owned())
}

/// Returns the user name of the process. Containers often have no variable for it.
#[cfg(unix)]
fn user_of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    Some(name.unwrap_or(uid))
}

#[cfg(not(unix))]
fn user_of_process() -> Option<String> {
    None
}

fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let kernel = kernel.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    kernel.or_else(|| named(&["HOSTNAME", "COMPUTERNAME"])).unwrap_or_else(|| "unknown".to_owned())
}

fn named(variables: &[&str]) -> Option<String> {
    variables.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_differ_and_seeds_have_63_bits() {
        let (one, other) = (Identity::now(), Identity::now());
        assert_ne!(one.run_id, other.run_id);
        assert_ne!(one.seed, other.seed);
        assert!(one.seed <= i64::MAX as u64);
    }

    #[test]
    fn times_are_iso_8601_in_utc() {
        assert_eq!(
            iso(Timestamp::from_microsecond(1_767_605_400_123_456).expect("a time")),
            "2026-01-05T09:30:00.123Z"
        );
    }
}
