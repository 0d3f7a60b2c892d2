//! The output of `runner status` and `runner current`.

use crate::styled::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::table::{Cell, Table};
use crate::units;
use runner_engine::control::overview::Overview;
use runner_engine::history::History;
use runner_engine::status::{Standing, StatusRow};

/// A table of all revisions. A run records its figures when it ends: until then, and of one that was killed, its line has them.
pub fn status(rows: &[StatusRow<'_>], overview: &Overview) -> Text {
    let mut table = Table::new(&["state", "revision", "name", "applied at", "took", "rows"]);
    for row in rows {
        let style = match row.standing {
            Standing::Applied => GOOD,
            Standing::Pending if !row.late => PLAIN,
            Standing::Pending | Standing::Partial | Standing::Missing | Standing::RolledBack => ODD,
            Standing::Changed => BAD,
        };
        let mut cells = Vec::with_capacity(6);
        cells.push(Cell::left(style, if row.late { "pending (out of order)" } else { row.standing.name() }));
        cells.push(Cell::left(PLAIN, row.revision()));
        cells.push(Cell::left(STRONG, row.name()));
        if let Some(record) = row.record {
            cells.push(Cell::left(DIM, short_time(&record.started_at)));
        }
        if let Some(record) = row.record.filter(|record| !overview.is_unfinished(&record.revision)) {
            cells.push(Cell::right(DIM, units::milliseconds(record.duration_ms)));
            cells.push(Cell::right(DIM, units::count(record.rows_written)));
        }
        table.row(cells);
    }
    if rows.is_empty() { Text::new() } else { table.text() }
}

/// `2026-01-05T09:30:00.123Z` without the fraction.
pub(super) fn short_time(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => [seconds, "Z"].concat(),
        None => time.to_owned(),
    }
}

/// The number of migrations in each state.
pub fn status_summary(rows: &[StatusRow<'_>]) -> Text {
    if rows.is_empty() {
        return Text::new().plain("no migrations yet").end();
    }
    let all = [Standing::Applied, Standing::Pending, Standing::Partial, Standing::Missing, Standing::Changed];
    let parts = all.into_iter().filter_map(|standing| {
        let number = rows.iter().filter(|row| row.standing == standing).count();
        (number > 0).then(|| format!("{} {}", units::count(number as u64), standing.name()))
    });
    Text::new().plain(parts.collect::<Vec<_>>().join(", ")).end()
}

/// The current revision, or `base`.
pub fn current(history: &History) -> Text {
    match history.current() {
        Some(record) => Text::new().plain(record.id()).end(),
        None => Text::new().plain("base").end(),
    }
}
