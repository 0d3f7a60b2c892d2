//! A sign of life from a migration of which nothing else is said for a while: a long statement, or code that computes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use runner_engine::event::{Event, LogLevel};

/// Interval between two signs.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// The running migration.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// When it began.
    pub began: Instant,
    /// In SQL: its statement, and their number.
    pub statement: Option<(u64, u64)>,
    /// When the next sign is due; `None` while it waits for something, which was said.
    due: Option<Instant>,
}

/// What gives the sign.
type Tell = Box<dyn FnMut(&Running) + Send>;

/// Gives the signs from a thread of its own: on SQLite, a statement keeps the one that runs the migration.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    every: Duration,
    /// Until the first migration begins: most commands run none.
    tell: Mutex<Option<Tell>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    is_over: bool,
}

impl Ticker {
    /// A ticker of which `tell` gives the signs. While it does, the migration does not end.
    pub fn new(every: Duration, tell: impl FnMut(&Running) + Send + 'static) -> Self {
        let tell = Mutex::new(Some(Box::new(tell) as Tell));
        Self { shared: Arc::default(), every, tell, thread: Mutex::default() }
    }

    /// Notes an event of the migration. `tells_steps`: whether each step that ends is.
    pub fn note_event(&self, event: &Event, tells_steps: bool) {
        match event {
            Event::MigrationStarted { revision, name, .. } => self.begin(revision, name),
            Event::StatementStarted { statement, of, .. } => self.statement(*statement, *of),
            Event::StepFinished { .. } | Event::Log { level: LogLevel::Debug, .. } if !tells_steps => {}
            Event::StepFinished { .. }
            | Event::Log { .. }
            | Event::Unrepeatable { .. }
            | Event::Progress { .. }
            | Event::Transform { .. }
            | Event::Resumed { .. } => self.said(),
            Event::Held { .. } => self.waits(),
            Event::Retrying { pause, .. } => self.retries_after(*pause),
            Event::MigrationFinished { .. } | Event::MigrationFailed { .. } => self.end(),
            Event::LockWaiting { .. } | Event::RunStarted { .. } | Event::DryRunEvent(_) => {}
        }
    }

    /// A migration begins.
    fn begin(&self, revision: &str, name: &str) {
        let began = Instant::now();
        let (revision, name) = (revision.to_owned(), name.to_owned());
        let running = Running { revision, name, began, statement: None, due: Some(began + self.every) };
        self.shared.state().running = Some(running);
        self.shared.changed.notify_one();
        if let Some(tell) = lock(&self.tell).take() {
            let (shared, every) = (self.shared.clone(), self.every);
            let thread = std::thread::Builder::new().name("ticker".to_owned());
            // Without it, only the signs are missing.
            *lock(&self.thread) = thread.spawn(move || shared.run(every, tell)).ok();
        }
    }

    /// A statement of it begins.
    fn statement(&self, statement: u64, of: u64) {
        if let Some(running) = &mut self.shared.state().running {
            running.statement = Some((statement, of));
        }
    }

    /// Something else was said about it, or it continues.
    fn said(&self) {
        self.set_due(Some(Instant::now() + self.every));
    }

    /// It waits until it continues.
    fn waits(&self) {
        self.set_due(None);
    }

    /// It is tried again after a pause, from the first statement.
    fn retries_after(&self, pause: Duration) {
        if let Some(running) = &mut self.shared.state().running {
            running.statement = None;
        }
        self.set_due(Some(Instant::now() + pause + self.every));
    }

    /// It has ended.
    fn end(&self) {
        self.shared.state().running = None;
    }

    fn set_due(&self, due: Option<Instant>) {
        // The thread finds out when it wakes up; one that waits for nothing in particular is woken.
        let was_waiting = {
            let mut state = self.shared.state();
            state.running.as_mut().is_some_and(|running| std::mem::replace(&mut running.due, due).is_none())
        };
        if was_waiting {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A sign that panicked was shown as such.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn run(&self, every: Duration, mut tell: Tell) {
        let mut state = self.state();
        while !state.is_over {
            let now = Instant::now();
            let due = state.running.as_ref().and_then(|running| running.due);
            state = match (due, &mut state.running) {
                (Some(due), Some(running)) if due <= now => {
                    tell(running);
                    running.due = Some(now + every);
                    state
                }
                (Some(due), _) => {
                    let waited = self.changed.wait_timeout(state, due.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                (None, _) => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const EVER: Duration = Duration::from_secs(60);

    fn ticker(every: Duration) -> (Ticker, mpsc::Receiver<Running>) {
        let (tell, told) = mpsc::channel();
        (Ticker::new(every, move |running| tell.send(running.clone()).unwrap_or_default()), told)
    }

    #[test]
    fn a_migration_gives_signs_until_it_ends() {
        let (ticker, told) = ticker(Duration::from_millis(1));
        ticker.begin("1", "a");
        let first = told.recv_timeout(EVER).expect("a sign");
        assert_eq!((first.revision.as_str(), first.statement), ("1", None));
        ticker.statement(2, 3);
        while told.recv_timeout(EVER).expect("another").statement != Some((2, 3)) {}
        ticker.end();
        while told.try_recv().is_ok() {}
        // The next one has none of its statements.
        ticker.begin("2", "b");
        let next = told.recv_timeout(EVER).expect("a sign");
        assert_eq!((next.name.as_str(), next.statement), ("b", None));
        drop(ticker);
        while told.recv().is_ok() {}
    }

    #[test]
    fn one_that_waits_gives_none_until_it_continues() {
        let (ticker, told) = ticker(Duration::from_millis(1));
        ticker.begin("1", "a");
        told.recv_timeout(EVER).expect("a sign");
        ticker.waits();
        while told.try_recv().is_ok() {}
        assert!(told.recv_timeout(Duration::from_millis(20)).is_err());
        ticker.said();
        told.recv_timeout(EVER).expect("a sign");
        ticker.retries_after(EVER);
        while told.try_recv().is_ok() {}
        assert!(told.recv_timeout(Duration::from_millis(20)).is_err());
    }

    #[test]
    fn nothing_runs_before_the_first_migration() {
        let (ticker, _told) = ticker(Duration::from_millis(1));
        assert!(lock(&ticker.thread).is_none());
    }
}
