//! What ends a statement early: the stop signal, its time, and that of its wait for another connection.

use std::time::{Duration, Instant};

use runner_database::{DatabaseError, StopSignal};

/// The longest pause between two attempts to get a lock of another connection.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// When the running statement must end.
pub(super) struct Interrupt {
    stop: StopSignal,
    /// How long to wait for other connections.
    busy_timeout: Duration,
    /// When the present wait began.
    busy_since: Option<Instant>,
    /// How long a statement of a migration may take.
    statement_timeout: Option<Duration>,
    /// When the statement of a migration that is running must end.
    deadline: Option<Instant>,
    /// The statement exceeded its time and was interrupted.
    is_late: bool,
}

impl Interrupt {
    pub(super) fn new(busy_timeout: Duration, statement_timeout: Option<Duration>) -> Self {
        let stop = StopSignal::never();
        Self { stop, busy_timeout, busy_since: None, statement_timeout, deadline: None, is_late: false }
    }

    /// From here on, this signal ends statements.
    pub(super) fn serve(&mut self, stop: StopSignal) {
        self.stop = stop;
        self.deadline = None;
    }

    /// From here on the time of a statement counts, if it is a migration's.
    pub(super) fn begin(&mut self, is_migration: bool) {
        let limit = self.statement_timeout.filter(|_| is_migration);
        // A time beyond the clock's range is no limit.
        self.deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.is_late = false;
    }

    /// An error if the run is to stop.
    pub(super) fn check_stop(&self) -> Result<(), DatabaseError> {
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Whether what is running must end. `stops`: the stop signal applies to it; `is_migration`: so does its time.
    pub(super) fn must_end(&mut self, stops: bool, is_migration: bool) -> bool {
        if stops && self.stop.is_raised() {
            return true;
        }
        let is_late = is_migration && self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.is_late |= is_late;
        is_late
    }

    /// The pause before the next attempt to get a lock of another connection, after `count` of them; `None`: it waited long enough.
    pub(super) fn pause(&mut self, count: u32) -> Option<Duration> {
        if count == 0 {
            self.busy_since = None;
        }
        let since = *self.busy_since.get_or_insert_with(Instant::now);
        let left = self.busy_timeout.saturating_sub(since.elapsed());
        (!left.is_zero()).then(|| Duration::from_millis(1 << count.min(5)).min(LONGEST_PAUSE).min(left))
    }

    /// The error of a statement that was interrupted because it exceeded its time.
    pub(super) fn late(&mut self) -> Option<DatabaseError> {
        let limit = self.statement_timeout.filter(|_| std::mem::take(&mut self.is_late))?;
        Some(DatabaseError::too_long(limit))
    }
}
