//! The sessions of components with logins of their own: how they are made, how the host writes in their transactions through the
//! [`gate`], and how the logins themselves are kept in line.

mod catalogue;
mod confined;
mod gate;
mod open;
mod password;
pub(super) mod session;
mod sync;
mod wanted;

use std::sync::Arc;

use async_trait::async_trait;

use super::lock::Lock;
use super::reconnect::done_with;
use super::{PostgresDatabase, blockers};
use runner_data::Value;
pub use runner_database::logins::sessions::{Driver, LoginRights};
use runner_database::logins::{LoginReport, LoginRequest, WantedLogin};
use runner_database::{
    Bulk, Claims, Database, DatabaseError, DatabaseUrl, End, Facts, FixedInputs, Grants, LockHolder, LockRequest, Part,
    Role, RoleToken, StopSignal, TableIdentity, TableName, ToolChange, TransactionOptions,
};
use runner_sql::Isolation;

/// A chunk's transaction sees the tables as they were when it began, so it cannot claim the next one. One that locks rows could, but
/// it is the exception.
fn claims_of(part: Option<Part>) -> Claims {
    match part {
        Some(Part::Chunk | Part::LockedChunk) => Claims::Apart,
        Some(Part::Claim) | None => Claims::Within,
    }
}

#[async_trait]
impl Driver for PostgresDatabase {
    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self, DatabaseError> {
        self.log_in_now(grants, rights).await
    }

    async fn confine_gated(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        self.confine_now(grants).await
    }

    fn set_role(&mut self, role: Role, stop: StopSignal) {
        (self.rights, self.stop) = (role, stop);
    }

    fn deny(&mut self, denied: bool) {
        self.is_denied = denied;
    }

    fn has_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn is_usable(&mut self) -> bool {
        self.check_usable().is_ok()
    }

    async fn check_begin(&mut self) -> Result<(), DatabaseError> {
        self.check_begin_now().await
    }

    async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims, DatabaseError> {
        self.begin_gated_now(part, isolation).await?;
        Ok(claims_of(part))
    }

    async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.change_gated_now(changes).await
    }

    fn proof_for_component(&self) -> String {
        self.holds_lock()
    }

    fn fence_for_component(&self) -> Option<ToolChange> {
        match &self.lock {
            Some(Lock::Lease(lease)) => Some(lease.fence()),
            _ => None,
        }
    }

    async fn commit_gated(&mut self, proof: &str) -> Result<(), DatabaseError> {
        self.commit_gated_now(proof).await
    }

    async fn outlast(&mut self, mut guest: Self) -> Result<(), DatabaseError> {
        let left = guest.take_left();
        // Its socket is closed first: a server that waits for the client sees that it is gone.
        drop(guest);
        done_with(&mut self.connection, &left).await
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn url(&self) -> &DatabaseUrl {
        self.endpoint.url()
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.set_role(role, stop);
    }

    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        match grants {
            Some(_) => Err(DatabaseError::invalid("grants need a session of their own")),
            None => Ok(()),
        }
    }

    fn session(&self, _token: RoleToken) -> &(dyn Bulk + 'static) {
        self
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Bulk + 'static) {
        self
    }

    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError> {
        self.lock_now(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.unlock_now().await
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        self.lock_holder_now().await
    }

    fn blockers(&self, run_id: &str) -> Option<(String, Vec<Value>)> {
        Some((blockers::QUERY.to_owned(), vec![run_id.into()]))
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        match options.for_migration {
            true => self.begin_migration(options).await,
            false => self.begin_now(None, options.isolation).await,
        }
    }

    async fn begin_confined(&mut self, _grants: Arc<Grants>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn open_for_component(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    async fn confine(&mut self, _grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.begin_now(Some(part), None).await?;
        Ok(claims_of(Some(part)))
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.commit_now().await
    }

    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        let (statement, values) = change.statement(&self.facts)?;
        let rows = self.execute_now(&statement, &values).await?;
        change.check(rows)
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.record_now(changes).await
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.finish_now(changes, end).await
    }

    async fn check_constraints(&mut self) -> Result<(), DatabaseError> {
        self.check_constraints_now().await
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.rollback_now().await
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        self.begin_reading_now(table, is).await
    }

    async fn drop_temporary(&mut self) -> Result<(), DatabaseError> {
        self.drop_temporary_now().await
    }

    async fn reconnect(&mut self) -> Result<(), DatabaseError> {
        self.reconnect_now().await
    }

    fn session_number(&self) -> u64 {
        self.sessions
    }

    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError> {
        self.check_tool_tables_now().await
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        self.in_transaction_now().await
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        self.logins_now(request).await
    }

    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        self.check_logins_now(wanted).await
    }
}
