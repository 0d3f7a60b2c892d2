//! How far a run is, in numbers.

use std::time::Duration;

/// How many rows there are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// So many, those that are done included.
    pub rows: u64,
    /// Whether that is the server's own guess and was not counted.
    pub is_estimate: bool,
}

impl Total {
    /// Rows that were counted.
    pub fn counted(rows: u64) -> Self {
        Self { rows, is_estimate: false }
    }
}

/// How far a transform is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The transform's name.
    pub transform: String,
    /// Rows that are read, turned, written and committed with their checkpoint, by earlier runs too.
    pub rows_done: u64,
    /// Of so many, if that is known.
    pub total: Option<Total>,
    /// Chunks that are done.
    pub chunks: u64,
    /// How often something was tried again.
    pub retries: u64,
    /// Rows in a second, smoothed.
    pub rate: Option<f64>,
    /// How long the rest will take.
    pub left: Option<Duration>,
    /// What keeps the run from going on: its name, and in words.
    pub held: Option<(&'static str, String)>,
    /// Whether all rows are done.
    pub is_over: bool,
}

/// The share that is done, from 0 to 100. None where the guess was wrong, or nobody knows.
pub fn percent(done: u64, total: Option<Total>) -> Option<f64> {
    let total = total.filter(|total| total.rows > 0 && done <= total.rows)?;
    Some(done as f64 * 100.0 / total.rows as f64)
}

impl Progress {
    /// The share that is done, from 0 to 100.
    pub fn percent(&self) -> Option<f64> {
        percent(self.rows_done, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_where_there_is_one() {
        assert_eq!(percent(5, Some(Total::counted(20))), Some(25.0));
        assert_eq!(percent(21, Some(Total { rows: 20, is_estimate: true })), None);
        assert_eq!((percent(5, None), percent(0, Some(Total::counted(0)))), (None, None));
    }
}
