//! The second line of defence for the tool's own objects: detects, through the server, any change by a script, however it was
//! made.
//!
//! In PostgreSQL a table cannot be changed without a lock on it that is kept until the transaction ends. So a script
//! that wrote to one of them, truncated, locked or altered it, or gave it a trigger, holds a lock that it did not hold
//! before; the same holds for sequences and indexes. (`ANALYZE` of the whole database takes a lock on tables under which no
//! content changes; this is allowed.) If the host itself already holds such a lock, the server's count of the rows that this
//! transaction has written shows the difference.
//!
//! What can change without such a lock is in the picture: owner, privileges, parameters, heirs, statistics, and
//! whatever is in the tool's schemas other than tables or is attached to them: functions, types, privileges by default.
//! It is made of the numbers of the transactions that wrote the rows of the catalogues, and of the commands in them,
//! which no statement can choose. A row that is added or removed changes their count; one that is written again gets
//! the number of a later transaction, or of a later command of this one, so one of the sums grows. A function is in it
//! as it is, except for who may call it: `grants sync` may let another login do that at any time. That is compared
//! before the gate is used.
//!
//! # A closed set
//!
//! Once for each connection, before its first statement about the tables, the whole is checked: everything that belongs
//! to the tool's schemas or is attached to their tables is noted in `pg_depend`, with what it needs that is not the
//! server's own. Each has to be of a kind that the tool makes, and the first that is not is named. What merely reads
//! the tables is left alone. That takes 1.3 ms, the comparison 1.05 ms. After a statement outside of transactions, the
//! rows of `pg_class` and `pg_attribute` are left out, which `VACUUM FULL` writes again. Numbers of the history come
//! from the tables, and not from a sequence, which its owner can set to its end.
//!
//! Rejected: a digest of definitions, which differs between versions of the server and takes several times as long; a
//! list of what is hostile, on which defaults, checks, heirs, indexes, domains, foreign keys and default privileges
//! were missing. Not covered: a superuser's migration can write to the catalogues.

use runner_database::facts::TOOL_SCHEMA;

/// The template of a query for one row: the picture, this transaction's locks on the tables, and the number of rows it has written to
/// them, if `with_rows`.
pub(crate) fn fingerprint(with_rows: bool) -> String {
    query(&[PICTURE, LOCKED, if with_rows { WRITTEN } else { "NULL" }], "")
}

/// As [`fingerprint`], without the locks. The server lists those of all tables that a transaction has used, so a dry run would take longer with
/// each migration; and of what changes the tables, only a lock in so many words is missed, which a dry run keeps no more than the rest. The
/// locks are empty, and not unknown: so the rows count.
pub(crate) fn without_locks() -> String {
    query(&[PICTURE, "''", WRITTEN], "")
}

/// The template of a query for a picture without what a statement outside of transactions may do to every table there is, such as
/// `VACUUM FULL`.
pub(crate) fn outline() -> String {
    query(&[&format!("'{TOOL_SCHEMA}'"), "NULL", PICTURE], "WHERE p.is_attached")
}

/// A query for these expressions. `which`: a condition on the rows of the picture.
fn query(columns: &[&str], which: &str) -> String {
    let columns = columns.join(", ").replace("{which}", which);
    format!("{WITHIN}SELECT {columns}").replace("{within}", "within").replace("{tables}", "tables")
}

/// What is in the tool's schemas, and the tables among it. This is asked after each file, and planning it takes longer than the answer:
/// so there is no join.
const WITHIN: &str = "\
    WITH within AS MATERIALIZED ( \
        SELECT d.classid, d.objid, d.xmin AS x, d.cmin AS y FROM pg_catalog.pg_depend d \
        WHERE d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid \
            AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.to_regnamespace('@'), \
                pg_catalog.to_regnamespace('runner_gate')]::pg_catalog.oid[]){only}), \
    tables AS MATERIALIZED ( \
        SELECT c.oid, c.relname, c.xmin AS x, c.cmin AS y FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY( \
            SELECT w.objid FROM within w WHERE w.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid))) ";

const PICTURE: &str = "\
    (SELECT pg_catalog.concat(pg_catalog.count(*), ' ', pg_catalog.sum(p.x::pg_catalog.text::pg_catalog.int8), ' ', \
            pg_catalog.sum(p.y::pg_catalog.text::pg_catalog.int8), ' ', \
            (SELECT pg_catalog.md5(pg_catalog.string_agg( \
                    (pg_catalog.to_jsonb(f.*) OPERATOR(pg_catalog.-) 'proacl'::pg_catalog.text)::pg_catalog.text, ',' ORDER BY f.oid)) \
                FROM pg_catalog.pg_proc f WHERE f.oid OPERATOR(pg_catalog.=) ANY (ARRAY( \
                    SELECT w.objid FROM {within} w WHERE w.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid)))) FROM ( \
        SELECT n.xmin, n.cmin, true FROM pg_catalog.pg_namespace n \
            WHERE n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY[{own}]::pg_catalog.name[]) \
        UNION ALL SELECT w.x, w.y, true FROM {within} w \
        UNION ALL SELECT d.xmin, d.cmin, true FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
            AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)) \
        UNION ALL SELECT d.xmin, d.cmin, true FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 3079::pg_catalog.oid \
            AND d.classid OPERATOR(pg_catalog.=) ANY (ARRAY[1255, 1259, 2615]::pg_catalog.oid[]) \
            AND d.objid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT w.objid FROM {within} w UNION ALL SELECT n.oid FROM pg_catalog.pg_namespace n \
                WHERE n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY[{own, }'runner_gate']::pg_catalog.name[]))) \
        UNION ALL SELECT g.xmin, g.cmin, true FROM pg_catalog.pg_trigger g \
            WHERE g.tgrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)) \
        UNION ALL SELECT k.xmin, k.cmin, true FROM pg_catalog.pg_constraint k \
            WHERE k.conrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)) \
        UNION ALL SELECT t.x, t.y, false FROM {tables} t \
        UNION ALL SELECT a.xmin, a.cmin, false FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)) \
                AND a.attacl IS NOT NULL) AS p (x, y, is_attached) {which})";

const LOCKED: &str = "\
    (SELECT pg_catalog.string_agg(pg_catalog.concat((pg_catalog.pg_identify_object(1259::pg_catalog.oid, l.relation, 0)).identity, ' ', \
            l.mode), ';' ORDER BY l.relation, l.mode) \
        FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
            AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.mode OPERATOR(pg_catalog.<>) 'AccessShareLock' \
            AND CASE WHEN l.relation OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)) \
                THEN l.mode OPERATOR(pg_catalog.<>) 'ShareUpdateExclusiveLock' \
                ELSE l.relation OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT i.indexrelid FROM pg_catalog.pg_index i \
                    WHERE i.indrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM {tables} t)))) END)";

const WRITTEN: &str = "\
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', t.relname, pg_catalog.pg_stat_get_xact_tuples_inserted(t.oid), \
            pg_catalog.pg_stat_get_xact_tuples_updated(t.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(t.oid)), ';' \
            ORDER BY t.oid) \
        FROM {tables} t)";
