//! Events as JSON Lines on standard error; the report is a separate document on standard output.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::json::EventJson;
use super::ticker::{INTERVAL, Ticker};
use super::{Printer, Verbosity};
use runner_engine::event::{Event, EventSink, LogLevel};

/// Minimum interval between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Writes each event as a line.
pub struct Lines {
    printer: Arc<Printer>,
    run_id: Option<String>,
    database: Option<String>,
    last: Mutex<Option<Instant>>,
    ticker: Option<Ticker>,
}

impl Lines {
    /// Writes to the printer's standard error.
    pub fn new(printer: &Arc<Printer>, run_id: Option<String>) -> Self {
        Self::about(printer, run_id, None)
    }

    /// The lines of one database of several.
    pub fn of_database(printer: &Arc<Printer>, run_id: Option<String>, name: &str) -> Self {
        Self::about(printer, run_id, Some(name.to_owned()))
    }

    fn about(printer: &Arc<Printer>, run_id: Option<String>, database: Option<String>) -> Self {
        let talkative = printer.verbosity() > Verbosity::Quiet;
        let ticker = talkative.then(|| {
            let (printer, run_id, database) = (printer.clone(), run_id.clone(), database.clone());
            Ticker::new(INTERVAL, move |running| {
                printer.json_line(&EventJson::running(running, run_id.as_deref(), database.as_deref()));
            })
        });
        Self { printer: printer.clone(), run_id, database, last: Mutex::default(), ticker }
    }

    /// Whether the event is printed.
    fn is_printed(&self, event: &Event) -> bool {
        let verbosity = self.printer.verbosity();
        match event {
            Event::Log { level: LogLevel::Warning, .. } | Event::Unrepeatable { .. } => true,
            _ if verbosity == Verbosity::Quiet => false,
            Event::Log { level: LogLevel::Debug, .. } | Event::StepFinished { .. } => verbosity == Verbosity::Verbose,
            Event::Transform { progress, .. } => {
                let is_first_or_last = progress.is_over || progress.chunks == 0;
                self.is_time(is_first_or_last)
            }
            Event::Progress { .. } => self.is_time(false),
            _ => true,
        }
    }

    fn is_time(&self, is_new: bool) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = is_new || last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

impl EventSink for Lines {
    fn emit(&self, event: &Event) {
        if let Some(ticker) = &self.ticker {
            ticker.note_event(event, self.printer.verbosity() == Verbosity::Verbose);
        }
        if self.is_printed(event)
            && let Some(line) = EventJson::new(event, self.run_id.as_deref(), self.database.as_deref())
        {
            self.printer.json_line(&line);
        }
    }
}
