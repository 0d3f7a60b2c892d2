//! Opens writers, and writes batches.

use std::sync::Arc;

use sqlx::PgConnection;

use super::write_job::Job;
use super::write_sql::PLANNER;
use super::writer::Writer;
use super::{KeptWriter, Rows};
use crate::denied_statements::check_table;
use crate::error::Result;
use crate::host_sql::{literal, quoted, rows as ask, text_of};
use crate::schema::{Table, table};
use crate::session::Session;
use crate::types::{ServerType, Types};
use runner_data::Batch;
use runner_database::{Dialect, TableName, TableTarget, WriteHint, WriteMode, WriterId};

/// The savepoint before a batch, if the statement has none.
const SAVEPOINT: &str = "runner_batch";

impl Rows {
    pub(crate) async fn open_writer(&mut self, session: &mut Session, target: &TableTarget) -> Result<WriterId> {
        check_table(&target.table, session.role())?;
        let version = session.code_free().cloned();
        self.of(session);
        if let Some(known) = &self.kept
            && (Some(&known.version), &known.target) == (version.as_ref(), target)
        {
            return Ok(self.opened.add_writer(known.writer.clone()));
        }
        let table = table(session, &target.table).await?;
        let key = table.info.write_key(target)?;
        let qualified = TableName { schema: Some(table.schema.clone()), name: target.table.name.clone() };
        let into = qualified.quoted(Dialect::Postgres);
        let scope = session.enter(None).await?;
        let watch = session.watch();
        let (connection, _, types) = session.wire();
        let asked = watch.run(ask_for(connection, types, &table, &into)).await;
        let settled = session.settle(&scope, "SELECT").await;
        let asked = session.leave(scope, asked.and_then(|answer| settled.map(|()| answer))).await?;
        let (copies, types, planner) = asked;
        let is_primary = !key.is_empty() && table.info.identifies(&key);
        let mode = target.mode;
        let writer = Writer { table, into, mode, key, is_primary, copies, types, planner, sql: None, rows_written: 0 };
        self.kept = version.map(|version| KeptWriter { target: target.clone(), version, writer: writer.clone() });
        Ok(self.opened.add_writer(writer))
    }

    pub(crate) async fn write(
        &mut self,
        session: &mut Session,
        id: WriterId,
        rows: &Batch,
        hint: WriteHint,
    ) -> Result<u64> {
        // A writer that fails is closed.
        let mut writer = self.of(session).take_writer(id)?;
        if rows.row_count > 0 {
            let sql = writer.sql_for(rows)?;
            let way = writer.way(&sql, rows, hint);
            let copies = writer.mode == WriteMode::Insert && writer.copies && sql.is_binary();
            let planner = if copies { &[] } else { way.settings() };
            let savepoint = session.savepoint();
            let scope = session.enter_with(None, &begin_batch(savepoint, planner)).await?;
            let watch = session.watch();
            let job = Job { writer: &writer, sql: &sql, rows, way, copies, savepoint: savepoint.unwrap_or(SAVEPOINT) };
            let result = watch.run(job.run(session.wire().0)).await;
            if result.is_ok() {
                let end = end_batch(savepoint, planner, &writer.planner);
                session.later(&scope, &end);
            }
            let settled = session.settle(&scope, "INSERT").await;
            let written = session.leave(scope, result.and_then(|rows| settled.map(|()| rows))).await?;
            writer.rows_written += written;
            writer.sql = Some(sql);
            self.opened.put_writer(id, writer);
            return Ok(written);
        }
        self.opened.put_writer(id, writer);
        Ok(0)
    }
}

/// Returns the statements that set the planner settings, and the savepoint for the search for a failing row unless
/// there is one already.
fn begin_batch(given: Option<&str>, planner: &[(&str, &str)]) -> String {
    let mut text = if given.is_none() { format!("SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    text.extend(planner.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")));
    text
}

/// Returns the statements that undo the settings after a batch that succeeded. A failed batch was rolled back along
/// with its settings.
fn end_batch(given: Option<&str>, planner: &[(&str, &str)], was: &[String]) -> String {
    let mut text = if given.is_none() { format!("RELEASE SAVEPOINT {SAVEPOINT}; ") } else { String::new() };
    for (name, _) in planner {
        let at = PLANNER.iter().position(|known| known == name);
        if let Some(was) = at.and_then(|at| was.get(at)) {
            text.push_str(&format!("SET LOCAL {name} = {}; ", quoted(was)));
        }
    }
    text
}

/// Asks about a table that is opened for writing: whether `COPY` does with it what `INSERT` does, the types of its columns, and the values of
/// the [`PLANNER`] settings.
async fn ask_for(
    connection: &mut PgConnection,
    types: &mut Types,
    table: &Table,
    into: &str,
) -> Result<(bool, Vec<Arc<ServerType>>, Vec<String>)> {
    types.guard(connection).await?;
    let numbers: Vec<u32> = table.types.iter().map(|declared| declared.base).collect();
    let types = types.of(connection, &numbers).await?;
    let settings: String = PLANNER.iter().map(|name| format!(", pg_catalog.current_setting('{name}')")).collect();
    let name = literal(into);
    // COPY refuses a table with policies, and inserts past its rules.
    let needs_insert = match table.info.is_view {
        true => "true".to_owned(),
        false => format!(
            "pg_catalog.row_security_active({name}::pg_catalog.regclass) OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w \
             WHERE w.ev_class OPERATOR(pg_catalog.=) {name}::pg_catalog.regclass::pg_catalog.oid \
                 AND w.ev_type OPERATOR(pg_catalog.=) '3')"
        ),
    };
    let found = ask(connection, &format!("SELECT {needs_insert}{settings}")).await?;
    let text = |column: usize| found.first().and_then(|row| text_of(row, column));
    let planner = (1..=PLANNER.len()).map(|column| text(column).unwrap_or_default()).collect();
    Ok((text(0).as_deref() == Some("f"), types, planner))
}
