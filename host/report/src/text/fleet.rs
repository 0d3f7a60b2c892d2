//! The output of commands on several databases.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::styled::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::table::{Cell, Table};
use crate::units;
use runner_base::error::{Error, ErrorKind};
use runner_engine::Direction;
use runner_engine::outcome::Outcome;
use runner_engine::plan::Plan;
use runner_library::fleet::{DatabaseState, Each, Ended};
use runner_library::run::Ran;

/// Up to here, every database has a line in the table of a run; from here on, those that failed.
const MANY: usize = 50;

fn databases(number: usize) -> String {
    units::counted(number as u64, "database", "databases")
}

fn migrations(number: usize) -> String {
    units::counted(number as u64, "migration", "migrations")
}

fn error_of(it: &Each<Ran>) -> Option<&Error> {
    match &it.ended {
        Ended::Ran(Ok(ran)) => ran.outcome.error.as_ref(),
        Ended::Ran(Err(error)) => Some(error),
        Ended::NotRun => None,
    }
}

/// The outcome of a run on each database.
pub fn fleet_runs(each: &[Each<Ran>], all: bool) -> Text {
    let mut table = Table::new(&["database", "result", "current", "migrations", "took", "why"]);
    let shown = each.iter().filter(|it| all || each.len() <= MANY || error_of(it).is_some());
    let mut is_empty = true;
    for it in shown {
        is_empty = false;
        let ran = it.ended.done();
        let done = ran.map_or(0, |ran| ran.outcome.done.len());
        let (style, result) = match (&it.ended, error_of(it)) {
            (Ended::NotRun, _) => (ODD, "not run"),
            (_, Some(error)) if error.kind == ErrorKind::Partial => (ODD, "partial"),
            (_, Some(_)) => (BAD, "failed"),
            (Ended::Ran(ran), None) => (GOOD, ran.as_ref().map_or("", |ran| word(&ran.outcome, ran.outcome.dry_run))),
        };
        let took = if matches!(it.ended, Ended::NotRun) { String::new() } else { units::duration(it.took) };
        table.row(vec![
            Cell::left(STRONG, &it.name),
            Cell::left(style, result),
            Cell::left(PLAIN, ran.and_then(|ran| ran.current.as_deref()).unwrap_or_default()),
            Cell::right(PLAIN, if done > 0 { units::count(done as u64) } else { String::new() }),
            Cell::right(DIM, took),
            Cell::left(PLAIN, error_of(it).map_or("", |error| error.message.lines().next().unwrap_or_default())),
        ]);
    }
    if is_empty { Text::new() } else { table.text() }
}

/// The outcome of a run in one line: `applied 600 migrations on 200 databases, 3 up to date, 1 failed in 4.2 s`.
/// `is_relative`: the target counts from where each database is.
pub fn fleet_summary(each: &[Each<Ran>], took: Duration, is_relative: bool) -> Text {
    if each.is_empty() {
        return Text::new();
    }
    let outcomes = || each.iter().filter_map(|it| it.ended.done()).map(|ran| &ran.outcome);
    let worked: Vec<&Outcome> = outcomes().filter(|outcome| !outcome.done.is_empty()).collect();
    let mut parts = Vec::new();
    if let Some(first) = worked.first() {
        let done = worked.iter().map(|outcome| outcome.done.len()).sum();
        let verb = word(first, first.dry_run);
        parts.push((PLAIN, format!("{verb} {} on {}", migrations(done), databases(worked.len()))));
    }
    let up_to_date = outcomes().filter(|outcome| outcome.is_up_to_date()).count();
    if up_to_date > 0 {
        parts.push((PLAIN, format!("{} up to date", databases(up_to_date))));
    }
    let failed = each.iter().filter(|it| error_of(it).is_some()).count();
    if failed > 0 {
        parts.push((BAD, format!("{} failed", databases(failed))));
    }
    let not_run = each.iter().filter(|it| matches!(it.ended, Ended::NotRun)).count();
    if not_run > 0 {
        parts.push((ODD, format!("{} not run", databases(not_run))));
    }
    let text = joined(parts);
    let text = text.plain(format!(" in {}", units::duration(took))).end();
    if failed + not_run == 0 {
        return text;
    }
    let again = match is_relative && !worked.is_empty() {
        false => "the same command again continues with what is not done, and leaves alone what is",
        true => {
            "the same command again would move the databases that are done once more: `--retry REPORT`, with the output of \
             `--format json`, or `--database NAME` runs it on the others alone"
        }
    };
    text.add(crate::styled::HINT, "hint").plain(format!(": {again}")).end()
}

fn joined(parts: Vec<(anstyle::Style, String)>) -> Text {
    let mut text = Text::new();
    for (at, (style, part)) in parts.into_iter().enumerate() {
        if at > 0 {
            text.push(PLAIN, ", ");
        }
        text.push(style, part);
    }
    text
}

/// The state of a database in words.
fn state(state: &DatabaseState) -> (anstyle::Style, String) {
    let of = |number: usize, what: &str| (number > 0).then(|| format!("{} {what}", units::count(number as u64)));
    let DatabaseState { pending, partial, missing, changed, is_running, .. } = state;
    let parts = [
        of(*changed, "changed"),
        of(*missing, "missing"),
        of(*partial, "partial"),
        of(*pending, "pending"),
        is_running.then(|| "running".to_owned()),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match (changed + missing, partial + pending) {
        _ if text.is_empty() => (GOOD, "up to date".to_owned()),
        (0, 0) => (PLAIN, text),
        (0, _) => (ODD, text),
        _ => (BAD, text),
    }
}

/// The state of each database.
pub fn fleet_status(each: &[Each<DatabaseState>]) -> Text {
    let mut table = Table::new(&["database", "state", "current", "applied"]);
    for it in each {
        let mut cells = vec![Cell::left(STRONG, &it.name)];
        match &it.ended {
            Ended::Ran(Ok(found)) => {
                let (style, words) = state(found);
                cells.push(Cell::left(style, words));
                cells.push(Cell::left(PLAIN, found.current.as_deref().unwrap_or("base")));
                cells.push(Cell::right(DIM, units::count(found.applied as u64)));
            }
            Ended::Ran(Err(_)) => cells.push(Cell::left(BAD, "failed")),
            Ended::NotRun => cells.push(Cell::left(ODD, "not asked")),
        }
        table.row(cells);
    }
    if each.is_empty() { Text::new() } else { table.text() }
}

/// How many databases are in which state.
pub fn fleet_status_summary(each: &[Each<DatabaseState>]) -> Text {
    let states = || each.iter().filter_map(|it| it.ended.done());
    // Each counts once, for what is worst.
    let worst = |it: &DatabaseState| match (it.missing + it.changed, it.partial, it.pending) {
        (0, 0, 0) => 0,
        (0, 0, _) => 1,
        (0, _, _) => 2,
        _ => 3,
    };
    let words =
        [(GOOD, "up to date"), (ODD, "with pending migrations"), (ODD, "partial"), (BAD, "with another history")];
    let counts = words.into_iter().enumerate().map(|(at, (style, what))| {
        let number = states().filter(|state| worst(state) == at).count();
        (style, number, what)
    });
    let failed = (BAD, each.len() - states().count(), "failed");
    let parts = counts.chain([failed]).filter(|(_, number, _)| *number > 0);
    let parts = parts.map(|(style, number, what)| (style, format!("{} {what}", databases(number))));
    joined(parts.collect()).end()
}

/// What would run on each database. Databases for which it is the same share a paragraph.
pub fn fleet_plans(each: &[Each<Plan>]) -> Text {
    let mut groups: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for it in each {
        if let Some(plan) = it.ended.done() {
            let lines = plan
                .steps
                .iter()
                .map(|migration| format!("{}  {}  {}", migration.id(), migration.direction, migration.mode.name()));
            groups.entry(lines.collect()).or_default().push(&it.name);
        }
    }
    let mut text = Text::new();
    for (lines, names) in groups {
        let what = if lines.is_empty() { "nothing to do".to_owned() } else { migrations(lines.len()) };
        text = text.add(STRONG, format!("{} on {}", what, databases(names.len()))).plain(": ");
        text = text.add(DIM, names.join(", ")).end();
        for line in lines {
            text = text.plain(format!("  {line}")).end();
        }
    }
    text
}

/// How many databases have something to do.
pub fn fleet_plan_summary(each: &[Each<Plan>]) -> Text {
    let plans = || each.iter().filter_map(|it| it.ended.done());
    let with_work = plans().filter(|plan| !plan.is_empty()).count();
    let mut parts = vec![(PLAIN, format!("{} of {} with work to do", with_work, databases(each.len())))];
    let failed = each.len() - plans().count();
    if failed > 0 {
        parts.push((BAD, format!("{} failed", databases(failed))));
    }
    joined(parts).end()
}

/// The outcome of a run that did not fail.
pub fn word(outcome: &Outcome, dry_run: bool) -> &'static str {
    match outcome.done.first() {
        None => "up to date",
        Some(_) if dry_run => "tried",
        Some(done) if done.direction == Direction::Up => "applied",
        Some(_) => "rolled back",
    }
}
