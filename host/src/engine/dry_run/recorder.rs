//! Puts together what the watched database and the engine's events say, tells it, and keeps a bounded record.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::samples::Gathered;
use crate::data::Value;
use crate::database::DatabaseError;
use crate::database::message::value_text;
use crate::engine::event::dry_run::{Change, DryRunEvent, Ending, Sample, Tried, TriedMigration};
use crate::engine::event::{Event, EventSink};

/// Steps of a migration that are kept for the report; told is each.
const KEPT: usize = 10_000;

/// Equal statements, one behind the other, that are told of one by one.
const ALIKE: u64 = 3;

/// The longest statement that is kept, in characters: it is there to be read.
const STATEMENT: usize = 4_000;

/// Values that are told of a statement.
const PARAMETERS: usize = 20;

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub struct RecorderOptions {
    /// Rows of each sample.
    pub samples: usize,
    /// Each step, also those that are alike.
    pub all: bool,
}

/// Hears everything that happens in a dry run.
pub struct DryRunRecorder {
    events: Arc<dyn EventSink>,
    options: RecorderOptions,
    stepwise: AtomicBool,
    left: AtomicU64,
    refused: Mutex<Option<DatabaseError>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    migrations: Vec<TriedMigration>,
    /// What was asked of the database last, until the step that asked it ends.
    asked: Option<Asked>,
    /// Rows written since the last step ended.
    current: Vec<Gathered>,
    /// Rows that the migration's own writers wrote.
    writers: Vec<Gathered>,
    /// Steps behind the first ones that are all alike.
    folded: Option<Tried>,
    /// How many steps with the same statement came one behind the other.
    alike: u64,
    last: Option<String>,
    number: u64,
}

struct Asked {
    statement: String,
    parameters: Vec<String>,
    ending: Ending,
}

impl DryRunRecorder {
    /// One that passes on to `events`.
    pub fn new(events: Arc<dyn EventSink>, options: RecorderOptions) -> Self {
        Self {
            events,
            options,
            stepwise: AtomicBool::new(false),
            left: AtomicU64::new(0),
            refused: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// From here on a migration runs of which, in earnest, each step would commit by itself.
    pub fn set_stepwise(&self, stepwise: bool) {
        self.stepwise.store(stepwise, Ordering::Relaxed);
    }

    /// How many statements were told of and not run.
    pub fn left_out(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// The record.
    pub fn take(&self) -> Vec<TriedMigration> {
        std::mem::take(&mut self.state().migrations)
    }

    /// What the dry run had to refuse first: whatever the migration made of that error, from there on it was another.
    pub fn refused(&self) -> Option<DatabaseError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn refuse(&self, error: &DatabaseError) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
    }

    pub(super) fn is_stepwise(&self) -> bool {
        self.stepwise.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A migration asked for this.
    pub(super) fn asked(&self, statement: &str, parameters: &[Value], error: Option<&DatabaseError>) {
        let ending = match error {
            None => Ending::Done,
            Some(error) => Ending::Failed(error.to_string()),
        };
        self.ask(statement, parameters, ending);
    }

    /// A migration asked for this, and it was not run.
    pub(super) fn left(&self, statement: &str, parameters: &[Value]) {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.ask(statement, parameters, Ending::NotRun);
    }

    fn ask(&self, statement: &str, parameters: &[Value], ending: Ending) {
        let mut parameters: Vec<String> = parameters.iter().take(PARAMETERS + 1).map(value_text).collect();
        if parameters.len() > PARAMETERS {
            parameters.truncate(PARAMETERS);
            parameters.push("…".to_owned());
        }
        let state = &mut *self.state();
        self.tell_failed(state);
        state.asked = Some(Asked { statement: statement.to_owned(), parameters, ending });
    }

    /// The rows of a batch to look at.
    pub(super) fn pick(&self, what: &str, rows: usize) -> Vec<usize> {
        let state = self.state();
        match state.current.iter().find(|gathered| gathered.what == what) {
            Some(gathered) => gathered.pick(rows, self.options.samples),
            None => Gathered::new(what).pick(rows, self.options.samples),
        }
    }

    /// A batch was written.
    pub(super) fn wrote(&self, what: &str, rows: u64, changes: Vec<Change>) {
        let state = &mut *self.state();
        let at = state.current.iter().position(|gathered| gathered.what == what).unwrap_or_else(|| {
            state.current.push(Gathered::new(what));
            state.current.len() - 1
        });
        state.current[at].add(rows, changes, self.options.samples);
    }

    /// A statement that failed has no event of its own: whoever asked may have handled the error.
    fn tell_failed(&self, state: &mut State) {
        let Some(Asked { statement, parameters, ending: ending @ Ending::Failed(_) }) = state.asked.take() else {
            return;
        };
        let number = state.number + 1;
        let step = Tried {
            number,
            statement,
            parameters,
            rows: 0,
            duration: Duration::ZERO,
            ending,
            times: 1,
            samples: Vec::new(),
        };
        self.push(state, step);
    }

    fn step_finished(&self, number: u64, statement: &str, rows: u64, duration: Duration) {
        let state = &mut *self.state();
        let asked = match state.asked.take() {
            Some(asked) if asked.statement == statement => Some(asked),
            other => {
                state.asked = other;
                self.tell_failed(state);
                state.asked = None;
                None
            }
        };
        let (parameters, ending) = asked.map_or((Vec::new(), Ending::Done), |asked| (asked.parameters, asked.ending));
        let mut samples = Vec::new();
        let current = std::mem::take(&mut state.current);
        if statement.starts_with("transform `") {
            samples = current.into_iter().map(|gathered| gathered.finish(self.options.samples)).collect();
        } else {
            self.keep(state, current);
        }
        let statement = statement.to_owned();
        self.push(state, Tried { number, statement, parameters, rows, duration, ending, times: 1, samples });
    }

    /// What a migration's own writers wrote is told in its end: a writer lasts over many steps.
    fn keep(&self, state: &mut State, current: Vec<Gathered>) {
        for gathered in current {
            match state.writers.iter_mut().find(|known| known.what == gathered.what) {
                Some(known) => known.absorb(gathered, self.options.samples),
                None => state.writers.push(gathered),
            }
        }
    }

    /// Tells of a step, unless it is one of many that are alike.
    fn push(&self, state: &mut State, step: Tried) {
        state.number = state.number.max(step.number);
        let is_alike = state.last.as_ref() == Some(&step.statement);
        state.alike = if is_alike { state.alike + 1 } else { 1 };
        let folds = !self.options.all && state.alike > ALIKE && step.ending == Ending::Done && step.samples.is_empty();
        if folds {
            match &mut state.folded {
                Some(folded) => {
                    folded.times += 1;
                    folded.rows += step.rows;
                    folded.duration += step.duration;
                }
                None => state.folded = Some(Tried { parameters: Vec::new(), ..step }),
            }
            return;
        }
        if let Some(folded) = state.folded.take() {
            self.told(state, folded);
        }
        state.last = Some(step.statement.clone());
        self.told(state, step);
    }

    fn told(&self, state: &mut State, mut step: Tried) {
        if let Some((end, _)) = step.statement.char_indices().nth(STATEMENT) {
            step.statement.truncate(end);
            step.statement.push('…');
        }
        if let Some(migration) = state.migrations.last_mut() {
            match migration.steps.len() < KEPT {
                true => migration.steps.push(step.clone()),
                false => migration.steps_left_out += step.times,
            }
        }
        self.events.emit(&Event::DryRunEvent(Box::new(DryRunEvent::Step(step))));
    }

    /// A migration is over: whatever was held back is told.
    fn end(&self) {
        let state = &mut *self.state();
        self.tell_failed(state);
        state.asked = None;
        if let Some(folded) = state.folded.take() {
            self.told(state, folded);
        }
        let current = std::mem::take(&mut state.current);
        self.keep(state, current);
        let samples: Vec<Sample> =
            state.writers.drain(..).map(|gathered| gathered.finish(self.options.samples)).collect();
        if samples.is_empty() {
            return;
        }
        if let Some(migration) = state.migrations.last_mut() {
            migration.samples.clone_from(&samples);
        }
        self.events.emit(&Event::DryRunEvent(Box::new(DryRunEvent::Samples(samples))));
    }
}

impl EventSink for DryRunRecorder {
    fn emit(&self, event: &Event) {
        match event {
            Event::StepFinished { step, statement, rows, duration, .. } => {
                self.step_finished(*step, statement, *rows, *duration);
                return;
            }
            Event::MigrationStarted { revision, name, direction } => {
                let migration = TriedMigration {
                    revision: revision.clone(),
                    name: name.clone(),
                    direction: *direction,
                    steps: Vec::new(),
                    steps_left_out: 0,
                    samples: Vec::new(),
                };
                {
                    let state = &mut *self.state();
                    let migrations = std::mem::take(&mut state.migrations);
                    *state = State { migrations, ..State::default() };
                    state.migrations.push(migration);
                }
                let id = format!("{revision}_{name}");
                let begins = DryRunEvent::Migration { id, direction: *direction };
                self.events.emit(&Event::DryRunEvent(Box::new(begins)));
            }
            Event::MigrationFinished { .. } | Event::MigrationFailed { .. } => self.end(),
            _ => {}
        }
        self.events.emit(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseErrorKind;
    use crate::engine::Direction;
    use crate::engine::event::dry_run::Cell;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl EventSink for Told {
        fn emit(&self, event: &Event) {
            let Event::DryRunEvent(told) = event else { return };
            let text = match &**told {
                DryRunEvent::Migration { id, .. } => id.clone(),
                DryRunEvent::Step(step) => {
                    let samples: usize = step.samples.iter().map(|sample| sample.changes.len()).sum();
                    format!(
                        "{} {} {:?} ×{} {:?} {samples}",
                        step.number, step.statement, step.parameters, step.times, step.ending
                    )
                }
                DryRunEvent::Samples(samples) => format!("{} rows {}", samples[0].what, samples[0].rows),
            };
            self.0.lock().expect("not poisoned").push(text);
        }
    }

    fn finished(step: u64, statement: &str) -> Event {
        let statement = statement.to_owned();
        Event::StepFinished { revision: "1".to_owned(), step, statement, rows: 2, duration: Duration::ZERO }
    }

    fn change() -> Change {
        let cell = Cell { column: "a".to_owned(), value: "1".to_owned() };
        Change { key: Vec::new(), before: None, after: Some(vec![cell]) }
    }

    #[test]
    fn what_is_told_says_what_happened_in_its_order() {
        let told = Arc::new(Told::default());
        let recorder = DryRunRecorder::new(told.clone(), RecorderOptions { samples: 2, all: false });
        let started =
            Event::MigrationStarted { revision: "1".to_owned(), name: "a".to_owned(), direction: Direction::Up };
        recorder.emit(&started);
        recorder.asked("INSERT", &[Value::Int64(7), "x".into()], None);
        recorder.emit(&finished(1, "INSERT"));
        // Handled by the migration.
        let error = DatabaseError::new(DatabaseErrorKind::Constraint, "taken");
        recorder.asked("INSERT twice", &[], Some(&error));
        for step in 3..=9 {
            recorder.asked("LOOP", &[], None);
            recorder.emit(&finished(step, "LOOP"));
        }
        recorder.left("VACUUM", &[]);
        recorder.emit(&finished(10, "VACUUM"));
        recorder.wrote("update t", 5, vec![change()]);
        recorder.emit(&finished(11, "transform `f`: t -> update t"));
        recorder.wrote("insert u", 4, vec![change()]);
        recorder.emit(&finished(12, "insert u"));
        recorder.wrote("insert u", 3, vec![change()]);
        recorder.emit(&finished(13, "insert u"));
        recorder.asked("BROKEN", &[], Some(&error));
        recorder.emit(&Event::MigrationFailed {
            revision: "1".to_owned(),
            name: "a".to_owned(),
            direction: Direction::Up,
        });
        assert_eq!(
            *told.0.lock().expect("not poisoned"),
            [
                "1_a",
                "1 INSERT [\"7\", \"\\\"x\\\"\"] ×1 Done 0",
                "2 INSERT twice [] ×1 Failed(\"taken\") 0",
                "3 LOOP [] ×1 Done 0",
                "4 LOOP [] ×1 Done 0",
                "5 LOOP [] ×1 Done 0",
                "6 LOOP [] ×4 Done 0",
                "10 VACUUM [] ×1 NotRun 0",
                "11 transform `f`: t -> update t [] ×1 Done 1",
                "12 insert u [] ×1 Done 0",
                "13 insert u [] ×1 Done 0",
                "14 BROKEN [] ×1 Failed(\"taken\") 0",
                "insert u rows 7",
            ]
        );
        let record = recorder.take();
        assert_eq!((record.len(), record[0].steps.len(), record[0].samples[0].changes.len()), (1, 11, 2));
        assert_eq!(recorder.left_out(), 1);
    }
}
