//! What a run with components under grants needs of the session of the host, and of those of the components.

use std::sync::Arc;

use async_trait::async_trait;

use crate::MysqlDatabase;
use crate::error::Result;
use crate::lock::user_lock::wait_until_free;
use crate::logins;
use runner_database::logins::sessions::{Driver, LoginRights};
use runner_database::{
    Claims, Committed, Database as _, DatabaseError, DesiredLogin, Grants, LoginReport, LoginRequest, Part, Role,
    RoleToken, SchemaChange, StopSignal, ToolChange,
};
use runner_sql::Isolation;

#[async_trait]
impl Driver for MysqlDatabase {
    /// The name of the lock that it holds as long as it lives.
    type Left = Option<String>;

    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self> {
        let (link, gate) = logins::log_in(&mut self.session, grants, rights).await?;
        Ok(Self::of(link, Some(gate)))
    }

    async fn confine_gated(&mut self, _grants: Option<Arc<Grants>>) -> Result<()> {
        Err(DatabaseError::invalid("the server commits each change of rights"))
    }

    fn set_role(&mut self, role: Role, stop: StopSignal) {
        self.session.link.watch.take_role(role, stop);
    }

    fn deny(&mut self, denied: bool) {
        self.guard.deny(denied);
    }

    fn has_transaction(&self) -> bool {
        self.session.transaction.is_open()
    }

    fn is_usable(&mut self) -> bool {
        !self.session.link.is_over()
    }

    async fn check_begin(&mut self) -> Result<()> {
        self.session.check_begin().await
    }

    async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims> {
        self.session.begin_gated(part, isolation).await
    }

    async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<()> {
        let Some(gate) = &self.gate else { return Err(DatabaseError::invalid("this session has no gate")) };
        gate.change(&mut self.session, changes).await
    }

    fn proof_for_component(&self) -> String {
        self.session.lock.proof_for(&self.session.link.server().id.to_string())
    }

    fn fence_for_component(&self) -> Option<ToolChange> {
        self.session.lock.fence_change()
    }

    async fn commit_gated(&mut self, proof: &str) -> Committed {
        self.close_statements();
        self.session.commit_gated(proof).await.unwrap_or_else(Committed::failed)
    }

    async fn change_schema_for(&mut self, change: &SchemaChange, grants: &Grants, token: RoleToken) -> Result<()> {
        // The denial is for statements that a component words itself.
        let was_denied = self.guard.deny(false);
        let changed = self.change_schema(change, token).await;
        self.guard.deny(was_denied);
        changed?;
        logins::grant_new(&mut self.session, change, grants).await
    }

    async fn sync_logins(&mut self, request: &LoginRequest) -> Result<LoginReport> {
        logins::sync_logins(&mut self.session, request).await
    }

    async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<()> {
        logins::check_logins(&mut self.session, wanted).await
    }

    fn into_left(self) -> Option<String> {
        self.gate.map(|gate| gate.lock().to_owned())
    }

    async fn wait_for_end(&mut self, lock: &Option<String>) -> Result<()> {
        match lock {
            Some(lock) => wait_until_free(&mut self.session.link.work, lock).await,
            None => Ok(()),
        }
    }
}
