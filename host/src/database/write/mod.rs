//! Writing batches: what every driver checks before it writes, and what it says of a row that cannot be written. A driver adds
//! the statements.

mod layout;
mod row_errors;

pub use layout::Layout;
pub use row_errors::RowErrors;

use super::{DatabaseError, TableName};

/// The error of a writer for a view, where only statements can write to views.
pub fn is_a_view(name: &TableName, how: &str) -> DatabaseError {
    DatabaseError::invalid(format!("`{name}` is a view; batches are written to tables"))
        .hint(format!("write to the tables of the view, or execute statements{how}"))
}

/// The error of a batch whose columns are not those of the writer's first batch.
pub fn other_columns(name: &TableName, first: &[String]) -> DatabaseError {
    DatabaseError::invalid(format!(
        "a batch for `{name}` has other columns than the writer's first one: {}",
        first.join(", ")
    ))
}
