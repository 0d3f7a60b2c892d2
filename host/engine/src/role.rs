//! The role in which a migration's statements run.

use runner_database::{Database, MigrationSession, StopSignal};
use runner_project::catalog::Kind;

/// The session of a migration of this kind.
pub fn session_of<'a>(database: &'a mut dyn Database, kind: Kind, stop: &StopSignal) -> MigrationSession<'a> {
    match kind {
        Kind::Sql => database.script(stop),
        Kind::Component | Kind::Script => database.component(stop),
    }
}
