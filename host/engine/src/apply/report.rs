//! What a run reports about itself, and how it explains a failure.

use super::Engine;
use crate::Direction;
use crate::event::{Event, LogLevel};
use crate::isolation::Barrier;
use crate::outcome::Done;
use crate::plan::{PlannedMigration, file_of};
use crate::stopped::stopped;
use runner_base::error::{Error, ErrorKind, Hint};

impl Engine {
    /// Adds the place to a migration's error; an error caused by the stop signal is reported as such.
    pub(super) fn explain(&self, mut error: Error, migration: &PlannedMigration) -> Error {
        if let Some(reason) =
            self.stop.reason().filter(|_| matches!(error.kind, ErrorKind::Failed | ErrorKind::LockTimeout))
        {
            let stop = stopped(reason);
            error.kind = stop.kind;
            error.causes.insert(0, std::mem::replace(&mut error.message, stop.message));
            error.hints = stop.hints;
        }
        let error = of_its_login(error, migration);
        if error.places.iter().any(|(label, _)| *label == "migration") {
            return error;
        }
        error.at("migration", migration.id())
    }

    pub(super) fn warn(&self, revision: &str, message: String) {
        self.events.emit(&Event::Log { revision: revision.to_owned(), level: LogLevel::Warning, message });
    }

    /// Reports the start of a run, and the change of direction in a `redo`.
    pub(super) fn emit_turn(
        &self,
        direction: &mut Option<Direction>,
        migration: &PlannedMigration,
        rest: &[PlannedMigration],
    ) {
        if direction.replace(migration.direction) != Some(migration.direction) {
            let others = rest.iter().take_while(|other| other.direction == migration.direction).count();
            self.events.emit(&Event::RunStarted { direction: migration.direction, migrations: 1 + others });
        }
    }

    pub(super) fn started(migration: &PlannedMigration) -> Event {
        let (revision, name) = (migration.revision.clone(), migration.name.clone());
        Event::MigrationStarted { revision, name, direction: migration.direction }
    }

    /// Reports a failure, and why: the file takes the place of the direction, which is all that a script knows.
    pub(super) fn emit_failed(&self, migration: &PlannedMigration, error: &Error) {
        let (revision, name) = (migration.revision.clone(), migration.name.clone());
        let mut error = error.clone();
        for place in error.places.iter_mut().filter(|(label, _)| *label == "script") {
            *place = ("file", file_of(&self.catalog, migration, migration.direction));
        }
        self.events.emit(&Event::MigrationFailed { revision, name, direction: migration.direction, error });
    }

    pub(super) fn finished(done: &Done) -> Event {
        Event::MigrationFinished {
            revision: done.revision.clone(),
            name: done.name.clone(),
            direction: done.direction,
            duration: done.duration,
            rows_read: done.rows_read,
            rows_written: done.rows_written,
        }
    }
}

/// Replaces the advice to grant by hand what the server has refused to the login of a component: what that may do is granted
/// in the settings, and anything else would be revoked.
fn of_its_login(mut error: Error, migration: &PlannedMigration) -> Error {
    let is_advice = |hint: &Hint| matches!(hint, Hint::Grant(_));
    if migration.isolation != Some(Barrier::SeparateLogins) || !error.hints.iter().any(is_advice) {
        return error;
    }
    error.hints.retain(|hint| !is_advice(hint));
    let advice = format!(
        "the login of `{}` may do what its `[grants.NAME]` or `[packages.NAME]` lists; if that is there, run `runner grants sync`",
        migration.id()
    );
    error.hints.insert(0, advice.into());
    error
}
