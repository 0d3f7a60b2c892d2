//! What others have attached to the tool's tables. A trigger, a rule, a policy, an index or a default would run its code, with
//! the rights of whoever uses the tool, whenever the tool reads or writes its tables.

use std::sync::LazyLock;

use crate::database::facts::{GUARDED_TABLE_LITERALS, TOOL_SCHEMA};
use crate::database::{DatabaseError, DatabaseErrorKind};

/// Begins the answer of [`INSPECT`].
pub(super) const FOREIGN: &str = "runner:foreign";

/// A statement that fails, with what it found, if the tool's tables have something that the tool does not create. It reads
/// catalogues only, so nothing of it runs what it looks for.
///
/// It is part of every transaction, and planning [`LOOK`] takes longer than all the rest. Therefore that query is a text, which
/// the server plans only if [`HINT`] says so.
pub(super) static INSPECT: LazyLock<String> = LazyLock::new(|| {
    let look = LOOK.replace("~tables~", GUARDED_TABLE_LITERALS).replace("~foreign~", FOREIGN);
    HINT.replace("~tables~", GUARDED_TABLE_LITERALS).replace("~look~", &look.replace('\'', "''"))
});

/// Whether there may be something: all that is attached to a table depends on it, and is noted in `pg_depend`. Constraints,
/// defaults and types of the tool's own tables do, too; they are looked at if they depend on a function or an operator.
const HINT: &str = "\
    WITH tool AS ( \
        SELECT c.oid, c.relkind, c.relhassubclass FROM pg_catalog.pg_class c \
        WHERE c.relnamespace OPERATOR(pg_catalog.=) \
            (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'runner') \
            AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[~tables~]::pg_catalog.name[])), \
    attached AS ( \
        SELECT d.classid, d.objid FROM tool t JOIN pg_catalog.pg_depend d \
            ON d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) t.oid \
        WHERE d.classid OPERATOR(pg_catalog.<>) 1259::pg_catalog.oid) \
    SELECT CASE WHEN \
        EXISTS (SELECT FROM tool t WHERE t.relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
            OR t.relhassubclass) \
        OR EXISTS (SELECT FROM attached a \
            WHERE a.classid OPERATOR(pg_catalog.<>) ALL (ARRAY[2604, 2606, 1247]::pg_catalog.oid[])) \
        OR EXISTS (SELECT FROM attached a JOIN pg_catalog.pg_depend p \
            ON p.classid OPERATOR(pg_catalog.=) a.classid AND p.objid OPERATOR(pg_catalog.=) a.objid \
            WHERE p.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[1255, 2617]::pg_catalog.oid[])) \
        OR EXISTS (SELECT FROM tool t JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) t.oid \
            WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL \
                OR 16384::pg_catalog.oid OPERATOR(pg_catalog.<=) ANY (i.indclass::pg_catalog.oid[])) \
        OR EXISTS (SELECT FROM tool t JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid \
            WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                AND a.atttypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid) \
        THEN CASE WHEN pg_catalog.query_to_xml('~look~', true, true, '') IS NULL THEN 1 ELSE 0 END ELSE 0 END; ";

/// Objects of users have numbers from 16384 on. What depends on a function or an operator is noted in `pg_depend`, except for
/// those of the server itself.
const LOOK: &str = "\
    WITH tool AS ( \
        SELECT c.oid, c.relname, c.relkind \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner' \
            AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[~tables~]::pg_catalog.name[])), \
    found (what) AS ( \
        SELECT pg_catalog.concat('`', t.relname, '` is not a table') FROM tool t \
            WHERE t.relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
        UNION ALL SELECT pg_catalog.concat('the trigger `', g.tgname, '` on `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_trigger g ON g.tgrelid OPERATOR(pg_catalog.=) t.oid WHERE NOT g.tgisinternal \
        UNION ALL SELECT pg_catalog.concat('the rule `', w.rulename, '` on `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) t.oid \
        UNION ALL SELECT pg_catalog.concat('the policy `', p.polname, '` on `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_policy p ON p.polrelid OPERATOR(pg_catalog.=) t.oid \
        UNION ALL SELECT pg_catalog.concat('a table that inherits from `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_inherits h ON h.inhparent OPERATOR(pg_catalog.=) t.oid \
            WHERE t.relkind OPERATOR(pg_catalog.=) 'r' \
        UNION ALL SELECT pg_catalog.concat('the statistics `', s.stxname, '` on `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid OPERATOR(pg_catalog.=) t.oid \
        UNION ALL SELECT pg_catalog.concat('the index `', x.relname, '` on `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) t.oid \
            JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
            WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL \
                OR 16384::pg_catalog.oid OPERATOR(pg_catalog.<=) ANY (i.indclass::pg_catalog.oid[]) \
        UNION ALL SELECT pg_catalog.concat('the type of the column `', a.attname, '` of `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid \
            WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                AND a.atttypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
        UNION ALL SELECT pg_catalog.concat('a default of `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) t.oid \
            JOIN pg_catalog.pg_depend p ON p.objid OPERATOR(pg_catalog.=) d.oid \
            WHERE p.classid OPERATOR(pg_catalog.=) 2604::pg_catalog.oid \
                AND p.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[1255, 2617]::pg_catalog.oid[]) \
        UNION ALL SELECT pg_catalog.concat('the constraint `', k.conname, '` of `', t.relname, '`') \
            FROM tool t JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) t.oid \
            JOIN pg_catalog.pg_depend p ON p.objid OPERATOR(pg_catalog.=) k.oid \
            WHERE p.classid OPERATOR(pg_catalog.=) 2606::pg_catalog.oid \
                AND p.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[1255, 2617]::pg_catalog.oid[])) \
    SELECT CASE WHEN o.what IS NULL THEN 0 \
        ELSE pg_catalog.concat('~foreign~', pg_catalog.chr(1), o.what)::pg_catalog.int4 END \
    FROM (SELECT pg_catalog.min(f.what) FROM found f) AS o (what)";

/// Begins the answer of [`GUARD`].
pub(super) const CAPTURED: &str = "runner:captured";

/// A statement that fails, with what it found, if a schema on the search path has something that would take the place of the
/// server's own in the driver's queries. The driver asks for the columns and types of a statement that it describes, right
/// after the server has parsed it, and so on the path of the user; it compares numbers of several types with `=` and `>`,
/// collects rows with `array_agg`, and casts to four types.
///
/// A function or an operator that fits better is chosen wherever its schema stands on the path. A type is the first of its name:
/// every table has one, and does no harm unless the path names its schema before `pg_catalog`. Temporary ones end with the session
/// that made them, and do there what it could do without them.
pub(super) const GUARD: &str = "\
    SELECT CASE WHEN f.what IS NULL THEN 0 \
        ELSE pg_catalog.concat('runner:captured', pg_catalog.chr(1), f.what)::pg_catalog.int4 END \
    FROM (SELECT pg_catalog.min(o.what) FROM ( \
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

/// The error for what [`GUARD`] has found.
pub(super) fn captured(what: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("{what} would take the place of the server's own"))
        .hint("find out who made it, and drop it, or take its schema off the search path")
}

/// The error for what [`INSPECT`] has found.
pub(super) fn error(what: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("runner's own tables in the schema `{TOOL_SCHEMA}` are not as runner made them: {what}"),
    )
    .hint("find out who made it, and drop it: its code would run with the privileges of whoever uses runner")
}
