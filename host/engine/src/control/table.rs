//! Reading the tables through which runs and operators communicate.

use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits, tool_sql};

/// Runs a query and parses its rows. Returns none if the table does not exist.
pub(super) async fn read<T>(
    database: &mut HostSession<'_>,
    template: &str,
    parse_row: fn(&[Value]) -> Option<T>,
) -> Result<Vec<T>> {
    let text = tool_sql(template, database.facts());
    match database.query(&text, &[], QueryLimits::NONE).await {
        Ok(found) => parse(&found.rows, parse_row),
        Err(error) if error.kind == DatabaseErrorKind::Syntax => Ok(Vec::new()),
        Err(error) => Err(unusable(error)),
    }
}

/// Parses rows, all of which must have been written by runner.
pub(super) fn parse<T>(rows: &[Vec<Value>], parse_row: fn(&[Value]) -> Option<T>) -> Result<Vec<T>> {
    rows.iter().map(|row| parse_row(row).ok_or_else(corrupt)).collect()
}

fn corrupt() -> Error {
    Error::mismatch("`runner_control` or `runner_progress` contains rows that runner did not write")
        .hint("delete their rows: they contain only pauses and the progress of active runs")
}

/// Returns the error for a failed statement about the tables.
pub(super) fn unusable(error: DatabaseError) -> Error {
    let is_refused = matches!(error.kind, DatabaseErrorKind::Denied | DatabaseErrorKind::ReadOnly);
    let error = Error::from(error).at("while using", "`runner_control` and `runner_progress`");
    if is_refused {
        return error.hint("this needs the privileges of the user that applies migrations: use that user's URL");
    }
    error
}
