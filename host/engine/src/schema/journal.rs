//! The statements of the tables `runner_journal`, `runner_checkpoint` and `runner_head`.

macro_rules! of_run {
    () => {
        " WHERE history_id = ?1 AND direction = ?2"
    };
}

statements! {
    /// Adds a row. Parameters: history row, direction, step, part, kind, digest, text, state, effect, rows, seal, answer, began,
    /// ended.
    pub const INSERT: &str = "INSERT INTO @.runner_journal (history_id, direction, step, part, kind, digest, text, state, \
         effect, row_count, seal, answer, began_at, ended_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    /// Records the answer of a step of which only the intent was recorded. Parameters: text, effect, rows, seal, answer, ended, history row, direction, step.
    pub const ANSWER: &str = "UPDATE @.runner_journal SET state = 'done', text = ?1, effect = ?2, row_count = ?3, seal = ?4, \
         answer = ?5, ended_at = ?6 WHERE history_id = ?7 AND direction = ?8 AND step = ?9 AND part = 0 AND state = 'intent'";
    /// Deletes an intent. Parameters: history row, direction, step.
    pub const FORGET: &str = concat!("DELETE FROM @.runner_journal", of_run!(), " AND step = ?3 AND state = 'intent'");
    /// The steps after one, as many as are kept in memory: step, kind, digest, text, state, seal, effect, rows, and the
    /// answer if it is small. Parameters: history row, direction, step.
    pub const PAGE: &str = concat!(
        "SELECT step, kind, digest, text, state, seal, effect, row_count, \
         CASE WHEN length(answer) <= 1024 THEN answer END FROM @.runner_journal",
        of_run!(),
        " AND part = 0 AND step > ?3 ORDER BY step LIMIT 256"
    );
    /// The row of the inputs: digest, seal, answer. Parameters: history row, direction.
    pub const FIRST: &str =
        concat!("SELECT digest, seal, answer FROM @.runner_journal", of_run!(), " AND step = 0 AND part = 0");
    /// The answer of a step, or a part of it. Parameters: history row, direction, step, part.
    pub const PART: &str = concat!("SELECT answer FROM @.runner_journal", of_run!(), " AND step = ?3 AND part = ?4");
    /// A step, or another row of the journal. Parameters: history row, direction, step.
    pub const HAS_STEP: &str = concat!("SELECT 1 FROM @.runner_journal", of_run!(), " AND step = ?3 AND part = 0");
    /// A step with its answer. Parameters: history row, direction, step.
    pub const HAS_ANSWER: &str =
        concat!("SELECT 1 FROM @.runner_journal", of_run!(), " AND step = ?3 AND part = 0 AND state = 'done'");
    /// The step that was begun and not answered: step, kind, digest, text, answer, when it began. Parameters: history row,
    /// direction.
    pub const INTENT: &str = concat!(
        "SELECT step, kind, digest, text, answer, began_at FROM @.runner_journal",
        of_run!(),
        " AND part = 0 AND state = 'intent' ORDER BY step LIMIT 1"
    );
    /// The number of the last step that is done. Parameters: history row, direction.
    pub const DONE: &str =
        concat!("SELECT coalesce(max(step), 0) FROM @.runner_journal", of_run!(), " AND part = 0 AND state = 'done'");
    /// The number of steps that changed something. Parameters: history row, direction.
    pub const EFFECTS: &str =
        concat!("SELECT count(*) FROM @.runner_journal", of_run!(), " AND part = 0 AND state = 'done' AND effect = 1");
    /// The last steps that changed something, most recent first: step, kind, text. Parameters: history row, direction.
    pub const LAST: &str = concat!(
        "SELECT step, kind, text FROM @.runner_journal",
        of_run!(),
        " AND part = 0 AND state = 'done' AND effect = 1 ORDER BY step DESC LIMIT 5"
    );
    /// Deletes all rows of a run. Parameters: history row, direction.
    pub const CLEAR: &str = concat!("DELETE FROM @.runner_journal", of_run!());
    /// Deletes the parts of results. Parameters: history row, direction.
    pub const CLEAR_PARTS: &str = concat!("DELETE FROM @.runner_journal", of_run!(), " AND part > 0");
    /// Deletes the answers. Parameters: history row, direction.
    pub const CLEAR_ANSWERS: &str =
        concat!("UPDATE @.runner_journal SET answer = NULL", of_run!(), " AND answer IS NOT NULL");

    /// Adds a checkpoint. Parameters: history row, direction, step, source, position, changed.
    pub const BEGIN_CHECKPOINT: &str = "INSERT INTO @.runner_checkpoint (history_id, direction, step, source, position, \
         rows_read, rows_written, chunks, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6)";
    /// Moves a checkpoint. Parameters: position, rows read, rows written, chunks, changed, history row, direction, step.
    pub const MOVE_CHECKPOINT: &str = "UPDATE @.runner_checkpoint SET position = ?1, rows_read = ?2, rows_written = ?3, \
         chunks = ?4, changed_at = ?5 WHERE history_id = ?6 AND direction = ?7 AND step = ?8 AND suspended = 0";
    /// A checkpoint: source, position, rows read, rows written, chunks. Parameters: history row, direction, step.
    pub const CHECKPOINT: &str = concat!(
        "SELECT source, position, rows_read, rows_written, chunks FROM @.runner_checkpoint",
        of_run!(),
        " AND suspended = 0",
        " AND step = ?3"
    );
    /// The unfinished transforms. Parameters: history row, direction.
    pub const UNDER_WAY: &str =
        concat!("SELECT step FROM @.runner_checkpoint", of_run!(), " AND suspended = 0", " ORDER BY step");
    /// The number of unfinished transforms that have written chunks. Parameters: history row, direction.
    pub const MOVED: &str = concat!(
        "SELECT count(*) FROM @.runner_checkpoint",
        of_run!(),
        " AND suspended = 0",
        " AND EXISTS (SELECT 1 FROM @.runner_chunk k WHERE k.history_id = @.runner_checkpoint.history_id \
         AND k.direction = @.runner_checkpoint.direction AND k.step = @.runner_checkpoint.step AND k.state = 'done')"
    );
    /// Deletes a checkpoint. Parameters: history row, direction, step.
    pub const CLEAR_CHECKPOINT: &str =
        concat!("DELETE FROM @.runner_checkpoint", of_run!(), " AND suspended = 0", " AND step = ?3");
    /// Deletes the checkpoints of a run. Parameters: history row, direction.
    pub const CLEAR_CHECKPOINTS: &str = concat!("DELETE FROM @.runner_checkpoint", of_run!(), " AND suspended = 0");
    /// Suspends the transforms of an upgrade, or resumes them. Parameters: 1 or 0, history row, the other one.
    pub const SUSPEND_CHECKPOINTS: &str =
        "UPDATE @.runner_checkpoint SET suspended = ?1 WHERE history_id = ?2 AND direction = 'upgrade' AND suspended = ?3";
    /// Like [`SUSPEND_CHECKPOINTS`], for their chunks.
    pub const SUSPEND_CHUNKS: &str =
        "UPDATE @.runner_chunk SET suspended = ?1 WHERE history_id = ?2 AND direction = 'upgrade' AND suspended = ?3";
    /// Begins the head of a journal. Parameters: history row, direction, seal, run, who.
    pub const BEGIN_HEAD: &str =
        "INSERT INTO @.runner_head (history_id, direction, step, seal, run_id, run_by) VALUES (?1, ?2, 0, ?3, ?4, ?5)";
    /// Records the run that resumes a journal. Parameters: run, who, history row, direction.
    pub const TAKE_HEAD: &str =
        "UPDATE @.runner_head SET run_id = ?1, run_by = ?2 WHERE history_id = ?3 AND direction = ?4";
    /// Records the last step, which is done. Parameters: step, seal, history row, direction.
    pub const MOVE_HEAD: &str = "UPDATE @.runner_head SET step = ?1, seal = ?2 WHERE history_id = ?3 AND direction = ?4";
    /// Records the last step, which has begun, or after which one was deleted. Parameters: step, history row, direction.
    pub const STEP_HEAD: &str = "UPDATE @.runner_head SET step = ?1 WHERE history_id = ?2 AND direction = ?3";
    /// The last step, the seal over all that are done, the run that worked on it last, and its operator. Parameters:
    /// history row, direction.
    pub const HEAD: &str = concat!("SELECT step, seal, run_id, run_by FROM @.runner_head", of_run!());
    /// Deletes the head of a run. Parameters: history row, direction.
    pub const CLEAR_HEAD: &str = concat!("DELETE FROM @.runner_head", of_run!());
}
