//! The lines for scripts that the lockfile does not list: they are written once the scripts take effect. While one is being written, it
//! can be planned, tested and tried again and again without being pinned.

use super::context::Context;
use runner_engine::event::{Event, EventSink, LogLevel};
use runner_project::lockfile::{LockLine, add_lines};
use runner_report::{Format, Lines, Text};

/// Lines that are not written yet.
#[derive(Default)]
pub struct NewLines(pub Vec<LockLine>);

/// What to do if they cannot be written.
const HINT: &str = "`runner build` adds the scripts that ran to the lockfile";

impl NewLines {
    /// Writes the lines of scripts that took effect, which they did whatever becomes of the lockfile, and says so.
    pub fn keep_or_warn(self, context: &Context, run_id: Option<&str>, took_effect: impl Fn(&str) -> bool) {
        let lines: Vec<LockLine> = self.0.into_iter().filter(|line| took_effect(&line.revision)).collect();
        if lines.is_empty() {
            return;
        }
        let revisions: Vec<String> = lines.iter().map(|line| line.revision.clone()).collect();
        let lockfile = context.settings.lockfile_name();
        let added = add_lines(&context.settings.root, &lockfile, lines);
        match (added, context.printer.format()) {
            (Ok(added), Format::Text) => {
                for line in added {
                    let text = format!("added `{}` to `{lockfile}`", line.id());
                    context.printer.info(&Text::new().plain(text).end());
                }
            }
            (Ok(_), Format::Json) => {}
            (Err(error), Format::Text) => {
                context.printer.warn(&error.message, Some(&context.settings.for_database(HINT)))
            }
            (Err(error), Format::Json) => {
                // Standard error has nothing but events.
                let events = Lines::new(&context.printer, run_id.map(str::to_owned));
                for revision in revisions {
                    let message = format!("{}; {}", error.message, context.settings.for_database(HINT));
                    events.emit(&Event::Log { revision, level: LogLevel::Warning, message });
                }
            }
        }
    }
}
