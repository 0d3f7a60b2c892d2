//! The error of SQL that cannot be split into statements.

use super::Direction;
use runner_base::error::Error;
use runner_sql::SqlError;

/// The error of a text that cannot be split.
pub fn unreadable(direction: Direction, error: SqlError) -> Error {
    let result = Error::usage(error.message).at("line", error.line.to_string()).at("script", direction.to_string());
    error.hint.into_iter().fold(result, Error::hint)
}
