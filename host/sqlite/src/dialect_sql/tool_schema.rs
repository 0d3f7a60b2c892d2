//! The definitions of the tool's tables on SQLite, and what else is specific to it. The comments on tables apply to all
//! dialects.

use runner_database::dialect_sql::{STORE_OR_UPDATE, ToolSchema, Words};

/// SQLite.
pub(super) const TOOL_SCHEMA: ToolSchema = ToolSchema {
    words: Words {
        now_us: "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
        now_ms: "CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)",
        int64: "INTEGER",
        // A writer has the whole file to itself.
        lock: "",
        session: "1",
        // A file has one writer, so no two runs share a transform.
        watching: "NULL",
    },
    tables: "SELECT name FROM main.sqlite_schema WHERE 'main' = ?1 AND type = 'table' \
             AND name IN (~tables~)",
    schema: None,
    create: &TABLES,
    close: None,
    store_artifact: STORE_OR_UPDATE,
    own_number_counts: false,
    can_ask_number: false,
    sign_in: None,
    grant: None,
};

/// The tables, in the order in which they are created.
const TABLES: [&str; 11] = [
    "CREATE TABLE @.runner_meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    // `active` is 1 for a row in force and NULL for one that is only a record. UNIQUE does not compare NULLs, so the
    // database itself rejects a second application of a revision.
    "CREATE TABLE @.runner_history (
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
        rolled_back_at TEXT,
        rolled_back_by TEXT,
        rolled_back_run_id TEXT,
        rolled_back_duration_ms INTEGER,
        rolled_back_rows_read INTEGER,
        rolled_back_rows_written INTEGER,
        rolled_back_transcript TEXT,
        UNIQUE (revision, active)
    )",
    "CREATE TABLE @.runner_artifact (
        revision TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        kind TEXT NOT NULL,
        size INTEGER NOT NULL,
        compression TEXT NOT NULL,
        assets TEXT NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (revision, sha256)
    )",
    "CREATE TABLE @.runner_repair (
        id INTEGER PRIMARY KEY,
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER,
        action TEXT NOT NULL,
        statement TEXT NOT NULL,
        row_count INTEGER,
        why TEXT NOT NULL,
        repaired_at TEXT NOT NULL,
        repaired_by TEXT NOT NULL,
        run_id TEXT NOT NULL
    )",
    // `part` 0 is the step itself; the parts of a stored result are numbered from 1.
    "CREATE TABLE @.runner_journal (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        part INTEGER NOT NULL,
        kind TEXT NOT NULL,
        digest TEXT NOT NULL,
        text TEXT NOT NULL,
        state TEXT NOT NULL,
        effect INTEGER NOT NULL,
        row_count INTEGER NOT NULL,
        seal TEXT NOT NULL,
        answer BLOB,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        PRIMARY KEY (history_id, direction, step, part)
    ) WITHOUT ROWID",
    "CREATE TABLE @.runner_checkpoint (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        source BLOB NOT NULL,
        position BLOB NOT NULL,
        rows_read INTEGER NOT NULL,
        rows_written INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        changed_at TEXT NOT NULL,
        suspended INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step)
    ) WITHOUT ROWID",
    // Where the journal must end. It is a separate table because rows missing at the journal's end leave no other
    // trace.
    "CREATE TABLE @.runner_head (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        seal TEXT NOT NULL,
        run_id TEXT NOT NULL,
        run_by TEXT NOT NULL,
        PRIMARY KEY (history_id, direction)
    ) WITHOUT ROWID",
    // `owner` distinguishes an attempt of a run from every other one; `suspended` is 1 while the upgrade is being rolled
    // back. Times are microseconds on the database's own clock. A chunk begins after `from_key`; `size` is the number of
    // rows that it had when it was cut, or 0 if they were not counted.
    "CREATE TABLE @.runner_chunk (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        number INTEGER NOT NULL,
        from_key BLOB NOT NULL,
        to_key BLOB NOT NULL,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT NOT NULL,
        role TEXT NOT NULL,
        run_id TEXT NOT NULL,
        held_by TEXT NOT NULL,
        token INTEGER NOT NULL,
        lease_until INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        rows_read INTEGER NOT NULL,
        rows_written INTEGER NOT NULL,
        seal TEXT NOT NULL,
        last_error TEXT,
        began_at INTEGER NOT NULL,
        ended_at INTEGER,
        suspended INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step, number)
    ) WITHOUT ROWID",
    // The operators' requests: a row for everything, named `*`, and one for each revision that was named. `cancels` only
    // grows; a run obeys the cancels that came after its start.
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
    // The progress of active runs, one row each. Its row counts are for display; the checkpoints are authoritative.
    // `shares` is 0 for the run that leads; for others it is the number of the session that watches for them, or 1 if
    // there is none.
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
    "CREATE TABLE @.runner_evidence (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        kind TEXT NOT NULL,
        step INTEGER NOT NULL,
        part INTEGER NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (history_id, direction, kind, step, part)
    ) WITHOUT ROWID",
];
