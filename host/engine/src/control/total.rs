//! The server's estimate of the number of rows: counting may read the whole table.

use crate::event::Total;
use runner_data::Value;
use runner_database::{DatabaseError, Dialect, QueryLimits, Session, TableSource};

/// If the server estimates more rows than this, they are not counted: counting would take too long for a progress
/// display.
pub const WORTH_COUNTING: u64 = 250_000;

/// The estimate for a table. Parameter: its quoted name. A table that was never analysed has none.
const POSTGRES: &str = "SELECT CASE WHEN c.reltuples OPERATOR(pg_catalog.>) 0 THEN c.reltuples::bigint END \
     FROM pg_catalog.pg_class c \
     WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid";

/// The estimate for a table. Parameters: its database, or NULL for the current one; its name.
const MYSQL: &str = "SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables \
     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND table_rows > 0";

/// Returns the server's estimate for a table. `None` if it has none, or if only part of the table is read.
pub async fn estimate(session: &mut dyn Session, source: &TableSource) -> Result<Option<Total>, DatabaseError> {
    if source.filter.is_some() {
        return Ok(None);
    }
    let dialect = session.facts().dialect;
    // Each server keeps its statistics in a different place.
    let (text, parameters): (_, Vec<Value>) = match dialect {
        // It has no statistics before ANALYZE, and counts quickly.
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => (POSTGRES, vec![source.table.quoted(dialect).into()]),
        Dialect::Mysql | Dialect::Mariadb => {
            (MYSQL, vec![source.table.schema.clone().into(), source.table.name.as_str().into()])
        }
    };
    let found = session.query(text, &parameters, QueryLimits::NONE).await?;
    let rows = found.rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
    let rows = rows.and_then(|rows| u64::try_from(rows).ok());
    Ok(rows.map(|rows| Total { rows, is_estimate: true }))
}

/// Whether the rows should be counted once a transform turns out to take long.
pub fn is_to_be_counted(total: Option<Total>) -> bool {
    match total {
        None => true,
        Some(Total { rows, is_estimate }) => is_estimate && rows <= WORTH_COUNTING,
    }
}
