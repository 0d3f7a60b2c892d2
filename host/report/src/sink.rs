//! Events as text: lines on standard error, and progress bars on a terminal.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::lines::Lines;
use super::progress::Bars;
use super::styled::{BAD, DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text, one_line};
use super::text::{dry_run_event, finished_line, numbers};
use super::ticker::{INTERVAL, Running, Ticker};
use super::units;
use super::{Format, Printer, Verbosity};
use runner_engine::Direction;
use runner_engine::event::TransformProgress;
use runner_engine::event::{Event, EventSink, LogLevel};
use runner_project::migration_id;

/// Interval between lines of progress without a terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The longest excerpt of a statement.
const STATEMENT: usize = 120;

/// What the sink needs to know about the run.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// The database, without its password.
    pub database: String,
    /// The run, if there is one.
    pub run_id: Option<String>,
}

/// The sink for a printer: bars on a terminal, lines elsewhere, JSON Lines with `--format json`; with `--quiet` only warnings.
pub fn sink(printer: &Arc<Printer>, options: SinkOptions) -> Arc<dyn EventSink> {
    if printer.format() == Format::Json {
        return Arc::new(Lines::new(printer, options.run_id));
    }
    let talkative = printer.verbosity() > Verbosity::Quiet;
    let bars = (talkative && printer.talks_to_terminal()).then(Bars::default);
    let ticker = (talkative && bars.is_none()).then(|| {
        let printer = printer.clone();
        Ticker::new(INTERVAL, move |running| printer.info(&running_line(running)))
    });
    Arc::new(TextSink { printer: printer.clone(), options, bars, ticker, last_line: Mutex::new(None) })
}

struct TextSink {
    printer: Arc<Printer>,
    options: SinkOptions,
    bars: Option<Bars>,
    /// Without bars: what shows that a migration runs of which nothing else is said.
    ticker: Option<Ticker>,
    /// When progress was last printed as a line.
    last_line: Mutex<Option<Instant>>,
}

impl EventSink for TextSink {
    fn emit(&self, event: &Event) {
        if let Some(ticker) = &self.ticker {
            ticker.note_event(event, self.printer.verbosity() == Verbosity::Verbose);
        }
        match event {
            Event::LockWaiting { holder } => {
                self.say(&Text::new().add(ODD, "waiting").plain(format!(" for the lock, held by {holder}")).end());
            }
            Event::RunStarted { direction, migrations } => self.say(&self.heading(*direction, *migrations)),
            Event::MigrationStarted { revision, name, .. } => {
                if let Some(bars) = &self.bars {
                    bars.begin(&migration_id(revision, name));
                }
            }
            Event::StepFinished { step, statement, rows, duration, .. } => {
                if self.printer.verbosity() == Verbosity::Verbose {
                    self.say(&step_line(*step, statement, *rows, *duration));
                }
            }
            Event::StatementStarted { statement, of, .. } => {
                if let Some(bars) = self.bars.as_ref().filter(|_| *of > 1) {
                    bars.statement(*statement, *of);
                }
            }
            Event::DryRunEvent(event) => self.data(&dry_run_event(event, self.printer.verbosity())),
            Event::Log { revision, level, message } => self.log(revision, *level, message),
            Event::Unrepeatable { revision, statement } => self.log(revision, LogLevel::Warning, &statement.warning()),
            Event::Progress { what, done, total, unit, .. } => self.progress(what, *done, *total, unit),
            Event::Transform { progress, .. } => self.transform(progress),
            Event::Held { revision, text, is_pause, .. } => {
                let mut line =
                    Text::new().add(ODD, "waiting").add(STRONG, format!(" {revision}")).plain(": ").plain(text).end();
                if *is_pause {
                    line = line.add(HINT, "hint").plain(": `runner resume` ends the pause").end();
                }
                // Also with `--quiet`: a run that waits without a reason looks stuck.
                self.above_bars(|| self.printer.always(&line));
            }
            Event::Resumed { revision, .. } => {
                self.say(&Text::new().add(GOOD, "resumed").add(STRONG, format!(" {revision}")).end());
            }
            Event::MigrationFinished { revision, name, direction, duration, rows_read, rows_written } => {
                self.end();
                let id = migration_id(revision, name);
                let dry_run = self.options.dry_run;
                self.say(&finished_line(&id, *direction, dry_run, *duration, *rows_read, *rows_written));
            }
            Event::Retrying { revision, name, reason, pause, retry, of } => {
                self.end();
                let when = format!(": {reason}; retrying in {} ({retry} of {of})", units::duration(*pause));
                let id = format!(" {}", migration_id(revision, name));
                self.say(&Text::new().add(ODD, "waiting").add(STRONG, id).plain(when).end());
                if let Some(bars) = &self.bars {
                    bars.begin(&migration_id(revision, name));
                }
            }
            Event::MigrationFailed { revision, name, .. } => {
                self.end();
                let id = migration_id(revision, name);
                self.say(&Text::new().add(BAD, "failed").plain(" ").add(STRONG, id).end());
            }
        }
    }
}

impl TextSink {
    fn heading(&self, direction: Direction, migrations: usize) -> Text {
        let verb = match (self.options.dry_run, direction) {
            (true, _) => "trying",
            (false, Direction::Up) => "applying",
            (false, Direction::Down) => "rolling back",
        };
        let migrations = units::counted(migrations as u64, "migration", "migrations");
        Text::new().plain(format!("{verb} {migrations} on {}", self.options.database)).end()
    }

    /// Prints a line, above the bars if there are any.
    fn say(&self, text: &Text) {
        self.above_bars(|| self.printer.info(text));
    }

    fn above_bars(&self, print: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.above(print),
            None => print(),
        }
    }

    /// Data that is printed during the run; JSON is printed at the end.
    fn data(&self, text: &Text) {
        if self.printer.format() == Format::Text {
            self.above_bars(|| self.printer.data(text));
        }
    }

    fn log(&self, revision: &str, level: LogLevel, message: &str) {
        let style = match level {
            LogLevel::Warning => ODD,
            LogLevel::Info => PLAIN,
            LogLevel::Debug => DIM,
        };
        let mut text = Text::new();
        let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
        text.push(style, level.name());
        if !revision.is_empty() {
            text.push(DIM, format!(" {revision}"));
        }
        text.push(PLAIN, ": ");
        text.push_line(PLAIN, first);
        text.push_block(PLAIN, "    ", rest);
        match level {
            LogLevel::Warning => self.above_bars(|| self.printer.always(&text)),
            LogLevel::Info => self.say(&text),
            LogLevel::Debug if self.printer.verbosity() == Verbosity::Verbose => self.say(&text),
            LogLevel::Debug => {}
        }
    }

    fn transform(&self, progress: &TransformProgress) {
        if let Some(bars) = &self.bars {
            bars.transform(progress);
            return;
        }
        if self.is_time_for_a_line() {
            let name = format!("{}: ", progress.transform);
            self.printer.info(&Text::new().plain(name).plain(numbers(progress)).end());
        }
    }

    /// Whether it is time for the next line of progress.
    fn is_time_for_a_line(&self) -> bool {
        let mut last = self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let began = *last.get_or_insert_with(Instant::now);
        let is_time = began.elapsed() >= BETWEEN_LINES;
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }

    fn progress(&self, what: &str, done: u64, total: Option<u64>, unit: &str) {
        if let Some(bars) = &self.bars {
            bars.update(what, done, total, unit);
            return;
        }
        if !self.is_time_for_a_line() {
            return;
        }
        let of = total.map_or(String::new(), |total| format!(" of {}", units::count(total)));
        self.printer.info(&Text::new().plain(format!("{what}: {}{of} {unit}", units::count(done))).end());
    }

    fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.end();
        }
        *self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

/// That a migration still runs: `running 20260105093000_create_users (20.0 s, statement 2 of 5)`.
fn running_line(running: &Running) -> Text {
    let mut facts = units::duration(running.began.elapsed());
    if let Some((statement, of)) = running.statement {
        facts.push_str(&format!(", statement {} of {}", units::count(statement), units::count(of)));
    }
    let id = migration_id(&running.revision, &running.name);
    Text::new().add(PLAIN, "running ").add(STRONG, id).add(DIM, format!(" ({facts})")).end()
}

fn step_line(step: u64, statement: &str, rows: u64, duration: Duration) -> Text {
    let mut line = one_line(statement);
    if let Some((end, _)) = line.char_indices().nth(STATEMENT) {
        line.truncate(end);
        line.push('…');
    }
    let facts = format!(" ({}, {})", units::duration(duration), units::counted(rows, "row", "rows"));
    Text::new().add(DIM, format!("  {step} ")).plain(line).add(DIM, facts).end()
}
