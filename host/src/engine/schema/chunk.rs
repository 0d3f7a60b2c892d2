//! The statements about chunks: one text for all dialects, as in [`super`], in which `~now~` stands for the database's
//! own clock in microseconds, `~int~` for its integer of 64 bits, `~lock~` for what keeps a row, and `~free~` for what keeps
//! it and leaves out those that others keep.
//!
//! No time of this machine enters them: leases would break where clocks differ.

use crate::database::{Dialect, Facts};
use crate::engine::schema::tool_sql;

/// The text as the database reads it.
pub fn text(template: &str, facts: &Facts) -> String {
    let (now, int, lock) = match facts.dialect {
        Dialect::Sqlite => ("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)", "INTEGER", ""),
        Dialect::Postgres => {
            ("(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint", "bigint", " FOR UPDATE")
        }
        Dialect::Mysql | Dialect::Mariadb => {
            ("CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)", "SIGNED", " FOR UPDATE")
        }
    };
    let free = if facts.skips_locked { " FOR UPDATE SKIP LOCKED" } else { lock };
    let text = template.replace("~now~", now).replace("~int~", int).replace("~lock~", lock).replace("~free~", free);
    tool_sql(&text, facts)
}

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

/// How far chunks were cut, kept until the transaction ends: position, chunks, rows read. Parameters: history row, direction,
/// step.
pub const FRONTIER: &str =
    concat!("SELECT position, chunks, rows_read FROM @.runner_checkpoint", of_step!("?1", "?2", "?3"), "~lock~");
/// Notes how far chunks were cut, and what was done. Parameters: position, chunks, more rows read, more rows written, changed,
/// history row, direction, step.
pub const MOVE: &str = concat!(
    "UPDATE @.runner_checkpoint SET position = ?1, chunks = ?2, rows_read = rows_read + ?3, \
     rows_written = rows_written + ?4, changed_at = ?5",
    of_step!("?6", "?7", "?8")
);
/// Adds a chunk that is to be done. Parameters: history row, direction, step, number, from, to, size, owner, role, run, process and host,
/// lease.
pub const INSERT: &str = "INSERT INTO @.runner_chunk (history_id, direction, step, number, from_key, to_key, size, state, \
     owner, role, run_id, held_by, token, lease_until, attempts, rows_read, rows_written, seal, began_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'claimed', ?8, ?9, ?10, ?11, 1, ~now~ + ?12, 1, 0, 0, '', ~now~)";
/// Adds a chunk that is done. Parameters: history row, direction, step, number, from, to, size, owner, role, run, process and host,
/// rows read, rows written, seal.
pub const INSERT_DONE: &str = "INSERT INTO @.runner_chunk (history_id, direction, step, number, from_key, to_key, size, \
     state, owner, role, run_id, held_by, token, lease_until, attempts, rows_read, rows_written, seal, began_at, ended_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'done', ?8, ?9, ?10, ?11, 1, 0, 1, ?12, ?13, ?14, ~now~, ~now~)";
/// A chunk whose owner is dead, which nobody works on: number, from, to, size, token. Parameters: history row, direction, step.
pub const LEFT: &str = concat!(
    "SELECT number, from_key, to_key, size, token FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND state = 'claimed' AND lease_until <= ~now~ ORDER BY number LIMIT 1~free~"
);
/// As [`LEFT`], for who holds the lock: whoever led before is dead, lease or not. Parameters: history row, direction, step,
/// owner.
pub const LEFT_TO_LEADER: &str = concat!(
    "SELECT number, from_key, to_key, size, token FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND state = 'claimed' AND (lease_until <= ~now~ OR (role = 'leader' AND owner <> ?4)) \
     ORDER BY number LIMIT 1~free~"
);
/// Takes a chunk over. Parameters: owner, role, run, process and host, token, lease, history row, direction, step, number.
pub const TAKE: &str = concat!(
    "UPDATE @.runner_chunk SET owner = ?1, role = ?2, run_id = ?3, held_by = ?4, token = ?5, lease_until = ~now~ + ?6, \
     attempts = attempts + 1",
    of_step!("?7", "?8", "?9"),
    " AND number = ?10"
);
/// Keeps a chunk until the transaction ends: state, owner, token, rows read, rows written. Parameters: history row, direction,
/// step, number.
pub const HOLD: &str = concat!(
    "SELECT state, owner, token, rows_read, rows_written FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND number = ?4~lock~"
);
/// Ends a chunk. Parameters: rows read, rows written, seal, history row, direction, step, number, owner, token.
pub const COMPLETE: &str = concat!(
    "UPDATE @.runner_chunk SET state = 'done', rows_read = ?1, rows_written = ?2, seal = ?3, last_error = NULL, \
     ended_at = ~now~",
    of_step!("?4", "?5", "?6"),
    held!("?7", "?8", "?9")
);
/// The chunks behind one, as many as are kept in memory: number, from, to, state, rows read, rows written, seal. Parameters:
/// history row, direction, step, number.
pub const PAGE: &str = concat!(
    "SELECT number, from_key, to_key, state, rows_read, rows_written, seal FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND number > ?4 ORDER BY number LIMIT 512"
);
/// Gives a chunk up. Parameters: why, history row, direction, step, number, owner, token.
pub const RELEASE: &str = concat!(
    "UPDATE @.runner_chunk SET lease_until = 0, last_error = ?1",
    of_step!("?2", "?3", "?4"),
    held!("?5", "?6", "?7")
);
/// How many chunks are not done. Parameters: history row, direction, step.
pub const CLAIMED: &str =
    concat!("SELECT count(*) FROM @.runner_chunk", of_step!("?1", "?2", "?3"), " AND state = 'claimed'");
/// What was done: chunks, rows read, rows written. Parameters: history row, direction, step.
pub const TOTALS: &str = concat!(
    "SELECT count(*), CAST(coalesce(sum(rows_read), 0) AS ~int~), CAST(coalesce(sum(rows_written), 0) AS ~int~) \
     FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND state = 'done'"
);
/// As [`TOTALS`], of a run that helped. Parameters: history row, direction, step, run.
pub const TOTALS_OF: &str = concat!(
    "SELECT count(*), CAST(coalesce(sum(rows_read), 0) AS ~int~), CAST(coalesce(sum(rows_written), 0) AS ~int~) \
     FROM @.runner_chunk",
    of_step!("?1", "?2", "?3"),
    " AND state = 'done' AND role = 'helper' AND run_id = ?4"
);
/// Takes the chunks of a step away. Parameters: history row, direction, step.
pub const CLEAR_STEP: &str = concat!("DELETE FROM @.runner_chunk", of_step!("?1", "?2", "?3"));
/// Takes the chunks of a run away. Parameters: history row, direction.
pub const CLEAR: &str = "DELETE FROM @.runner_chunk WHERE history_id = ?1 AND direction = ?2 AND suspended = 0";
/// Keeps all checkpoints of a run, so that nobody cuts a chunk. Parameters: history row, direction.
pub const CLOSE: &str =
    "SELECT step FROM @.runner_checkpoint WHERE history_id = ?1 AND direction = ?2 AND suspended = 0~lock~";
/// The states of all chunks of a run, each waited for. Parameters: history row, direction.
pub const STATES: &str =
    "SELECT state FROM @.runner_chunk WHERE history_id = ?1 AND direction = ?2 AND suspended = 0~lock~";
/// Transforms on the way up that are under way: history row, step, revision, digest of the artifact. No parameters.
pub const UNDER_WAY: &str = "SELECT h.id, c.step, h.revision, h.sha256 FROM @.runner_checkpoint c \
     JOIN @.runner_history h ON h.id = c.history_id WHERE h.active = 1 AND c.direction = 'upgrade' AND c.suspended = 0 ORDER BY h.id, c.step";

/// All of them.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FRONTIER,
    MOVE,
    INSERT,
    INSERT_DONE,
    LEFT,
    LEFT_TO_LEADER,
    TAKE,
    HOLD,
    COMPLETE,
    PAGE,
    RELEASE,
    CLAIMED,
    TOTALS,
    TOTALS_OF,
    CLEAR_STEP,
    CLEAR,
    CLOSE,
    STATES,
    UNDER_WAY,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_the_template() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Mariadb] {
            for template in STATEMENTS {
                let text = text(template, &Facts::of_dialect(dialect));
                assert!(!text.contains('~') && !text.contains('@'), "{text}");
            }
        }
    }

    /// A lease that this machine's clock had a part in would end too early, or never, where the clock is wrong.
    #[test]
    fn leases_are_told_by_the_databases_clock_alone() {
        for template in [INSERT, LEFT, LEFT_TO_LEADER, TAKE] {
            let parts: Vec<&str> = template.split("lease_until").skip(1).collect();
            assert!(!parts.is_empty());
            assert!(template.contains("~now~ + ?") || template.contains("lease_until <= ~now~"), "{template}");
        }
    }
}
