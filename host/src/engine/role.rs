//! Who speaks through the connection: the engine itself, or a migration.

use crate::database::role::set_role;
use crate::database::{Database, Role, StopSignal};
use crate::project::catalog::Kind;

impl From<Kind> for Role {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Sql => Self::SqlScript,
            Kind::Component => Self::Component,
        }
    }
}

/// From here on the engine itself speaks. A stop signal must not keep it from writing down what is true.
pub fn as_host(database: &mut dyn Database) {
    set_role(database, Role::Host, &StopSignal::never());
}

/// From here on a migration speaks.
pub fn as_migration(database: &mut dyn Database, kind: Kind, stop: &StopSignal) {
    set_role(database, kind.into(), stop);
}
