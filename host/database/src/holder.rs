//! The holder of the lock, and the record by which waiting runs and observers recognise it.

use std::fmt;
use std::time::Duration;

use super::LockRequest;

/// Begins what the holder works on, where its record says that. No description contains it.
pub const WORK: char = '\n';

/// The separator between the run's id and its description in a record. No id contains it.
const SEPARATOR: &str = ": ";

/// The holder of the lock, as far as it can be determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// The id of the run; `None` if the holder left no record, or its record cannot be read. An empty one is that of no run that has left
    /// a record.
    pub run_id: Option<String>,
    /// The description shown to operators.
    pub name: String,
    /// What it works on, in the words of the engine, where the record says that.
    pub work: Option<String>,
}

impl LockHolder {
    /// Returns a holder of which only a description is known.
    pub fn without_record(name: impl Into<String>) -> Self {
        Self { run_id: None, name: name.into(), work: None }
    }

    /// Whether it is known which run it is.
    pub fn is_named(&self) -> bool {
        self.run_id.as_ref().is_some_and(|id| !id.is_empty())
    }

    /// Returns the record that the holder leaves. The id comes first, because a server may keep only the beginning.
    pub fn record(request: &LockRequest) -> String {
        format!("{}{SEPARATOR}{}", request.run_id, request.owner)
    }

    /// Reads a record; text without an id is a description.
    pub fn parse(record: &str) -> Self {
        let (record, work) = record.split_once(WORK).unwrap_or((record, ""));
        let holder = match record.split_once(SEPARATOR) {
            Some((run_id, name)) => Self { run_id: Some(run_id.to_owned()), ..Self::without_record(name) },
            None => Self::without_record(record),
        };
        let work = work.trim();
        Self { work: (!work.is_empty()).then(|| work.to_owned()), ..holder }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The message of a run that did not get the lock in the time that it was given. Without any, there was no wait to
/// report.
pub fn still_held(holder: &str, waited: Duration) -> String {
    let holder = if holder.is_empty() { "another process" } else { holder };
    let tenths = (waited.as_secs_f64() * 10.0).round();
    match tenths > 0.0 {
        true => format!("the lock is held by {holder}, and did not become free within {} s", tenths / 10.0),
        false => format!("the lock is held by {holder}"),
    }
}

/// What to do about a lock that another run holds. A command that does not wait for it cannot wait longer.
pub const fn wait_longer(waited: Duration) -> &'static str {
    match waited.is_zero() {
        true => "wait until that run ends",
        false => "wait until that run ends, or wait longer with `--lock-timeout` or `RUNNER_LOCK_TIMEOUT`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_no_time_is_not_told() {
        let of = |millis| still_held("ann", Duration::from_millis(millis));
        assert_eq!(still_held("", Duration::ZERO), "the lock is held by another process");
        assert_eq!(of(20), "the lock is held by ann");
        assert_eq!(of(2_518), "the lock is held by ann, and did not become free within 2.5 s");
        assert_eq!(of(10_000), "the lock is held by ann, and did not become free within 10 s");
    }

    #[test]
    fn a_record_names_the_run_and_describes_it() {
        let request = LockRequest {
            wait: std::time::Duration::ZERO,
            run_id: "20260105T093000Z-deadbeef".to_owned(),
            owner: "`runner apply` of ann@db: 1".to_owned(),
        };
        let holder = LockHolder::parse(&LockHolder::record(&request));
        assert_eq!(holder.run_id.as_deref(), Some("20260105T093000Z-deadbeef"));
        assert_eq!(holder.name, "`runner apply` of ann@db: 1");
        assert_eq!(holder.work, None);
        assert_eq!(LockHolder::parse("another process"), LockHolder::without_record("another process"));
        let holder = LockHolder::parse("r: `runner apply`\n0002 upgrade   ");
        assert_eq!((holder.name.as_str(), holder.work.as_deref()), ("`runner apply`", Some("0002 upgrade")));
    }
}
