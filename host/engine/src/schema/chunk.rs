//! The statements of the table `runner_chunk`, and those about checkpoints that belong with them.
//!
//! Leases use the database's clock only: with the clocks of several machines they would end too early, or never.

macro_rules! of_step {
    ($history:literal, $direction:literal, $step:literal) => {
        concat!(
            " WHERE history_id = ",
            $history,
            " AND direction = ",
            $direction,
            " AND step = ",
            $step,
            " AND suspended = 0"
        )
    };
}

macro_rules! held {
    ($number:literal, $owner:literal, $token:literal) => {
        concat!(" AND number = ", $number, " AND owner = ", $owner, " AND token = ", $token, " AND state = 'claimed'")
    };
}

statements! {
    /// How far chunks were cut, locked until the transaction ends: position, chunks, rows read. Parameters: history row,
    /// direction, step.
    pub const FRONTIER: &str =
        concat!("SELECT position, chunks, rows_read FROM @.runner_checkpoint", of_step!("?1", "?2", "?3"), "~lock~");
    /// The same, unless it is locked.
    pub const FREE_FRONTIER: &str =
        concat!("SELECT position, chunks, rows_read FROM @.runner_checkpoint", of_step!("?1", "?2", "?3"), "~lock_free~");
    /// Records how far chunks were cut, and adds what was done. Parameters: position, chunks, additional rows read,
    /// additional rows written, changed, history row, direction, step.
    pub const MOVE: &str = concat!(
        "UPDATE @.runner_checkpoint SET position = ?1, chunks = ?2, rows_read = rows_read + ?3, \
         rows_written = rows_written + ?4, changed_at = ?5",
        of_step!("?6", "?7", "?8")
    );
    /// Adds a chunk to process. Parameters: history row, direction, step, number, from, to, size, owner, role, run, process
    /// and host, lease.
    pub const INSERT: &str = "INSERT INTO @.runner_chunk (history_id, direction, step, number, from_key, to_key, size, state, \
         owner, role, run_id, held_by, token, lease_until, attempts, rows_read, rows_written, seal, began_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'claimed', ?8, ?9, ?10, ?11, 1, ~now_us~ + ?12, 1, 0, 0, '', ~now_us~)";
    /// Adds a chunk that is done. Parameters: history row, direction, step, number, from, to, size, owner, role, run,
    /// process and host, rows read, rows written, seal.
    pub const INSERT_DONE: &str = "INSERT INTO @.runner_chunk (history_id, direction, step, number, from_key, to_key, size, \
         state, owner, role, run_id, held_by, token, lease_until, attempts, rows_read, rows_written, seal, began_at, ended_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'done', ?8, ?9, ?10, ?11, 1, 0, 1, ?12, ?13, ?14, ~now_us~, ~now_us~)";
    /// A chunk whose owner is dead and that is not being processed: number, from, to, size, token. Parameters: history row,
    /// direction, step.
    pub const LEFT: &str = concat!(
        "SELECT number, from_key, to_key, size, token FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND state = 'claimed' AND lease_until <= ~now_us~ ORDER BY number LIMIT 1~lock_free~"
    );
    /// Like [`LEFT`], for the holder of the lock: any earlier leader is dead, whatever its lease. Parameters: history row,
    /// direction, step, owner.
    pub const LEFT_TO_LEADER: &str = concat!(
        "SELECT number, from_key, to_key, size, token FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND state = 'claimed' AND (lease_until <= ~now_us~ OR (role = 'leader' AND owner <> ?4)) \
         ORDER BY number LIMIT 1~lock_free~"
    );
    /// Takes over a chunk. Parameters: owner, role, run, process and host, token, lease, history row, direction, step,
    /// number.
    pub const TAKE: &str = concat!(
        "UPDATE @.runner_chunk SET owner = ?1, role = ?2, run_id = ?3, held_by = ?4, token = ?5, lease_until = ~now_us~ + ?6, \
         attempts = attempts + 1",
        of_step!("?7", "?8", "?9"),
        " AND number = ?10"
    );
    /// A chunk, locked until the transaction ends: state, owner, token, rows read, rows written. Parameters: history row,
    /// direction, step, number.
    pub const HOLD: &str = concat!(
        "SELECT state, owner, token, rows_read, rows_written FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND number = ?4~lock~"
    );
    /// Ends a chunk. Parameters: rows read, rows written, seal, history row, direction, step, number, owner, token.
    pub const COMPLETE: &str = concat!(
        "UPDATE @.runner_chunk SET state = 'done', rows_read = ?1, rows_written = ?2, seal = ?3, last_error = NULL, \
         ended_at = ~now_us~",
        of_step!("?4", "?5", "?6"),
        held!("?7", "?8", "?9")
    );
    /// The chunks after one, as many as are kept in memory: number, from, to, state, rows read, rows written, seal.
    /// Parameters: history row, direction, step, number.
    pub const PAGE: &str = concat!(
        "SELECT number, from_key, to_key, state, rows_read, rows_written, seal FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND number > ?4 ORDER BY number LIMIT 512"
    );
    /// Releases a chunk. Parameters: why, history row, direction, step, number, owner, token.
    pub const RELEASE: &str = concat!(
        "UPDATE @.runner_chunk SET lease_until = 0, last_error = ?1",
        of_step!("?2", "?3", "?4"),
        held!("?5", "?6", "?7")
    );
    /// The number of chunks that are not done. Parameters: history row, direction, step.
    pub const CLAIMED: &str =
        concat!("SELECT count(*) FROM @.runner_chunk", of_step!("?1", "?2", "?3"), " AND state = 'claimed'");
    /// The work done: chunks, rows read, rows written. Parameters: history row, direction, step.
    pub const TOTALS: &str = concat!(
        "SELECT count(*), CAST(coalesce(sum(rows_read), 0) AS ~int64~), CAST(coalesce(sum(rows_written), 0) AS ~int64~) \
         FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND state = 'done'"
    );
    /// Like [`TOTALS`], for a run that helped. Parameters: history row, direction, step, run.
    pub const TOTALS_OF: &str = concat!(
        "SELECT count(*), CAST(coalesce(sum(rows_read), 0) AS ~int64~), CAST(coalesce(sum(rows_written), 0) AS ~int64~) \
         FROM @.runner_chunk",
        of_step!("?1", "?2", "?3"),
        " AND state = 'done' AND role = 'helper' AND run_id = ?4"
    );
    /// Deletes the chunks of a step. Parameters: history row, direction, step.
    pub const CLEAR_STEP: &str = concat!("DELETE FROM @.runner_chunk", of_step!("?1", "?2", "?3"));
    /// Deletes the chunks of a run. Parameters: history row, direction.
    pub const CLEAR: &str = "DELETE FROM @.runner_chunk WHERE history_id = ?1 AND direction = ?2 AND suspended = 0";
    /// Locks all checkpoints of a run, so that no worker cuts a chunk. Parameters: history row, direction.
    pub const CLOSE: &str =
        "SELECT step FROM @.runner_checkpoint WHERE history_id = ?1 AND direction = ?2 AND suspended = 0~lock~";
    /// The states of all chunks of a run; waits for those being processed. Parameters: history row, direction.
    pub const STATES: &str =
        "SELECT state FROM @.runner_chunk WHERE history_id = ?1 AND direction = ?2 AND suspended = 0~lock~";
    /// The chunks of a step that are not done. Parameters: history row, direction, step.
    pub const OPEN: &str =
        concat!("SELECT number FROM @.runner_chunk", of_step!("?1", "?2", "?3"), " AND state = 'claimed' ORDER BY number");
    /// Takes the chunks that are not done from their owners. Parameters: history row, direction, step.
    pub const SEIZE: &str = concat!(
        "UPDATE @.runner_chunk SET token = token + 1, lease_until = 0",
        of_step!("?1", "?2", "?3"),
        " AND state = 'claimed'"
    );
    /// Whether a build is the one that a row of history names. Parameters: history row, digest.
    pub const IS_BUILD: &str = "SELECT 1 FROM @.runner_history WHERE id = ?1 AND sha256 = ?2";
    /// Unfinished transforms of upgrades: history row, step, revision, digest of the artifact. No parameters.
    pub const UNDER_WAY: &str = "SELECT h.id, c.step, h.revision, h.sha256 FROM @.runner_checkpoint c \
         JOIN @.runner_history h ON h.id = c.history_id \
         WHERE h.active = 1 AND c.direction = 'upgrade' AND c.suspended = 0 ORDER BY h.id, c.step";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lease that depended on this machine's clock would end too early, or never, if that clock is wrong.
    #[test]
    fn leases_use_only_the_databases_clock() {
        for template in [INSERT, LEFT, LEFT_TO_LEADER, TAKE] {
            assert!(template.contains("~now_us~ + ?") || template.contains("lease_until <= ~now_us~"), "{template}");
        }
    }
}
