//! The report of a dry run: its steps, rows before and after, and its limits.

use crate::styled::{BAD, DIM, NEW, ODD, OLD, PLAIN, STRONG, Text, one_line};
use crate::{Verbosity, units};
use runner_engine::event::dry_run::{Cell, Change, DryRunEvent, Ending, Sample, Tried};

/// The longest excerpt of a statement, in characters.
const STATEMENT: usize = 160;

/// Maximum number of cells on a line.
const ON_A_LINE: usize = 6;

/// An event of a dry run.
pub fn dry_run_event(event: &DryRunEvent, verbosity: Verbosity) -> Text {
    match event {
        DryRunEvent::Migration { id, direction } => Text::new().add(STRONG, id).add(DIM, format!(" {direction}")).end(),
        DryRunEvent::Step(step) => tried(step, verbosity),
        DryRunEvent::Samples(samples) => {
            let mut text = Text::new();
            for it in samples {
                sample(&mut text, it);
            }
            text
        }
    }
}

fn tried(step: &Tried, verbosity: Verbosity) -> Text {
    let mut text = Text::new();
    let rows = units::counted(step.rows, "row", "rows");
    if step.times > 1 {
        let facts =
            format!("       … {} more like it ({}, {rows})", units::count(step.times), units::duration(step.duration));
        return text.add(DIM, facts).end();
    }
    text.push(DIM, format!("  {:>4} ", step.number));
    let whole = verbosity == Verbosity::Verbose && step.statement.contains('\n');
    let line = one_line(&step.statement);
    match (whole, line.char_indices().nth(STATEMENT)) {
        (true, _) => text.push(DIM, "statement"),
        (false, Some((end, _))) if verbosity != Verbosity::Verbose => text.push(PLAIN, format!("{}…", &line[..end])),
        (false, _) => text.push(PLAIN, line),
    }
    if !step.parameters.is_empty() {
        text.push(DIM, format!(" [{}]", step.parameters.join(", ")));
    }
    match &step.ending {
        Ending::Done => text.push(DIM, format!(" ({}, {rows})", units::duration(step.duration))),
        Ending::NotRun => text.push(ODD, " (not run: cannot run in a transaction)"),
        Ending::Failed(message) => {
            text.push(DIM, " ");
            text.push(BAD, format!("(failed: {message})"));
        }
    }
    text.push_end();
    if whole {
        text.push_block(PLAIN, "       ", &step.statement);
    }
    for it in &step.samples {
        sample(&mut text, it);
    }
    text
}

fn sample(text: &mut Text, sample: &Sample) {
    if sample.changes.is_empty() {
        return;
    }
    let shown = sample.changes.len() as u64;
    let of = match shown == sample.rows {
        true => units::counted(sample.rows, "row", "rows"),
        false => format!("{} of {}", units::count(shown), units::counted(sample.rows, "row", "rows")),
    };
    text.push_line(DIM, format!("       {}, {of}:", sample.what));
    for it in &sample.changes {
        change(text, it);
    }
}

/// A row: its key, and the other cells that differ.
fn change(text: &mut Text, change: &Change) {
    if !change.key.is_empty() {
        text.push(PLAIN, format!("         {}", cells(&change.key)));
    }
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let differs = |cell: &&Cell, others: &[Cell]| {
                others.iter().find(|other| other.column == cell.column).is_none_or(|other| other.value != cell.value)
            };
            let old: Vec<Cell> = before.iter().filter(|cell| differs(cell, after)).cloned().collect();
            let new: Vec<Cell> = after.iter().filter(|cell| differs(cell, before)).cloned().collect();
            if new.is_empty() {
                text.push(DIM, " (unchanged)");
            }
            text.push_end();
            lines(text, OLD, '-', &old);
            lines(text, NEW, '+', &new);
        }
        (before, after) => {
            if !change.key.is_empty() {
                let word = match (before, after) {
                    (Some(_), _) => " (deleted)",
                    _ => " (inserted)",
                };
                text.push_line(DIM, word);
            }
            lines(text, OLD, '-', before.as_deref().unwrap_or_default());
            lines(text, NEW, '+', after.as_deref().unwrap_or_default());
        }
    }
}

fn lines(text: &mut Text, style: anstyle::Style, sign: char, row: &[Cell]) {
    for part in row.chunks(ON_A_LINE) {
        text.push_line(style, format!("       {sign} {}", cells(part)));
    }
}

fn cells(cells: &[Cell]) -> String {
    cells.iter().map(|cell| format!("{} = {}", cell.column, cell.value)).collect::<Vec<_>>().join(", ")
}

/// What a dry run cannot show or roll back.
pub fn caveats(caveats: &[String]) -> Text {
    let mut text = Text::new();
    for caveat in caveats {
        text.push(ODD, "note");
        text.push_line(PLAIN, format!(": {caveat}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(cells: &[(&str, &str)]) -> Vec<Cell> {
        cells.iter().map(|(column, value)| Cell { column: (*column).to_owned(), value: (*value).to_owned() }).collect()
    }

    #[test]
    fn rows_are_shown_as_they_were_and_as_they_are() {
        let change = |key, before: Option<&[(&str, &str)]>, after: Option<&[(&str, &str)]>| Change {
            key: row(key),
            before: before.map(row),
            after: after.map(row),
        };
        let step = Tried {
            number: 3,
            statement: "transform `f`: t -> update t".to_owned(),
            parameters: vec!["7".to_owned()],
            rows: 900,
            duration: Duration::from_millis(5),
            ending: Ending::Done,
            times: 1,
            samples: vec![Sample {
                what: "update t".to_owned(),
                rows: 900,
                changes: vec![
                    change(&[("id", "1")], Some(&[("a", "1"), ("b", "x")]), Some(&[("a", "2"), ("b", "x")])),
                    change(&[("id", "2")], Some(&[("a", "1")]), Some(&[("a", "1")])),
                    change(&[("id", "3")], Some(&[("a", "1")]), None),
                    change(&[("id", "4")], None, Some(&[("a", "5")])),
                    change(&[], None, Some(&[("id", "6"), ("a", "5")])),
                ],
            }],
        };
        let text = dry_run_event(&DryRunEvent::Step(step), Verbosity::Normal);
        assert_eq!(
            text.unstyled(),
            "     3 transform `f`: t -> update t [7] (5.0 ms, 900 rows)\n\
             \x20      update t, 5 of 900 rows:\n\
             \x20        id = 1\n\
             \x20      - a = 1\n\
             \x20      + a = 2\n\
             \x20        id = 2 (unchanged)\n\
             \x20        id = 3 (deleted)\n\
             \x20      - a = 1\n\
             \x20        id = 4 (inserted)\n\
             \x20      + a = 5\n\
             \x20      + id = 6, a = 5\n"
        );
    }

    #[test]
    fn a_statement_that_did_not_run_is_marked() {
        let step = |ending, times| {
            let statement = "VACUUM".to_owned();
            let (parameters, samples) = (Vec::new(), Vec::new());
            let duration = Duration::ZERO;
            let step = Tried { number: 1, statement, parameters, rows: 0, duration, ending, times, samples };
            dry_run_event(&DryRunEvent::Step(step), Verbosity::Normal).unstyled().to_owned()
        };
        assert_eq!(step(Ending::NotRun, 1), "     1 VACUUM (not run: cannot run in a transaction)\n");
        assert_eq!(step(Ending::Failed("no".to_owned()), 1), "     1 VACUUM (failed: no)\n");
        assert_eq!(step(Ending::Done, 4), "       … 4 more like it (0.0 ms, 0 rows)\n");
    }
}
