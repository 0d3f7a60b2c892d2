//! What is in the tool's schemas, or attached to its tables, and that the tool does not make. A trigger, a rule, a
//! policy, an index or a default would run its code, with the rights of the tool's user, whenever the tool reads or
//! writes its tables.
//!
//! Nothing hostile is listed here, only what the tool makes. All that belongs to a schema or is attached to a table depends on it
//! and is noted in `pg_depend`; so is all that these objects need themselves, unless it belongs to the server.

use crate::verdict::Verdict;

/// The template of a statement that fails, with what it found, if there is something that the tool does not make. It
/// reads catalogues only, so it runs nothing of what it looks for.
pub(crate) fn inspect() -> String {
    format!("{} FROM ({LOOK}) AS o (what); ", Verdict::Foreign.unless("o.what IS NULL", &["o.what"]))
}

/// The template of a query for one of these things, or NULL.
///
/// In the schemas are tables of known names with their sequences, and functions of the gate. Attached to the tables are their types,
/// defaults, constraints of four kinds (`n` since PostgreSQL 18), `TOAST` tables, sequences of identity columns and one trigger;
/// their indexes are attached to constraints. Views, functions, policies of other tables and publications that only read the tables
/// are left alone. None of all that needs anything else, or is part of an extension. Numbers of catalogues: 1247 types, 1255 functions, 1259 relations,
/// 2604 defaults, 2606 constraints, 2615 schemas, 2618 rules, 2620 triggers, 3079 extensions, 3256 policies, 6106 tables of publications.
///
/// It is part of many transactions, and planning it would take longer than the answer if it joined: so each step takes the numbers of
/// the one before as an array.
pub(crate) const LOOK: &str = "\
    WITH within AS MATERIALIZED ( \
        SELECT d.classid, d.objid, d.refobjid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('runner_gate')::pg_catalog.oid AS is_gate \
        FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid \
            AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.to_regnamespace('@'), \
                pg_catalog.to_regnamespace('runner_gate')]::pg_catalog.oid[]){only}), \
    tables AS MATERIALIZED ( \
        SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY( \
            SELECT w.objid FROM within w WHERE w.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid))), \
    attached AS MATERIALIZED ( \
        SELECT d.classid, d.objid, d.deptype FROM pg_catalog.pg_depend d \
        WHERE d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
            AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM tables t))), \
    found (classid, objid, needs, needed) AS ( \
        SELECT w.classid, w.objid, NULL::pg_catalog.oid, NULL::pg_catalog.oid FROM within w \
            WHERE w.classid OPERATOR(pg_catalog.<>) 1259::pg_catalog.oid \
                AND NOT (w.is_gate AND w.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid) \
        UNION ALL SELECT 1259::pg_catalog.oid, t.oid, NULL, NULL FROM tables t \
            WHERE NOT CASE WHEN t.relkind OPERATOR(pg_catalog.=) 'S' \
                THEN t.oid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT a.objid FROM attached a WHERE a.deptype OPERATOR(pg_catalog.=) 'i')) \
                ELSE t.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) AND t.relname \
                    OPERATOR(pg_catalog.=) ANY (ARRAY[{names}, 'ticket', 'underway']::pg_catalog.name[]) END \
        UNION ALL SELECT a.classid, a.objid, NULL, NULL FROM attached a \
            WHERE NOT CASE WHEN a.classid OPERATOR(pg_catalog.=) 2604::pg_catalog.oid THEN true \
                WHEN a.classid OPERATOR(pg_catalog.=) ANY (ARRAY[1247, 1259]::pg_catalog.oid[]) THEN a.deptype OPERATOR(pg_catalog.=) 'i' \
                WHEN a.classid OPERATOR(pg_catalog.=) 2606::pg_catalog.oid THEN a.objid OPERATOR(pg_catalog.=) ANY (ARRAY( \
                    SELECT k.oid FROM pg_catalog.pg_constraint k \
                    WHERE k.conrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM tables t)) \
                        AND (k.contype OPERATOR(pg_catalog.=) ANY (ARRAY['p', 'u', 'c', 'n']::pg_catalog.\"char\"[]) \
                            OR k.contype OPERATOR(pg_catalog.=) 't' AND k.conname OPERATOR(pg_catalog.=) 'guard'))) \
                WHEN a.classid OPERATOR(pg_catalog.=) 2620::pg_catalog.oid THEN a.objid OPERATOR(pg_catalog.=) ANY (ARRAY( \
                    SELECT g.oid FROM pg_catalog.pg_trigger g WHERE g.tgname OPERATOR(pg_catalog.=) 'guard' \
                        AND g.tgrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('runner_gate.underway')::pg_catalog.oid)) \
                ELSE a.classid OPERATOR(pg_catalog.=) 6106::pg_catalog.oid OR a.deptype OPERATOR(pg_catalog.=) 'n' \
                    AND a.classid OPERATOR(pg_catalog.=) ANY (ARRAY[2618, 1255, 3256]::pg_catalog.oid[]) END \
        UNION ALL SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_catalog.pg_depend d \
            WHERE d.classid OPERATOR(pg_catalog.=) ANY (ARRAY[1259, 2604, 2606]::pg_catalog.oid[]) \
                AND d.objid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM tables t UNION ALL SELECT a.objid FROM attached a \
                    WHERE a.classid OPERATOR(pg_catalog.=) ANY (ARRAY[2604, 2606]::pg_catalog.oid[]))) \
                AND d.refclassid OPERATOR(pg_catalog.<>) ALL (ARRAY[2615, 2620]::pg_catalog.oid[]) \
                AND NOT (d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
                    AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.oid FROM tables t))) \
        UNION ALL SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_catalog.pg_depend d \
            WHERE d.refclassid OPERATOR(pg_catalog.=) 3079::pg_catalog.oid \
                AND d.classid OPERATOR(pg_catalog.=) ANY (ARRAY[1255, 2615]::pg_catalog.oid[]) \
                AND d.objid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT w.objid FROM within w UNION ALL SELECT n.oid FROM pg_catalog.pg_namespace n \
                    WHERE n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY[{own, }'runner_gate']::pg_catalog.name[])))) \
    SELECT pg_catalog.min(pg_catalog.concat('the ', i.type, ' `', i.identity, '`', CASE WHEN f.needs IS NOT NULL \
            THEN (SELECT pg_catalog.concat(', which needs the ', n.type, ' `', n.identity, '`') \
                FROM pg_catalog.pg_identify_object(f.needs, f.needed, 0) n) END)) \
    FROM found f, pg_catalog.pg_identify_object(f.classid, f.objid, 0) i";

/// A statement that fails, with what it found, if a schema on the search path has something that would take the place of the
/// server's own in the driver's queries. The driver asks for the columns and types of a statement that it describes, right
/// after the server has parsed it, and so on the path of the user; it compares numbers of several types with `=` and `>`,
/// collects rows with `array_agg`, and casts to four types.
///
/// A function or an operator that fits better is chosen wherever its schema is on the path. A type is the first of its
/// name: every table has one, and does no harm unless the path names its schema before `pg_catalog`. Temporary ones end
/// with the session that made them, and do there what it could do without them.
pub(crate) fn captured() -> String {
    format!("{} {NAMED_AS_OURS}", Verdict::Captured.unless("f.what IS NULL", &["f.what"]))
}

const NAMED_AS_OURS: &str = "FROM (SELECT pg_catalog.min(o.what) FROM ( \
        SELECT pg_catalog.concat('the function `', n.nspname, '.', p.proname, '`') \
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace \
            WHERE p.proname OPERATOR(pg_catalog.=) 'array_agg' AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog' \
                AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) \
        UNION ALL SELECT pg_catalog.concat('the operator `', n.nspname, '.', p.oprname, '` for ', \
                pg_catalog.format_type(p.oprleft, NULL), ' and ', pg_catalog.format_type(p.oprright, NULL)) \
            FROM pg_catalog.pg_operator p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.oprnamespace \
            WHERE p.oprname OPERATOR(pg_catalog.=) ANY (ARRAY['=', '>']::pg_catalog.name[]) \
                AND p.oprleft OPERATOR(pg_catalog.=) ANY (ARRAY[20, 21, 23, 26]::pg_catalog.oid[]) \
                AND p.oprright OPERATOR(pg_catalog.=) ANY (ARRAY[20, 21, 23, 26]::pg_catalog.oid[]) \
                AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog' \
                AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) \
        UNION ALL SELECT pg_catalog.concat('the type `', n.nspname, '.', p.typname, '`') \
            FROM pg_catalog.pg_type p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.typnamespace \
            WHERE p.typname OPERATOR(pg_catalog.=) ANY (ARRAY['text', 'oid', 'regclass', 'regtype']::pg_catalog.name[]) \
                AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) \
                AND pg_catalog.array_position(pg_catalog.current_schemas(true), n.nspname) OPERATOR(pg_catalog.<) \
                    pg_catalog.array_position(pg_catalog.current_schemas(true), 'pg_catalog'::pg_catalog.name)) \
        AS o (what)) AS f (what)";
