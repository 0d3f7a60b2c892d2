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
    Begin, Check, Claims, Committed, Database, DatabaseError, DatabaseErrorKind, DesiredLogin, Facts, LockHolder,
    LoginReport, LoginRequest, Part, Probe, SchemaChange, Session, StopSignal, TableSource, TableTarget, ToolChange,
    TransactionOptions, UnitOfWork,
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

    /// Returns what is known about the server.
    pub fn facts(&self) -> &Facts {
        self.session(RoleToken(())).facts()
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

    /// See [`Connection::probe`](super::Connection::probe).
    pub async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.connection().probe(questions).await
    }

    /// Returns the current holder of the lock as far as it can be determined, or `None` if the lock is free.
    pub async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        Ok(self.probe(&[]).await?.holder)
    }

    /// Opens a transaction for work; see [`Begin::Work`].
    pub async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.connection().begin_transaction(Begin::Work(options)).await.map(drop)
    }

    /// Opens a transaction for part of a transform that is no chunk; see [`Begin::Part`].
    pub async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.connection().begin_transaction(Begin::Part(part, None)).await
    }

    /// Opens the transaction of a chunk, which reads and writes these tables and works on nothing else; see [`Begin::Part`].
    pub async fn begin_chunk(
        &mut self,
        part: Part,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Claims, DatabaseError> {
        self.connection().begin_transaction(Begin::Part(part, Some((source, target)))).await
    }

    /// See [`Database::commit`].
    pub async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        self.connection().commit(unit).await
    }

    /// Commits the open transaction, or fails with everything rolled back. Only if the connection is lost is the outcome unknown.
    pub async fn commit_or_roll_back(&mut self) -> Result<(), DatabaseError> {
        self.commit_with(&[]).await
    }

    /// As [`Self::commit_or_roll_back`], with these changes to the tool's own tables.
    pub async fn commit_with(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        match self.commit(UnitOfWork::Step(changes)).await {
            Committed::No(error) => Err(match self.rollback().await {
                Err(second) if second.is_not_undone() => second.detail(error.to_string()),
                _ => error,
            }),
            committed => committed.result(),
        }
    }

    /// Makes a change to the tool's own tables in the open transaction.
    pub async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        let (statement, values) = change.statement(self.facts())?;
        change.check(self.execute(&statement, &values).await?)
    }

    /// See [`Database::rollback`].
    pub async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.connection().rollback().await
    }

    /// See [`Database::check`].
    pub async fn check(&mut self, what: Check) -> Result<(), DatabaseError> {
        self.connection().check(what).await
    }

    /// Returns whether the very transaction that was begun is still open.
    pub async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        match self.check(Check::Ours).await {
            Err(error) if error.has_ended_transaction() => Ok(false),
            checked => checked.map(|()| true),
        }
    }

    /// See [`ComponentLogins::sync`](super::ComponentLogins::sync). Fails where components have no logins of their own.
    pub async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        let dialect = self.facts().dialect;
        match self.connection().component_logins() {
            Some(logins) => logins.sync(request).await,
            None => Err(DatabaseError::new(
                DatabaseErrorKind::Configuration,
                format!("components have no logins of their own on {dialect}"),
            )
            .hint(format!("{dialect} enforces `[grants.NAME]` by itself; there is nothing to set up"))),
        }
    }

    /// See [`ComponentLogins::check`](super::ComponentLogins::check). Does nothing where grants need no login.
    pub async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError> {
        match self.connection().component_logins() {
            Some(logins) => logins.check(wanted).await,
            None => Ok(()),
        }
    }

    /// See [`Database::drop_temporary`].
    pub async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.connection().drop_temporary().await
    }

    /// See [`Connection::session_number`](super::Connection::session_number).
    pub fn session_number(&self) -> u64 {
        self.0.database.session_number()
    }

    /// See [`Connection::reconnect`](super::Connection::reconnect). The new connection is in the host's role too.
    pub async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.connection().reconnect().await
    }
}

impl RoleSession<'_> {
    /// See [`Database::change_schema`].
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        self.database.change_schema(change, RoleToken(())).await
    }
}

impl MigrationSession<'_> {
    /// See [`Database::change_schema`].
    pub async fn change_schema(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        self.0.change_schema(change).await
    }
}

impl Deref for RoleSession<'_> {
    type Target = dyn Session;

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
    type Target = dyn Session;

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
    type Target = dyn Session;

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
    use super::{Database, Role, RoleToken, Session, StopSignal};

    pub(crate) fn take_role(database: &mut dyn Database, role: Role, stop: &StopSignal) {
        database.take_role(role, stop.clone(), RoleToken(()));
    }

    pub(crate) fn session(database: &mut dyn Database) -> &mut dyn Session {
        database.session_mut(RoleToken(()))
    }
}
