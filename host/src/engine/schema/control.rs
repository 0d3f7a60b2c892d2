//! The statements of the tables by which runs and operators speak to each other, in the manner of history's: `@` is the place
//! of the tool's tables, `?1` a parameter, `$now` the database's own clock in milliseconds since 1970, and `$sessions` how many
//! sessions there are of the number that `shares` is.

use crate::database::{Dialect, Facts};
use crate::engine::schema::tool_sql;

/// The text as the database of these facts reads it.
pub fn text(text: &str, facts: &Facts) -> String {
    let (now, sessions) = match facts.dialect {
        // Nobody shares there.
        Dialect::Sqlite => ("CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)", "NULL"),
        // Everybody may see which sessions there are.
        Dialect::Postgres => (
            "CAST(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000 AS bigint)",
            "(SELECT count(*) FROM pg_catalog.pg_stat_get_activity(CAST(shares AS int4)))",
        ),
        // Our sessions live in UTC, which has no hour twice. The list of sessions shows their own ones to most users; user
        // locks are shown to everybody.
        Dialect::Mysql | Dialect::Mariadb => (
            "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
            "(IS_USED_LOCK(CONCAT('runner:helper:', shares)) IS NOT NULL)",
        ),
    };
    tool_sql(text, facts).replace("$now", now).replace("$sessions", sessions)
}

/// The number of the session that asks.
pub fn session(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "1",
        Dialect::Postgres => "pg_catalog.pg_backend_pid()",
        Dialect::Mysql | Dialect::Mariadb => "CONNECTION_ID()",
    }
}

/// What has `$sessions` find the session that asks, where it does not do so by itself.
pub fn sign_in(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => None,
        Dialect::Mysql | Dialect::Mariadb => Some("DO GET_LOCK(CONCAT('runner:helper:', CONNECTION_ID()), 0)"),
    }
}

/// What operators want: scope, pause (since, by, why), cancels, the last one's by and why, and the time now.
pub const CONTROLS: &str = "SELECT scope, paused_at, paused_by, paused_why, cancels, cancelled_by, cancelled_why, $now \
     FROM @.runner_control ORDER BY scope";
/// Pauses. Parameters: by, why, scope.
pub const PAUSE: &str =
    "UPDATE @.runner_control SET paused_at = $now, paused_by = ?1, paused_why = ?2 WHERE scope = ?3";
/// Pauses what nobody spoke of before. Parameters: scope, by, why.
pub const PAUSE_FIRST: &str = "INSERT INTO @.runner_control (scope, paused_at, paused_by, paused_why, cancels) \
     VALUES (?1, $now, ?2, ?3, 0)";
/// Ends a pause. Parameter: scope.
pub const RESUME: &str = "UPDATE @.runner_control SET paused_at = NULL, paused_by = NULL, paused_why = NULL \
     WHERE scope = ?1 AND paused_at IS NOT NULL";
/// Cancels. Parameters: by, why, scope.
pub const CANCEL: &str = "UPDATE @.runner_control SET cancels = cancels + 1, cancelled_at = $now, cancelled_by = ?1, \
     cancelled_why = ?2 WHERE scope = ?3";
/// Cancels what nobody spoke of before. Parameters: scope, by, why.
pub const CANCEL_FIRST: &str = "INSERT INTO @.runner_control (scope, cancels, cancelled_at, cancelled_by, cancelled_why) \
     VALUES (?1, 1, $now, ?2, ?3)";

/// Says how far a run is. `$shares`: what stands in that column. Parameters: revision, direction, mode, transform, rows, of how many, whether that is an estimate,
/// chunks, retries, rate, what holds it, in words, run.
pub const BEAT: &str = "UPDATE @.runner_progress SET revision = ?1, direction = ?2, mode = ?3, transform = ?4, \
     rows_done = ?5, rows_total = ?6, is_estimate = ?7, chunks = ?8, retries = ?9, rows_per_second = ?10, held = ?11, \
     held_text = ?12, shares = $shares, beat_at = $now WHERE run_id = ?13";
/// As [`BEAT`], for the first time. Parameters: as there, and behind the run its owner.
pub const BEAT_FIRST: &str = "INSERT INTO @.runner_progress (revision, direction, mode, transform, rows_done, rows_total, \
     is_estimate, chunks, retries, rows_per_second, held, held_text, run_id, owner, shares, began_at, beat_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, $shares, $now, $now)";
/// Takes a run's row away. Parameter: run.
pub const FORGET: &str = "DELETE FROM @.runner_progress WHERE run_id = ?1";
/// Takes the rows away of those who shared a revision that is done. Parameter: revision.
pub const FORGET_SHARING: &str = "DELETE FROM @.runner_progress WHERE shares > 0 AND revision = ?1";
/// Takes the rows of runs away that cannot live any more: another one has the lock. Who shares has no lock, and is given an
/// hour. Parameter: the run that has the lock.
pub const FORGET_DEAD: &str =
    "DELETE FROM @.runner_progress WHERE run_id <> ?1 AND (shares = 0 OR beat_at < $now - 3600000)";
/// How far all runs are: run, owner, whether it shares, revision, direction, mode, transform, rows, of how many, whether that
/// is an estimate, chunks, retries, rate, what holds it, in words, began, last heard of, the time now, and, if it is known by
/// which session it shares, whether that is there.
pub const RUNS: &str = "SELECT run_id, owner, shares, revision, direction, mode, transform, rows_done, rows_total, \
     is_estimate, chunks, retries, rows_per_second, held, held_text, began_at, beat_at, $now, \
     CASE WHEN shares > 1 THEN $sessions END FROM @.runner_progress ORDER BY began_at, run_id";

/// All of them.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    CONTROLS,
    PAUSE,
    PAUSE_FIRST,
    RESUME,
    CANCEL,
    CANCEL_FIRST,
    BEAT,
    BEAT_FIRST,
    FORGET,
    FORGET_SHARING,
    FORGET_DEAD,
    RUNS,
];
