//! Reading into columns: the errors that all drivers share.

use super::{BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest};

/// The error of a statement that cannot be read as batches.
pub fn not_a_query() -> DatabaseError {
    DatabaseError::invalid("only a statement that returns rows and changes nothing can be read as batches")
        .hint("execute the statement, or query it if its result is small")
}

/// The error of a result with two columns of one name.
pub fn duplicate_column(name: &str) -> DatabaseError {
    DatabaseError::invalid(format!("two columns of the result are called `{name}`"))
        .hint("give one of them another name: `… AS other_name`")
}

/// The error of a cell beyond the limit, to be completed by [`in_column`].
#[cold]
pub fn cell_too_large(size: usize, limits: BatchLimits) -> DatabaseError {
    let what = format!("{size} bytes, but a cell may have {} at most", limits.cell_bytes);
    DatabaseError::new(DatabaseErrorKind::Limit, what).hint("raise the limit on cells, or leave the column out")
}

/// Completes an error whose message says what a cell holds: with its column and, on a page of a table, with its row.
/// `cell` shows the cell of that row in a column of the given name, where the page has one.
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
