//! The definitions of the tool's tables on MySQL and MariaDB, and what else is specific to them.

use runner_database::dialect_sql::{ToolSchema, Words};

/// MySQL and MariaDB.
///
/// Each statement commits by itself, so a crash may leave only some of the tables. They are created if they do not
/// exist, and the format, which is written last, shows that they are complete.
pub(super) const TOOL_SCHEMA: ToolSchema = ToolSchema {
    words: Words {
        // Our sessions use UTC, where no hour occurs twice.
        now_us: "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
        now_ms: "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
        int64: "SIGNED",
        lock: " FOR UPDATE",
        session: "CONNECTION_ID()",
        // Most users see only their own sessions in the process list, but every user sees user locks.
        watching: "(IS_USED_LOCK(CONCAT('runner:helper:', shares)) IS NOT NULL)",
    },
    tables: "SELECT table_name FROM information_schema.tables WHERE table_schema = ?1 AND table_type = 'BASE TABLE' \
             AND table_name IN (~tables~)",
    schema: None,
    create: &TABLES,
    close: None,
    // No syntax of an upsert is accepted by both without a warning.
    store_artifact: "REPLACE INTO @.runner_artifact (revision, sha256, kind, size, compression, assets, bytes) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    own_number_counts: true,
    can_ask_number: true,
    sign_in: Some("DO GET_LOCK(CONCAT('runner:helper:', CONNECTION_ID()), 0)"),
    grant: Some("the user needs `CREATE`, `SELECT`, `INSERT`, `UPDATE` and `DELETE` on the database"),
};

/// The tables, in the order in which they are created.
const TABLES: [&str; 11] = [
    "CREATE TABLE IF NOT EXISTS @.runner_meta (
        `key` VARCHAR(64) NOT NULL PRIMARY KEY,
        value VARCHAR(255) NOT NULL
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    // As on SQLite: UNIQUE does not compare NULLs.
    "CREATE TABLE IF NOT EXISTS @.runner_history (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        revision VARCHAR(255) NOT NULL,
        name VARCHAR(255) NOT NULL,
        summary LONGTEXT NOT NULL,
        kind VARCHAR(32) NOT NULL,
        sha256 CHAR(64) NOT NULL,
        mode VARCHAR(32) NOT NULL,
        declared LONGTEXT NOT NULL,
        state VARCHAR(32) NOT NULL,
        active BIGINT CHECK (active = 1),
        started_at VARCHAR(64) NOT NULL,
        finished_at VARCHAR(64),
        duration_ms BIGINT NOT NULL,
        steps BIGINT NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_written BIGINT NOT NULL,
        transcript VARCHAR(128) NOT NULL,
        run_id VARCHAR(64) NOT NULL,
        run_timestamp BIGINT NOT NULL,
        seed BIGINT NOT NULL,
        applied_by LONGTEXT NOT NULL,
        tool_version VARCHAR(64) NOT NULL,
        reason LONGTEXT,
        rolled_back_at VARCHAR(64),
        rolled_back_by LONGTEXT,
        rolled_back_run_id VARCHAR(64),
        rolled_back_duration_ms BIGINT,
        rolled_back_rows_read BIGINT,
        rolled_back_rows_written BIGINT,
        rolled_back_transcript VARCHAR(128),
        UNIQUE KEY runner_history_active (revision, active)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_artifact (
        revision VARCHAR(255) NOT NULL,
        sha256 CHAR(64) NOT NULL,
        kind VARCHAR(32) NOT NULL,
        size BIGINT NOT NULL,
        compression VARCHAR(32) NOT NULL,
        assets LONGTEXT NOT NULL,
        bytes LONGBLOB NOT NULL,
        PRIMARY KEY (revision, sha256)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_repair (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT,
        action VARCHAR(32) NOT NULL,
        statement LONGTEXT NOT NULL,
        row_count BIGINT,
        why LONGTEXT NOT NULL,
        repaired_at VARCHAR(64) NOT NULL,
        repaired_by LONGTEXT NOT NULL,
        run_id VARCHAR(64) NOT NULL
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_journal (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        part BIGINT NOT NULL,
        kind VARCHAR(32) NOT NULL,
        digest VARCHAR(64) NOT NULL,
        text LONGTEXT NOT NULL,
        state VARCHAR(32) NOT NULL,
        effect BIGINT NOT NULL,
        row_count BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        answer LONGBLOB,
        began_at VARCHAR(64) NOT NULL,
        ended_at VARCHAR(64),
        PRIMARY KEY (history_id, direction, step, part)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_checkpoint (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        source LONGBLOB NOT NULL,
        position LONGBLOB NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_written BIGINT NOT NULL,
        chunks BIGINT NOT NULL,
        changed_at VARCHAR(64) NOT NULL,
        suspended BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_head (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        run_id VARCHAR(64) NOT NULL,
        run_by LONGTEXT NOT NULL,
        PRIMARY KEY (history_id, direction)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_chunk (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        number BIGINT NOT NULL,
        from_key LONGBLOB NOT NULL,
        to_key LONGBLOB NOT NULL,
        size BIGINT NOT NULL,
        state VARCHAR(32) NOT NULL,
        owner VARCHAR(255) NOT NULL,
        role VARCHAR(16) NOT NULL,
        run_id VARCHAR(64) NOT NULL,
        held_by VARCHAR(255) NOT NULL,
        token BIGINT NOT NULL,
        lease_until BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_written BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        last_error LONGTEXT,
        began_at BIGINT NOT NULL,
        ended_at BIGINT,
        suspended BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step, number)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
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
    "CREATE TABLE IF NOT EXISTS @.runner_evidence (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        kind VARCHAR(32) NOT NULL,
        step BIGINT NOT NULL,
        part BIGINT NOT NULL,
        content LONGBLOB NOT NULL,
        PRIMARY KEY (history_id, direction, kind, step, part)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];
