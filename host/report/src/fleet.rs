//! The progress of a run over several databases: a bar on a terminal, lines elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::lines::Lines;
use super::progress::fleet_bar;
use super::styled::{BAD, DIM, GOOD, ODD, STRONG, Text};
use super::{Format, Printer, Verbosity, text, units};
use runner_base::error::Error;
use runner_engine::event::{Event, EventSink, LogLevel};
use runner_engine::outcome::Outcome;

/// Up to here, each database that is done gets a line.
const FEW: usize = 20;

/// Errors that are printed in full. A broken migration fails on every database with the same one.
const ERRORS: usize = 10;

/// Interval between lines of progress without a terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Reports a run over several databases.
pub struct FleetReporter {
    printer: Arc<Printer>,
    total: usize,
    dry_run: bool,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    ended: usize,
    failed: usize,
    last_line: Instant,
}

impl FleetReporter {
    /// Begins.
    pub fn new(printer: &Arc<Printer>, total: usize, dry_run: bool) -> Self {
        let talkative = printer.format() == Format::Text && printer.verbosity() > Verbosity::Quiet;
        let bar = (talkative && total > 0 && printer.talks_to_terminal()).then(|| fleet_bar(total as u64));
        let state = Mutex::new(State { ended: 0, failed: 0, last_line: Instant::now() });
        Self { printer: printer.clone(), total, dry_run, bar, state }
    }

    /// The sink of the run on one database.
    pub fn sink(self: &Arc<Self>, name: &str, run_id: &str) -> Arc<dyn EventSink> {
        if self.printer.format() == Format::Json {
            return Arc::new(Lines::of_database(&self.printer, Some(run_id.to_owned()), name));
        }
        Arc::new(MemberSink { reporter: self.clone(), name: name.to_owned() })
    }

    /// One database is done, or failed.
    pub fn ended(&self, name: &str, outcome: Result<&Outcome, &Error>, took: Duration) {
        let error = outcome.map_or_else(Some, |outcome| outcome.error.as_ref());
        let (failed, progress) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.ended += 1;
            state.failed += usize::from(error.is_some());
            let is_time = state.last_line.elapsed() >= BETWEEN_LINES;
            if is_time {
                state.last_line = Instant::now();
            }
            let of = format!("{} of {} databases", units::count(state.ended as u64), units::count(self.total as u64));
            let failed = format!("{} failed", units::count(state.failed as u64));
            (state.failed, is_time.then(|| Text::new().plain(format!("{of}, {failed}")).end()))
        };
        if let Some(bar) = &self.bar {
            bar.inc(1);
            let failed = (failed > 0).then(|| format!("{} failed", units::count(failed as u64)));
            let left =
                Some(bar.eta()).filter(|left| !left.is_zero()).map(|left| format!("{} left", units::duration(left)));
            bar.set_message(failed.into_iter().chain(left).collect::<Vec<_>>().join(", "));
        }
        if self.printer.format() == Format::Json {
            return;
        }
        if let Some(error) = error {
            if failed <= ERRORS {
                self.above(|| self.printer.always(&super::error::error(&error.clone().at("name", name))));
            }
            if failed == ERRORS {
                let text = format!("further errors are only in the table below: {ERRORS} were shown");
                self.above(|| self.printer.always(&Text::new().add(DIM, text).end()));
            }
        } else if let Ok(outcome) = outcome
            && (self.total <= FEW || self.printer.verbosity() == Verbosity::Verbose)
        {
            let line = Text::new().add(GOOD, text::word(outcome, self.dry_run)).add(STRONG, format!(" {name}"));
            let line = line.add(DIM, format!(" ({})", units::duration(took))).end();
            self.above(|| self.printer.info(&line));
        }
        if let (None, Some(line)) = (&self.bar, progress) {
            self.printer.info(&line);
        }
    }

    /// All have ended.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Passes on what must not wait for the table: warnings, and why a run waits.
struct MemberSink {
    reporter: Arc<FleetReporter>,
    name: String,
}

impl EventSink for MemberSink {
    fn emit(&self, event: &Event) {
        let printer = &self.reporter.printer;
        let (style, word, text) = match event {
            Event::LockWaiting { holder } => (ODD, "waiting", format!("for the lock, held by {holder}")),
            Event::Held { revision, text, .. } => (ODD, "waiting", format!("{revision}: {text}")),
            Event::Retrying { revision, reason, pause, retry, of, .. } => {
                let pause = units::duration(*pause);
                (ODD, "waiting", format!("{revision}: {reason}; retrying in {pause} ({retry} of {of})"))
            }
            Event::Unrepeatable { revision, statement } => {
                (ODD, "warning", format!("{revision}: {}", statement.warning()))
            }
            Event::Log { revision, level: LogLevel::Warning, message } => {
                (ODD, "warning", format!("{revision}: {message}"))
            }
            Event::MigrationFailed { revision, .. } if printer.verbosity() == Verbosity::Verbose => {
                (BAD, "failed", revision.clone())
            }
            Event::MigrationFinished { revision, duration, .. } if printer.verbosity() == Verbosity::Verbose => {
                (GOOD, "finished", format!("{revision} ({})", units::duration(*duration)))
            }
            _ => return,
        };
        let line = Text::new().add(style, word).add(STRONG, format!(" {}", self.name)).plain(": ").plain(text).end();
        self.reporter.above(|| match word {
            "warning" => printer.always(&line),
            _ => printer.info(&line),
        });
    }
}
