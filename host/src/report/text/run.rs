//! What a run did.

use std::time::Duration;

use super::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::engine::Direction;
use crate::engine::outcome::Outcome;
use crate::report::units;

/// Rows from which on a rate says something.
const ENOUGH_FOR_A_RATE: u64 = 1_000;

/// The word for a finished migration.
pub(in crate::report) fn word(direction: Direction, dry_run: bool) -> &'static str {
    match (direction, dry_run) {
        (Direction::Up, false) => "applied",
        (Direction::Down, false) => "rolled back",
        (Direction::Up, true) => "tried",
        (Direction::Down, true) => "tried the way back of",
    }
}

/// One line for a finished migration: `applied 20260105093000_create_users (1.2 s, 1,000,000 rows, 833,333 rows/s)`.
pub fn finished_line(
    id: &str,
    direction: Direction,
    dry_run: bool,
    duration: Duration,
    rows_read: u64,
    rows_written: u64,
) -> Text {
    let mut facts = vec![units::duration(duration)];
    let rows = if rows_written > 0 { rows_written } else { rows_read };
    match (rows_written, rows_read) {
        (0, 0) => {}
        (0, read) => facts.push(format!("{} read", units::counted(read, "row", "rows"))),
        (written, _) => facts.push(units::counted(written, "row", "rows")),
    }
    if let Some(rate) = units::rate(rows, duration).filter(|_| rows >= ENOUGH_FOR_A_RATE) {
        facts.push(format!("{} rows/s", units::count(rate)));
    }
    Text::new()
        .add(GOOD, word(direction, dry_run))
        .plain(" ")
        .add(STRONG, id)
        .add(DIM, format!(" ({})", facts.join(", ")))
        .end()
}

/// What came of a run, in a line or two.
pub fn summary(outcome: &Outcome, took: Duration, current: Option<&str>) -> Text {
    if outcome.is_up_to_date() {
        let at = current.map_or_else(|| "nothing is applied".to_owned(), |id| format!("the database is at `{id}`"));
        return Text::new().plain(format!("nothing to do: {at}")).end();
    }
    let mut parts = Vec::new();
    for direction in [Direction::Down, Direction::Up] {
        let number = outcome.done.iter().filter(|done| done.direction == direction).count() as u64;
        if number > 0 {
            let migrations = units::counted(number, "migration", "migrations");
            parts.push((PLAIN, format!("{} {migrations}", word(direction, outcome.dry_run))));
        }
    }
    if parts.is_empty() {
        parts.push((PLAIN, "nothing was done".to_owned()));
    }
    if let Some(failed) = &outcome.failed {
        let id = failed.step.id();
        parts.push(match failed.took_effect {
            Some(part) => {
                (ODD, format!("`{id}` is partial: {} of {} statements took effect", part.statements, part.of))
            }
            None => (BAD, format!("`{id}` was rolled back")),
        });
    }
    if !outcome.not_run.is_empty() {
        parts.push((PLAIN, format!("{} not begun", units::count(outcome.not_run.len() as u64))));
    }
    let mut text = Text::new();
    for (place, (style, part)) in parts.iter().enumerate() {
        if place > 0 {
            text.push(PLAIN, "; ");
        }
        text.push(*style, part);
    }
    if outcome.error.is_none() {
        text.push(PLAIN, format!(" in {}", units::duration(took)));
    }
    text.push_end();
    text
}

/// What a dry run must say about itself.
pub fn dry_run_note() -> Text {
    Text::new().add(ODD, "dry run").plain(": everything was rolled back; the database is as it was").end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_time_rows_and_rate() {
        for (millis, read, written, shown) in [
            (0, 0, 0, "applied 1_a (0.0 ms)\n"),
            (12, 5, 0, "applied 1_a (12 ms, 5 rows read)\n"),
            (12, 9, 1, "applied 1_a (12 ms, 1 row)\n"),
            (1_200, 1_000_000, 1_000_000, "applied 1_a (1.2 s, 1,000,000 rows, 833,333 rows/s)\n"),
        ] {
            let line = finished_line("1_a", Direction::Up, false, Duration::from_millis(millis), read, written);
            assert_eq!(line.unstyled(), shown);
        }
    }
}
