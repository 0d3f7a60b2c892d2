//! Combines what the calls of migrations and the engine's events report, passes it on, and keeps a bounded record.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::samples::Gathered;
use crate::event::dry_run::{Change, DryRunEvent, Ending, Sample, Tried, TriedMigration};
use crate::event::{Event, EventSink};
use runner_data::Value;
use runner_database::DatabaseError;
use runner_database::message::value_text;
use runner_project::migration_id;
use runner_sql::without_rows;

/// The number of a migration's steps that are kept for the report. All of them are reported as events.
const KEPT: usize = 10_000;

/// The number of equal consecutive statements that are reported one by one; further ones are counted.
const ALIKE: u64 = 3;

/// The length to which a statement is cut, in characters: it is for display.
const STATEMENT: usize = 4_000;

/// The number of a statement's values that are shown.
const PARAMETERS: usize = 20;

/// How much is reported.
#[derive(Clone, Copy, Debug)]
pub struct RecorderOptions {
    /// The number of rows in each sample.
    pub samples: usize,
    /// Report every step, even equal consecutive ones.
    pub all: bool,
}

/// Receives everything that happens in a dry run.
pub struct DryRunRecorder {
    events: Arc<dyn EventSink>,
    options: RecorderOptions,
    stepwise: AtomicBool,
    left: AtomicU64,
    refused: Mutex<Option<DatabaseError>>,
    state: Mutex<RecorderState>,
}

#[derive(Default)]
struct RecorderState {
    migrations: Vec<TriedMigration>,
    /// The last call to the database, until its step ends.
    asked: Option<Asked>,
    /// Rows written since the last step ended.
    current: Vec<Gathered>,
    /// Rows that the migration wrote through its own writers.
    writers: Vec<Gathered>,
    /// Further equal steps that are held back, as one.
    folded: Option<Tried>,
    /// The number of consecutive steps with the same statement.
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
    /// Creates a recorder that passes everything on to `events`.
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

    /// Records that the current migration would run stepwise in a real run.
    pub fn set_stepwise(&self, stepwise: bool) {
        self.stepwise.store(stepwise, Ordering::Relaxed);
    }

    /// Returns the number of statements that were skipped.
    pub fn left_out(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Returns the record.
    pub fn take(&self) -> Vec<TriedMigration> {
        std::mem::take(&mut self.state().migrations)
    }

    /// Returns what the dry run refused first. Even if the migration handled that error, it behaved differently from then on.
    pub fn refused(&self) -> Option<DatabaseError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn refuse(&self, error: &DatabaseError) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
    }

    pub(super) fn is_stepwise(&self) -> bool {
        self.stepwise.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call of the migration.
    pub(super) fn asked(&self, statement: &str, parameters: &[Value], error: Option<&DatabaseError>) {
        let ending = match error {
            None => Ending::Done,
            Some(error) => Ending::Failed(error.to_string()),
        };
        self.ask(statement, parameters, ending);
    }

    /// Records that a call failed, unless it was recorded with its statement already.
    pub(crate) fn failed(&self, call: &str, error: &DatabaseError) {
        let is_known = self.state().asked.as_ref().is_some_and(|asked| {
            asked.statement == call && matches!(&asked.ending, Ending::Failed(told) if *told == error.to_string())
        });
        if !is_known {
            self.asked(call, &[], Some(error));
        }
    }

    /// Records a call of the migration that was skipped.
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
        self.report_failed(state);
        state.asked = Some(Asked { statement: without_rows(statement).to_owned(), parameters, ending });
    }

    /// Returns the rows of a batch to sample.
    pub(super) fn pick(&self, what: &str, rows: usize) -> Vec<usize> {
        let state = self.state();
        match state.current.iter().find(|gathered| gathered.what == what) {
            Some(gathered) => gathered.pick(rows, self.options.samples),
            None => Gathered::new(what).pick(rows, self.options.samples),
        }
    }

    /// Records a written batch.
    pub(super) fn wrote(&self, what: &str, rows: u64, changes: Vec<Change>) {
        let state = &mut *self.state();
        let at = state.current.iter().position(|gathered| gathered.what == what).unwrap_or_else(|| {
            state.current.push(Gathered::new(what));
            state.current.len() - 1
        });
        state.current[at].add(rows, changes, self.options.samples);
    }

    /// Reports a failed statement, which has no event: the migration may have handled the error.
    fn report_failed(&self, state: &mut RecorderState) {
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
                self.report_failed(state);
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

    /// Keeps samples of a migration's own writers until it ends: a writer lasts over many steps.
    fn keep(&self, state: &mut RecorderState, current: Vec<Gathered>) {
        for gathered in current {
            match state.writers.iter_mut().find(|known| known.what == gathered.what) {
                Some(known) => known.absorb(gathered, self.options.samples),
                None => state.writers.push(gathered),
            }
        }
    }

    /// Reports a step, unless it is one of many equal ones.
    fn push(&self, state: &mut RecorderState, step: Tried) {
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
            self.push_step(state, folded);
        }
        state.last = Some(step.statement.clone());
        self.push_step(state, step);
    }

    fn push_step(&self, state: &mut RecorderState, mut step: Tried) {
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

    /// Ends a migration and reports what was held back.
    fn end(&self) {
        let state = &mut *self.state();
        self.report_failed(state);
        state.asked = None;
        if let Some(folded) = state.folded.take() {
            self.push_step(state, folded);
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
                    unrepeatable: Vec::new(),
                };
                {
                    let state = &mut *self.state();
                    let migrations = std::mem::take(&mut state.migrations);
                    *state = RecorderState { migrations, ..RecorderState::default() };
                    state.migrations.push(migration);
                }
                let id = migration_id(revision, name);
                let begins = DryRunEvent::Migration { id, direction: *direction };
                self.events.emit(&Event::DryRunEvent(Box::new(begins)));
            }
            Event::MigrationFinished { .. } | Event::MigrationFailed { .. } => self.end(),
            Event::Unrepeatable { statement, .. } => {
                if let Some(migration) = self.state().migrations.last_mut() {
                    migration.unrepeatable.push(statement.clone());
                }
            }
            _ => {}
        }
        self.events.emit(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;
    use crate::event::dry_run::Cell;
    use runner_base::error::Error;
    use runner_database::DatabaseErrorKind;

    #[derive(Default)]
    struct ProgressMessages(Mutex<Vec<String>>);

    impl EventSink for ProgressMessages {
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
        let told = Arc::new(ProgressMessages::default());
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
        recorder.failed("BROKEN", &error);
        recorder.failed("read t", &error);
        recorder.emit(&Event::MigrationFailed {
            revision: "1".to_owned(),
            name: "a".to_owned(),
            direction: Direction::Up,
            error: Error::failed("taken"),
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
                "15 read t [] ×1 Failed(\"taken\") 0",
                "insert u rows 7",
            ]
        );
        let record = recorder.take();
        assert_eq!((record.len(), record[0].steps.len(), record[0].samples[0].changes.len()), (1, 12, 2));
        assert_eq!(recorder.left_out(), 1);
    }
}
