//! The history tables on SQLite.

use super::sql::HistorySql;

macro_rules! columns {
    () => {
        "revision, name, summary, kind, sha256, mode, declared, state, started_at, finished_at, duration_ms, steps, \
         rows_read, rows_written, transcript, run_id, run_timestamp, seed, applied_by, tool_version, reason, \
         statements_done, statement_started, statement_digests, rolled_back_at, rolled_back_by, rolled_back_run_id, \
         rolled_back_duration_ms, rolled_back_rows_read, rolled_back_rows_written"
    };
}

/// The statements.
pub const SQL: HistorySql = HistorySql {
    tables: "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' \
             AND name IN ('runner_meta', 'runner_history', 'runner_artifact', 'runner_journal', 'runner_checkpoint')",
    create: &[
        "CREATE TABLE main.runner_meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        // A row in force has `active` = 1, a row that is only a record NULL, which UNIQUE does not compare: so the
        // database itself refuses a second application of a revision.
        "CREATE TABLE main.runner_history (
            id INTEGER PRIMARY KEY,
            revision TEXT NOT NULL,
            name TEXT NOT NULL,
            summary TEXT NOT NULL,
            kind TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            mode TEXT NOT NULL,
            declared TEXT NOT NULL,
            state TEXT NOT NULL,
            active INTEGER CHECK (active = 1),
            started_at TEXT NOT NULL,
            finished_at TEXT,
            duration_ms INTEGER NOT NULL,
            steps INTEGER NOT NULL,
            rows_read INTEGER NOT NULL,
            rows_written INTEGER NOT NULL,
            transcript TEXT NOT NULL,
            run_id TEXT NOT NULL,
            run_timestamp INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            applied_by TEXT NOT NULL,
            tool_version TEXT NOT NULL,
            reason TEXT,
            statements_done INTEGER NOT NULL,
            statement_started INTEGER,
            statement_digests TEXT NOT NULL,
            rolled_back_at TEXT,
            rolled_back_by TEXT,
            rolled_back_run_id TEXT,
            rolled_back_duration_ms INTEGER,
            rolled_back_rows_read INTEGER,
            rolled_back_rows_written INTEGER,
            UNIQUE (revision, active)
        )",
        "CREATE TABLE main.runner_artifact (
            revision TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            kind TEXT NOT NULL,
            size INTEGER NOT NULL,
            compression TEXT NOT NULL,
            assets TEXT NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (revision, sha256)
        )",
    ],
    insert_format: "INSERT INTO main.runner_meta (key, value) VALUES ('format', ?1)",
    format: "SELECT value FROM main.runner_meta WHERE key = 'format'",
    live: concat!("SELECT id, ", columns!(), " FROM main.runner_history WHERE active = 1 ORDER BY id"),
    all: concat!("SELECT id, ", columns!(), " FROM main.runner_history ORDER BY id"),
    insert: concat!(
        "INSERT INTO main.runner_history (",
        columns!(),
        ", active) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, \
         ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, 1)"
    ),
    live_run: "SELECT run_id FROM main.runner_history WHERE revision = ?1 AND active = 1",
    end: "UPDATE main.runner_history SET state = 'rolled-back', active = NULL, rolled_back_at = ?1, rolled_back_by = ?2, \
          rolled_back_run_id = ?3, rolled_back_duration_ms = coalesce(rolled_back_duration_ms, 0) + ?4, \
          rolled_back_rows_read = coalesce(rolled_back_rows_read, 0) + ?5, \
          rolled_back_rows_written = coalesce(rolled_back_rows_written, 0) + ?6 WHERE id = ?7 AND active = 1",
    add_up: "UPDATE main.runner_history SET duration_ms = duration_ms + ?1, steps = ?2, rows_read = rows_read + ?3, \
             rows_written = rows_written + ?4 WHERE id = ?5 AND active = 1",
    add_down: "UPDATE main.runner_history SET rolled_back_duration_ms = coalesce(rolled_back_duration_ms, 0) + ?1, \
               rolled_back_rows_read = coalesce(rolled_back_rows_read, 0) + ?2, \
               rolled_back_rows_written = coalesce(rolled_back_rows_written, 0) + ?3 WHERE id = ?4 AND active = 1",
    reopen: "UPDATE main.runner_history SET state = ?1, statements_done = 0, statement_started = NULL, \
             statement_digests = '', rolled_back_duration_ms = NULL, rolled_back_rows_read = NULL, \
             rolled_back_rows_written = NULL WHERE id = ?2 AND active = 1",
    discard: "DELETE FROM main.runner_history WHERE id = ?1 AND active = 1 AND statements_done = 0",
    begin_statement: "UPDATE main.runner_history SET statements_done = ?1, statement_started = ?2, \
                      statement_digests = ?3 WHERE id = ?4 AND active = 1",
    forget_statement: "UPDATE main.runner_history SET statement_started = NULL WHERE id = ?1 AND active = 1",
    finish_statement: "UPDATE main.runner_history SET statements_done = ?1 WHERE id = ?2 AND active = 1",
    finish_stepwise: "UPDATE main.runner_history SET state = 'applied', name = ?1, summary = ?2, sha256 = ?3, declared = ?4, \
                      finished_at = ?5, duration_ms = duration_ms + ?6, steps = ?7, rows_read = rows_read + ?8, \
                      rows_written = rows_written + ?9, transcript = ?10 WHERE id = ?11 AND active = 1",
    artifacts: "SELECT revision, sha256 FROM main.runner_artifact",
    has_artifact: "SELECT 1 FROM main.runner_artifact WHERE revision = ?1 AND sha256 = ?2",
    store_artifact: "INSERT INTO main.runner_artifact (revision, sha256, kind, size, compression, assets, bytes) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                     ON CONFLICT (revision, sha256) DO UPDATE SET kind = excluded.kind, size = excluded.size, \
                     compression = excluded.compression, assets = excluded.assets, bytes = excluded.bytes",
    load_artifact: "SELECT kind, size, compression, assets, bytes FROM main.runner_artifact \
                    WHERE revision = ?1 AND sha256 = ?2",
};
