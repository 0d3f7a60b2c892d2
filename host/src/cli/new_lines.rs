//! The lines for scripts that the lockfile does not list: they are written once the scripts take effect. While one is being written, it
//! can be planned, tested and tried again and again without being pinned.

use super::context::Context;
use crate::error::Result;
use crate::project::lockfile::{LockLine, add_lines};
use crate::report::{Format, Text};

/// Lines that are not written yet.
#[derive(Default)]
pub struct NewLines(pub Vec<LockLine>);

impl NewLines {
    /// Writes the lines of scripts that took effect, and says so.
    fn keep(self, context: &Context, took_effect: impl Fn(&str) -> bool) -> Result<()> {
        let lines: Vec<LockLine> = self.0.into_iter().filter(|line| took_effect(&line.revision)).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let lockfile = context.settings.lockfile_name();
        let added = add_lines(&context.settings.root, &lockfile, lines)?;
        if context.printer.format() == Format::Text {
            for line in added {
                let text = format!("added `{}` to `{lockfile}`", line.id());
                context.printer.talk(&Text::new().plain(text).end());
            }
        }
        Ok(())
    }

    /// Writes the lines of scripts that took effect, which they did whatever becomes of the lockfile.
    pub fn keep_or_warn(self, context: &Context, took_effect: impl Fn(&str) -> bool) {
        if let Err(error) = self.keep(context, took_effect) {
            context.printer.warn(&error.message, Some("`runner build` adds the scripts that ran to the lockfile"));
        }
    }
}
