//! About how many bytes SQLite takes for what goes in and out of a call.

use runner_data::{Batch, Value};

/// The bytes of the texts and blobs among values.
pub(crate) fn bytes_of(values: &[Value]) -> usize {
    let bytes = values.iter().map(|value| match value {
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) | Value::Native { text, .. } => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    });
    bytes.sum()
}

/// What the text of a statement and its program take, roughly.
pub(crate) fn size_of_program(statement: &str) -> usize {
    statement.len().saturating_mul(8)
}

/// The bytes of a batch's cells.
pub(crate) fn size_of_batch(rows: &Batch) -> usize {
    let bytes = rows.columns.iter().map(|column| match column.values.var_values() {
        Some(values) => values.data.len(),
        None => rows.row_count.saturating_mul(size_of::<i64>()),
    });
    bytes.sum()
}
