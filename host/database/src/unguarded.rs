//! Test-only statements on a bare connection, in a role that lasts until another is set. Only `runner-contract` asks for
//! the feature; a program that is built by itself has no such access.

use async_trait::async_trait;

use super::role::unguarded::{session, take_role};
use super::{
    BatchLimits, CursorId, CursorRequest, Database, DatabaseError, PageRequest, Probe, QueryLimits, ReadingAhead, Role,
    StopSignal, TableInfo, TableName, TableSource, TableTarget, WriteHint, WriterId,
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
    fn speak(&mut self, role: Role, stop: &StopSignal);
    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError>;
    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError>;
    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError>;
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

    fn speak(&mut self, role: Role, stop: &StopSignal) {
        take_role(self, role, stop);
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        session(self).execute(statement, parameters).await
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        session(self).query(statement, parameters, limits).await
    }

    async fn probe(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        session(self).probe(questions).await
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
