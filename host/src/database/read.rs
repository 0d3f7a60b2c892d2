//! Errors about reading into columns that all drivers share.

use super::{BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest};

/// Returns the error for a statement that cannot be read as batches.
pub fn not_a_query() -> DatabaseError {
    DatabaseError::invalid("only a statement that returns rows and changes nothing can be read as batches")
        .hint("execute the statement, or query it if its result is small")
}

/// Returns the error for a result with two columns of the same name.
pub fn duplicate_column(name: &str) -> DatabaseError {
    DatabaseError::invalid(format!("two columns of the result are called `{name}`"))
        .hint("give one of them another name: `… AS other_name`")
}

/// Returns the error for a cell above the limit, to be completed by [`in_column`].
#[cold]
pub fn cell_too_large(size: usize, limits: BatchLimits) -> DatabaseError {
    let what = format!("{size} bytes, but a cell may have {} at most", limits.cell_bytes);
    DatabaseError::new(DatabaseErrorKind::Limit, what).hint("raise the limit on cells, or leave the column out")
}

/// Completes an error about a cell with its column and, on a page of a table, with its row. `cell` formats the cell of
/// that row in the named column, if the page has one.
#[cold]
pub fn in_column(
    mut error: DatabaseError,
    column: &str,
    page: Option<&PageRequest>,
    cell: impl Fn(&str) -> Option<String>,
) -> DatabaseError {
    let Some(page) = page else {
        error.message = format!("column `{column}` holds {}", error.message);
        return error;
    };
    error.message = format!("column `{}.{column}` holds {}", page.table, error.message);
    let key: Vec<String> =
        page.key.iter().filter_map(|name| cell(name).map(|cell| format!("{name} = {cell}"))).collect();
    if !key.is_empty() {
        error.detail = Some(format!("row {}", key.join(", ")));
    }
    error
}
