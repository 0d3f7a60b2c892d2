//! The failures of a stepwise migration: what it left in the database, and what helps.

use super::Failure;
use crate::Direction;
use crate::call::answer::Transformed;
use crate::journal::{StepProgress, entry_name};
use crate::outcome::TookEffect;
use crate::plan::PlannedMigration;
use crate::run::Run;
use runner_base::error::{Error, ErrorKind};
use runner_project::catalog::Kind;

/// The progress of an interrupted migration.
pub(super) struct StoppedAt {
    pub run: Run,
    pub progress: StepProgress,
    /// Its number of steps, if known.
    pub of: Option<u64>,
    /// What an unfinished transform has committed.
    pub committed: Transformed,
}

/// The failure of a migration that could not be started or resumed; in the latter case it stays partly done.
pub(super) fn not_begun(error: Error, migration: &PlannedMigration, of: Option<u64>) -> Box<Failure> {
    let took_effect = migration.resume_after.map(|steps| TookEffect { steps, of, ..TookEffect::default() });
    let met_a_lock = error.is_transient;
    Box::new(Failure { error, took_effect, met_a_lock })
}

/// The error of a statement that the database did not understand, where a change between two runs may be the reason.
pub(super) fn after_a_change(error: Error, migration: &PlannedMigration) -> Error {
    let (verb, revision) = match migration.direction {
        Direction::Up => ("apply", &migration.revision),
        Direction::Down => ("rollback", &migration.revision),
    };
    if migration.resume_after.is_none() || error.kind == ErrorKind::Mismatch {
        return error;
    }
    error.hint(format!(
        "if the missing object existed when the earlier run was interrupted, the schema was changed since: restore it and run \
         `runner {verb}`, or record the state of the database with `runner repair {revision}`"
    ))
}

/// The failure of a downgrade that changed no part of an interrupted upgrade.
pub(super) fn stays_broken(mut error: Error, migration: &PlannedMigration) -> Box<Failure> {
    error.kind = match error.kind {
        kind @ (ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) => kind,
        _ => ErrorKind::Partial,
    };
    let revision = &migration.revision;
    let error = match migration.kind {
        Kind::Sql => error.hint(format!(
            "only part of the upgrade took effect: make the downgrade of `{}` handle missing objects \
             (`IF EXISTS`), and run `runner rollback` again",
            migration.id()
        )),
        Kind::Component | Kind::Script => error.hint(format!(
            "only part of the upgrade took effect, and the downgrade does not handle that: bring the database to the state \
             before or after the migration by hand, and record which with `runner repair {revision}`"
        )),
    };
    error.hint("`runner apply` finishes the upgrade instead").into()
}

/// The failure of a migration that stays partly done.
pub(super) fn partial(
    mut error: Error,
    migration: &PlannedMigration,
    stopped_at: &StoppedAt,
    last: &[String],
) -> Box<Failure> {
    let StoppedAt { progress, of, committed, .. } = stopped_at;
    let of = *of;
    // That it is partly done matters more than why. Only a signal and a mismatch keep their own exit codes.
    if !matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) {
        error.kind = ErrorKind::Partial;
    }
    let verb = if migration.direction == Direction::Up { "apply" } else { "rollback" };
    let took_effect = TookEffect { steps: progress.done, of, chunks: committed.chunks, rows: committed.rows_written };
    for effect in last {
        error = error.cause(format!("took effect: {effect}"));
    }
    let one = if of.is_some() { "statement" } else { "step" };
    let name = |unknown: u64| entry_name(one, progress.done, unknown);
    let error = match (&progress.unknown, of) {
        (Some((unknown, _)), _) if progress.repeats => {
            error.hint(format!("{} took effect in part; `runner {verb}` runs it again and continues", name(*unknown)))
        }
        (Some((unknown, _)), _) => error
            .hint(format!("it is unknown whether {} took effect, unless `runner {verb}` can tell from the database", name(*unknown)))
            .hint(format!(
                "`runner repair {}` shows what is known and records your decision",
                migration.revision
            )),
        (None, _) if error.kind == ErrorKind::Mismatch => error,
        (None, None) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => {
            error.hint(format!("what took effect stays; `runner {verb}` resumes there"))
        }
        (None, Some(of)) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => error.hint(format!(
            "what took effect stays: {took_effect}; `runner {verb}` {}",
            goes_on(progress.done, of)
        )),
        (None, Some(_)) => error.hint(format!(
            "what took effect stays: {took_effect}; fix the cause, or the statements from {} on, and run `runner {verb}` to \
             resume there",
            progress.done + 1
        )),
        (None, None) => {
            let error = error.hint(format!(
                "what took effect stays: {took_effect}; fix the cause, and run `runner {verb}` to resume there"
            ));
            correctable(error, migration, committed)
        }
    };
    Box::new(Failure { error, took_effect: Some(took_effect), met_a_lock: false })
}

/// Says how an upgrade continues if its own code is the cause. A downgrade runs with the build that was applied.
fn correctable(error: Error, migration: &PlannedMigration, committed: &Transformed) -> Error {
    if migration.direction == Direction::Down {
        return error;
    }
    let what = if migration.kind == Kind::Script { "script" } else { "component" };
    let again = match committed.chunks {
        0 => "`runner apply` again".to_owned(),
        _ => format!("`runner apply --accept-changed {} --why TEXT`, which keeps the chunks", migration.revision),
    };
    error.hint(format!(
        "if the {what} is the cause, correct it without a change to the calls that took effect, and run `runner build` and {again}; if \
         they have to change, run `runner rollback` first"
    ))
}

/// What the next run does after a signal that came when so many statements were done.
fn goes_on(done: u64, of: u64) -> String {
    match done < of {
        true => format!("resumes with statement {}", done + 1),
        false => "records the end of the migration".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_resumes_where_a_signal_came() {
        assert_eq!(goes_on(0, 3), "resumes with statement 1");
        assert_eq!(goes_on(2, 3), "resumes with statement 3");
        assert_eq!(goes_on(3, 3), "records the end of the migration", "there is no fourth");
    }
}
