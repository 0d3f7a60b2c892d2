//! The schemas of a PostgreSQL database.

use super::schema::{Schema, Table, lines};
use crate::database::{DatabaseError, Dialect, Session, TableName};

/// Every user-defined object by a unique name, with its definition. Objects of extensions are excluded. The order of columns is
/// ignored: a column that was dropped and added again is the last one.
const OBJECTS: &str = "
    WITH spaces AS (
        SELECT oid, nspname AS space, nspacl FROM pg_catalog.pg_namespace
        WHERE nspname OPERATOR(pg_catalog.!~) '^pg_' AND nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'runner']::pg_catalog.name[])
    ), made AS (
        SELECT objid FROM pg_catalog.pg_depend WHERE deptype OPERATOR(pg_catalog.=) 'e'
    ), relations AS (
        SELECT c.*, space, space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) relname AS label,
            coalesce((ARRAY['view', 'materialized view', 'sequence', 'type', 'foreign table', 'index', 'index'])[
                pg_catalog.array_position(ARRAY['v', 'm', 'S', 'c', 'f', 'i', 'I'], relkind::pg_catalog.text)], 'table') AS word
        FROM pg_catalog.pg_class AS c JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) relnamespace
        WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) c.oid) AND relkind OPERATOR(pg_catalog.<>) 't'
    )
    SELECT 'schema ' OPERATOR(pg_catalog.||) space, coalesce(nspacl::pg_catalog.text, '') FROM spaces
    UNION ALL
    SELECT 'extension ' OPERATOR(pg_catalog.||) extname, extversion FROM pg_catalog.pg_extension
    UNION ALL
    SELECT word OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) label, pg_catalog.concat_ws(' ', CASE WHEN relpersistence OPERATOR(pg_catalog.=) 'u' THEN 'UNLOGGED' END, reloptions::pg_catalog.text, relacl::pg_catalog.text,
            CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
            CASE WHEN relkind OPERATOR(pg_catalog.=) 'p' THEN pg_catalog.pg_get_partkeydef(oid) END,
            pg_catalog.pg_get_expr(relpartbound, oid),
            CASE WHEN relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v', 'm']::pg_catalog.\"char\"[]) THEN pg_catalog.pg_get_viewdef(oid) END,
            (SELECT pg_catalog.concat_ws(' ', seqtypid::pg_catalog.regtype, seqstart, seqincrement, seqmax, seqmin, seqcycle)
             FROM pg_catalog.pg_sequence WHERE seqrelid OPERATOR(pg_catalog.=) oid),
            pg_catalog.obj_description(oid, 'pg_class'))
    FROM relations WHERE relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['i', 'I']::pg_catalog.\"char\"[])
    UNION ALL
    SELECT 'index ' OPERATOR(pg_catalog.||) label, pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(oid),
        CASE WHEN NOT indisvalid THEN 'INVALID' END, CASE WHEN indisreplident THEN 'REPLICA IDENTITY' END)
    FROM relations JOIN pg_catalog.pg_index ON indexrelid OPERATOR(pg_catalog.=) oid
    UNION ALL
    SELECT 'column ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) attname, pg_catalog.concat_ws(' ', pg_catalog.format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN 'NOT NULL' END, CASE WHEN attidentity OPERATOR(pg_catalog.<>) '' THEN attidentity::pg_catalog.text END,
            CASE WHEN attgenerated OPERATOR(pg_catalog.<>) '' THEN attgenerated::pg_catalog.text END,
            pg_catalog.pg_get_expr(adbin, adrelid), attacl::pg_catalog.text,
            (SELECT 'COLLATE ' OPERATOR(pg_catalog.||) collname FROM pg_catalog.pg_collation AS l
             WHERE l.oid OPERATOR(pg_catalog.=) attcollation AND collname OPERATOR(pg_catalog.<>) 'default'),
            pg_catalog.col_description(r.oid, attnum))
    FROM relations AS r JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) r.oid
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid OPERATOR(pg_catalog.=) r.oid AND adnum OPERATOR(pg_catalog.=) attnum
    WHERE attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped AND relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['i', 'I', 'S']::pg_catalog.\"char\"[])
    UNION ALL
    SELECT 'constraint ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) conname,
        pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), CASE WHEN NOT convalidated THEN 'NOT VALID' END)
    FROM pg_catalog.pg_constraint AS k JOIN relations AS r ON conrelid OPERATOR(pg_catalog.=) r.oid
    UNION ALL
    SELECT 'trigger ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) tgname, pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), tgenabled)
    FROM pg_catalog.pg_trigger AS t JOIN relations AS r ON tgrelid OPERATOR(pg_catalog.=) r.oid WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) polname, pg_catalog.concat_ws(' ', polcmd, polpermissive, polroles::pg_catalog.text,
        pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid))
    FROM pg_catalog.pg_policy JOIN relations AS r ON polrelid OPERATOR(pg_catalog.=) r.oid
    UNION ALL
    SELECT 'rule ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) rulename, pg_catalog.pg_get_ruledef(w.oid)
    FROM pg_catalog.pg_rewrite AS w JOIN relations AS r ON ev_class OPERATOR(pg_catalog.=) r.oid WHERE rulename OPERATOR(pg_catalog.<>) '_RETURN'
    UNION ALL
    SELECT 'function ' OPERATOR(pg_catalog.||) space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) p.oid::pg_catalog.regprocedure,
        CASE WHEN prokind OPERATOR(pg_catalog.=) 'a' THEN 'aggregate' ELSE pg_catalog.pg_get_functiondef(p.oid) END
    FROM pg_catalog.pg_proc AS p JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) pronamespace
    WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) p.oid)
    UNION ALL
    SELECT 'type ' OPERATOR(pg_catalog.||) space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) typname, pg_catalog.concat_ws(' ', typtype, typdefault,
        (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
         FROM pg_catalog.pg_enum WHERE enumtypid OPERATOR(pg_catalog.=) t.oid),
        CASE WHEN typtype OPERATOR(pg_catalog.=) 'd' THEN pg_catalog.concat_ws(' ', pg_catalog.format_type(typbasetype, typtypmod),
            CASE WHEN typnotnull THEN 'NOT NULL' END,
            (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY conname)
             FROM pg_catalog.pg_constraint AS k WHERE contypid OPERATOR(pg_catalog.=) t.oid)) END)
    FROM pg_catalog.pg_type AS t JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) typnamespace
    WHERE typtype OPERATOR(pg_catalog.=) ANY (ARRAY['e', 'd', 'r']::pg_catalog.\"char\"[]) AND NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) t.oid)";

/// Tables with rows of their own; for a partitioned table, its partitions.
const COLUMNS: &str = "
    SELECT nspname, relname, attname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) relnamespace
        LEFT JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) c.oid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    WHERE relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'm']::pg_catalog.\"char\"[]) AND relispopulated AND nspname OPERATOR(pg_catalog.!~) '^pg_' AND nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'runner']::pg_catalog.name[])
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE deptype OPERATOR(pg_catalog.=) 'e' AND objid OPERATOR(pg_catalog.=) c.oid)
    ORDER BY nspname, relname, attnum";

pub(super) async fn read(session: &mut dyn Session) -> Result<Schema, DatabaseError> {
    let own = session.facts().schema.clone().unwrap_or_else(|| "public".to_owned());
    // As users write it, without the current schema.
    let own = format!("{own}.");
    let short = |label: &str| match label.split_once(' ') {
        Some((word, name)) => format!("{word} {}", name.strip_prefix(&own).unwrap_or(name)),
        None => label.to_owned(),
    };
    let mut schema = Schema::default();
    for [label, definition] in lines::<2>(session, OBJECTS, &[]).await? {
        schema.objects.insert(short(&label), vec![definition]);
    }
    for [space, name, column] in lines::<3>(session, COLUMNS, &[]).await? {
        let full = format!("{space}.{name}");
        let label = full.strip_prefix(&own).unwrap_or(&full).to_owned();
        if schema.tables.last().is_none_or(|table| table.label != label) {
            let name = TableName { schema: Some(space), name };
            schema.tables.push(Table { label, name, columns: Vec::new() });
        }
        if let Some(table) = schema.tables.last_mut().filter(|_| !column.is_empty()) {
            let read = format!("{}::pg_catalog.text", Dialect::Postgres.quote(&column));
            table.columns.push((column, read));
        }
    }
    Ok(schema)
}
