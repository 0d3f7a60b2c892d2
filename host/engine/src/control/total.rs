//! The server's estimate of the number of rows: counting may read the whole table.

use crate::event::Total;
use runner_data::Value;
use runner_database::{DatabaseError, QueryLimits, Session, TableSource};

/// If the server estimates more rows than this, they are not counted: counting would take too long for a progress
/// display.
pub const WORTH_COUNTING: u64 = 250_000;

/// Returns the server's estimate for a table. `None` if it has none, or if only part of the table is read.
pub async fn estimate(session: &mut dyn Session, source: &TableSource) -> Result<Option<Total>, DatabaseError> {
    if source.filter.is_some() {
        return Ok(None);
    }
    let Some((text, parameters)) = (session.facts().sql.catalog.row_estimate)(&source.table) else { return Ok(None) };
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
