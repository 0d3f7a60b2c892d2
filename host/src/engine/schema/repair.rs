//! The statements of the table `runner_repair`.

/// Adds a repair. Parameters: history row, direction, step, action, statement, rows, why, when, who, run.
pub const INSERT: &str = "INSERT INTO @.runner_repair (history_id, direction, step, action, statement, row_count, why, \
     repaired_at, repaired_by, run_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// All repairs, in order.
pub const ALL: &str = "SELECT history_id, direction, step, action, statement, row_count, why, repaired_at, repaired_by, run_id \
     FROM @.runner_repair ORDER BY id";

/// All statements of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, ALL];
