//! The definitions of the tool's tables on PostgreSQL, and what else is specific to it.

use runner_database::dialect_sql::{STORE_OR_UPDATE, ToolSchema, Words};

/// PostgreSQL.
pub(super) const TOOL_SCHEMA: ToolSchema = ToolSchema {
    words: Words {
        now_us: "(extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000000)::bigint",
        now_ms: "CAST(extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000 AS bigint)",
        int64: "bigint",
        lock: " FOR UPDATE",
        session: "pg_catalog.pg_backend_pid()",
        // Every user may see which sessions exist.
        watching: "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_activity(CAST(shares AS integer)))",
    },
    tables: "SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) ?1::pg_catalog.text \
             AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
             AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[~tables~]::pg_catalog.name[])",
    // `IF NOT EXISTS` requires the privilege to create schemas even if the schema exists.
    schema: Some((
        "SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) ?1::pg_catalog.text",
        "CREATE SCHEMA IF NOT EXISTS @",
    )),
    create: &TABLES,
    close: Some(CLOSE),
    store_artifact: STORE_OR_UPDATE,
    own_number_counts: false,
    can_ask_number: true,
    sign_in: None,
    grant: Some(
        "the role needs `CREATE` on the database, or a schema `runner` of its own: \
         `CREATE SCHEMA runner AUTHORIZATION role`; where `[history]` names another schema, `CREATE` on that",
    ),
};

/// A template that leaves only `SELECT` of what other roles than the owner may do with the tool's tables:
/// `ALTER DEFAULT PRIVILEGES` opens tables as they are created, those of a tool as well.
pub(crate) const CLOSE: &str = "DO $$ DECLARE revoke pg_catalog.text; BEGIN FOR revoke IN \
    SELECT pg_catalog.format('REVOKE %s ON %s FROM %s CASCADE', x.privilege_type, c.oid::pg_catalog.regclass, \
            CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::pg_catalog.regrole::pg_catalog.text END) \
        FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x \
        WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('@') \
            AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
            AND c.relname OPERATOR(pg_catalog.~) '^runner_' \
            AND x.grantee OPERATOR(pg_catalog.<>) c.relowner AND x.grantor OPERATOR(pg_catalog.=) c.relowner \
            AND c.relowner OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole \
            AND x.privilege_type OPERATOR(pg_catalog.<>) 'SELECT' \
    LOOP EXECUTE revoke; END LOOP; END $$";

/// The tables, in the order in which they are created.
const TABLES: [&str; 11] = [
    "CREATE TABLE @.runner_meta (key text NOT NULL PRIMARY KEY, value text NOT NULL)",
    // As on SQLite: UNIQUE does not compare NULLs.
    "CREATE TABLE @.runner_history (
        id bigint NOT NULL PRIMARY KEY,
        revision text NOT NULL,
        name text NOT NULL,
        summary text NOT NULL,
        kind text NOT NULL,
        sha256 text NOT NULL,
        mode text NOT NULL,
        declared text NOT NULL,
        state text NOT NULL,
        active bigint CHECK (active = 1),
        started_at text NOT NULL,
        finished_at text,
        duration_ms bigint NOT NULL,
        steps bigint NOT NULL,
        rows_read bigint NOT NULL,
        rows_written bigint NOT NULL,
        transcript text NOT NULL,
        run_id text NOT NULL,
        run_timestamp bigint NOT NULL,
        seed bigint NOT NULL,
        applied_by text NOT NULL,
        tool_version text NOT NULL,
        reason text,
        rolled_back_at text,
        rolled_back_by text,
        rolled_back_run_id text,
        rolled_back_duration_ms bigint,
        rolled_back_rows_read bigint,
        rolled_back_rows_written bigint,
        rolled_back_transcript text,
        UNIQUE (revision, active)
    )",
    "CREATE TABLE @.runner_artifact (
        revision text NOT NULL,
        sha256 text NOT NULL,
        kind text NOT NULL,
        size bigint NOT NULL,
        compression text NOT NULL,
        assets text NOT NULL,
        bytes bytea NOT NULL,
        PRIMARY KEY (revision, sha256)
    )",
    "CREATE TABLE @.runner_repair (
        id bigint NOT NULL PRIMARY KEY,
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint,
        action text NOT NULL,
        statement text NOT NULL,
        row_count bigint,
        why text NOT NULL,
        repaired_at text NOT NULL,
        repaired_by text NOT NULL,
        run_id text NOT NULL
    )",
    "CREATE TABLE @.runner_journal (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        part bigint NOT NULL,
        kind text NOT NULL,
        digest text NOT NULL,
        text text NOT NULL,
        state text NOT NULL,
        effect bigint NOT NULL,
        row_count bigint NOT NULL,
        seal text NOT NULL,
        answer bytea,
        began_at text NOT NULL,
        ended_at text,
        PRIMARY KEY (history_id, direction, step, part)
    )",
    "CREATE TABLE @.runner_checkpoint (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        source bytea NOT NULL,
        position bytea NOT NULL,
        rows_read bigint NOT NULL,
        rows_written bigint NOT NULL,
        chunks bigint NOT NULL,
        changed_at text NOT NULL,
        suspended bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step)
    )",
    "CREATE TABLE @.runner_head (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        seal text NOT NULL,
        run_id text NOT NULL,
        run_by text NOT NULL,
        PRIMARY KEY (history_id, direction)
    )",
    "CREATE TABLE @.runner_chunk (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        number bigint NOT NULL,
        from_key bytea NOT NULL,
        to_key bytea NOT NULL,
        size bigint NOT NULL,
        state text NOT NULL,
        owner text NOT NULL,
        role text NOT NULL,
        run_id text NOT NULL,
        held_by text NOT NULL,
        token bigint NOT NULL,
        lease_until bigint NOT NULL,
        attempts bigint NOT NULL,
        rows_read bigint NOT NULL,
        rows_written bigint NOT NULL,
        seal text NOT NULL,
        last_error text,
        began_at bigint NOT NULL,
        ended_at bigint,
        suspended bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (history_id, direction, step, number)
    )",
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
    "CREATE TABLE @.runner_evidence (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        kind text NOT NULL,
        step bigint NOT NULL,
        part bigint NOT NULL,
        content bytea NOT NULL,
        PRIMARY KEY (history_id, direction, kind, step, part)
    )",
];
