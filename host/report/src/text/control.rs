//! Progress of runs, and what they wait for.

use std::time::Duration;

use crate::styled::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text, one_line};
use crate::units;
use runner_engine::control::overview::{Liveness, ObservedRun, Overview};
use runner_engine::event::{Total, TransformProgress};
use runner_engine::throttle::{Pause, is_throttling};

/// The progress of a transform: `12,345 of 70,000 rows (17 %), 8,000 rows/s, 7.1 s left, 12 chunks`.
pub fn numbers(progress: &TransformProgress) -> String {
    let figures = Figures {
        rows_done: progress.rows_done,
        total: progress.total,
        percent: progress.percent(),
        rate: progress.rate.map(|rate| rate as u64),
        left: progress.left,
        chunks: progress.chunks,
        retries: progress.retries,
    };
    let numbers = figures.text();
    match &progress.held {
        Some((name, text)) => format!("{numbers}; {}: {text}", word(name)),
        None => numbers,
    }
}

/// The same for a bar, whose line may be cut: what is wanted most comes first.
pub fn bar_numbers(progress: &TransformProgress) -> String {
    let mut parts = Vec::new();
    parts.extend(progress.percent().map(|percent| format!("{} %", percent as u64)));
    parts.extend(progress.rate.map(|rate| format!("{} rows/s", units::count(rate as u64))));
    parts.extend(progress.left.map(|left| format!("{} left", units::duration(left))));
    parts.push(units::counted(progress.rows_done, "row", "rows"));
    let numbers = parts.join(", ");
    match &progress.held {
        Some((name, text)) => format!("{numbers}; {}: {text}", word(name)),
        None => numbers,
    }
}

/// The word for what holds a run.
fn word(held: &str) -> &'static str {
    if is_throttling(held) { "throttled" } else { "waiting" }
}

struct Figures {
    rows_done: u64,
    total: Option<Total>,
    percent: Option<f64>,
    rate: Option<u64>,
    left: Option<Duration>,
    chunks: u64,
    retries: u64,
}

impl Figures {
    fn text(&self) -> String {
        let done = units::count(self.rows_done);
        let mut parts = vec![match self.total {
            Some(Total { rows, is_estimate }) => {
                let about = if is_estimate { "about " } else { "" };
                // Rounded down: 100 % means done.
                let percent = self.percent.map(|percent| format!(" ({} %)", percent as u64)).unwrap_or_default();
                format!("{done} of {about}{} rows{percent}", units::count(rows))
            }
            None => units::counted(self.rows_done, "row", "rows"),
        }];
        parts.extend(self.rate.map(|rate| format!("{} rows/s", units::count(rate))));
        parts.extend(self.left.map(|left| format!("{} left", units::duration(left))));
        parts.push(units::counted(self.chunks, "chunk", "chunks"));
        if self.retries > 0 {
            parts.push(units::counted(self.retries, "retry", "retries"));
        }
        parts.join(", ")
    }
}

/// The runs on a database, as `status` shows them. `name` returns the id of a revision.
pub fn runs(overview: &Overview, name: impl Fn(&str) -> String) -> Text {
    let mut text = Text::new();
    for seen in &overview.runs {
        text.append(&run(seen, &name(&seen.row.revision), overview.holder.is_some()));
    }
    if let Some(holder) = overview.unreported_holder() {
        text = text.add(GOOD, "running").plain(format!(" {}", holder.name)).end();
        let line = match overview.unreported_work() {
            Some(work) => {
                let id = name(&work.revision);
                format!("  {id}: {}", doing(&work.direction, work.mode == "atomic", work.statement))
            }
            None => "  it has not reported a migration yet: it has just started, or is preparing the run".to_owned(),
        };
        text = text.add(DIM, line).end();
    }
    for pause in &overview.pauses {
        text.append(&paused(pause));
    }
    text
}

fn run(seen: &ObservedRun, id: &str, is_locked: bool) -> Text {
    let row = &seen.row;
    let (style, state) = match seen.liveness {
        Liveness::Running => (GOOD, "running"),
        Liveness::Waiting => (ODD, "waiting"),
        Liveness::Ended => (ODD, "stopped"),
        Liveness::Lost => (BAD, "lost"),
        Liveness::Silent => (ODD, "silent"),
    };
    let shares = if row.shares { ", sharing a transform" } else { "" };
    let mut text = Text::new().add(style, state).plain(" ").add(STRONG, id);
    text = text.plain(format!(": {}{shares}", row.owner)).end();
    let figures = Figures {
        rows_done: row.rows_done,
        total: row.total,
        percent: seen.percent(),
        rate: row.rate.filter(|_| seen.liveness.is_alive()),
        left: seen.left,
        chunks: row.chunks,
        retries: row.retries,
    };
    if row.transform.is_some() || row.chunks > 0 {
        let name = row.transform.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let note = match row.shares {
            true => ", done by this process",
            false if seen.is_atomic() => ", in a single transaction: not committed yet",
            false => "",
        };
        text = text.plain(format!("  {name}{}{note}", figures.text())).end();
    } else if seen.liveness.is_alive() && !row.shares {
        text = text.add(DIM, format!("  {}", doing(&row.direction, seen.is_atomic(), row.statement))).end();
    }
    if let Some((name, held)) = &row.held {
        // What a guest says may have lines of its own, such as where it failed.
        let (held, rest) = held.split_once('\n').unwrap_or((held, ""));
        let held = match name.as_str() {
            "ended" => format!("why: {}", one_line(held)),
            name if is_throttling(name) => format!("{}: {held}", word(name)),
            _ => held.to_owned(),
        };
        text = text.plain("  ").add(ODD, held).end();
        text.push_block(PLAIN, "    ", rest);
    }
    match note(seen, is_locked) {
        Some(note) => text.add(DIM, format!("  {note}")).end(),
        None => text,
    }
}

/// What a run does that has no transform: `upgrade in a single transaction, statement 2 of 5; nothing is committed yet`.
fn doing(direction: &str, is_atomic: bool, statement: Option<(u64, u64)>) -> String {
    let at = statement.map(|(number, of)| format!(", statement {number} of {of}")).unwrap_or_default();
    match is_atomic {
        true => format!("{direction} in a single transaction{at}; nothing is committed yet"),
        false => format!("{direction}{at}"),
    }
}

/// When an inactive run was last seen, and how its work continues.
fn note(seen: &ObservedRun, is_locked: bool) -> Option<String> {
    let row = &seen.row;
    let last_seen = || seen.last_seen.map(|ago| format!("last seen {} ago", whole(ago)));
    let way = if row.direction == "downgrade" { "rollback" } else { "apply" };
    let place = if row.chunks > 0 { "after the last chunk" } else { "where it stopped" };
    // Where it is unknown whether a step took effect, only the journal says so.
    let is_unsure = seen.liveness == Liveness::Lost && row.chunks == 0 && !seen.is_atomic();
    let rest = match is_locked {
        true => "another run holds the lock now".to_owned(),
        false if is_unsure => {
            format!("`runner {way}` continues {place}, or names what `runner repair` has to settle first")
        }
        false => format!("`runner {way}` continues {place}"),
    };
    match seen.liveness {
        Liveness::Running | Liveness::Waiting => None,
        Liveness::Silent => last_seen(),
        Liveness::Ended => Some(rest),
        Liveness::Lost if row.shares => {
            let heard = last_seen().unwrap_or_default();
            Some(format!("{heard}; its unfinished chunk is processed by the run that continues the transform"))
        }
        Liveness::Lost => {
            let heard =
                last_seen().unwrap_or_else(|| "killed or disconnected before it reported any progress".to_owned());
            let lock = if is_locked { "" } else { "its lock is free; " };
            Some(format!("{heard}; {lock}{rest}"))
        }
    }
}

/// A time that has passed, in whole milliseconds.
fn whole(time: Duration) -> String {
    units::milliseconds(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn paused(pause: &Pause) -> Text {
    let what = pause.revision.as_ref().map(|revision| format!(" {revision}")).unwrap_or_default();
    let age = units::milliseconds(pause.age);
    let resume = format!("`runner resume{what}`");
    Text::new()
        .add(ODD, "paused")
        .add(STRONG, &what)
        .plain(format!(" for {age}, {pause}"))
        .end()
        .add(PLAIN, format!("  {resume} ends the pause"))
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let mut progress = TransformProgress { rows_done: 12_345, chunks: 1, ..TransformProgress::default() };
        assert_eq!(numbers(&progress), "12,345 rows, 1 chunk");
        progress.total = Some(Total { rows: 70_000, is_estimate: true });
        progress.rate = Some(8_000.4);
        progress.left = Some(Duration::from_millis(7_200));
        progress.retries = 1;
        progress.held = Some(("batch-delay", "100 ms between two chunks".to_owned()));
        assert_eq!(
            numbers(&progress),
            "12,345 of about 70,000 rows (17 %), 8,000 rows/s, 7.2 s left, 1 chunk, 1 retry; \
             throttled: 100 ms between two chunks"
        );
        // An estimate that was too low is shown without a percentage.
        progress.total = Some(Total { rows: 12_000, is_estimate: true });
        progress.left = None;
        assert!(numbers(&progress).starts_with("12,345 of about 12,000 rows, "), "{}", numbers(&progress));
    }
}
