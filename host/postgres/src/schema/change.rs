//! Changes of the schema, in a session whose login may make them.

use crate::error::Result;
use crate::host_sql::{in_server, literal, simple, without_place};
use crate::session::Session;
use crate::statement::query;
use runner_database::{DatabaseError, Dialect, QueryLimits, SchemaChange, TableName};

/// Makes a change.
pub(crate) async fn change(session: &mut Session, change: &SchemaChange) -> Result<()> {
    let statement = change.statement(Dialect::Postgres)?;
    check_index(session, change).await?;
    let scope = session.enter(Some(&statement)).await?;
    let (watch, limit) = (session.watch(), session.limit());
    let done = watch.run_within(limit, simple(session.wire().0, &in_server(&statement))).await;
    let settled = session.settle(&scope, &statement).await;
    session.leave(scope, done.map_err(without_place).and(settled)).await
}

/// Fails if an index that is to be dropped does not belong to its table: the server drops one by its name alone.
pub(crate) async fn check_index(session: &mut Session, change: &SchemaChange) -> Result<()> {
    let SchemaChange::DropIndex { table, index } = change else { return Ok(()) };
    let name = TableName { schema: table.schema.clone(), name: index.clone() };
    let class = |name: &TableName| {
        format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(&name.quoted(Dialect::Postgres)))
    };
    let ask = format!(
        "SELECT 1 FROM pg_catalog.pg_index i WHERE i.indexrelid OPERATOR(pg_catalog.=) {} \
             AND i.indrelid OPERATOR(pg_catalog.=) {}",
        class(&name),
        class(table)
    );
    let found = query(session, &ask, &[], QueryLimits::NONE).await?;
    if found.rows.is_empty() { Err(DatabaseError::no_index(table, index)) } else { Ok(()) }
}
