//! What the host asks of a database: locks, transactions, and the sessions of components with logins of their own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::PostgresDatabase;
use crate::error::Result;
use crate::lock::blockers;
use crate::logins::{confined, open, sync};
use crate::statement;
use runner_data::Value;
use runner_database::logins::sessions::{Driver, LoginRights};
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
    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self> {
        let session = open::log_in(&mut self.session, grants, rights).await?;
        Ok(Self::of(session))
    }

    async fn confine_gated(&mut self, grants: Option<Arc<Grants>>) -> Result<()> {
        confined::confine(&mut self.session, grants).await
    }

    fn set_role(&mut self, role: Role, stop: StopSignal) {
        self.session.set_role(role, stop);
    }

    fn deny(&mut self, denied: bool) {
        self.session.deny(denied);
    }

    fn has_transaction(&self) -> bool {
        self.session.has_transaction()
    }

    fn is_usable(&mut self) -> bool {
        self.session.is_usable()
    }

    async fn check_begin(&mut self) -> Result<()> {
        self.session.check_begin().await
    }

    async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims> {
        self.session.begin(part, isolation).await?;
        Ok(claims_of(part))
    }

    async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<()> {
        self.session.change_gated(changes).await
    }

    fn proof_for_component(&self) -> String {
        self.session.run_lock().proof()
    }

    fn fence_for_component(&self) -> Option<ToolChange> {
        self.session.run_lock().fence_change()
    }

    async fn commit_gated(&mut self, proof: &str) -> Result<()> {
        self.rows.close();
        self.session.commit_gated(proof).await
    }

    async fn outlast(&mut self, guest: Self) -> Result<()> {
        // Its socket is closed first: a server that waits for the client sees that it is gone.
        let left = guest.session.into_left();
        self.session.link_mut().outlast(&left).await
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn facts(&self) -> &Facts {
        self.session.facts()
    }

    fn url(&self) -> &DatabaseUrl {
        self.session.link().endpoint().url()
    }

    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.set_role(role, stop);
    }

    fn fix_inputs(&mut self, _inputs: FixedInputs) {
        // A server has its own clock; `plan`, dry runs and `verify` name the statements that ask for it.
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<()> {
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
    ) -> Result<()> {
        self.session.lock(request, stop, waiting).await
    }

    async fn unlock(&mut self) -> Result<()> {
        self.session.unlock().await
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>> {
        self.session.lock_holder().await
    }

    fn blockers(&self, run_id: &str) -> Option<(String, Vec<Value>)> {
        Some((blockers::QUERY.to_owned(), vec![run_id.into()]))
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<()> {
        match options.for_migration {
            true => self.session.begin_migration(options).await,
            false => self.session.begin(None, options.isolation).await,
        }
    }

    async fn begin_confined(&mut self, _grants: Arc<Grants>) -> Result<()> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn open_for_component(&mut self) -> Result<()> {
        Ok(())
    }

    async fn confine(&mut self, _grants: Option<Arc<Grants>>) -> Result<()> {
        Err(DatabaseError::invalid("grants need a session of their own"))
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims> {
        self.session.begin(Some(part), None).await?;
        Ok(claims_of(Some(part)))
    }

    async fn commit(&mut self) -> Result<()> {
        self.rows.close();
        self.session.commit().await
    }

    async fn change(&mut self, change: &ToolChange) -> Result<()> {
        let (text, values) = change.statement(self.session.facts())?;
        let rows = statement::execute(&mut self.session, &text, &values).await?;
        change.check(rows)
    }

    async fn record(&mut self, changes: &[ToolChange]) -> Result<()> {
        self.session.record(changes).await
    }

    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<()> {
        self.rows.close();
        self.session.finish(changes, end).await
    }

    async fn check_constraints(&mut self) -> Result<()> {
        self.session.check_constraints().await
    }

    async fn rollback(&mut self) -> Result<()> {
        self.rows.close();
        self.session.rollback().await;
        Ok(())
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<()> {
        self.session.begin_reading(table, is).await
    }

    async fn drop_temporary(&mut self) -> Result<()> {
        let reset = self.session.reset().await;
        self.rows.close();
        reset
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.session.reconnect().await
    }

    fn session_number(&self) -> u64 {
        self.session.link().sessions()
    }

    async fn check_tool_tables(&mut self) -> Result<()> {
        self.session.check_tool_tables().await
    }

    async fn in_transaction(&mut self) -> Result<bool> {
        self.session.in_transaction().await
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport> {
        sync::logins(&mut self.session, request).await
    }

    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<()> {
        sync::check_logins(&mut self.session, wanted).await
    }
}
