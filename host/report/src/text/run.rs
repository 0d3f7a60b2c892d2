//! The outcome of a run.

use std::time::Duration;

use crate::styled::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::units;
use runner_base::error::ErrorKind;
use runner_engine::Direction;
use runner_engine::backup::BackupDone;
use runner_engine::outcome::{Done, Failed, Left, Outcome};
use runner_engine::plan::PlannedMigration;

/// Minimum number of rows for a meaningful rate.
const ENOUGH_FOR_A_RATE: u64 = 1_000;

/// The verb for a finished migration.
pub(crate) fn word(direction: Direction, dry_run: bool) -> &'static str {
    match (direction, dry_run) {
        (Direction::Up, false) => "applied",
        (Direction::Down, false) => "rolled back",
        (Direction::Up, true) => "tried",
        (Direction::Down, true) => "tried rolling back",
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

/// The outcome of a run in one line.
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
        let some = is_partial(outcome) || outcome.failed.as_ref().is_some_and(|it| it.took_effect.is_some());
        parts.push((PLAIN, if some { "no migration completed" } else { "nothing was changed" }.to_owned()));
    }
    if let Some(failed) = &outcome.failed {
        let id = failed.step.id();
        parts.push(match failed.took_effect {
            Some(part) => (ODD, format!("`{id}` is partial: {part} took effect")),
            None if may_stay(outcome, failed) => (ODD, format!("`{id}` failed, and part of it may remain")),
            None if was_rolled_back(outcome, &failed.step) => {
                (BAD, format!("`{id}` was rolled back and failed to apply again"))
            }
            None if failed.step.broken.is_some() => (ODD, format!("`{id}` failed and stays partial")),
            None if failed.step.direction == Direction::Down => (BAD, format!("`{id}` failed and stays applied")),
            None => (BAD, format!("`{id}` failed and left no changes")),
        });
    }
    if !outcome.not_run.is_empty() {
        parts.push((PLAIN, format!("{} not run", units::count(outcome.not_run.len() as u64))));
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

/// The path of the backup that was made before the run.
pub fn backup_note(backup: &BackupDone) -> Text {
    let facts = format!(" ({}, {} bytes)", units::duration(backup.duration), units::count(backup.bytes));
    Text::new().plain("backup ").add(STRONG, backup.path.display().to_string()).add(DIM, facts).end()
}

/// Whether part of a migration in a single transaction may remain: the answer to its commit was lost, or its rollback was
/// incomplete.
fn may_stay(outcome: &Outcome, failed: &Failed) -> bool {
    is_partial(outcome) && failed.took_effect.is_none() && failed.step.broken.is_none()
}

fn is_partial(outcome: &Outcome) -> bool {
    outcome.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Partial)
}

/// Whether the same run rolled the revision back, as `redo` does. A dry run rolls everything back.
fn was_rolled_back(outcome: &Outcome, migration: &PlannedMigration) -> bool {
    let is_same = |done: &Done| done.direction == Direction::Down && done.revision == migration.revision;
    migration.direction == Direction::Up && !outcome.dry_run && outcome.done.iter().any(is_same)
}

/// The last line of a dry run: what is proven of the database.
pub fn dry_run_note(left: Left, on_scratch: bool) -> Text {
    let end = match (left, on_scratch) {
        (Left::Nothing, false) => "everything was rolled back; the database is unchanged",
        (Left::Nothing, true) => "the copy was removed; the database is unchanged",
        (Left::Copy, _) => "the database is unchanged, and the copy is still there",
        (Left::Unknown, _) => return Text::new().add(BAD, "dry run: what it changed may remain in the database").end(),
    };
    Text::new().add(ODD, "dry run").plain(format!(": {end}")).end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::error::Error;
    use runner_engine::history::RunMode;
    use runner_engine::outcome::TookEffect;
    use runner_engine::plan::Source;
    use runner_project::catalog::{Description, Kind};

    fn step(direction: Direction) -> PlannedMigration {
        PlannedMigration {
            direction,
            revision: "2".to_owned(),
            name: "b".to_owned(),
            kind: Kind::Sql,
            sha256: String::new(),
            mode: RunMode::Atomic,
            description: Description::default(),
            source: Source::Project,
            record: None,
            resume_after: None,
            broken: None,
            grants: None,
            not_granted: Vec::new(),
            above_limits: Vec::new(),
            isolation: None,
        }
    }

    fn done(direction: Direction) -> Done {
        Done {
            revision: "1".to_owned(),
            name: "a".to_owned(),
            direction,
            kind: Kind::Sql,
            mode: RunMode::Atomic,
            isolation: None,
            duration: Duration::ZERO,
            steps: 1,
            rows_read: 0,
            rows_written: 0,
            transcript: String::new(),
            retries: 0,
        }
    }

    #[test]
    fn a_summary_shows_what_remains() {
        let error = || Some(Error::failed("it broke"));
        let failed = |direction, took_effect| Some(Failed { step: step(direction), took_effect });
        for (outcome, shown) in [
            (Outcome::default(), "nothing to do: the database is at `1_a`"),
            (Outcome { done: vec![done(Direction::Up)], ..Outcome::default() }, "applied 1 migration in 1.5 s"),
            (
                Outcome { done: vec![done(Direction::Up), done(Direction::Down)], ..Outcome::default() },
                "rolled back 1 migration; applied 1 migration in 1.5 s",
            ),
            (
                Outcome { done: vec![done(Direction::Up)], dry_run: true, ..Outcome::default() },
                "tried 1 migration in 1.5 s",
            ),
            (
                Outcome {
                    done: vec![done(Direction::Up)],
                    failed: failed(Direction::Up, None),
                    not_run: vec![step(Direction::Up)],
                    error: error(),
                    ..Outcome::default()
                },
                "applied 1 migration; `2_b` failed and left no changes; 1 not run",
            ),
            (
                Outcome {
                    failed: failed(Direction::Up, None),
                    error: Some(Error::new(ErrorKind::Partial, "it broke")),
                    ..Outcome::default()
                },
                "no migration completed; `2_b` failed, and part of it may remain",
            ),
            (
                Outcome { failed: failed(Direction::Down, None), error: error(), ..Outcome::default() },
                "nothing was changed; `2_b` failed and stays applied",
            ),
            (
                Outcome {
                    done: vec![Done { revision: "2".to_owned(), ..done(Direction::Down) }],
                    failed: failed(Direction::Up, None),
                    error: error(),
                    ..Outcome::default()
                },
                "rolled back 1 migration; `2_b` was rolled back and failed to apply again",
            ),
            (
                Outcome {
                    failed: failed(Direction::Up, Some(TookEffect { steps: 2, of: Some(4), ..TookEffect::default() })),
                    error: error(),
                    ..Outcome::default()
                },
                "no migration completed; `2_b` is partial: 2 of 4 statements took effect",
            ),
        ] {
            let text = summary(&outcome, Duration::from_millis(1_500), Some("1_a"));
            assert_eq!(text.unstyled(), format!("{shown}\n"));
        }
    }

    #[test]
    fn unchanged_is_said_only_where_it_is_proven() {
        for (left, on_scratch, shown) in [
            (Left::Nothing, false, "dry run: everything was rolled back; the database is unchanged"),
            (Left::Nothing, true, "dry run: the copy was removed; the database is unchanged"),
            (Left::Copy, true, "dry run: the database is unchanged, and the copy is still there"),
            (Left::Unknown, false, "dry run: what it changed may remain in the database"),
        ] {
            assert_eq!(dry_run_note(left, on_scratch).unstyled(), format!("{shown}\n"));
        }
        let error = Some(Error::new(ErrorKind::Partial, "it is not certain that everything was rolled back"));
        let text = summary(&Outcome { error, dry_run: true, ..Outcome::default() }, Duration::ZERO, None);
        assert_eq!(text.unstyled(), "no migration completed\n");
    }

    #[test]
    fn a_line_shows_time_rows_and_rate() {
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
