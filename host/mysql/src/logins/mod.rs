//! The sessions of components with logins of their own on MySQL and MariaDB: how they are made, how the host writes in their transactions
//! through the [`gate`], and how the logins themselves are kept in line.

mod catalogue;
mod gate;
mod left;
mod open;
mod schema_change;
pub(super) mod session;
mod sync;
mod wanted;

pub(super) use left::drop_logins;

use std::sync::Arc;

use async_trait::async_trait;

use super::MysqlDatabase;
use runner_database::logins::names::{login_of, scope};
use runner_database::logins::sessions::{Driver, LoginRights};
use runner_database::{Claims, DatabaseError, Grants, Part, Role, SchemaChange, StopSignal, ToolChange};
use runner_sql::Isolation;

impl MysqlDatabase {
    /// The name of a component's login.
    fn login_of(&self, revision: &str) -> String {
        login_of(self.server.facts.dialect, &scope(&self.server.facts, self.endpoint.database()), revision)
    }
}

#[async_trait]
impl Driver for MysqlDatabase {
    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self, DatabaseError> {
        self.log_in_now(grants, rights).await
    }

    async fn confine_gated(&mut self, _grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("the server commits each change of rights"))
    }

    fn set_role(&mut self, role: Role, stop: StopSignal) {
        self.watch.take_role(role, stop);
        self.guard.set_role(role);
    }

    fn deny(&mut self, denied: bool) {
        self.is_denied = denied;
    }

    fn has_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn is_usable(&mut self) -> bool {
        !self.guard.must_renew && !self.watch.has_ended()
    }

    async fn check_begin(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.check_writable()?;
        self.renew_if_due().await
    }

    async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims, DatabaseError> {
        self.begin_gated_now(part, isolation).await
    }

    async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.change_gated_now(changes).await
    }

    fn proof_for_component(&self) -> String {
        self.proof_for(&self.server.id.to_string())
    }

    fn fence_for_component(&self) -> Option<ToolChange> {
        self.lease().map(|lease| lease.fence())
    }

    async fn commit_gated(&mut self, proof: &str) -> Result<(), DatabaseError> {
        self.commit_gated_now(proof).await
    }

    async fn change_schema_for(&mut self, change: &SchemaChange, grants: &Grants) -> Result<(), DatabaseError> {
        self.change_schema_for_now(change, grants).await
    }

    async fn outlast(&mut self, guest: Self) -> Result<(), DatabaseError> {
        let lock = guest.gated.as_ref().map(|gated| gated.lock.clone());
        drop(guest);
        match lock {
            Some(lock) => self.wait_until_free(&lock).await,
            None => Ok(()),
        }
    }
}
