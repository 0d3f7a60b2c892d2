//! The output of `runner init` and `runner new`.

use super::{GOOD, PLAIN, Text};
use crate::project::scaffold::Scaffolded;

/// A line for each file that was written.
pub fn made(made: &Scaffolded) -> Text {
    let mut text = Text::new();
    for file in &made.files {
        text.push(GOOD, "created");
        text.push(PLAIN, format!(" {}", file.display()));
        text.push_end();
    }
    text
}
