//! The statements of the tables `runner_control` and `runner_progress`, through which runs and operators communicate.

statements! {
    /// The operators' requests: scope, pause (since, by, why), cancels, by and why of the last one, and the current time.
    pub const CONTROLS: &str = "SELECT scope, paused_at, paused_by, paused_why, cancels, cancelled_by, cancelled_why, ~now_ms~ \
         FROM @.runner_control ORDER BY scope";
    /// Pauses a scope. Parameters: by, why, scope.
    pub const PAUSE: &str =
        "UPDATE @.runner_control SET paused_at = ~now_ms~, paused_by = ?1, paused_why = ?2 WHERE scope = ?3";
    /// Pauses a scope that has no row. Parameters: scope, by, why.
    pub const PAUSE_FIRST: &str = "INSERT INTO @.runner_control (scope, paused_at, paused_by, paused_why, cancels) \
         VALUES (?1, ~now_ms~, ?2, ?3, 0)";
    /// Ends a pause. Parameter: scope.
    pub const RESUME: &str = "UPDATE @.runner_control SET paused_at = NULL, paused_by = NULL, paused_why = NULL \
         WHERE scope = ?1 AND paused_at IS NOT NULL";
    /// Cancels a scope. Parameters: by, why, scope.
    pub const CANCEL: &str = "UPDATE @.runner_control SET cancels = cancels + 1, cancelled_at = ~now_ms~, cancelled_by = ?1, \
         cancelled_why = ?2 WHERE scope = ?3";
    /// Cancels a scope that has no row. Parameters: scope, by, why.
    pub const CANCEL_FIRST: &str = "INSERT INTO @.runner_control (scope, cancels, cancelled_at, cancelled_by, cancelled_why) \
         VALUES (?1, 1, ~now_ms~, ?2, ?3)";

    /// Records the progress of a run. Parameters: revision, direction, mode, transform, rows, total, whether that is an
    /// estimate, chunks, retries, rate, what holds it, the same in words, how it shares (0: it leads; 1: it helps;
    /// 2: it helps, and this session watches for it), run.
    pub const BEAT: &str = "UPDATE @.runner_progress SET revision = ?1, direction = ?2, mode = ?3, transform = ?4, \
         rows_done = ?5, rows_total = ?6, is_estimate = ?7, chunks = ?8, retries = ?9, rows_per_second = ?10, held = ?11, \
         held_text = ?12, shares = CASE CAST(?13 AS ~int64~) WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE ~session~ END, beat_at = ~now_ms~ \
         WHERE run_id = ?14";
    /// Like [`BEAT`], for the first time. Parameters: the same, then the owner, and for how many milliseconds it has worked
    /// on the migration already.
    pub const BEAT_FIRST: &str = "INSERT INTO @.runner_progress (revision, direction, mode, transform, rows_done, rows_total, \
         is_estimate, chunks, retries, rows_per_second, held, held_text, shares, run_id, owner, began_at, beat_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
         CASE CAST(?13 AS ~int64~) WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE ~session~ END, ?14, ?15, ~now_ms~ - CAST(?16 AS ~int64~), ~now_ms~)";
    /// Counts the time of a run from now on: until now it is in history. Parameter: run.
    pub const COUNTED: &str = "UPDATE @.runner_progress SET began_at = ~now_ms~ WHERE run_id = ?1";
    /// Deletes a run's row. Parameter: run.
    pub const FORGET: &str = "DELETE FROM @.runner_progress WHERE run_id = ?1";
    /// Deletes the rows of runs that shared a transform of a finished revision. Parameter: revision.
    pub const FORGET_SHARING: &str = "DELETE FROM @.runner_progress WHERE shares > 0 AND revision = ?1";
    /// Deletes the rows of runs that must be dead because another run holds the lock. Runs that share a transform hold no
    /// lock; they are kept for an hour. Parameter: the run that holds the lock.
    pub const FORGET_DEAD: &str =
        "DELETE FROM @.runner_progress WHERE run_id <> ?1 AND (shares = 0 OR beat_at < ~now_ms~ - 3600000)";
    /// Adds to an upgrade the time of a run that was killed at it, from its start until it was last seen alive. Parameters:
    /// revision, id, revision.
    pub const ADD_LOST_UP: &str = "UPDATE @.runner_history SET duration_ms = duration_ms + \
         (SELECT max(p.beat_at - p.began_at) FROM @.runner_progress p WHERE p.shares = 0 AND p.direction = 'upgrade' \
         AND p.revision = ?1 AND coalesce(p.held, '') <> 'ended') WHERE id = ?2 AND EXISTS (SELECT 1 FROM @.runner_progress p \
         WHERE p.shares = 0 AND p.direction = 'upgrade' AND p.revision = ?3 AND coalesce(p.held, '') <> 'ended')";
    /// As [`ADD_LOST_UP`], for a downgrade.
    pub const ADD_LOST_DOWN: &str = "UPDATE @.runner_history SET rolled_back_duration_ms = coalesce(rolled_back_duration_ms, 0) + \
         (SELECT max(p.beat_at - p.began_at) FROM @.runner_progress p WHERE p.shares = 0 AND p.direction = 'downgrade' \
         AND p.revision = ?1 AND coalesce(p.held, '') <> 'ended') WHERE id = ?2 AND EXISTS (SELECT 1 FROM @.runner_progress p \
         WHERE p.shares = 0 AND p.direction = 'downgrade' AND p.revision = ?3 AND coalesce(p.held, '') <> 'ended')";
    /// The progress of all runs: run, owner, whether it shares, revision, direction, mode, transform, rows, total, whether
    /// that is an estimate, chunks, retries, rate, what holds it, the same in words, first seen, last seen, the current time,
    /// and, if a session watches for the run, whether that session exists.
    pub const RUNS: &str = "SELECT run_id, owner, shares, revision, direction, mode, transform, rows_done, rows_total, \
         is_estimate, chunks, retries, rows_per_second, held, held_text, began_at, beat_at, ~now_ms~, \
         CASE WHEN shares > 1 THEN ~watching~ END FROM @.runner_progress ORDER BY began_at, run_id";
}
