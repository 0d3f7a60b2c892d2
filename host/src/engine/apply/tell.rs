//! What a run tells of itself while it goes on, and how it explains a failure.

use super::Engine;
use crate::engine::Direction;
use crate::engine::event::{Event, Level};
use crate::engine::outcome::Done;
use crate::engine::plan::PlannedMigration;
use crate::engine::stopped::stopped;
use crate::error::{Error, ErrorKind};

impl Engine {
    /// An error of a step with its place; what the stop signal caused is told as that.
    pub(super) fn explain(&self, mut error: Error, step: &PlannedMigration) -> Error {
        if let Some(reason) =
            self.stop.reason().filter(|_| matches!(error.kind, ErrorKind::Failed | ErrorKind::LockTimeout))
        {
            let stop = stopped(reason);
            error.kind = stop.kind;
            error.causes.insert(0, std::mem::replace(&mut error.message, stop.message));
            error.hints = stop.hints;
        }
        if error.places.iter().any(|(label, _)| *label == "migration") {
            return error;
        }
        error.at("migration", step.id())
    }

    pub(super) fn warn(&self, revision: &str, message: String) {
        self.events.emit(&Event::Log { revision: revision.to_owned(), level: Level::Warning, message });
    }

    /// Tells of a run's beginning, and of the turn in a `redo`.
    pub(super) fn emit_turn(
        &self,
        direction: &mut Option<Direction>,
        step: &PlannedMigration,
        rest: &[PlannedMigration],
    ) {
        if direction.replace(step.direction) != Some(step.direction) {
            let others = rest.iter().take_while(|other| other.direction == step.direction).count();
            self.events.emit(&Event::RunStarted { direction: step.direction, migrations: 1 + others });
        }
    }

    pub(super) fn emit_started(&self, step: &PlannedMigration) {
        let (revision, name) = (step.revision.clone(), step.name.clone());
        self.events.emit(&Event::MigrationStarted { revision, name, direction: step.direction });
    }

    pub(super) fn emit_failed(&self, step: &PlannedMigration) {
        let (revision, name) = (step.revision.clone(), step.name.clone());
        self.events.emit(&Event::MigrationFailed { revision, name, direction: step.direction });
    }

    pub(super) fn emit_finished(&self, done: &Done) {
        self.events.emit(&Event::MigrationFinished {
            revision: done.revision.clone(),
            name: done.name.clone(),
            direction: done.direction,
            duration: done.duration,
            rows_read: done.rows_read,
            rows_written: done.rows_written,
        });
    }
}
