//! How long a migration waits for others, how long a statement may take, and how often a migration is tried again.

use std::time::Duration;

use super::named::{InFile, Named};
use crate::database::Dialect;
use crate::project::env;
use crate::project::units::{parse_count, parse_duration_or_none};

/// The most retries that may be asked for: beyond, the run's time is up in any case.
const MOST_RETRIES: u64 = 1000;

/// Timeouts with a database that others use too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// What was said of the wait for a table or row; none: nothing was said.
    table_lock_timeout: Option<Option<Duration>>,
    /// How long a statement of a migration may take; none: as long as it wants.
    pub statement_timeout: Option<Duration>,
    /// How often a migration that met somebody else's lock is tried again.
    pub retries: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { table_lock_timeout: None, statement_timeout: None, retries: 10 }
    }
}

impl Timeouts {
    /// How long a statement may wait for a lock on a table or row; none: as the server is set up.
    pub fn table_lock_timeout(&self, dialect: Dialect) -> Option<Duration> {
        self.table_lock_timeout.unwrap_or_else(|| dialect.table_lock_timeout())
    }

    /// Sets that time.
    pub fn set_table_lock_timeout(&mut self, timeout: Option<Duration>) {
        self.table_lock_timeout = Some(timeout);
    }
}

/// What can be said of it.
pub(super) static SETTINGS: [Named<Timeouts>; 3] = [
    Named {
        name: "table_lock_timeout",
        flag: "--table-lock-timeout",
        said: |request| request.table_lock_timeout.as_ref(),
        variable: env::TABLE_LOCK_TIMEOUT,
        in_file: InFile::Text("3s"),
        takes: TIME,
        set: |timeouts, text| {
            timeouts.table_lock_timeout = Some(time(text)?);
            Ok(())
        },
    },
    Named {
        name: "statement_timeout",
        flag: "--statement-timeout",
        said: |request| request.statement_timeout.as_ref(),
        variable: env::STATEMENT_TIMEOUT,
        in_file: InFile::Text("3s"),
        takes: TIME,
        set: |timeouts, text| {
            timeouts.statement_timeout = time(text)?;
            Ok(())
        },
    },
    Named {
        name: "retries",
        flag: "--retries",
        said: |request| request.retries.as_ref(),
        variable: env::RETRIES,
        in_file: InFile::Count,
        takes: "a whole number from 0 to 1000",
        set: |timeouts, text| {
            let count = parse_count(text)?;
            let bounded = u32::try_from(count).ok().filter(|_| count <= MOST_RETRIES);
            timeouts.retries = bounded.ok_or_else(|| format!("`{text}` is too many"))?;
            Ok(())
        },
    },
];

const TIME: &str = "a duration such as `3s`, or `none`";

fn time(text: &str) -> Result<Option<Duration>, String> {
    parse_duration_or_none(text, "nothing can be done in no time")
}
