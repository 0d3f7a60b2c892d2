//! Errors about reading into columns that all drivers share.

use super::{BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest};

/// The way out where a key cannot be read as it is stored.
pub const UNEVEN_KEY: &str = "choose another key, whose values are all stored as one type";

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
    DatabaseError::new(DatabaseErrorKind::Limit, what).hint("raise the limit `cell_bytes`, or leave the column out")
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
    let repeated = page.repeated_key(column);
    if repeated.is_some() && error.kind == DatabaseErrorKind::Conversion {
        // The type of this one is not up to the caller.
        error.hint = Some(UNEVEN_KEY.to_owned());
    }
    error.message = format!("column `{}.{}` holds {}", page.table, repeated.unwrap_or(column), error.message);
    in_row(error, page, cell)
}

/// Returns the error for a row above the limit. `cell` formats a cell of the row, if its columns are known.
#[cold]
pub fn row_too_large(
    limits: BatchLimits,
    page: Option<&PageRequest>,
    cell: impl Fn(&str) -> Option<String>,
) -> DatabaseError {
    let of = page.map(|page| format!(" of `{}`", page.table)).unwrap_or_default();
    let what = format!("a row{of} has more than {} bytes, which is the most that is read at once", limits.row_bytes());
    let error = DatabaseError::new(DatabaseErrorKind::Limit, what).hint(
        "read fewer of its columns, or raise `cell_bytes`: a row may have `cell_bytes` and `batch_bytes` together",
    );
    match page {
        Some(page) => in_row(error, page, cell),
        None => error,
    }
}

/// Adds the key of a row to an error about it.
fn in_row(mut error: DatabaseError, page: &PageRequest, cell: impl Fn(&str) -> Option<String>) -> DatabaseError {
    let key: Vec<String> =
        page.key.iter().filter_map(|name| cell(name).map(|cell| format!("{name} = {cell}"))).collect();
    if !key.is_empty() {
        error.detail = Some(format!("row {}", key.join(", ")));
    }
    error
}
