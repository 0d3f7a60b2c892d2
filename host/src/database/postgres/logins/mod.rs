//! Two logins in one run: that of the host, and that of a component under grants, which has a session of its own.
//!
//! The host's session has the lock, and writes whatever belongs to no transaction of the component. A transaction that is begun
//! while grants are set belongs to the component's session; the host writes its own tables in it through the [`gate`].
//! Statements in the role of a component never reach the session of the host.

mod catalogue;
mod gate;
mod open;
mod password;
pub(super) mod session;
mod sync;
mod wanted;

use std::sync::Arc;

use async_trait::async_trait;

use super::PostgresDatabase;
use super::reconnect::done_with;
use crate::database::logins::{LoginReport, LoginRequest, WantedLogin};
use crate::database::{
    Bulk, Claims, Database, DatabaseError, DatabaseUrl, End, Facts, FixedInputs, Grants, LockHolder, LockRequest, Part,
    Role, RoleToken, StopSignal, TableIdentity, TableName, ToolChange, TransactionOptions,
};

/// A PostgreSQL database, with a second session while a component under grants runs.
pub(super) struct PostgresLogins {
    host: PostgresDatabase,
    /// What the component is granted; `None` while none under grants runs.
    grants: Option<Arc<Grants>>,
    /// The session of its login, as soon as it is needed.
    guest: Option<PostgresDatabase>,
    role: Role,
}

impl PostgresLogins {
    pub(super) fn new(host: PostgresDatabase) -> Self {
        Self { host, grants: None, guest: None, role: Role::Host }
    }

    /// The component's session, if the transaction of the run is open there.
    fn at_work(&mut self) -> Option<&mut PostgresDatabase> {
        self.guest.as_mut().filter(|guest| guest.transaction.is_some())
    }

    /// The session of the current role.
    fn current(&self) -> &PostgresDatabase {
        match &self.guest {
            Some(guest) if self.is_for_guest(guest) => guest,
            _ => &self.host,
        }
    }

    fn is_for_guest(&self, guest: &PostgresDatabase) -> bool {
        match self.role {
            Role::Component => true,
            Role::Host | Role::SqlScript => guest.transaction.is_some(),
        }
    }

    /// The component's session, which is made if there is none.
    async fn guest(&mut self, grants: &Grants) -> Result<&mut PostgresDatabase, DatabaseError> {
        if self.guest.as_mut().is_some_and(|guest| guest.check_usable().is_err()) {
            self.guest = None;
        }
        if self.guest.is_none() {
            let mut guest = self.host.log_in(grants).await?;
            guest.rights = self.role;
            guest.stop = self.host.stop.clone();
            self.guest = Some(guest);
            self.host.is_denied = false;
        }
        self.guest.as_mut().ok_or_else(|| DatabaseError::invalid("there is no session of the component"))
    }

    async fn begin_guest(
        &mut self,
        part: Option<Part>,
        isolation: Option<crate::sql::Isolation>,
    ) -> Result<bool, DatabaseError> {
        let Some(grants) = self.grants.clone() else { return Ok(false) };
        self.host.leave_ahead().await;
        self.host.check_begin().await?;
        if part != Some(Part::Claim) {
            self.guest(&grants).await?.begin_gated(part, isolation).await?;
            return Ok(true);
        }
        // A claim is the host's; the component may be asked for keys meanwhile.
        self.guest(&grants).await.map(|_| false)
    }
}

#[async_trait]
impl Database for PostgresLogins {
    fn facts(&self) -> &Facts {
        &self.host.facts
    }

    fn url(&self) -> &DatabaseUrl {
        self.host.endpoint.url()
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.role = role;
        self.host.is_denied = role == Role::Component && self.grants.is_some() && self.guest.is_none();
        for database in std::iter::once(&mut self.host).chain(&mut self.guest) {
            database.rights = role;
            database.stop = stop.clone();
        }
    }

    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        if grants.is_some() && self.host.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        if self.grants != grants {
            self.guest = None;
            self.grants = grants;
        }
        Ok(())
    }

    fn session(&self, _token: RoleToken) -> &(dyn Bulk + 'static) {
        self.current()
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Bulk + 'static) {
        let is_for_guest = self.guest.as_ref().is_some_and(|guest| self.is_for_guest(guest));
        match &mut self.guest {
            Some(guest) if is_for_guest => guest,
            _ => &mut self.host,
        }
    }

    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError> {
        self.host.lock_now(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.guest = None;
        self.host.unlock_now().await
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        self.host.lock_holder_now().await
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        if self.begin_guest(None, options.isolation).await? {
            return Ok(());
        }
        match options.for_migration {
            true => self.host.begin_migration(options).await,
            false => self.host.begin_now(None, options.isolation).await,
        }
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        if !self.begin_guest(Some(part), None).await? {
            self.host.begin_now(Some(part), None).await?;
        }
        Ok(if part == Part::Chunk { Claims::Apart } else { Claims::Within })
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        let proof = self.host.holds_lock();
        match self.at_work() {
            Some(guest) => guest.commit_gated(&proof).await,
            None => self.host.commit_now().await,
        }
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        if self.at_work().is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.host.record_now(changes).await
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        let proof = self.host.holds_lock();
        let Some(guest) = self.at_work() else { return self.host.finish_now(changes, end).await };
        guest.change_gated(changes).await?;
        guest.commit_gated(&proof).await
    }

    async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        match self.at_work() {
            Some(guest) => guest.check_constraints_now().await,
            None => self.host.check_constraints_now().await,
        }
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        if let Some(guest) = &mut self.guest {
            guest.rollback_now().await?;
        }
        self.host.rollback_now().await
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        match self.grants.clone() {
            Some(grants) => self.guest(&grants).await?.begin_reading_now(table, is).await,
            None => self.host.begin_reading_now(table, is).await,
        }
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        match self.at_work() {
            Some(guest) => guest.drop_temporary_now().await,
            None => self.host.drop_temporary_now().await,
        }
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.host.reconnect_now().await?;
        let Some(mut guest) = self.guest.take() else { return Ok(()) };
        if guest.check_usable().is_ok() && guest.transaction.is_none() {
            self.guest = Some(guest);
            return Ok(());
        }
        let left = guest.take_left();
        // Its socket is closed first: a server that waits for the client sees that it is gone.
        drop(guest);
        done_with(&mut self.host.connection, &left).await
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        match self.at_work() {
            Some(guest) => guest.check_tool_tables_now().await,
            None => self.host.check_tool_tables_now().await,
        }
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        match self.at_work() {
            Some(guest) => guest.in_transaction_now().await,
            None => self.host.in_transaction_now().await,
        }
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.host.logins_now(request).await
    }

    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        self.host.check_logins_now(wanted).await
    }
}
