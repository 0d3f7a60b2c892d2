//! What all drivers share for writing batches: the checks before a write, and the errors for rows that cannot be
//! written. A driver adds the statements.

mod layout;
mod row_errors;

pub use layout::Layout;
pub use row_errors::RowErrors;

use super::{DatabaseError, TableName};

/// Returns the error for a writer on a view, where only statements can write to views.
pub fn is_a_view(name: &TableName, how: &str) -> DatabaseError {
    DatabaseError::invalid(format!("`{name}` is a view; batches are written to tables"))
        .hint(format!("write to the tables of the view, or execute statements{how}"))
}

/// Returns the error for a batch whose columns differ from those of the writer's first batch.
pub fn other_columns(name: &TableName, first: &[String]) -> DatabaseError {
    DatabaseError::invalid(format!(
        "a batch for `{name}` has other columns than the writer's first one: {}",
        first.join(", ")
    ))
}
