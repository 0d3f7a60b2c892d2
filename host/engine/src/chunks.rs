//! How transforms are cut where each chunk commits, as the settings say it.

use std::time::Duration;

use crate::journal::MOST_BATCHES;

/// How long a chunk may hold rows for which others wait, unless the user says otherwise.
const CONSIDERATE: Duration = Duration::from_millis(30);

/// How a transform is cut, where each chunk commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// The most rows of one.
    pub most: u64,
    /// What decides how many it has of them.
    pub pace: Pace,
}

impl Chunks {
    /// What the settings say where one worker has the only connection, and a chunk is a batch.
    pub fn of_one_writer(rows: Option<u64>, batch_rows: u64) -> Self {
        Self { most: rows.unwrap_or(batch_rows).min(batch_rows), pace: Pace::Fixed }
    }

    /// What they say of others: the rows and the time of a chunk, and the rows of a batch.
    pub fn of(rows: Option<u64>, time: Option<Duration>, batch_rows: u64) -> Self {
        let pace = match (time, rows) {
            (Some(time), _) => Pace::Timed(time),
            (None, Some(_)) => Pace::Fixed,
            (None, None) => Pace::Considerate,
        };
        Self { most: rows.unwrap_or(batch_rows).min(batch_rows.saturating_mul(MOST_BATCHES)), pace }
    }
}

/// What decides how many rows a chunk has, of those that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It has all of them.
    Fixed,
    /// How long the chunks before it have held their rows.
    Timed(Duration),
    /// Its number, until others have waited for one: then it is timed.
    Considerate,
}

impl Pace {
    /// How long a chunk may hold its rows; if it is considerate, where others wait for them.
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::Fixed => None,
            Self::Timed(time) => Some(time),
            Self::Considerate => Some(CONSIDERATE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_no_more_rows_than_its_batches_can_be_numbered() {
        let most = |rows, batch_rows| Chunks::of(rows, None, batch_rows).most;
        assert_eq!(most(None, 1_000), 1_000);
        assert_eq!(most(Some(10_000_000), 1_000), 10_000_000);
        assert_eq!(most(Some(10_000_000), 1), MOST_BATCHES);
        assert_eq!(most(Some(10_000_000), u64::MAX), 10_000_000);
    }
}
