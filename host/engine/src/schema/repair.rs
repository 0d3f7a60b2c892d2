//! The statements of the table `runner_repair`.

statements! {
    /// Adds a repair, under the next number as for rows of history. Parameters: history row, direction, step, action, statement, rows, why, when, who, run.
    pub const INSERT: &str = "INSERT INTO @.runner_repair (history_id, direction, step, action, statement, row_count, why, \
         repaired_at, repaired_by, run_id, id) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1 + coalesce(max(r.id), 0) \
         FROM @.runner_repair r";
    /// All repairs, in order.
    pub const ALL: &str = "SELECT history_id, direction, step, action, statement, row_count, why, repaired_at, repaired_by, run_id \
         FROM @.runner_repair ORDER BY id";
}
