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

/// How wide a row is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowWidth {
    /// Its largest cell.
    largest: usize,
    /// All its cells.
    all: usize,
}

impl RowWidth {
    /// The width of a row with cells of these sizes.
    pub fn of(cells: impl Iterator<Item = usize>) -> Self {
        cells.fold(Self::default(), |it, cell| Self { largest: it.largest.max(cell), all: it.all.saturating_add(cell) })
    }

    /// What to set for such a row: all limits that it exceeds.
    fn raised(self, limits: BatchLimits) -> String {
        let cell_bytes = self.largest.max(self.all.saturating_sub(limits.bytes));
        let call = match self.all > limits.call_bytes {
            true => format!(", and `host_call_bytes` above {} if the row is written back", self.all),
            false => String::new(),
        };
        format!("raise the limit `cell_bytes` to {cell_bytes} or more{call}")
    }
}

/// Returns the error for a cell above the limit, to be completed by [`in_column`].
#[cold]
pub fn cell_too_large(size: usize, row: RowWidth, limits: BatchLimits) -> DatabaseError {
    let what = format!("{size} bytes, but a cell may have {} at most", limits.cell_bytes);
    let hint = format!("{}, or leave the column out", row.raised(limits));
    DatabaseError::new(DatabaseErrorKind::Limit, what).hint(hint)
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
    row: RowWidth,
    limits: BatchLimits,
    page: Option<&PageRequest>,
    cell: impl Fn(&str) -> Option<String>,
) -> DatabaseError {
    let of = page.map(|page| format!(" of `{}`", page.table)).unwrap_or_default();
    let (all, most) = (row.all, limits.row_bytes());
    let what = format!("a row{of} has {all} bytes, but `cell_bytes` and `batch_bytes` together let it have {most}");
    let hint = format!("{}, or read fewer of its columns", row.raised(limits));
    let error = DatabaseError::new(DatabaseErrorKind::Limit, what).hint(hint);
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
