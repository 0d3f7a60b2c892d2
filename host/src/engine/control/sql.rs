//! The statements of the tables by which runs and operators speak to each other, in the manner of history's: `@` is the place
//! of the tool's tables, `?1` a parameter, `$now` the database's own clock in milliseconds since 1970, and `$sessions` how many
//! sessions there are of the number that `shares` is.

use crate::database::{Dialect, Facts};
use crate::engine::history::tool_sql;

/// Makes the tables.
pub fn create(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

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

const SQLITE: [&str; 2] = [
    // What operators want: a row for everything, called `*`, and one for each revision that was named. `cancels` only grows:
    // a run heeds those that came after its own beginning.
    "CREATE TABLE @.runner_control (
        scope TEXT NOT NULL PRIMARY KEY,
        paused_at INTEGER,
        paused_by TEXT,
        paused_why TEXT,
        cancels INTEGER NOT NULL,
        cancelled_at INTEGER,
        cancelled_by TEXT,
        cancelled_why TEXT
    ) WITHOUT ROWID",
    // How far the runs are that are under way, a row each. What it says of rows is for people: the checkpoints are the truth.
    // `shares`: 0 of who leads; of others the number of the session that watches for them, or 1 if none does.
    "CREATE TABLE @.runner_progress (
        run_id TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        shares INTEGER NOT NULL,
        revision TEXT NOT NULL,
        direction TEXT NOT NULL,
        mode TEXT NOT NULL,
        transform TEXT,
        rows_done INTEGER NOT NULL,
        rows_total INTEGER,
        is_estimate INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        rows_per_second INTEGER,
        held TEXT,
        held_text TEXT,
        began_at INTEGER NOT NULL,
        beat_at INTEGER NOT NULL
    ) WITHOUT ROWID",
];

const POSTGRES: [&str; 2] = [
    "CREATE TABLE @.runner_control (
        scope text NOT NULL PRIMARY KEY,
        paused_at bigint,
        paused_by text,
        paused_why text,
        cancels bigint NOT NULL,
        cancelled_at bigint,
        cancelled_by text,
        cancelled_why text
    )",
    "CREATE TABLE @.runner_progress (
        run_id text NOT NULL PRIMARY KEY,
        owner text NOT NULL,
        shares bigint NOT NULL,
        revision text NOT NULL,
        direction text NOT NULL,
        mode text NOT NULL,
        transform text,
        rows_done bigint NOT NULL,
        rows_total bigint,
        is_estimate bigint NOT NULL,
        chunks bigint NOT NULL,
        retries bigint NOT NULL,
        rows_per_second bigint,
        held text,
        held_text text,
        began_at bigint NOT NULL,
        beat_at bigint NOT NULL
    )",
];

const MYSQL: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS @.runner_control (
        scope VARCHAR(255) NOT NULL PRIMARY KEY,
        paused_at BIGINT,
        paused_by LONGTEXT,
        paused_why LONGTEXT,
        cancels BIGINT NOT NULL,
        cancelled_at BIGINT,
        cancelled_by LONGTEXT,
        cancelled_why LONGTEXT
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_progress (
        run_id VARCHAR(64) NOT NULL PRIMARY KEY,
        owner LONGTEXT NOT NULL,
        shares BIGINT NOT NULL,
        revision VARCHAR(255) NOT NULL,
        direction VARCHAR(16) NOT NULL,
        mode VARCHAR(32) NOT NULL,
        transform LONGTEXT,
        rows_done BIGINT NOT NULL,
        rows_total BIGINT,
        is_estimate BIGINT NOT NULL,
        chunks BIGINT NOT NULL,
        retries BIGINT NOT NULL,
        rows_per_second BIGINT,
        held VARCHAR(32),
        held_text LONGTEXT,
        began_at BIGINT NOT NULL,
        beat_at BIGINT NOT NULL
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where placeholders have no numbers, their order alone tells them apart.
    #[test]
    fn parameters_stand_in_the_order_of_their_numbers() {
        let all = [
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
        for text in all {
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            let numbers: Vec<usize> =
                text.split('?').skip(1).map(|rest| digits(rest).parse().expect("a number")).collect();
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{text}");
        }
    }
}
