//! The parameters of a URL that choose the lock.

use std::time::Duration;

use url::Url;

use crate::{ChosenLock, DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// The parameter of a URL that chooses the lock.
pub const LOCK: &str = "lock";
/// The parameter of a URL that says how long a lease is valid.
pub const LOCK_LEASE: &str = "lock-lease";

/// How long a lease stays valid without being renewed: three renewals, each of which may take as long as a server that
/// restarts does, and no longer than a run waits for one that was killed.
const LENGTH: Duration = Duration::from_secs(30);

/// Shorter ones would expire on a busy machine; with longer ones, a run that waits for a killed one gives up first.
const LENGTHS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// How two runs are kept apart, by the URL or else by the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// By a lease, even if the server has a lock of its own.
    pub is_lease: bool,
    /// On the one node of a cluster that all runs use.
    pub node: Option<String>,
    /// How long a lease stays valid without being renewed.
    pub length: Duration,
}

impl LockSettings {
    /// Reads them. `knows_nodes`: whether a URL of this kind can name the node of a cluster. One that cannot be parsed is refused
    /// elsewhere.
    pub fn of(url: &DatabaseUrl, knows_nodes: bool) -> Result<Self, DatabaseError> {
        match url.server() {
            Ok(parsed) => Self::read(parsed, url.lock(), knows_nodes),
            Err(_) => Ok(Self { is_lease: false, node: None, length: LENGTH }),
        }
    }

    fn read(url: &Url, of_settings: Option<&ChosenLock>, knows_nodes: bool) -> Result<Self, DatabaseError> {
        let mut settings = Self { is_lease: false, node: None, length: LENGTH };
        let mut of_settings = of_settings;
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                (LOCK, value) => {
                    of_settings = None;
                    let lock = ChosenLock::parse(value).filter(|lock| knows_nodes || *lock == ChosenLock::Lease);
                    settings.take(lock.ok_or_else(|| unknown(value, knows_nodes))?);
                }
                (LOCK_LEASE, value) => {
                    settings.length = duration(value).filter(|length| LENGTHS.contains(length)).ok_or_else(|| {
                        wrong(format!("`{LOCK_LEASE}={value}` in the URL is not a duration from 1 s to 1 h"))
                            .hint(format!("write it like `{LOCK_LEASE}=30s`, which is the default"))
                    })?;
                }
                _ => {}
            }
        }
        // Whether it fits the database was compared when the settings were read.
        of_settings.cloned().into_iter().for_each(|lock| settings.take(lock));
        Ok(settings)
    }

    fn take(&mut self, lock: ChosenLock) {
        match lock {
            ChosenLock::Lease => self.is_lease = true,
            ChosenLock::Node(node) => self.node = Some(node),
        }
    }
}

fn unknown(value: &str, knows_nodes: bool) -> DatabaseError {
    let node = "; `lock=node:NAME` says that all runs use this one node of a Galera cluster, which calls itself so in \
                `wsrep_node_name`";
    wrong(format!("`{LOCK}={value}` in the URL is unknown")).hint(format!(
        "`{LOCK}=lease` keeps runs apart by a row that they renew{}",
        if knows_nodes { node } else { "" }
    ))
}

fn wrong(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

/// Reads `500ms`, `30s`, `5m`, and a number of seconds without a unit.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(query: &str) -> Result<LockSettings, DatabaseError> {
        LockSettings::read(&Url::parse(&format!("mysql://h/d?{query}")).expect("a URL"), None, true)
    }

    #[test]
    fn the_url_overrides_the_settings() {
        let url = |query: &str| DatabaseUrl::parse(&format!("mysql://h/d{query}"), Path::new("/")).expect("a URL");
        let of = |query: &str, lock: ChosenLock| LockSettings::of(&url(query).with_lock(lock), true).expect(query);
        let (lease, node) = (ChosenLock::Lease, ChosenLock::Node("a".to_owned()));
        assert!(of("", lease.clone()).is_lease);
        assert_eq!(of("?lock-lease=9s", lease.clone()).length, Duration::from_secs(9));
        assert_eq!(of("", node.clone()).node.as_deref(), Some("a"));
        assert_eq!(of("?lock=node:b", node.clone()).node.as_deref(), Some("b"));
        assert!(!of("?lock=node:b", lease).is_lease);
        assert_eq!(of("?lock=lease", node).node, None);
        let elsewhere = url("?ssl-mode=disabled").with_lock(ChosenLock::Lease).with_database_name("other");
        assert!(LockSettings::of(&elsewhere, true).expect("the same lock").is_lease);
    }

    #[test]
    fn the_lock_is_chosen_by_the_url() {
        let settings = |query: &str| read(query).expect(query);
        let (native, length) = (settings("a=b"), Duration::from_secs(30));
        assert_eq!(native, LockSettings { is_lease: false, node: None, length });
        assert!(settings("lock=lease").is_lease);
        assert_eq!(settings("lock=node:db-1").node.as_deref(), Some("db-1"));
        for (text, seconds) in [("10s", 10), ("90", 90), ("2m", 120), ("1500ms", 1), ("1h", 3600)] {
            assert_eq!(settings(&format!("lock=lease&lock-lease={text}")).length.as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn other_values_are_refused() {
        for query in
            ["lock=", "lock=leases", "lock=node:", "lock=node", "lock-lease=0s", "lock-lease=500ms", "lock-lease=2d"]
        {
            let error = read(query).expect_err(query);
            assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
            assert!(error.hint.is_some(), "{error:?}");
        }
        let url = Url::parse("postgres://h/d?lock=node:a").expect("a URL");
        assert!(LockSettings::read(&url, None, false).is_err(), "only a cluster has nodes");
    }
}
