//! The holder of the lock, and the record by which waiting runs and observers recognise it.

use std::fmt;

use super::LockRequest;

/// The separator between the run's id and its description in a record. No id contains it.
const SEPARATOR: &str = ": ";

/// The holder of the lock, as far as it can be determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// The id of the run; `None` if the holder left no record, or its record cannot be read.
    pub run_id: Option<String>,
    /// The description shown to operators.
    pub name: String,
}

impl LockHolder {
    /// Returns a holder of which only a description is known.
    pub(super) fn without_record(name: impl Into<String>) -> Self {
        Self { run_id: None, name: name.into() }
    }

    /// Returns the record that the holder leaves. The id comes first, because a server may keep only the beginning.
    pub(super) fn record(request: &LockRequest) -> String {
        format!("{}{SEPARATOR}{}", request.run_id, request.owner)
    }

    /// Reads a record; text without an id is a description.
    pub(super) fn parse(record: &str) -> Self {
        match record.split_once(SEPARATOR) {
            Some((run_id, name)) => Self { run_id: Some(run_id.to_owned()), name: name.to_owned() },
            None => Self::without_record(record),
        }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(LockHolder::parse("another process"), LockHolder::without_record("another process"));
    }
}
