//! What keeps a run from going on, and how it says so.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A pause that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The revision that it is about; none: everything.
    pub revision: Option<String>,
    /// Since when, on the database's clock: milliseconds since 1970.
    pub since: i64,
    /// How long it was on when it was looked at, in milliseconds.
    pub age: u64,
    /// Who: `user@host`.
    pub by: String,
    /// Why.
    pub why: Option<String>,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {} by {}", time(self.since), self.by)?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// A time of the database's clock: ISO 8601, UTC.
pub fn time(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What keeps a run from going on.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// An operator said `runner pause`.
    Paused(Pause),
    /// A replica lags behind.
    Lag {
        /// Which.
        replica: String,
        /// How far; none: it does not follow at all, or does not answer.
        lag: Option<Duration>,
        /// How far it may.
        at_most: Duration,
    },
    /// A replica cannot be asked.
    Unasked {
        /// Which.
        replica: String,
        /// Why.
        why: String,
    },
    /// The server has much to do for others.
    Connections {
        /// Sessions that are at work.
        active: u64,
        /// How many may be.
        at_most: u64,
    },
    /// So many rows are enough for this second.
    Rate(u64),
    /// It rests behind a chunk.
    Delay(Duration),
}

impl Hold {
    /// The name as tables and JSON spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paused(_) => "paused",
            Self::Lag { .. } | Self::Unasked { .. } => "replica-lag",
            Self::Connections { .. } => "active-connections",
            Self::Rate(_) => "max-rows-per-second",
            Self::Delay(_) => "batch-delay",
        }
    }

    /// Whether it is worth a line of its own: the others come and go with each chunk, as was asked for.
    pub fn is_news(&self) -> bool {
        !only_slows(self.name())
    }
}

/// Whether what has this name only slows a run down, with each chunk, and does not keep it from going on.
pub fn only_slows(name: &str) -> bool {
    matches!(name, "max-rows-per-second" | "batch-delay")
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(pause) => write!(f, "paused {pause}"),
            Self::Lag { replica, lag: Some(lag), at_most } => {
                let (lag, at_most) = (lag.as_secs_f64(), at_most.as_secs_f64());
                write!(f, "the replica {replica} lags {lag:.1} s behind, and may lag {at_most} s")
            }
            Self::Lag { replica, lag: None, .. } => write!(f, "the replica {replica} does not follow"),
            Self::Unasked { replica, why } => write!(f, "the replica {replica} does not answer: {why}"),
            Self::Connections { active, at_most } => {
                let sessions = if *active == 1 { "session is" } else { "sessions are" };
                write!(f, "{active} other {sessions} at work, and {at_most} may be")
            }
            Self::Rate(rows) => write!(f, "at most {rows} rows in a second"),
            Self::Delay(delay) => write!(f, "{} ms between two chunks", delay.as_millis()),
        }
    }
}
