//! Session roles as types.
//!
//! A [`Database`] runs no statement by itself. It lends a session to one of two guards: [`HostSession`] for the tool's
//! own statements, [`MigrationSession`] for those of a migration. Dropping the guard returns the connection to the
//! host's role, without a stop signal, however the borrow ends: at the end of a block, through `?`, or when a future is
//! cancelled.
//!
//! A caller must not assume that both guards reach the same server session. While a component under grants runs on a server, its
//! statements have a session of a login of its own: [`Database::session`] returns the one of the current role, and of the
//! transaction that is open. See `logins::sessions`.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{
    Bulk, Claims, Database, DatabaseError, End, LockHolder, LoginReport, LoginRequest, Part, SchemaChange, StopSignal,
    ToolChange, TransactionOptions, WantedLogin,
};

/// What the statements of a session may do; the database enforces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The engine, which may do everything.
    Host,
    /// A migration in SQL: everything except transaction control and the tool's own tables.
    SqlScript,
    /// A component: like `SqlScript`, but it may not attach files, load code or change connection settings.
    Component,
}

/// Proof that the caller is a guard: only this module can create one.
///
/// A `Database` that wraps another passes on the token it receives.
pub struct RoleToken(());

impl fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoleToken")
    }
}

/// A session in a role that is known only at run time.
pub struct RoleSession<'a> {
    database: &'a mut (dyn Database + 'a),
}

/// A session in the host's role, which also controls the transaction.
pub struct HostSession<'a>(RoleSession<'a>);

/// A session in the role of a migration, whose statements end when its stop signal is raised.
///
/// It offers statements, cursors and writers, but neither the transaction nor the lock.
pub struct MigrationSession<'a>(RoleSession<'a>);

impl dyn Database + '_ {
    /// Returns a session for the tool's own statements. No stop signal ends them: a run that is stopped must still
    /// record what it did.
    pub fn host(&mut self) -> HostSession<'_> {
        self.host_until(&StopSignal::never())
    }

    /// Returns a session for the tool's own statements that end when the signal is raised. The signal no longer applies
    /// once the connection is lent to another guard.
    pub fn host_until(&mut self, stop: &StopSignal) -> HostSession<'_> {
        HostSession(self.in_role(Role::Host, stop))
    }

    /// Returns a session for the statements of a migration in SQL.
    pub fn script(&mut self, stop: &StopSignal) -> MigrationSession<'_> {
        MigrationSession(self.in_role(Role::SqlScript, stop))
    }

    /// Returns a session for the statements of a component.
    pub fn component(&mut self, stop: &StopSignal) -> MigrationSession<'_> {
        MigrationSession(self.in_role(Role::Component, stop))
    }

    /// Returns a session in a role that is known only at run time.
    pub fn in_role(&mut self, role: Role, stop: &StopSignal) -> RoleSession<'_> {
        self.take_role(role, stop.clone(), RoleToken(()));
        RoleSession { database: self }
    }
}

impl HostSession<'_> {
    /// Returns the connection, to lend it to another guard.
    pub fn connection(&mut self) -> &mut dyn Database {
        self.0.database
    }

    /// See [`Database::lock_holder`].
    pub async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        self.0.database.lock_holder().await
    }

    /// See [`Database::begin`].
    pub async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.0.database.begin(options).await
    }

    /// See [`Database::begin_part`].
    pub async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.0.database.begin_part(part).await
    }

    /// See [`Database::commit`].
    pub async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.0.database.commit().await
    }

    /// See [`Database::change`].
    pub async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        self.0.database.change(change).await
    }

    /// See [`Database::record`].
    pub async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.0.database.record(changes).await
    }

    /// See [`Database::finish`].
    pub async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.0.database.finish(changes, end).await
    }

    /// See [`Database::check_constraints`].
    pub async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        self.0.database.check_constraints().await
    }

    /// See [`Database::rollback`].
    pub async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.0.database.rollback().await
    }

    /// See [`Database::in_transaction`].
    pub async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.0.database.in_transaction().await
    }

    /// See [`Database::logins`].
    pub async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.0.database.logins(request).await
    }

    /// See [`Database::check_logins`].
    pub async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        self.0.database.check_logins(wanted).await
    }

    /// See [`Database::check_tool_tables`].
    pub async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        self.0.database.check_tool_tables().await
    }

    /// See [`Database::drop_temporary`].
    pub async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.0.database.drop_temporary().await
    }

    /// See [`Database::session_number`].
    pub fn session_number(&self) -> u64 {
        self.0.database.session_number()
    }

    /// See [`Database::reconnect`]. The new connection is in the host's role too.
    pub async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.0.database.reconnect().await
    }
}

impl RoleSession<'_> {
    /// See [`Database::change_schema_in_role`].
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        self.database.change_schema_in_role(change, RoleToken(())).await
    }
}

impl MigrationSession<'_> {
    /// See [`Database::change_schema_in_role`].
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        self.0.change_schema(change).await
    }
}

impl Deref for RoleSession<'_> {
    type Target = dyn Bulk;

    fn deref(&self) -> &Self::Target {
        self.database.session(RoleToken(()))
    }
}

impl DerefMut for RoleSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.database.session_mut(RoleToken(()))
    }
}

impl Drop for RoleSession<'_> {
    fn drop(&mut self) {
        self.database.take_role(Role::Host, StopSignal::never(), RoleToken(()));
    }
}

impl Deref for HostSession<'_> {
    type Target = dyn Bulk;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for HostSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

impl Deref for MigrationSession<'_> {
    type Target = dyn Bulk;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for MigrationSession<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

/// Takes a role without a guard, for tests.
#[cfg(feature = "unguarded")]
pub(super) mod unguarded {
    use super::{Bulk, Database, Role, RoleToken, StopSignal};

    pub(crate) fn take_role(database: &mut dyn Database, role: Role, stop: &StopSignal) {
        database.take_role(role, stop.clone(), RoleToken(()));
    }

    pub(crate) fn session(database: &mut dyn Database) -> &mut dyn Bulk {
        database.session_mut(RoleToken(()))
    }
}
