//! Timeouts of statements, and retries of migrations.

use std::time::Duration;

use super::named::{InFile, Named, SettingFlag};
use crate::env;
use crate::units::{parse_count, parse_duration_or_none};
use runner_database::Dialect;

/// Maximum number of retries: with more, the wall time of the run ends first.
const MOST_RETRIES: u64 = 1000;

/// Timeouts and retries, for databases that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The setting for table and row locks; `None` if it is not set.
    table_lock_timeout: Option<Option<Duration>>,
    /// Timeout of a statement of a migration; `None` if unlimited.
    pub statement_timeout: Option<Duration>,
    /// Number of retries after a lock conflict.
    pub retries: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { table_lock_timeout: None, statement_timeout: None, retries: 10 }
    }
}

impl Timeouts {
    /// Timeout for locks on tables and rows; `None` leaves it to the server.
    pub fn table_lock_timeout(&self, dialect: Dialect) -> Option<Duration> {
        self.table_lock_timeout.unwrap_or_else(|| dialect.table_lock_timeout())
    }

    /// Sets that time.
    pub fn set_table_lock_timeout(&mut self, timeout: Option<Duration>) {
        self.table_lock_timeout = Some(timeout);
    }
}

/// The settings by name.
pub(super) static SETTINGS: [Named<Timeouts>; 3] = [
    Named {
        name: "table_lock_timeout",
        flag: SettingFlag {
            name: "--table-lock-timeout",
            variable: env::TABLE_LOCK_TIMEOUT,
            value: "DURATION",
            help: "How long a statement may wait for a table or row lock, or `none`",
            details: "Defaults to 3s on servers, and to `busy_timeout` of the URL on SQLite.",
        },
        in_file: InFile::Text("3s"),
        takes: TIME,
        set: |timeouts, text| parse_duration_or_none(text).map(|time| timeouts.table_lock_timeout = Some(time)),
    },
    Named {
        name: "statement_timeout",
        flag: SettingFlag {
            name: "--statement-timeout",
            variable: env::STATEMENT_TIMEOUT,
            value: "DURATION",
            help: "How long a statement of a migration may run, or `none` [default: none]",
            details: "",
        },
        in_file: InFile::Text("3s"),
        takes: TIME,
        set: |timeouts, text| parse_duration_or_none(text).map(|time| timeouts.statement_timeout = time),
    },
    Named {
        name: "retries",
        flag: SettingFlag {
            name: "--retries",
            variable: env::RETRIES,
            value: "COUNT",
            help: "Number of retries after a lock conflict [default: 10]",
            details: "",
        },
        in_file: InFile::Count,
        takes: "an integer from 0 to 1000",
        set: |timeouts, text| {
            let count = parse_count(text)?;
            let bounded = u32::try_from(count).ok().filter(|_| count <= MOST_RETRIES);
            timeouts.retries = bounded.ok_or_else(|| format!("`{text}` is too large"))?;
            Ok(())
        },
    },
];

const TIME: &str = "a duration such as `3s`, or `none`";
