//! The schemas of a PostgreSQL database.

use super::schema::{Schema, Table, lines};
use crate::database::{DatabaseError, Dialect, Session, TableName};

/// Every user-defined object by a unique name, with its definition. Objects of extensions are excluded. The order of columns is
/// ignored: a column that was dropped and added again is the last one.
const OBJECTS: &str = "
    WITH spaces AS (
        SELECT oid, nspname AS space, nspacl FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'runner')
    ), made AS (
        SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
    ), relations AS (
        SELECT c.*, space, space || '.' || relname AS label,
            CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index'
                ELSE 'table' END AS word
        FROM pg_catalog.pg_class AS c JOIN spaces ON spaces.oid = relnamespace
        WHERE c.oid NOT IN (SELECT objid FROM made) AND relkind <> 't'
    )
    SELECT 'schema ' || space, coalesce(nspacl::text, '') FROM spaces
    UNION ALL
    SELECT 'extension ' || extname, extversion FROM pg_catalog.pg_extension
    UNION ALL
    SELECT word || ' ' || label, concat_ws(' ', CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END, reloptions::text, relacl::text,
            CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
            CASE WHEN relkind = 'p' THEN pg_catalog.pg_get_partkeydef(oid) END,
            pg_catalog.pg_get_expr(relpartbound, oid),
            CASE WHEN relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(oid) END,
            (SELECT concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcycle)
             FROM pg_catalog.pg_sequence WHERE seqrelid = oid),
            pg_catalog.obj_description(oid, 'pg_class'))
    FROM relations WHERE relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT 'index ' || label, concat_ws(' ', pg_catalog.pg_get_indexdef(oid),
        CASE WHEN NOT indisvalid THEN 'INVALID' END, CASE WHEN indisreplident THEN 'REPLICA IDENTITY' END)
    FROM relations JOIN pg_catalog.pg_index ON indexrelid = oid
    UNION ALL
    SELECT 'column ' || label || '.' || attname, concat_ws(' ', pg_catalog.format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN 'NOT NULL' END, nullif(attidentity::text, ''), nullif(attgenerated::text, ''),
            pg_catalog.pg_get_expr(adbin, adrelid), attacl::text,
            (SELECT 'COLLATE ' || collname FROM pg_catalog.pg_collation AS l
             WHERE l.oid = attcollation AND collname <> 'default'),
            pg_catalog.col_description(r.oid, attnum))
    FROM relations AS r JOIN pg_catalog.pg_attribute ON attrelid = r.oid
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid = r.oid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relkind NOT IN ('i', 'I', 'S')
    UNION ALL
    SELECT 'constraint ' || label || '.' || conname,
        concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), CASE WHEN NOT convalidated THEN 'NOT VALID' END)
    FROM pg_catalog.pg_constraint AS k JOIN relations AS r ON conrelid = r.oid
    UNION ALL
    SELECT 'trigger ' || label || '.' || tgname, concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), tgenabled)
    FROM pg_catalog.pg_trigger AS t JOIN relations AS r ON tgrelid = r.oid WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy ' || label || '.' || polname, concat_ws(' ', polcmd, polpermissive, polroles::text,
        pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid))
    FROM pg_catalog.pg_policy JOIN relations AS r ON polrelid = r.oid
    UNION ALL
    SELECT 'rule ' || label || '.' || rulename, pg_catalog.pg_get_ruledef(w.oid)
    FROM pg_catalog.pg_rewrite AS w JOIN relations AS r ON ev_class = r.oid WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'function ' || space || '.' || p.oid::regprocedure,
        CASE WHEN prokind = 'a' THEN 'aggregate' ELSE pg_catalog.pg_get_functiondef(p.oid) END
    FROM pg_catalog.pg_proc AS p JOIN spaces ON spaces.oid = pronamespace
    WHERE p.oid NOT IN (SELECT objid FROM made)
    UNION ALL
    SELECT 'type ' || space || '.' || typname, concat_ws(' ', typtype, typdefault,
        (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
         FROM pg_catalog.pg_enum WHERE enumtypid = t.oid),
        CASE WHEN typtype = 'd' THEN concat_ws(' ', pg_catalog.format_type(typbasetype, typtypmod),
            CASE WHEN typnotnull THEN 'NOT NULL' END,
            (SELECT string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY conname)
             FROM pg_catalog.pg_constraint AS k WHERE contypid = t.oid)) END)
    FROM pg_catalog.pg_type AS t JOIN spaces ON spaces.oid = typnamespace
    WHERE typtype IN ('e', 'd', 'r') AND t.oid NOT IN (SELECT objid FROM made)";

/// Tables with rows of their own; for a partitioned table, its partitions.
const COLUMNS: &str = "
    SELECT nspname, relname, attname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
        LEFT JOIN pg_catalog.pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    WHERE relkind IN ('r', 'm') AND relispopulated AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'runner')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE deptype = 'e' AND objid = c.oid)
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
            let read = format!("{}::text", Dialect::Postgres.quote(&column));
            table.columns.push((column, read));
        }
    }
    Ok(schema)
}
