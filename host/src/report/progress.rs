//! Progress bars on a terminal: progress, rate and remaining time.

use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::text::numbers;
use super::{escape, units};
use crate::engine::event::TransformProgress;

/// Redraws per second.
const REDRAWS: u8 = 10;

/// How often the elapsed time is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// The running migration.
const RUNNING: &str = "{spinner} {msg} {elapsed:.dim}";
/// Progress with a known total.
const BOUNDED: &str = "  {prefix} [{bar:30}] {human_pos}/{human_len} {msg}, {rate:.dim}, {eta:.dim} left";
/// Progress without a known total.
const UNBOUNDED: &str = "  {prefix} {human_pos} {msg}, {rate:.dim}";

/// A transform with a known total, and one without. Its rate is our own: that of the bar would drop during a pause.
const TRANSFORM: [&str; 2] = ["  {prefix} [{bar:20}] {msg}", "  {prefix} {msg}"];

/// Maximum number of bars. Guests choose the names, and could choose more than fit on a screen.
const MAX_PARTS: usize = 8;

/// The bars of the running migration.
pub struct Bars {
    all: MultiProgress,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    /// The running migration.
    migration: Option<ProgressBar>,
    /// The progress that its guest or its transforms report.
    parts: Vec<(String, ProgressBar)>,
}

impl Default for Bars {
    /// No bars yet.
    fn default() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
        Self { all, current: Mutex::default() }
    }
}

impl Bars {
    /// A migration begins.
    pub fn begin(&self, id: &str) {
        self.end();
        let bar = hidden(RUNNING);
        bar.set_message(escape::line(id));
        let bar = self.all.add(bar);
        bar.enable_steady_tick(TICK);
        self.lock().migration = Some(bar);
    }

    /// Progress that a guest reports.
    pub fn update(&self, what: &str, done: u64, total: Option<u64>, unit: &str) {
        let mut current = self.lock();
        let known = current.parts.iter().position(|(name, _)| name == what);
        if known.is_none() && current.parts.len() == MAX_PARTS {
            return;
        }
        let at = known.unwrap_or_else(|| {
            let bar = hidden(UNBOUNDED);
            bar.set_prefix(escape::line(what));
            // The unit comes from the guest: as part of the template it could control the bar.
            bar.set_message(escape::line(unit));
            if let Some(total) = total {
                bar.set_length(total);
                bar.set_style(style(BOUNDED));
            }
            current.parts.push((what.to_owned(), self.all.add(bar)));
            current.parts.len() - 1
        });
        let bar = &current.parts[at].1;
        if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
            bar.set_length(total);
            bar.set_style(style(BOUNDED));
        }
        bar.set_position(done);
    }

    /// Progress of a transform.
    pub fn transform(&self, progress: &TransformProgress) {
        let mut current = self.lock();
        let known = current.parts.iter().position(|(name, _)| *name == progress.transform);
        if known.is_none() && current.parts.len() == MAX_PARTS {
            return;
        }
        let at = known.unwrap_or_else(|| {
            let bar = hidden(TRANSFORM[1]);
            bar.set_prefix(escape::line(&progress.transform));
            current.parts.push((progress.transform.clone(), self.all.add(bar)));
            current.parts.len() - 1
        });
        let bar = &current.parts[at].1;
        if let Some(total) = progress.total.filter(|total| bar.length() != Some(total.rows)) {
            bar.set_length(total.rows);
            bar.set_style(style(TRANSFORM[0]));
        }
        bar.set_position(progress.rows_done);
        bar.set_message(escape::line(&numbers(progress)));
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
        if let Some(bar) = current.migration {
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

/// A bar that is not drawn until it is added to the others.
fn hidden(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style(template));
    bar
}

/// The templates are constants; one that does not parse is shown as a plain bar.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, text: &mut dyn Write| {
        let _ = write!(text, "{}/s", units::count(state.per_sec() as u64));
    };
    style.with_key("rate", rate).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for template in [RUNNING, BOUNDED, UNBOUNDED, TRANSFORM[0], TRANSFORM[1]] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
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
        bars.transform(&TransformProgress { total: Some(crate::engine::event::Total::counted(9)), ..progress });
        assert_eq!(bars.lock().parts.len(), 3);
        assert_eq!(bars.lock().parts[2].1.length(), Some(9));
        bars.end();
        assert!(bars.lock().parts.is_empty());
    }
}
