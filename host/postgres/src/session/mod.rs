//! The session in which a run works: its connection with what is known of it, its transaction, and what surrounds each statement.

mod autocommit;
mod begin;
pub(crate) mod code_free;
mod commit;
mod gated;
mod reconnect;
mod reset;
mod scope;

use std::sync::Arc;

use sqlx::PgConnection;

pub(crate) use self::scope::{Commits, Scope, refuses_transaction};
use crate::error::Result;
use crate::gate::Gate;
use crate::guard::Guard;
use crate::link::endpoint::{Connected, Endpoint};
use crate::link::watchdog::Watchdog;
use crate::link::{Link, LostSession};
use crate::lock::{RunLock, Waiting, find_holder};
use crate::settings::Own;
use crate::transaction::Transaction;
use crate::types::Types;
use runner_database::pipe::Meter;
use runner_database::{Facts, LockHolder, LockRequest, Role, StopSignal};

/// The session of the host, or of a component's own login.
pub(crate) struct Session {
    link: Link,
    /// What a script has set for it.
    own: Own,
    lock: RunLock,
    guard: Guard,
    /// The server's types seen so far.
    types: Types,
    /// The transaction that was begun.
    transaction: Option<Transaction>,
    /// The last question whether the tables of a chunk run code, if they do: it is not asked again.
    runs_code: Option<String>,
    /// How the host writes, where it is the session of a component's own login.
    gate: Option<Gate>,
    role: Role,
    /// Statements are refused: they would be those of a component under grants, on the session of the host.
    is_denied: bool,
}

impl Session {
    /// A session on a connection that was just made.
    pub(crate) fn new(connection: PgConnection, endpoint: Arc<Endpoint>, mut found: Connected) -> Self {
        let own = Own::of(&found.facts, endpoint.in_options(), std::mem::take(&mut found.configured));
        Self {
            guard: Guard::new(endpoint.place().clone()),
            link: Link::new(connection, endpoint, found),
            own,
            lock: RunLock::default(),
            types: Types::default(),
            transaction: None,
            runs_code: None,
            gate: None,
            role: Role::Host,
            is_denied: false,
        }
    }

    /// A session of a component's login, whose names are those of the host.
    pub(crate) fn for_component(&self, connection: PgConnection, found: Connected, gate: Gate) -> Self {
        let found = Connected { facts: self.facts().clone(), ..found };
        Self {
            guard: self.guard.for_component(),
            lock: self.lock.for_component(),
            gate: Some(gate),
            ..Self::new(connection, self.link.endpoint().clone(), found)
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.link.facts()
    }

    /// The connection, and what is known of it.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// The connection, for what the host says by itself.
    pub(crate) fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// What keeps runs apart.
    pub(crate) fn run_lock(&self) -> &RunLock {
        &self.lock
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Sets the role of the following statements, and what ends them.
    pub(crate) fn set_role(&mut self, role: Role, stop: StopSignal) {
        self.role = role;
        self.link.stop_by(stop);
    }

    /// Sets the role for what follows; returns the one before.
    pub(crate) fn replace_role(&mut self, role: Role) -> Role {
        std::mem::replace(&mut self.role, role)
    }

    /// Refuses statements of a component from now on, or no longer.
    pub(crate) fn deny(&mut self, denied: bool) {
        self.is_denied = denied;
    }

    pub(crate) fn has_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// The version of the tables on which the open transaction works, if no code of a migration can run in it.
    pub(crate) fn code_free(&self) -> Option<&String> {
        self.transaction.as_ref()?.code_free()
    }

    pub(crate) fn is_usable(&mut self) -> bool {
        self.link.check().is_ok()
    }

    /// How the host writes, where this is the session of a component's own login.
    pub(crate) fn gate(&mut self) -> Option<&mut Gate> {
        self.gate.as_mut()
    }

    /// Whether this is the session of a component's own login.
    pub(crate) fn is_gated(&self) -> bool {
        self.gate.is_some()
    }

    /// Whether a statement of the host is about the tool's own tables.
    pub(crate) fn is_about_tool_tables(&self, statement: &str) -> bool {
        self.guard.place().is_named_in(statement)
    }

    /// Whether a statement of the host is about its own tables, on which the login of this session has no privilege.
    pub(crate) fn goes_through_gate(&self, statement: &str) -> bool {
        self.is_gated() && self.role == Role::Host && self.is_about_tool_tables(statement)
    }

    /// What the work of a statement uses, between [`Self::enter`] and [`Self::leave`].
    pub(crate) fn wire(&mut self) -> (&mut PgConnection, &Meter, &mut Types) {
        let (connection, meter) = self.link.wire();
        (connection, meter, &mut self.types)
    }

    /// See [`Link::watch`].
    pub(crate) fn watch(&self) -> Watchdog {
        self.link.watch()
    }

    /// See [`Link::watch_alone`].
    pub(crate) fn watch_alone(&self, text: &str) -> Watchdog {
        self.link.watch_alone(text, self.lock.application())
    }

    /// How long a statement may take.
    pub(crate) fn limit(&self) -> Option<std::time::Duration> {
        self.own.limit(self.role, self.link.endpoint().settings())
    }

    /// Takes the lock, once it is free.
    pub(crate) async fn lock(&mut self, request: &LockRequest, stop: &StopSignal, waiting: Waiting<'_>) -> Result<()> {
        self.lock.take(&mut self.link, request, stop, waiting).await
    }

    pub(crate) async fn unlock(&mut self) -> Result<()> {
        self.lock.release(&mut self.link, self.transaction.is_none()).await
    }

    pub(crate) async fn lock_holder(&mut self) -> Result<Option<LockHolder>> {
        if self.link.endpoint().lock().is_lease {
            self.check_free()?;
        } else {
            self.link.check()?;
        }
        find_holder(&mut self.link).await
    }

    /// What the session, which is given up, may have left on the server.
    pub(crate) fn into_left(self) -> LostSession {
        self.link.into_left(self.transaction.map(Transaction::into_xid))
    }
}
