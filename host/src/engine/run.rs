//! Which run something was recorded by.

use super::Direction;

/// Which run a journal is of: its row of history, and the way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The row of history.
    pub history: i64,
    /// The way.
    pub direction: Direction,
}
