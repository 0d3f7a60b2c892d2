//! Who speaks through the connection: the engine itself, or a migration.

use crate::database::{Database, Role, StopSignal};
use crate::project::catalog::Kind;

/// From here on the engine itself speaks. A stop signal must not keep it from writing down what is true.
pub fn as_host(database: &mut dyn Database) {
    database.set_role(Role::Host);
    database.set_stop_signal(StopSignal::default());
}

/// From here on a migration speaks.
pub fn as_migration(database: &mut dyn Database, kind: Kind, stop: &StopSignal) {
    database.set_role(match kind {
        Kind::Sql => Role::SqlScript,
        Kind::Component => Role::Component,
    });
    database.set_stop_signal(stop.clone());
}
