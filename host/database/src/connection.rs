//! A connection to a database: its lock, its transaction, and the sessions in which statements are run.

use std::sync::Arc;

use async_trait::async_trait;
use runner_data::Value;

use super::{
    Committed, DatabaseError, DesiredLogin, FixedInputs, Grants, LockRequest, LoginReport, LoginRequest, Part, Probe,
    Role, RoleToken, SchemaChange, Session, StopSignal, TableIdentity, TableName, TableSource, TableTarget,
    TransactionOptions, UnitOfWork,
};

/// What keeps runs apart, and what survives a lost connection.
#[async_trait]
pub trait Connection: Send {
    /// Takes the lock that excludes other runs, waiting at most `request.wait`. Calls `waiting` once for each holder.
    /// Fails with [`DatabaseErrorKind::Busy`](super::DatabaseErrorKind::Busy) when the time is up; a raised stop signal ends
    /// the wait early. When this returns, no statement of an earlier, killed run is still executing on the server: such
    /// statements are waited for, and ended if they take too long.
    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError>;

    /// Releases the lock, as dropping the database also does.
    async fn unlock(&mut self) -> Result<(), DatabaseError>;

    /// Shows observers what the holder of the lock works on, where they can see that only next to the database: what is
    /// in it is hidden by an open transaction. An empty text: nothing. Best effort.
    fn note_work(&mut self, _work: &str) {}

    /// How the sessions are found that those of a run wait for, where the server shows it.
    fn blockers(&self, _run_id: &str) -> Option<Blockers> {
        None
    }

    /// Answers several queries of the engine, and reports who holds the lock as far as it can be determined, in as few round
    /// trips as the server allows. No transaction may be open. A query is one SELECT without parameters that returns only
    /// integers and texts.
    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError>;

    /// A number of the host's session with the server: another one once a new session was opened in place of a lost one. What a migration
    /// has set for its session is gone then. Always 0 where there is no server.
    fn session_number(&self) -> u64 {
        0
    }

    /// Reconnects after the connection was lost: waits until the server has finished with the old connection, and
    /// retakes the lock if it was held. The lost transaction is then either committed or rolled back. Harmless while
    /// the connection is alive.
    async fn reconnect(&mut self) -> Result<(), DatabaseError>;
}

/// A connection with its transaction, and the guards through which statements are run.
///
/// It runs no statement itself. `host()` lends a session for the tool's own statements; `script(stop)` and
/// `component(stop)` lend one for those of a migration; see [`role`](super::role).
#[async_trait]
pub trait Database: Connection {
    /// Sets the role of the session that [`session`](Self::session) returns from now on, and the signal that ends its
    /// statements. Sends nothing: what the server must know is sent with the next statement.
    fn take_role(&mut self, role: Role, stop: StopSignal, token: RoleToken);

    /// Returns the session in its current role.
    fn session(&self, token: RoleToken) -> &(dyn Session + 'static);

    /// Returns the session in its current role, mutably.
    fn session_mut(&mut self, token: RoleToken) -> &mut (dyn Session + 'static);

    /// Changes the schema in the current role. Where a component has a login of its own, the change is made in its transaction, for
    /// the login of the host.
    async fn change_schema(&mut self, change: &SchemaChange, token: RoleToken) -> Result<(), DatabaseError>;

    /// Opens a transaction.
    async fn begin_transaction(&mut self, begin: Begin<'_>) -> Result<Claims, DatabaseError>;

    /// Commits a unit of work, in one message where the server allows it. Where it ends the open transaction, it proves that this is
    /// the one that was begun, and that the migration left the tool's tables alone. A transaction that the server has aborted is
    /// never reported as committed.
    async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed;

    /// Rolls back; does nothing without a transaction. `Ok` says that no part of the transaction that was begun is in the
    /// database, as far as this driver can prove it; [`DatabaseError::is_not_undone`] that something may be. The message to
    /// the user depends on it.
    async fn rollback(&mut self) -> Result<(), DatabaseError>;

    /// Fails unless this is true of the open transaction.
    async fn check(&mut self, what: Check) -> Result<(), DatabaseError>;

    /// Drops what migrations created for this connection only, such as temporary tables, so that a migration finds the
    /// same database in whichever run applies it. Closes cursors and writers.
    async fn drop_temporary(&mut self) -> Result<(), DatabaseError>;

    /// Restricts statements in the role of a component to what these grants allow; `None`: to what every component may do.
    /// Closes cursors and writers. Fails if the database cannot enforce grants. Each connection that works for a component
    /// has to be given its grants, those that read ahead or take part in a transform included.
    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError>;

    /// Sets what statements in the role of a component see as chance and as the current time, where the database supports
    /// it: on SQLite.
    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    /// The logins of components under grants, on servers that have them.
    fn component_logins(&mut self) -> Option<&mut dyn ComponentLogins> {
        None
    }
}

/// Logins of their own for components under grants.
#[async_trait]
pub trait ComponentLogins: Send {
    /// Checks the logins, or brings them in line with what is wanted: all of it or nothing.
    async fn sync(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError>;

    /// Fails, with the reasons, if components with these grants could not run.
    async fn check(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError>;

    /// Opens the session of a component's own login, before the first transaction does: for statements of the component that come
    /// before it.
    async fn open(&mut self) -> Result<(), DatabaseError>;

    /// Opens the transaction of a dry run on the session of the login of a component with these grants. What the login may do is
    /// changed in this transaction only, as far as it has to be. The statements of migrations in SQL run in it with the rights of the
    /// host.
    async fn begin(&mut self, grants: Arc<Grants>) -> Result<(), DatabaseError>;

    /// Gives the login of that session exactly what another component is granted, until the transaction ends, and resets the names
    /// that the component before it has set; without grants, only that, for a migration in SQL. Fails where the server would commit it.
    async fn confine(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError>;
}

/// How the sessions are found that those of a run wait for.
#[derive(Clone, Debug, PartialEq)]
pub struct Blockers {
    /// A question that is to be asked before, as it takes the server less: 1 if the run waits for a session at all.
    pub is_blocked: Option<String>,
    /// The query for number, user, application or host, state, age of the transaction in seconds, statement, and whether the session
    /// only probably holds the lock.
    pub query: String,
    /// Its parameters.
    pub parameters: Vec<Value>,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a> {
    /// Work of the host, or of a migration. It acquires the right to write immediately.
    Work(TransactionOptions),
    /// Part of a transform; otherwise like [`Begin::Work`]. That of a chunk names what it reads and writes, and works on nothing else.
    Part(Part, Option<(&'a TableSource, &'a TableTarget)>),
    /// Reading one table, in its committed state, on a connection that does nothing else. It waits for no other transaction and
    /// cannot commit any change. Fails if the table is locked, or if its name means another table on this connection.
    Reading(&'a TableName, &'a TableIdentity),
}

/// What is to be true of the open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is the very transaction that was begun. Otherwise a migration has ended it
    /// ([`DatabaseError::has_ended_transaction`]), even if another one is open in its place.
    Ours,
    /// A migration has not changed the tool's own tables in it by any means. Otherwise the error's kind is `Denied`.
    ToolTables,
    /// A commit would not fail because the statements broke references between tables. With foreign keys off, each call checks
    /// the changes since the previous call.
    Constraints,
}

/// Whether the transaction of a chunk can also claim the next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// It can claim the next chunk.
    Within,
    /// It can while no other worker claims one: it sees the tables as they were when it began, and a frontier that has moved since is as good
    /// as locked.
    Alone,
    /// Claiming takes a separate transaction.
    Apart,
}
