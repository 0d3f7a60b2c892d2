//! The statements of the tables `runner_meta`, `runner_history` and `runner_artifact`.

/// A row's columns except `id`, in the order in which every statement lists them.
macro_rules! columns {
    () => {
        "revision, name, summary, kind, sha256, mode, declared, state, started_at, finished_at, duration_ms, steps, \
         rows_read, rows_written, transcript, run_id, run_timestamp, seed, applied_by, tool_version, reason, \
         rolled_back_at, rolled_back_by, rolled_back_run_id, rolled_back_duration_ms, rolled_back_rows_read, \
         rolled_back_rows_written, rolled_back_transcript"
    };
}

/// The number of a row's columns, including `id`.
pub const COLUMNS: usize = 29;

/// A placeholder for each of the columns except `id`.
macro_rules! values {
    () => {
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, \
         ?25, ?26, ?27, ?28"
    };
}

/// All numbers that rows have had, or that something names, as far as it is still there.
macro_rules! given {
    () => {
        "(SELECT max(id) AS number FROM @.runner_history UNION ALL SELECT max(history_id) FROM @.runner_repair \
         UNION ALL SELECT max(history_id) FROM @.runner_journal UNION ALL SELECT max(history_id) FROM @.runner_evidence) AS given"
    };
}

statements! {
    /// Writes the format of the tables. Parameter: the format.
    pub const INSERT_FORMAT: &str = "INSERT INTO @.runner_meta VALUES ('format', ?1)";
    /// The format of the tables.
    pub const FORMAT: &str = "SELECT m.value FROM @.runner_meta m WHERE m.key = 'format'";
    /// What the database that is protected said about itself.
    pub const PROTECTED: &str = "SELECT m.value FROM @.runner_meta m WHERE m.key = 'protected'";
    /// Records it. Parameter: what the database says.
    pub const PROTECT: &str = "INSERT INTO @.runner_meta VALUES ('protected', ?1)";
    /// Records it in place of what was recorded. Parameter: what the database says.
    pub const PROTECT_AGAIN: &str = "UPDATE @.runner_meta SET value = ?1 WHERE @.runner_meta.key = 'protected'";
    /// Whether history has any row.
    pub const ANY: &str = "SELECT 1 FROM @.runner_history LIMIT 1";
    /// The rows in force, in the order of application, each after the format. Without rows, the format and NULLs.
    pub const LIVE: &str = concat!(
        "SELECT m.value, id, ",
        columns!(),
        " FROM @.runner_meta m LEFT JOIN @.runner_history ON active = 1 WHERE m.key = 'format' ORDER BY id"
    );
    /// Like [`LIVE`], with only the columns that an overview shows: half the bytes for a thousand rows.
    pub const BRIEF: &str = "SELECT m.value, id, revision, name, kind, sha256, mode, state, started_at, duration_ms, steps, \
         rows_read, rows_written, run_id, applied_by \
         FROM @.runner_meta m LEFT JOIN @.runner_history ON active = 1 WHERE m.key = 'format' ORDER BY id";
    /// Like [`LIVE`], with all rows.
    pub const ALL: &str = concat!(
        "SELECT m.value, id, ",
        columns!(),
        " FROM @.runner_meta m LEFT JOIN @.runner_history ON id > 0 WHERE m.key = 'format' ORDER BY id"
    );
    /// Adds a row in force under the next number. That is not left to the database: a user who may write to a table can set
    /// its counter, and no rollback takes that back. Parameters: the columns except `id`.
    pub const INSERT: &str = concat!(
        "INSERT INTO @.runner_history (",
        columns!(),
        ", active, id) SELECT ",
        values!(),
        ", 1, 1 + coalesce(max(given.number), 0) FROM ",
        given!()
    );
    /// Like [`INSERT`], with an explicit number. Parameters: the columns except `id`, then `id`.
    pub const INSERT_AS: &str =
        concat!("INSERT INTO @.runner_history (", columns!(), ", active, id) VALUES (", values!(), ", 1, ?29)");
    /// The next number.
    pub const NEXT_NUMBER: &str = concat!("SELECT CAST(1 + coalesce(max(given.number), 0) AS ~int64~) FROM ", given!());
    /// The row of a revision that a run has put in force. Parameters: the revision, the run.
    pub const IN_FORCE: &str = "SELECT 1 FROM @.runner_history WHERE revision = ?1 AND run_id = ?2 AND active = 1";
    /// A row in this state. Parameters: id, state.
    pub const IN_STATE: &str = "SELECT 1 FROM @.runner_history WHERE id = ?1 AND state = ?2";
    /// Takes a row out of force. Parameters: when, who, which run, duration, rows read, rows written, transcript, id.
    pub const END: &str = "UPDATE @.runner_history SET state = 'rolled-back', active = NULL, rolled_back_at = ?1, \
         rolled_back_by = ?2, rolled_back_run_id = ?3, \
         rolled_back_duration_ms = coalesce(rolled_back_duration_ms, 0) + ?4, \
         rolled_back_rows_read = coalesce(rolled_back_rows_read, 0) + ?5, \
         rolled_back_rows_written = coalesce(rolled_back_rows_written, 0) + ?6, rolled_back_transcript = ?7 \
         WHERE id = ?8 AND active = 1";
    /// Adds to the totals of an upgrade. Parameters: duration, steps so far, rows read, rows written, id.
    pub const ADD_UP: &str = "UPDATE @.runner_history SET duration_ms = duration_ms + ?1, steps = ?2, \
         rows_read = rows_read + ?3, rows_written = rows_written + ?4 WHERE id = ?5 AND active = 1";
    /// Adds to the totals of a downgrade. Parameters: duration, rows read, rows written, id.
    pub const ADD_DOWN: &str = "UPDATE @.runner_history SET \
         rolled_back_duration_ms = coalesce(rolled_back_duration_ms, 0) + ?1, \
         rolled_back_rows_read = coalesce(rolled_back_rows_read, 0) + ?2, \
         rolled_back_rows_written = coalesce(rolled_back_rows_written, 0) + ?3 WHERE id = ?4 AND active = 1";
    /// Changes the state of a row, and clears the totals of a downgrade. Parameters: state, id.
    pub const REOPEN: &str = "UPDATE @.runner_history SET state = ?1, rolled_back_duration_ms = NULL, \
         rolled_back_rows_read = NULL, rolled_back_rows_written = NULL WHERE id = ?2 AND active = 1";
    /// Deletes a row of which nothing took effect. Parameter: id.
    pub const DISCARD: &str = "DELETE FROM @.runner_history WHERE id = ?1 AND active = 1 AND state = 'partial'";
    /// Ends a stepwise upgrade. Parameters: name, summary, digest, declared, finished, duration, steps, rows read, rows
    /// written, transcript, id.
    pub const FINISH_STEPWISE: &str = "UPDATE @.runner_history SET state = 'applied', name = ?1, summary = ?2, \
         sha256 = ?3, declared = ?4, finished_at = ?5, duration_ms = duration_ms + ?6, steps = ?7, \
         rows_read = rows_read + ?8, rows_written = rows_written + ?9, transcript = ?10 WHERE id = ?11 AND active = 1";
    /// Marks a revision as applied, by decision of the operator. Parameters: digest, declared, when, why, id.
    pub const SET_APPLIED: &str = "UPDATE @.runner_history SET state = 'applied', sha256 = ?1, declared = ?2, \
         finished_at = coalesce(finished_at, ?3), reason = ?4, rolled_back_duration_ms = NULL, rolled_back_rows_read = NULL, \
         rolled_back_rows_written = NULL WHERE id = ?5 AND active = 1";
    /// Records why the operator ended a row. Parameters: why, id.
    pub const SET_REASON: &str = "UPDATE @.runner_history SET reason = ?1 WHERE id = ?2";
    /// Deletes artifacts that no row of history names, nor a build that took over. Parameter: the revision.
    pub const DROP_ARTIFACTS: &str = "DELETE FROM @.runner_artifact WHERE revision = ?1 AND NOT EXISTS (SELECT 1 \
         FROM @.runner_history h WHERE h.revision = @.runner_artifact.revision AND h.sha256 = @.runner_artifact.sha256) \
         AND NOT EXISTS (SELECT 1 FROM @.runner_repair r WHERE r.action IN ('accept-changed', 'corrected') \
         AND r.statement = @.runner_artifact.sha256)";
    /// Records that another build continues an unfinished upgrade. Parameters: name, summary, digest, declared, id.
    pub const HAND_OVER: &str = "UPDATE @.runner_history SET name = ?1, summary = ?2, sha256 = ?3, declared = ?4 \
         WHERE id = ?5 AND active = 1 AND state = 'partial'";
    /// Revision and digest of all stored artifacts.
    pub const ARTIFACTS: &str = "SELECT revision, sha256 FROM @.runner_artifact";
    /// Whether an artifact is stored. Parameters: its revision, its digest.
    pub const HAS_ARTIFACT: &str = "SELECT 1 FROM @.runner_artifact WHERE revision = ?1 AND sha256 = ?2";
    /// Kind, size, compression, digests of assets and bytes of an artifact. Parameters: its revision, its digest.
    pub const LOAD_ARTIFACT: &str =
        "SELECT kind, size, compression, assets, bytes FROM @.runner_artifact WHERE revision = ?1 AND sha256 = ?2";
}
