//! Bars on a terminal: what runs, how far it is, how fast, how long it will take.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;

/// Redraws a second; more would only cost.
const REDRAWS: u8 = 10;

/// Bars at one time. A guest names what it tells of, and could name more than a screen holds.
const MAX_PARTS: usize = 8;

/// The bars of the migration that runs.
pub struct Bars {
    all: MultiProgress,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    /// What runs.
    migration: Option<ProgressBar>,
    /// What its guest, or a transform, tells of.
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
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {msg} {elapsed:.dim}"));
        bar.set_message(escape::line(id));
        // Quick migrations never show it.
        bar.enable_steady_tick(Duration::from_millis(200));
        self.lock().migration = Some(bar);
    }

    /// Something has come so far.
    pub fn update(&self, what: &str, done: u64, total: Option<u64>, unit: &str) {
        let mut current = self.lock();
        let known = current.parts.iter().position(|(name, _)| name == what);
        if known.is_none() && current.parts.len() == MAX_PARTS {
            return;
        }
        let at = known.unwrap_or_else(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_prefix(escape::line(what));
            // The unit is the guest's word: as a template it could steer the bar.
            bar.set_message(escape::line(unit));
            current.parts.push((what.to_owned(), bar));
            current.parts.len() - 1
        });
        let bar = &current.parts[at].1;
        if bar.length() != total || known.is_none() {
            match total {
                Some(total) => {
                    bar.set_length(total);
                    bar.set_style(
                        style("  {prefix} [{bar:30}] {human_pos}/{human_len} {msg}, {per_sec:.dim}, {eta:.dim} left")
                            .progress_chars("=> "),
                    );
                }
                None => bar.set_style(style("  {spinner} {prefix} {human_pos} {msg}, {per_sec:.dim}")),
            }
        }
        bar.set_position(done);
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

/// The templates are constants; one that does not parse would show as a plain bar.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for template in [
            "{spinner} {msg} {elapsed:.dim}",
            "  {prefix} [{bar:30}] {human_pos}/{human_len} {msg}, {per_sec:.dim}, {eta:.dim} left",
            "  {spinner} {prefix} {human_pos} {msg}, {per_sec:.dim}",
        ] {
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
        assert_eq!(bars.lock().parts.len(), 2);
        bars.end();
        assert!(bars.lock().parts.is_empty());
    }
}
