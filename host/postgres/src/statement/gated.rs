//! Statements on the session of a component's own login that run as the owner of the gate.

use super::describe::{Shape, one_statement, shape};
use crate::changes::LITERALS;
use crate::denied_statements::check;
use crate::error::Result;
use crate::gate::Call;
use crate::host_sql::{literal, simple, without_place};
use crate::session::{Session, refuses_transaction};
use runner_data::{RowSet, Value};
use runner_database::{DatabaseError, Dialect, QueryLimits};
use runner_sql::{CopiedRows, StatementClass, Tokens, has_statement};

/// Runs a statement of the host about its own tables.
pub(super) async fn execute(session: &mut Session, statement: &str, values: &[Value]) -> Result<u64> {
    let text = LITERALS.fill(statement, values)?;
    session.write_gated(&text).await
}

/// Reads the tool's own tables: the gate opens a cursor as their owner.
pub(super) async fn query(
    session: &mut Session,
    statement: &str,
    values: &[Value],
    limits: QueryLimits,
) -> Result<RowSet> {
    let text = LITERALS.fill(statement, values)?;
    let cursor = session.gate().map(|gate| gate.next_cursor()).unwrap_or_default();
    let scope = session.enter_for().await?;
    let opened = session.call(Call::Read, &[&cursor, &text]).await;
    let (connection, meter, types) = session.wire();
    let read = async {
        opened?;
        let fetch = format!("FETCH ALL FROM {cursor}");
        let found = super::rows((&mut *connection, meter), types, &fetch, &[], limits).await?;
        simple(connection, &format!("CLOSE {cursor}")).await.map(|()| found)
    };
    let read = read.await;
    session.leave(scope, read).await
}

/// Runs a statement of a migration in SQL, with the names that the session has.
pub(super) async fn execute_script(session: &mut Session, statement: &str, values: &[Value]) -> Result<u64> {
    if !values.is_empty() {
        return Err(DatabaseError::invalid("a statement of a migration in SQL has no parameters"));
    }
    if !has_statement(statement, Dialect::Postgres) {
        return Err(DatabaseError::no_statement());
    }
    if check(&Tokens::new(statement, Dialect::Postgres), session.role())? == StatementClass::RefusesTransaction {
        return Err(refuses_transaction());
    }
    if CopiedRows::of(statement).is_some() {
        return Err(DatabaseError::invalid(
            "rows cannot be copied in the session of a component's login, where this dry run is",
        )
        .hint("`--on-copy` runs it on a scratch copy of the database"));
    }
    let text = one_statement(statement)?;
    let scope = session.enter(None).await?;
    let path = session.link_mut().value("SELECT pg_catalog.current_setting('search_path')").await;
    let path = session.leave(scope, path).await?.unwrap_or_default();
    // The functions of the gate look names up nowhere. What the statement itself sets stays. The path is a value and no text of
    // SQL: a component can set it to anything.
    let path = format!("SELECT pg_catalog.set_config('search_path', {}, true)", literal(&path));
    let (watch, limit) = (session.watch(), session.limit());
    let written = watch.run_within(limit, session.write_gated(&format!("{path}; {text}"))).await;
    session.wire().2.clear();
    // The server also counts rows that were only read.
    let rows = written.map_err(without_place)?;
    Ok(if shape(statement) == Shape::Change { rows } else { 0 })
}
