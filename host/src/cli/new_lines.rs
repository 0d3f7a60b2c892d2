//! The lines of scripts that a command added to the lockfile: they stay if the scripts take effect. While one is being written, it can be
//! planned, tested and tried again and again without being pinned.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Context;
use crate::project::lockfile::remove_lines;
use crate::report::{Format, Printer, Text};

/// A script that was added.
struct NewLine {
    revision: String,
    id: String,
}

/// Lines that were added. Those that nobody keeps are removed when this is dropped.
pub struct NewLines {
    printer: Arc<Printer>,
    root: PathBuf,
    lockfile: String,
    lines: Vec<NewLine>,
}

impl NewLines {
    /// None.
    pub fn new(context: &Context) -> Self {
        let (settings, printer) = (&context.settings, context.printer.clone());
        Self { printer, root: settings.root.clone(), lockfile: settings.lockfile_name(), lines: Vec::new() }
    }

    /// Adds the line of a script.
    pub fn add(&mut self, revision: String, id: String) {
        self.lines.push(NewLine { revision, id });
    }

    /// Keeps the lines of scripts that took effect, and says so.
    pub fn keep(mut self, took_effect: impl Fn(&str) -> bool) {
        let (kept, rest) = std::mem::take(&mut self.lines).into_iter().partition(|line| took_effect(&line.revision));
        self.lines = rest;
        let kept: Vec<NewLine> = kept;
        if self.printer.format() == Format::Text {
            for NewLine { id, .. } in kept {
                self.printer.talk(&Text::new().plain(format!("added `{id}` to `{}`", self.lockfile)).end());
            }
        }
    }

    /// Keeps all of them.
    pub fn keep_all(self) {
        self.keep(|_| true);
    }
}

impl Drop for NewLines {
    fn drop(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let is_new = |revision: &str| self.lines.iter().any(|line| line.revision == revision);
        // A line that stays pins the script as it is now, and the error of a later command says how to change that.
        let _ = remove_lines(&self.root, &self.lockfile, is_new);
    }
}
