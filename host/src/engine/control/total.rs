//! How many rows there are, as the server guesses: counting may read the whole table.

use crate::data::Value;
use crate::database::{Database, DatabaseError, Dialect, QueryLimits, TableSource};
use crate::engine::event::Total;

/// Above so many guessed rows nobody counts them: it would take longer than it is worth.
pub const WORTH_COUNTING: u64 = 250_000;

/// The statistics of a table. Parameter: its quoted name. Never analysed, a table has none.
const POSTGRES: &str = "SELECT CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint END FROM pg_catalog.pg_class c \
     WHERE c.oid = pg_catalog.to_regclass($1::text)";

/// The statistics of a table. Parameters: its database, none for the current one; its name.
const MYSQL: &str = "SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables \
     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND table_rows > 0";

/// What the server's statistics say of a whole table. None: they say nothing, or only a part of the table is read.
pub async fn estimate(database: &mut dyn Database, source: &TableSource) -> Result<Option<Total>, DatabaseError> {
    if source.filter.is_some() {
        return Ok(None);
    }
    let dialect = database.facts().dialect;
    // Each server has its statistics in another place.
    let (text, parameters): (_, Vec<Value>) = match dialect {
        // It has none without ANALYZE, and counts quickly.
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => (POSTGRES, vec![source.table.quoted(dialect).into()]),
        Dialect::Mysql | Dialect::Mariadb => {
            (MYSQL, vec![source.table.schema.clone().into(), source.table.name.as_str().into()])
        }
    };
    let found = database.query(text, &parameters, QueryLimits::NONE).await?;
    let rows = found.rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
    let rows = rows.and_then(|rows| u64::try_from(rows).ok());
    Ok(rows.map(|rows| Total { rows, is_estimate: true }))
}

/// Whether the rows are to be counted, once the transform has proved long.
pub fn is_to_be_counted(total: Option<Total>) -> bool {
    match total {
        None => true,
        Some(Total { rows, is_estimate }) => is_estimate && rows <= WORTH_COUNTING,
    }
}
