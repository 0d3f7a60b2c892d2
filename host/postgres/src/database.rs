//! What the host asks of a database: locks, transactions, and the sessions of components with logins of their own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::PostgresDatabase;
use crate::error::Result;
use crate::link::LostSession;
use crate::lock::blockers;
use crate::logins::{dry_run, open, sync};
use crate::schema;
use crate::statement;
use crate::statement::probe::probe;
use runner_database::logins::sessions::{Driver, LoginRights};
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest};
use runner_database::{
    Begin, Blockers, Check, Claims, Committed, Connection, Database, DatabaseError, Grants, LockRequest, Part, Probe,
    Role, RoleToken, SchemaChange, Session, StopSignal, ToolChange, UnitOfWork,
};
use runner_sql::Isolation;

/// From how many bytes on a value is not written into the text of a commit.
const LARGE: usize = 1 << 20;

/// A chunk's transaction sees the tables as they were when it began. One that is guarded compares runner's tables each time that the host
/// speaks, which takes longer than a claim apart. One that locks rows could always claim the next one, but it is the exception.
fn claims_of(part: Part, is_guarded: bool) -> Claims {
    match part {
        Part::Chunk if !is_guarded => Claims::Alone,
        Part::Chunk | Part::LockedChunk => Claims::Apart,
        Part::Claim => Claims::Within,
    }
}

#[async_trait]
impl Driver for PostgresDatabase {
    type Left = LostSession;

    async fn log_in(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self> {
        let session = open::log_in(&mut self.session, grants, rights).await?;
        Ok(Self::of(session))
    }

    async fn confine_gated(&mut self, grants: Option<Arc<Grants>>) -> Result<()> {
        dry_run::confine(&mut self.session, grants).await
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
        // The gate has no savepoint for a frontier that has moved.
        Ok(Claims::Apart)
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

    async fn commit_gated(&mut self, proof: &str) -> Committed {
        self.rows.close();
        self.session.commit_gated(proof).await.unwrap_or_else(Committed::failed)
    }

    async fn sync_logins(&mut self, request: &LoginRequest) -> Result<LoginReport> {
        sync::logins(&mut self.session, request).await
    }

    async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<()> {
        sync::check_logins(&mut self.session, wanted).await
    }

    fn into_left(self) -> LostSession {
        self.session.into_left()
    }

    async fn wait_for_end(&mut self, left: &LostSession) -> Result<()> {
        self.session.link_mut().wait_for_end(left).await
    }
}

impl PostgresDatabase {
    /// Makes the first changes of a unit that ends the open transaction, if they are large: as parameters. In the text of the commit,
    /// their bytes would take the room of several copies. Returns how many it made.
    async fn make_large(&mut self, unit: UnitOfWork<'_>) -> Result<usize> {
        if !self.session.has_transaction() {
            return Ok(0);
        }
        let is_large = |change: &&ToolChange| change.large().is_some_and(|large| large.bytes.len() > LARGE);
        let large = unit.changes().iter().take_while(is_large);
        let mut made = 0;
        for change in large {
            let (text, values) = change.statement(self.session.facts())?;
            change.check(statement::execute(&mut self.session, &text, &values).await?)?;
            made += 1;
        }
        Ok(made)
    }
}

#[async_trait]
impl Connection for PostgresDatabase {
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

    fn blockers(&self, run_id: &str) -> Option<Blockers> {
        let query = blockers::QUERY.to_owned();
        Some(Blockers { is_blocked: None, query, parameters: vec![run_id.into()] })
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe> {
        probe(&mut self.session, questions).await
    }

    fn session_number(&self) -> u64 {
        self.session.facts().session
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.session.reconnect().await
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn take_role(&mut self, role: Role, stop: StopSignal, _token: RoleToken) {
        self.set_role(role, stop);
    }

    fn session(&self, _token: RoleToken) -> &(dyn Session + 'static) {
        self
    }

    fn session_mut(&mut self, _token: RoleToken) -> &mut (dyn Session + 'static) {
        self
    }

    async fn change_schema(&mut self, change: &SchemaChange, _token: RoleToken) -> Result<()> {
        match self.session.is_gated() {
            true => dry_run::change_schema(&mut self.session, change).await,
            false => schema::change::change(&mut self.session, change).await,
        }
    }

    async fn begin_transaction(&mut self, begin: Begin<'_>) -> Result<Claims> {
        match begin {
            Begin::Work(options) if options.for_migration => self.session.begin_migration(options).await?,
            Begin::Work(options) => {
                self.session.begin(None, options.isolation).await?;
                self.session.set_tried(options.is_tried);
            }
            Begin::Reading(table, is) => self.session.begin_reading(table, is).await?,
            Begin::Part(part, work) => {
                self.session.begin_part(part, work).await?;
                return Ok(claims_of(part, self.session.code_free().is_none()));
            }
        }
        Ok(Claims::Within)
    }

    async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        self.rows.close();
        match self.make_large(unit).await {
            Ok(made) => self.session.commit(unit.without(made)).await,
            Err(error) => Committed::failed(error),
        }
    }

    async fn rollback(&mut self) -> Result<()> {
        self.rows.close();
        self.session.rollback().await;
        Ok(())
    }

    async fn check(&mut self, what: Check) -> Result<()> {
        match what {
            Check::Ours => self.session.check_ours().await,
            Check::ToolTables => self.session.check_tool_tables().await,
            Check::Constraints => self.session.check_constraints().await,
        }
    }

    async fn drop_temporary(&mut self) -> Result<()> {
        let reset = self.session.reset().await;
        self.rows.close();
        reset
    }

    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<()> {
        match grants {
            Some(_) => Err(DatabaseError::invalid("grants need a session of their own")),
            None => Ok(()),
        }
    }
}
