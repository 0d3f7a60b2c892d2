//! Test-only statements on a bare connection, in a role that lasts until another is set. Only `runner-contract` asks for
//! the feature; a program that is built by itself has no such access.

use async_trait::async_trait;

use super::role::unguarded::{session, take_role};
use super::{
    BatchLimits, Begin, Check, Claims, Committed, CursorId, CursorRequest, Database, DatabaseError, DesiredLogin,
    LockHolder, LoginReport, LoginRequest, PageRequest, Part, QueryLimits, ReadingAhead, Role, StopSignal,
    TableIdentity, TableInfo, TableName, TableSource, TableTarget, ToolChange, TransactionOptions, UnitOfWork,
    WriteHint, WriterId,
};
use runner_data::{Batch, RowSet, Value};

/// The methods of a session, without a guard.
#[async_trait]
pub trait Unguarded {
    /// Sets the role from now on, without a stop signal.
    fn set_role(&mut self, role: Role);

    /// Sets the host's role from now on, with a stop signal.
    fn set_stop_signal(&mut self, stop: StopSignal);

    /// Sets the role from now on, with a stop signal.
    fn assume_role(&mut self, role: Role, stop: &StopSignal);
    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError>;
    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError>;
    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError>;
    async fn commit_or_roll_back(&mut self) -> Result<(), DatabaseError>;
    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError>;
    async fn in_transaction(&mut self) -> Result<bool, DatabaseError>;
    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError>;
    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError>;
    async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError>;
    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError>;
    async fn execute_each(&mut self, statements: &[&str], changed: &mut Vec<u64>)
    -> Result<(), (usize, DatabaseError)>;
    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError>;
    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError>;
    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError>;
    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError>;
    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError>;
    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError>;
    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError>;
    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError>;
    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError>;
    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError>;
    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError>;
}

#[async_trait]
impl Unguarded for dyn Database + '_ {
    fn set_role(&mut self, role: Role) {
        take_role(self, role, &StopSignal::never());
    }

    fn set_stop_signal(&mut self, stop: StopSignal) {
        take_role(self, Role::Host, &stop);
    }

    fn assume_role(&mut self, role: Role, stop: &StopSignal) {
        take_role(self, role, stop);
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.begin_transaction(Begin::Work(options)).await.map(drop)
    }

    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError> {
        self.begin_transaction(Begin::Part(part, None)).await
    }

    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        self.begin_transaction(Begin::Reading(table, is)).await.map(drop)
    }

    async fn commit_or_roll_back(&mut self) -> Result<(), DatabaseError> {
        let committed = self.commit(UnitOfWork::Step(&[])).await;
        if let Committed::No(error) = committed {
            return self.rollback().await.and(Err(error));
        }
        committed.result()
    }

    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError> {
        let (statement, values) = change.statement(self.facts())?;
        change.check(session(self).execute(&statement, &values).await?)
    }

    async fn in_transaction(&mut self) -> Result<bool, DatabaseError> {
        match self.check(Check::Ours).await {
            Err(error) if error.has_ended_transaction() => Ok(false),
            checked => checked.map(|()| true),
        }
    }

    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        Ok(self.probe(&[]).await?.holder)
    }

    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        match self.component_logins() {
            Some(logins) => logins.sync(request).await,
            None => Err(DatabaseError::invalid("there are no logins")),
        }
    }

    async fn check_logins(&mut self, wanted: &[DesiredLogin]) -> Result<(), DatabaseError> {
        match self.component_logins() {
            Some(logins) => logins.check(wanted).await,
            None => Ok(()),
        }
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        session(self).execute(statement, parameters).await
    }

    async fn execute_each(
        &mut self,
        statements: &[&str],
        changed: &mut Vec<u64>,
    ) -> Result<(), (usize, DatabaseError)> {
        session(self).execute_each(statements, changed).await
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        session(self).query(statement, parameters, limits).await
    }

    async fn table(&mut self, name: &TableName) -> Result<TableInfo, DatabaseError> {
        session(self).table(name).await
    }

    async fn reading_ahead(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        session(self).reading_ahead(source, target).await
    }

    async fn hold(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError> {
        session(self).hold(source, target).await
    }

    async fn read_page(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        session(self).read_page(page).await
    }

    async fn open_cursor(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        session(self).open_cursor(request).await
    }

    async fn fetch(&mut self, cursor: CursorId, limits: BatchLimits) -> Result<Option<Batch>, DatabaseError> {
        session(self).fetch(cursor, limits).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) -> Result<(), DatabaseError> {
        session(self).close_cursor(cursor).await
    }

    async fn open_writer(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        session(self).open_writer(target).await
    }

    async fn write(&mut self, writer: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        session(self).write(writer, rows, hint).await
    }

    async fn finish_writer(&mut self, writer: WriterId) -> Result<u64, DatabaseError> {
        session(self).finish_writer(writer).await
    }
}
