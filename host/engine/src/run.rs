//! The run that something was recorded for.

use super::Direction;

/// Identifies the run of a journal: its history row and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The history row.
    pub history: i64,
    /// The direction.
    pub direction: Direction,
}
