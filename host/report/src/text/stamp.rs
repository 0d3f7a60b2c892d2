//! The output of `runner stamp`, `runner baseline` and `runner db`.

use crate::styled::{DIM, GOOD, ODD, STRONG, Text};
use crate::units;
use runner_engine::accept::Accepted;
use runner_engine::history::History;
use runner_engine::plan::Mark;
use runner_engine::stamp::StampRequest;
use runner_project::short;

/// What was recorded, or would be.
pub fn stamped(request: &StampRequest, marks: &[Mark], history: &History) -> Text {
    let mut text = Text::new();
    for mark in marks {
        let (style, word) = match mark {
            Mark::Applied(_) => (GOOD, "applied"),
            Mark::NotApplied(_) => (ODD, "not applied"),
        };
        text.push(style, format!("{word:<12}"));
        text.push_line(STRONG, mark.id());
    }
    let count = units::counted(marks.len() as u64, "migration", "migrations");
    let current = history.current().map_or("base".to_owned(), |record| record.id());
    if marks.is_empty() {
        text = text.plain(format!("nothing to record: the history is already at {current}")).end();
    } else if request.dry_run {
        text = text.add(DIM, format!("dry run: {count} would be recorded, nothing was written")).end();
    } else {
        text = text.plain(format!("recorded {count} without running anything; the history is now at {current}")).end();
    }
    text
}

/// What was accepted.
pub fn accepted(accepted: &Accepted) -> Text {
    Text::new()
        .add(GOOD, "accepted")
        .plain(format!(" `{}` as it is now: sha256 ", accepted.before.id()))
        .plain(format!("{}, was {}", short(&accepted.sha256), short(&accepted.before.sha256)))
        .end()
}

/// The outcome for a database.
pub fn db(message: &str, url: &str, good: bool) -> Text {
    Text::new().add(if good { GOOD } else { DIM }, message).plain(" ").add(STRONG, url).end()
}
