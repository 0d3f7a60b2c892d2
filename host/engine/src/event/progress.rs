//! The progress of a run in numbers.

use std::time::Duration;

/// The total number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The number of rows, including those that are done.
    pub rows: u64,
    /// Whether it is the server's estimate rather than a count.
    pub is_estimate: bool,
}

impl Total {
    /// Returns a total that was counted.
    pub fn counted(rows: u64) -> Self {
        Self { rows, is_estimate: false }
    }
}

/// The progress of a transform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransformProgress {
    /// The transform's name.
    pub transform: String,
    /// Rows that have been processed and committed with their checkpoint, including by earlier runs.
    pub rows_done: u64,
    /// The total, if known.
    pub total: Option<Total>,
    /// The number of chunks done.
    pub chunks: u64,
    /// The number of retries.
    pub retries: u64,
    /// Rows per second, smoothed.
    pub rate: Option<f64>,
    /// The estimated remaining time.
    pub left: Option<Duration>,
    /// The name of what holds the run, and its description.
    pub held: Option<(&'static str, String)>,
    /// Whether all rows are done.
    pub is_over: bool,
}

/// Returns the completed percentage, from 0 to 100. `None` if the total is unknown, or was estimated too low.
pub fn percent(done: u64, total: Option<Total>) -> Option<f64> {
    let total = total.filter(|total| total.rows > 0 && done <= total.rows)?;
    Some(done as f64 * 100.0 / total.rows as f64)
}

impl TransformProgress {
    /// Returns the completed percentage, from 0 to 100.
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
