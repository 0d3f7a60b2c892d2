//! The statements of the table `runner_evidence`: one text for all dialects, in which `@` stands for the place of the tool's
//! tables and `?1` for a parameter. Parameters stand in the order of their numbers, each once.

/// Adds a part. Parameters: history row, direction, kind, step, part, content.
pub const INSERT: &str = "INSERT INTO @.runner_evidence (history_id, direction, kind, step, part, content) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Steps and contents of a kind, in order. Parameters: history row, direction, kind.
pub const ALL: &str = "SELECT step, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
     ORDER BY step, part";
/// Parts of a step behind one, as many as are kept in memory. Parameters: history row, direction, kind, step, part.
pub const PAGE: &str = "SELECT part, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
     AND step = ?4 AND part > ?5 ORDER BY part LIMIT 256";
/// Takes a step of a kind away. Parameters: history row, direction, kind, step.
pub const CLEAR_STEP: &str =
    "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 AND step = ?4";
/// Takes everything of a run away. Parameters: history row, direction.
pub const CLEAR: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2";
/// Takes away what nobody asks for once a row of history is no longer in force. Parameter: history row.
pub const RETIRE: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND kind <> 'unordered'";
/// Statements without an order that runs of an artifact have met. Parameters: revision, digest of the artifact.
pub const UNORDERED: &str = "SELECT DISTINCT e.content FROM @.runner_evidence e \
     JOIN @.runner_history h ON h.id = e.history_id WHERE h.revision = ?1 AND h.sha256 = ?2 AND e.kind = 'unordered'";
/// The row in force of a revision. Parameter: the revision.
pub const LIVE: &str = "SELECT id FROM @.runner_history WHERE revision = ?1 AND active = 1";

/// All of them.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, ALL, PAGE, CLEAR_STEP, CLEAR, RETIRE, UNORDERED, LIVE];
