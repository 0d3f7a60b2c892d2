//! The statements of the table `runner_evidence`.

statements! {
    /// Adds a part. Parameters: history row, direction, kind, step, part, content.
    pub const INSERT: &str = "INSERT INTO @.runner_evidence (history_id, direction, kind, step, part, content) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    /// Adds a part to the row of a revision that is in force. Parameters: direction, kind, step, part, content, revision.
    pub const INSERT_LIVE: &str = "INSERT INTO @.runner_evidence (history_id, direction, kind, step, part, content) \
         SELECT h.id, ?1, ?2, ?3, ?4, ?5 FROM @.runner_history h WHERE h.revision = ?6 AND h.active = 1";
    /// Steps and contents of a kind, in order. Parameters: history row, direction, kind.
    pub const ALL: &str = "SELECT step, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
         ORDER BY step, part";
    /// The parts of a step after one, as many as are kept in memory. Parameters: history row, direction, kind, step, part.
    pub const PAGE: &str = "SELECT part, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
         AND step = ?4 AND part > ?5 ORDER BY part LIMIT 256";
    /// Deletes a step of a kind. Parameters: history row, direction, kind, step.
    pub const CLEAR_STEP: &str =
        "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 AND step = ?4";
    /// Deletes everything of a run. Parameters: history row, direction.
    pub const CLEAR: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2";
    /// Deletes what is no longer needed once a row of history is not in force. Parameter: history row.
    pub const RETIRE: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND kind <> 'unrepeatable'";
    /// Unrepeatable statements of runs of an artifact. Parameters: revision, digest of the artifact.
    pub const UNREPEATABLE: &str = "SELECT DISTINCT e.content FROM @.runner_evidence e \
         JOIN @.runner_history h ON h.id = e.history_id WHERE h.revision = ?1 AND h.sha256 = ?2 AND e.kind = 'unrepeatable'";
}
