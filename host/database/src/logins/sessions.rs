//! Two logins in one run: that of the host, and that of a component under grants, which has a session of its own.
//!
//! The host's session has the lock, and writes whatever belongs to no transaction of the component. A transaction that is begun
//! while grants are set belongs to the component's session; the host writes its own tables in it through a gate, which the driver
//! has. Statements in the role of a component never reach the session of the host.

use std::sync::Arc;

use async_trait::async_trait;

use super::{DesiredLogin, LoginReport, LoginRequest};
use crate::lease::lost;
use crate::{
    Begin, Blockers, Check, Claims, Committed, ComponentLogins, Connection, Database, DatabaseError, Grants,
    LockRequest, Part, Probe, Role, RoleToken, SchemaChange, Session, StopSignal, ToolChange, UnitOfWork,
};
use runner_sql::Isolation;

/// What happens to the rights of a login when its session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRights {
    /// They are brought in line with the grants, and that is committed.
    Align,
    /// They stay as they are: nothing that a dry run does may remain.
    Keep,
}

/// A driver's connection, which is the host's in a run, or that of a component's own login.
#[async_trait]
pub trait Driver: Database + Session + Sized + 'static {
    /// What the server may still have of a session that is given up.
    type Left: Send + Sync;

    /// Opens a session of the login of a component with these grants.
    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self, DatabaseError>;

    /// Gives the login of this session what a component with these grants may do, and no more, in the open transaction. Fails where the
    /// server would commit that.
    async fn confine_gated(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError>;

    /// Sets the role of the following statements, and what ends them.
    fn set_role(&mut self, role: Role, stop: StopSignal);

    /// Refuses statements of a component from now on, or no longer: they would be those of one under grants, on the session of the
    /// host.
    fn deny(&mut self, denied: bool);

    /// Whether a transaction is open.
    fn has_transaction(&self) -> bool;

    /// Whether the session can still be used.
    fn is_usable(&mut self) -> bool;

    /// Fails unless a transaction can be begun.
    async fn check_begin(&mut self) -> Result<(), DatabaseError>;

    /// Begins a transaction of the component, and opens the gate in it. Returns whether that of a chunk can claim the next one.
    async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims, DatabaseError>;

    /// Makes changes to the tool's tables in the component's transaction.
    async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError>;

    /// The statements that fail, on any session, unless the run still holds its lock.
    fn proof_for_component(&self) -> String;

    /// The change that has to precede the commit of a component's transaction, if the lock of the run needs one.
    fn fence_for_component(&self) -> Option<ToolChange>;

    /// Proves that the component's transaction is the one that was begun, and commits it.
    async fn commit_gated(&mut self, proof: &str) -> Committed;

    /// See [`ComponentLogins::sync`].
    async fn sync_logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError>;

    /// See [`ComponentLogins::check`].
    async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError>;

    /// Changes the schema for a component with these grants, on the host's session and in no transaction, and gives its login what
    /// the grants list for the new table or columns. The caller has checked that they allow the change. For servers where such a
    /// change commits.
    async fn change_schema_for(
        &mut self,
        _change: &SchemaChange,
        _grants: &Grants,
        _token: RoleToken,
    ) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("a change of the schema belongs to the transaction of the component"))
    }

    /// Gives up the session of a component, and closes its socket: a server that waits for the client sees that it is gone.
    fn into_left(self) -> Self::Left;

    /// Waits until the server has finished with such a session.
    async fn wait_for_end(&mut self, left: &Self::Left) -> Result<(), DatabaseError>;
}

/// A database with a second session while a component under grants runs.
pub struct Logins<D: Driver> {
    host: D,
    /// What the component is granted; `None` while none under grants runs.
    grants: Option<Arc<Grants>>,
    /// The session of its login, as soon as it is needed.
    guest: Option<D>,
    /// What is left of lost ones, until the server has finished with them.
    left: Vec<D::Left>,
    role: Role,
    stop: StopSignal,
}

impl<D: Driver> Logins<D> {
    /// A database whose components get sessions of their own.
    pub fn new(host: D) -> Self {
        Self { host, grants: None, guest: None, left: Vec::new(), role: Role::Host, stop: StopSignal::never() }
    }

    /// The component's session, if the transaction of the run is open there.
    fn at_work(&mut self) -> Option<&mut D> {
        self.guest.as_mut().filter(|guest| guest.has_transaction())
    }

    /// The session of the run's transaction: that of the component, or of the host.
    fn working(&mut self) -> &mut D {
        match &mut self.guest {
            Some(guest) if guest.has_transaction() => guest,
            _ => &mut self.host,
        }
    }

    fn is_for_guest(&self, guest: &D) -> bool {
        match self.role {
            Role::Component => true,
            Role::Host | Role::SqlScript => guest.has_transaction(),
        }
    }

    /// The component's session, which is made if there is none.
    async fn guest(&mut self, grants: &Grants) -> Result<&mut D, DatabaseError> {
        if self.guest.as_mut().is_some_and(|guest| !guest.is_usable()) {
            self.guest = None;
        }
        if self.guest.is_none() {
            let mut guest = self.host.log_in(grants, LoginRights::Align).await?;
            guest.set_role(self.role, self.stop.clone());
            self.guest = Some(guest);
            self.host.deny(false);
        }
        self.guest.as_mut().ok_or_else(|| DatabaseError::invalid("there is no session of the component"))
    }

    /// Makes changes to the tool's tables in the component's transaction, and commits it.
    async fn commit_guest(&mut self, unit: UnitOfWork<'_>) -> Result<Committed, DatabaseError> {
        let (proof, fence) = (self.host.proof_for_component(), self.host.fence_for_component());
        let Some(guest) = self.at_work() else { return Err(DatabaseError::no_transaction("commit")) };
        let changes = unit.changes();
        if unit.ends_migration() {
            // Before anything is written in it.
            guest.check(Check::Ours).await?;
            guest.check(Check::ToolTables).await?;
        }
        if !changes.is_empty() {
            guest.change_gated(changes).await?;
        }
        if let Some(fence) = fence {
            let fenced = guest.change_gated(&[fence]).await;
            fenced.map_err(|error| if error.is_unexpected_rows() { lost() } else { error })?;
        }
        Ok(guest.commit_gated(&proof).await)
    }
}

#[async_trait]
impl<D: Driver> Connection for Logins<D> {
    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError> {
        self.host.lock(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.guest = None;
        self.host.unlock().await
    }

    fn blockers(&self, run_id: &str) -> Option<Blockers> {
        self.host.blockers(run_id)
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.host.probe(questions).await
    }

    fn session_number(&self) -> u64 {
        self.host.session_number()
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.host.reconnect().await?;
        if self.guest.as_mut().is_some_and(|guest| !guest.is_usable() || guest.has_transaction()) {
            self.left.extend(self.guest.take().map(D::into_left));
        }
        // Also after this has failed once: until then the server may still commit what the session began.
        while let Some(left) = self.left.last() {
            self.host.wait_for_end(left).await?;
            self.left.pop();
        }
        Ok(())
    }
}

#[async_trait]
impl<D: Driver> Database for Logins<D> {
    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.role = role;
        self.stop = stop;
        self.host.deny(role == Role::Component && self.grants.is_some() && self.guest.is_none());
        for database in std::iter::once(&mut self.host).chain(&mut self.guest) {
            database.set_role(role, self.stop.clone());
        }
    }

    fn session(&self, _token: RoleToken) -> &(dyn Session + 'static) {
        match &self.guest {
            Some(guest) if self.is_for_guest(guest) => guest,
            _ => &self.host,
        }
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Session + 'static) {
        let is_for_guest = self.guest.as_ref().is_some_and(|guest| self.is_for_guest(guest));
        match &mut self.guest {
            Some(guest) if is_for_guest => guest,
            _ => &mut self.host,
        }
    }

    async fn change_schema(&mut self, change: &SchemaChange, token: RoleToken) -> Result<(), DatabaseError> {
        let commits = !self.host.facts().transactional_ddl;
        let is_apart = self.role == Role::Component && commits && self.at_work().is_none();
        if let Some(grants) = self.grants.clone().filter(|_| is_apart) {
            return self.host.change_schema_for(change, &grants, token).await;
        }
        let is_for_guest = self.guest.as_ref().is_some_and(|guest| self.is_for_guest(guest));
        match &mut self.guest {
            Some(guest) if is_for_guest => guest.change_schema(change, token).await,
            _ => self.host.change_schema(change, token).await,
        }
    }

    async fn begin_transaction(&mut self, begin: Begin<'_>) -> Result<Claims, DatabaseError> {
        let (part, isolation) = match begin {
            Begin::Work(options) => (None, options.isolation),
            // A claim by itself is the host's; the component may be asked for keys meanwhile.
            Begin::Part(part, _) => (Some(part), None),
            Begin::Reading(..) => match self.grants.clone() {
                Some(grants) => return self.guest(&grants).await?.begin_transaction(begin).await,
                None => return self.host.begin_transaction(begin).await,
            },
        };
        let Some(grants) = self.grants.clone() else { return self.host.begin_transaction(begin).await };
        self.host.check_begin().await?;
        let guest = self.guest(&grants).await?;
        match part {
            Some(Part::Claim) => self.host.begin_transaction(begin).await,
            part => guest.begin_gated(part, isolation).await,
        }
    }

    async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        match (self.at_work().is_some(), unit) {
            (false, unit) => self.host.commit(unit).await,
            (true, UnitOfWork::Apart(_)) => Committed::No(DatabaseError::in_transaction()),
            (true, unit) => self.commit_guest(unit).await.unwrap_or_else(Committed::failed),
        }
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        if let Some(guest) = &mut self.guest {
            guest.rollback().await?;
        }
        self.host.rollback().await
    }

    async fn check(&mut self, what: Check) -> Result<(), DatabaseError> {
        self.working().check(what).await
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.working().drop_temporary().await
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        if grants.is_none() && self.grants.is_none() {
            return Ok(());
        }
        if !self.host.facts().separate_logins {
            // Where logins are left out, the engine alone holds the component to its grants.
            return Ok(());
        }
        if grants.is_some() && self.host.has_transaction() {
            return Err(DatabaseError::in_transaction());
        }
        if self.grants != grants {
            self.guest = None;
            self.grants = grants;
        }
        Ok(())
    }

    fn component_logins(&mut self) -> Option<&mut dyn ComponentLogins> {
        Some(self)
    }
}

#[async_trait]
impl<D: Driver> ComponentLogins for Logins<D> {
    async fn sync(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.host.sync_logins(request).await
    }

    async fn check(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError> {
        if wanted.is_empty() || !self.host.facts().separate_logins {
            return Ok(());
        }
        self.host.check_logins(wanted).await
    }

    async fn open(&mut self) -> Result<(), DatabaseError> {
        match self.grants.clone() {
            Some(grants) => self.guest(&grants).await.map(drop),
            None => Ok(()),
        }
    }

    async fn begin(&mut self, grants: Arc<Grants>) -> Result<(), DatabaseError> {
        if !self.host.facts().separate_logins {
            return Err(DatabaseError::invalid("components have no logins here"));
        }
        self.host.check_begin().await?;
        self.guest = None;
        self.grants = Some(grants.clone());
        let mut guest = self.host.log_in(&grants, LoginRights::Keep).await?;
        guest.set_role(self.role, self.stop.clone());
        guest.begin_gated(None, None).await?;
        self.guest = Some(guest);
        self.host.deny(false);
        Ok(())
    }

    async fn confine(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        let Some(guest) = self.at_work() else { return Err(DatabaseError::no_transaction("continue")) };
        guest.confine_gated(grants.clone()).await?;
        self.grants = grants.or(self.grants.take());
        Ok(())
    }
}
