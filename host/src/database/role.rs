//! Who speaks through a connection, as a type.
//!
//! A [`Database`] runs no statement by itself. It lends a session to one of two guards: [`HostSession`] for the tool's own
//! statements, [`MigrationSession`] for those of a migration. The guard takes the role; dropping it gives the connection back
//! to the host, without a stop signal, however the borrow ends: at the end of a block, by `?`, or with a cancelled future.
//!
//! A caller must not assume that the two guards of one `Database` reach the same session of the server. Today they do. A
//! `Database` that keeps a second login for migrations answers [`Database::session`] with the session of the role that was
//! taken last, and no caller changes.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{Bulk, Database, StopSignal};

/// What the statements of a session may do; the database enforces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The engine: everything.
    Host,
    /// A migration in SQL: everything but transaction control and the tool's own tables.
    SqlScript,
    /// A component: as `SqlScript`, without attaching files, loading code and changing settings of the connection.
    Component,
}

/// Proof that a guard is calling: only this module makes one.
///
/// A `Database` that wraps another passes on the token it was given.
pub struct RoleToken(());

impl fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoleToken")
    }
}

/// A session in the host's role. It may also control the transaction and lend itself to a migration in between.
pub struct HostSession<'a> {
    database: &'a mut (dyn Database + 'a),
}

/// A session in the role of a migration, whose statements end when its stop signal is raised.
///
/// It offers statements, cursors and writers, but neither the transaction nor the lock.
pub struct MigrationSession<'a> {
    database: &'a mut (dyn Database + 'a),
}

impl dyn Database + '_ {
    /// A session for the tool's own statements. No stop signal ends them: what is true must be written down even by a run that
    /// is told to stop.
    pub fn host(&mut self) -> HostSession<'_> {
        self.host_until(&StopSignal::never())
    }

    /// As [`host`](Self::host), for statements that can be given up when the signal is raised.
    pub fn host_until(&mut self, stop: &StopSignal) -> HostSession<'_> {
        self.take_role(Role::Host, stop.clone(), RoleToken(()));
        HostSession { database: self }
    }

    /// A session for the statements of a migration in SQL.
    pub fn script(&mut self, stop: &StopSignal) -> MigrationSession<'_> {
        self.migration(Role::SqlScript, stop)
    }

    /// A session for the statements of a component.
    pub fn component(&mut self, stop: &StopSignal) -> MigrationSession<'_> {
        self.migration(Role::Component, stop)
    }

    /// A session for the statements of a migration of either kind.
    pub fn migration(&mut self, role: Role, stop: &StopSignal) -> MigrationSession<'_> {
        self.take_role(role, stop.clone(), RoleToken(()));
        MigrationSession { database: self }
    }
}

/// Gives the connection back to the host.
fn give_back(database: &mut dyn Database) {
    database.take_role(Role::Host, StopSignal::never(), RoleToken(()));
}

impl HostSession<'_> {
    /// The connection, for its transaction, and to lend it to a migration meanwhile.
    pub fn connection(&mut self) -> &mut dyn Database {
        self.database
    }
}

impl Deref for HostSession<'_> {
    type Target = dyn Bulk;

    fn deref(&self) -> &Self::Target {
        self.database.session(RoleToken(()))
    }
}

impl DerefMut for HostSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.database.session_mut(RoleToken(()))
    }
}

impl Drop for HostSession<'_> {
    fn drop(&mut self) {
        give_back(self.database);
    }
}

impl fmt::Debug for HostSession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostSession")
    }
}

impl Deref for MigrationSession<'_> {
    type Target = dyn Bulk;

    fn deref(&self) -> &Self::Target {
        self.database.session(RoleToken(()))
    }
}

impl DerefMut for MigrationSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.database.session_mut(RoleToken(()))
    }
}

impl Drop for MigrationSession<'_> {
    fn drop(&mut self) {
        give_back(self.database);
    }
}

impl fmt::Debug for MigrationSession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MigrationSession")
    }
}

/// Sets the role without a guard, for callers that do not take one yet.
pub(crate) fn set_role(database: &mut dyn Database, role: Role, stop: &StopSignal) {
    database.take_role(role, stop.clone(), RoleToken(()));
}
