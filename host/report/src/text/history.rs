//! The table of `runner history`.

use super::status::short_time;
use crate::styled::{DIM, GOOD, ODD, PLAIN, STRONG, Text, one_line};
use crate::table::{Cell, Table};
use crate::units;
use runner_engine::history::{Record, Repair, State};

/// A table of all runs in order; a rollback has its own line.
pub fn history(records: &[Record], repairs: &[Repair]) -> Text {
    let mut lines: Vec<(&str, Vec<Cell<'_>>, Option<&str>)> = Vec::new();
    for record in records {
        let (style, word) = match record.state {
            State::PartlyApplied => (ODD, "partially applied"),
            State::PartlyRolledBack => (ODD, "partially rolled back"),
            State::RolledBack if !record.was_whole() => (ODD, "partially applied"),
            State::Applied | State::RolledBack => (GOOD, "applied"),
        };
        let when = short_time(&record.started_at);
        let mut cells = vec![Cell::left(DIM, when), Cell::left(style, word), Cell::left(STRONG, record.id())];
        cells.push(Cell::right(PLAIN, units::milliseconds(record.duration_ms)));
        cells.push(Cell::right(PLAIN, units::count(record.rows_written)));
        cells.push(Cell::left(DIM, &record.applied_by));
        cells.push(Cell::left(DIM, &record.run_id));
        // What ran nothing has the line of the command that recorded it.
        let is_recorded =
            |run: &str| repairs.iter().any(|it| it.is_record() && it.history == record.id && it.run_id == run);
        if !is_recorded(&record.run_id) {
            lines.push((&record.started_at, cells, None));
        }
        let end = record.rolled_back_run_id.as_deref();
        if let Some(at) = record.rolled_back_at.as_ref().filter(|_| !end.is_some_and(is_recorded)) {
            let cell =
                |number: Option<u64>, shown: fn(u64) -> String| Cell::right(PLAIN, number.map_or(String::new(), shown));
            lines.push((
                at,
                vec![
                    Cell::left(DIM, short_time(at)),
                    Cell::left(ODD, "rolled back"),
                    Cell::left(STRONG, record.id()),
                    cell(record.rolled_back_duration_ms, units::milliseconds),
                    cell(record.rolled_back_rows_written, units::count),
                    Cell::left(DIM, record.rolled_back_by.as_deref().unwrap_or_default()),
                    Cell::left(DIM, record.rolled_back_run_id.as_deref().unwrap_or_default()),
                ],
                None,
            ));
        }
        for repair in repairs.iter().filter(|repair| repair.history == record.id) {
            let cells = vec![
                Cell::left(DIM, short_time(&repair.at)),
                Cell::left(ODD, repair.event()),
                Cell::left(STRONG, record.id()),
                Cell::left(PLAIN, ""),
                Cell::left(PLAIN, ""),
                Cell::left(DIM, &repair.by),
                Cell::left(DIM, &repair.run_id),
            ];
            lines.push((&repair.at, cells, Some(&repair.why)));
        }
    }
    // ISO 8601 sorts as text; equal times keep their order.
    lines.sort_by(|left, right| left.0.cmp(right.0));
    let mut table = Table::new(&["when", "what", "migration", "took", "rows", "by", "run"]);
    let is_empty = lines.is_empty();
    for (_, cells, why) in lines {
        table.row(cells);
        if let Some(why) = why.filter(|why| !why.is_empty()) {
            table.note(format!("why: {}", one_line(why)));
        }
    }
    if is_empty { Text::new() } else { table.text() }
}
