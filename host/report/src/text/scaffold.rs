//! The output of `runner init` and `runner new`.

use crate::styled::{GOOD, HINT, PLAIN, Text};
use runner_build::scaffold::{Renumbered, Scaffolded};

/// A line for each file that was written.
pub fn made(made: &Scaffolded) -> Text {
    let mut text = Text::new();
    for file in &made.files {
        text.push(GOOD, "created");
        text.push_line(PLAIN, format!(" {}", file.display()));
    }
    for note in &made.notes {
        text.push_line(PLAIN, format!("note: {note}"));
    }
    text
}

/// A line for each file that was renamed.
pub fn renumbered(renumbered: &Renumbered, hint: impl Fn(&str) -> String) -> Text {
    let mut text = Text::new();
    for (old, new) in &renumbered.files {
        text = text.add(GOOD, "renamed").plain(format!(" {old} to {new}")).end();
    }
    for edit in &renumbered.edits {
        text = text.add(GOOD, "updated").plain(format!(" {}", edit.renamed)).end();
    }
    if renumbered.has_lockfile && !renumbered.is_locked {
        text = text.add(HINT, "hint").plain(": ").plain(hint("`runner build` updates the lockfile")).end();
    }
    text
}
