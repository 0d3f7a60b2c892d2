//! What holds a run, and its description.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A pause in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The revision it applies to; `None` for all.
    pub revision: Option<String>,
    /// When it began, in milliseconds since 1970 on the database's clock.
    pub since: i64,
    /// How long it had lasted when it was read, in milliseconds.
    pub age: u64,
    /// The operator: `user@host`.
    pub by: String,
    /// The operator's reason.
    pub why: Option<String>,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {} by {}", time(self.since), self.by)?;
        match &self.why {
            // Within a sentence, it has no lines of its own.
            Some(why) => write!(f, " ({})", why.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => Ok(()),
        }
    }
}

/// Formats a time of the database's clock in ISO 8601, UTC.
pub fn time(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What holds a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// An operator's `runner pause`.
    Paused(Pause),
    /// A replica lags behind.
    Lag {
        /// The replica.
        replica: String,
        /// The lag; `None` if it does not replicate at all.
        lag: Option<Duration>,
        /// The permitted lag.
        at_most: Duration,
    },
    /// A replica does not answer.
    Unasked {
        /// The replica.
        replica: String,
        /// The operator's reason.
        why: String,
    },
    /// The server is busy with other sessions.
    Connections {
        /// The number of active sessions.
        active: u64,
        /// The permitted number.
        at_most: u64,
    },
    /// The limit on rows per second.
    Rate(u64),
    /// The delay after a chunk.
    Delay(Duration),
}

impl Hold {
    /// Returns the name used in tables and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paused(_) => "paused",
            Self::Lag { .. } | Self::Unasked { .. } => "replica-lag",
            Self::Connections { .. } => "active-connections",
            Self::Rate(_) => "max-rows-per-second",
            Self::Delay(_) => "batch-delay",
        }
    }

    /// Whether it should be reported: the others come and go with each chunk, as requested.
    pub fn is_reported(&self) -> bool {
        !is_throttling(self.name())
    }
}

/// Whether the hold with this name only slows down a run, chunk by chunk, and does not stop it.
pub fn is_throttling(name: &str) -> bool {
    matches!(name, "max-rows-per-second" | "batch-delay")
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(pause) => write!(f, "paused {pause}"),
            Self::Lag { replica, lag: Some(lag), at_most } => {
                let (lag, at_most) = (lag.as_secs_f64(), at_most.as_secs_f64());
                write!(f, "the replica {replica} lags by {lag:.1} s, and {at_most} s are permitted")
            }
            Self::Lag { replica, lag: None, .. } => write!(f, "the replica {replica} is not replicating"),
            Self::Unasked { replica, why } => write!(f, "the replica {replica} does not answer: {why}"),
            Self::Connections { active, at_most } => {
                let sessions = if *active == 1 { "session is" } else { "sessions are" };
                write!(f, "{active} other {sessions} active, and the limit is {at_most}")
            }
            Self::Rate(rows) => write!(f, "at most {rows} rows per second"),
            Self::Delay(delay) => write!(f, "{} ms between chunks", delay.as_millis()),
        }
    }
}
