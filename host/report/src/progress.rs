//! Progress bars on a terminal: progress, rate and remaining time.

use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::NarrowTerminal;
use super::text::bar_numbers;
use super::{escape, units};
use runner_engine::event::TransformProgress;

/// Redraws per second.
const REDRAWS: u8 = 10;

/// How often the elapsed time is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// The running migration.
const RUNNING: &str = "{spinner} {elapsed:.dim} {wide_msg}";
/// Work with a known total, and without one. Its numbers are in the message: it is what is cut where the line is too long.
const PART: [&str; 2] = ["  {prefix} [{bar:10}] {wide_msg}", "  {prefix} {wide_msg}"];

/// The databases of a run.
const FLEET: &str = "{spinner} [{bar:10}] {human_pos}/{human_len} databases {wide_msg}";

/// Columns of a name that guests choose: what follows it must fit into a line.
const PREFIX: usize = 20;

/// Maximum number of bars. Guests choose the names, and could choose more than fit on a screen.
const MAX_PARTS: usize = 8;

/// The bars of the running migration.
pub struct Bars {
    all: MultiProgress,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    /// The running migration and its id.
    migration: Option<(String, ProgressBar)>,
    /// The progress that its guest or its transforms report.
    parts: Vec<(String, ProgressBar)>,
}

impl Default for Bars {
    /// No bars yet.
    fn default() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(
            Box::<NarrowTerminal>::default(),
            REDRAWS,
        ));
        Self { all, current: Mutex::default() }
    }
}

impl Bars {
    /// A migration begins.
    pub fn begin(&self, id: &str) {
        self.end();
        let bar = hidden(RUNNING);
        let id = escape::line(id).into_owned();
        bar.set_message(id.clone());
        let bar = self.all.add(bar);
        bar.enable_steady_tick(TICK);
        self.lock().migration = Some((id, bar));
    }

    /// A statement of the running migration begins.
    pub fn statement(&self, statement: u64, of: u64) {
        if let Some((id, bar)) = &self.lock().migration {
            bar.set_message(format!("statement {} of {}, {id}", units::count(statement), units::count(of)));
        }
    }

    /// Progress that a guest reports.
    pub fn update(&self, what: &str, done: u64, total: Option<u64>, unit: &str) {
        // The unit comes from the guest: as part of the template it could control the bar.
        self.part(what, done, total, |bar| numbers(bar, total, if unit == what { "" } else { unit }));
    }

    /// Progress of a transform.
    pub fn transform(&self, progress: &TransformProgress) {
        let total = progress.total.map(|total| total.rows);
        self.part(&progress.transform, progress.rows_done, total, |_| escape::line(bar_numbers(progress)).into_owned());
    }

    /// Moves the bar of a part of the migration, which is made if there is room for it.
    fn part(&self, name: &str, done: u64, total: Option<u64>, message: impl FnOnce(&ProgressBar) -> String) {
        let mut current = self.lock();
        let known = current.parts.iter().position(|(known, _)| known == name);
        if known.is_none() && current.parts.len() == MAX_PARTS {
            return;
        }
        let at = known.unwrap_or_else(|| {
            let bar = hidden(PART[1]);
            bar.set_prefix(prefix(name));
            current.parts.push((name.to_owned(), self.all.add(bar)));
            current.parts.len() - 1
        });
        let bar = &current.parts[at].1;
        if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
            bar.set_length(total);
            bar.set_style(style(PART[0]));
        }
        bar.set_position(done);
        bar.set_message(message(bar));
    }

    /// Prints something above the bars.
    pub fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// The migration has ended.
    pub fn end(&self) {
        let current = std::mem::take(&mut *self.lock());
        for (_, bar) in current.parts {
            bar.finish_and_clear();
        }
        if let Some((_, bar)) = current.migration {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.end();
    }
}

/// A name that leaves room for what follows.
fn prefix(name: &str) -> String {
    let name = escape::line(name);
    if name.width() <= PREFIX {
        return name.into_owned();
    }
    let mut columns = 0;
    let fits = |character: &char| {
        columns += character.width().unwrap_or(0);
        columns < PREFIX
    };
    name.chars().take_while(fits).chain(['…']).collect()
}

/// What a guest has done, of how much, and how long the rest takes; without a total, how fast it is.
fn numbers(bar: &ProgressBar, total: Option<u64>, unit: &str) -> String {
    let mut text = units::count(bar.position());
    if let Some(total) = total {
        let _ = write!(text, "/{}", units::count(total));
    }
    if !unit.is_empty() {
        let _ = write!(text, " {}", escape::line(unit));
    }
    let left = bar.eta();
    let rate = bar.per_sec() as u64;
    if total.is_some() && !left.is_zero() {
        let _ = write!(text, ", {} left", units::duration(left));
    } else if total.is_none() && rate > 0 {
        let _ = write!(text, ", {}/s", units::count(rate));
    }
    text
}

/// A bar for databases that are done one after another or several at a time.
pub(super) fn fleet_bar(total: u64) -> ProgressBar {
    let bar = hidden(FLEET);
    bar.set_length(total);
    bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::<NarrowTerminal>::default(), REDRAWS));
    bar.enable_steady_tick(TICK);
    bar
}

/// A bar that is not drawn until it is added to the others.
fn hidden(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style(template));
    bar
}

/// The templates are constants; one that does not parse is shown as a plain bar.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for template in [RUNNING, PART[0], PART[1], FLEET] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    /// A terminal of 80 columns that remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Screen(std::sync::Arc<Mutex<Vec<String>>>);

    impl Screen {
        fn write(&self, text: &str) -> std::io::Result<()> {
            let text = anstream::adapter::strip_str(text).to_string();
            self.0.lock().expect("a screen").push(text);
            Ok(())
        }
    }

    impl indicatif::TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> std::io::Result<()> {
            self.write(text)
        }

        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.write(text)
        }

        fn clear_line(&self) -> std::io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bars_fit_80_columns() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bars = Bars { all: MultiProgress::with_draw_target(target), current: Mutex::default() };
        bars.begin("20260112101500_a_migration_with_a_name_that_is_rather_long_as_names_go");
        bars.statement(1_234, 5_678);
        bars.update("what a guest says about its work", 12_345_678, Some(987_654_321), "units of some kind");
        bars.transform(&TransformProgress {
            transform: "instants_of_departure_and_arrival".to_owned(),
            rows_done: 12_345_000,
            total: Some(runner_engine::event::Total { rows: 70_000_000, is_estimate: true }),
            rate: Some(412_000.0),
            left: Some(Duration::from_secs(123)),
            chunks: 754,
            held: Some(("replica-lag", "a replica is 12 s behind, and 5 s are allowed".to_owned())),
            ..TransformProgress::default()
        });
        bars.end();
        let written = screen.0.lock().expect("a screen");
        let longest = written.iter().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| (40..=80).contains(&longest)), "{written:#?}");
        assert!(written.iter().any(|line| line.contains("2 min 3 s left")), "{written:#?}");
    }

    #[test]
    fn a_long_name_is_cut_to_its_columns() {
        assert_eq!(prefix("lines of invoices"), "lines of invoices");
        assert_eq!(prefix("lines of all invoices of a year"), "lines of all invoic…");
        assert_eq!(prefix(&"名".repeat(11)), format!("{}…", "名".repeat(9)));
    }

    #[test]
    fn bars_come_and_go() {
        let bars = Bars::default();
        bars.begin("1_a");
        bars.update("rows", 1, None, "rows");
        bars.update("rows", 5, Some(10), "rows");
        bars.update("others", 5, Some(10), "{bar}");
        let progress =
            TransformProgress { transform: "shout".to_owned(), rows_done: 3, ..TransformProgress::default() };
        bars.transform(&progress);
        bars.transform(&TransformProgress { total: Some(runner_engine::event::Total::counted(9)), ..progress });
        assert_eq!(bars.lock().parts.len(), 3);
        assert_eq!(bars.lock().parts[2].1.length(), Some(9));
        bars.end();
        assert!(bars.lock().parts.is_empty());
    }
}
