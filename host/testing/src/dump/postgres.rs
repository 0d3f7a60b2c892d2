//! The schemas of a PostgreSQL database.

use super::schema::{Schema, Table, lines};
use runner_database::facts::{LEASE_TABLES, TOOL_TABLES};
use runner_database::{DatabaseError, Dialect, Session, TableName};

/// Privileges as text, in an order of their own: the entries of an unset list are those of its default, which the first
/// GRANT writes down and no REVOKE undoes. `kind`: of the object, as `acldefault` knows it.
fn privileges(list: &str, kind: &str, owner: &str) -> String {
    entries(&format!("coalesce({list}, pg_catalog.acldefault({kind}, {owner}))"))
}

/// The entries of a list of privileges, sorted, with their label.
fn entries(list: &str) -> String {
    format!(
        "'PRIVILEGES ' OPERATOR(pg_catalog.||) (SELECT pg_catalog.string_agg(entry::pg_catalog.text, ',' ORDER BY entry::pg_catalog.text)
          FROM pg_catalog.unnest({list}) AS entry)"
    )
}

/// Reads every user-defined object by a unique name, with its definition. Objects of extensions are excluded. The order of columns
/// is ignored: a column that was dropped and added again is the last one. Collations are read whole, since each version has other
/// columns for the rules of ICU.
fn objects() -> String {
    let of_schema = privileges("nspacl", "'n'", "nspowner");
    // A composite type is a relation, and its privileges are those of the type.
    let of_relation = privileges(
        "CASE WHEN relkind OPERATOR(pg_catalog.=) 'c'
              THEN (SELECT typacl FROM pg_catalog.pg_type WHERE pg_type.oid OPERATOR(pg_catalog.=) reltype) ELSE relacl END",
        "CASE WHEN relkind OPERATOR(pg_catalog.=) 'S' THEN 's' WHEN relkind OPERATOR(pg_catalog.=) 'c' THEN 'T' ELSE 'r' END::pg_catalog.\"char\"",
        "relowner",
    );
    let of_column = entries("attacl");
    let of_function = privileges("proacl", "'f'", "proowner");
    let of_type = privileges("typacl", "'T'", "typowner");
    let by_default = entries("defaclacl");
    let tool = tool_relations();
    format!("
    WITH spaces AS (
        SELECT oid, nspname AS space, nspowner, nspacl FROM pg_catalog.pg_namespace
        WHERE nspname OPERATOR(pg_catalog.!~) '^pg_' AND nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'runner']::pg_catalog.name[])
    ), made AS (
        SELECT objid FROM pg_catalog.pg_depend WHERE deptype OPERATOR(pg_catalog.=) 'e'
    ), relations AS (
        SELECT c.*, space, space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) relname AS label,
            coalesce((ARRAY['view', 'materialized view', 'sequence', 'type', 'foreign table', 'index', 'index'])[
                pg_catalog.array_position(ARRAY['v', 'm', 'S', 'c', 'f', 'i', 'I'], relkind::pg_catalog.text)], 'table') AS word
        FROM pg_catalog.pg_class AS c JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) relnamespace
        WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) c.oid) AND relkind OPERATOR(pg_catalog.<>) 't'
            AND relname OPERATOR(pg_catalog.!~) '{tool}'
    )
    SELECT 'schema ' OPERATOR(pg_catalog.||) space,
        pg_catalog.concat_ws(' ', {of_schema}, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(oid, 'pg_namespace')) FROM spaces
    UNION ALL
    SELECT 'extension ' OPERATOR(pg_catalog.||) extname, extversion FROM pg_catalog.pg_extension
    UNION ALL
    SELECT word OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) label, pg_catalog.concat_ws(' ',
            CASE WHEN relpersistence OPERATOR(pg_catalog.=) 'u' THEN 'UNLOGGED' END, reloptions::pg_catalog.text, {of_relation},
            CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END, CASE WHEN relforcerowsecurity THEN 'FORCE' END,
            CASE WHEN relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'm']::pg_catalog.\"char\"[])
                    AND relreplident OPERATOR(pg_catalog.<>) 'd'
                THEN 'REPLICA IDENTITY ' OPERATOR(pg_catalog.||) relreplident::pg_catalog.text END,
            'INHERITS ' OPERATOR(pg_catalog.||) (
                SELECT pg_catalog.string_agg(inhparent::pg_catalog.regclass::pg_catalog.text, ', ' ORDER BY inhseqno)
                FROM pg_catalog.pg_inherits WHERE inhrelid OPERATOR(pg_catalog.=) oid),
            CASE WHEN relkind OPERATOR(pg_catalog.=) 'p' THEN pg_catalog.pg_get_partkeydef(oid) END,
            pg_catalog.pg_get_expr(relpartbound, oid),
            CASE WHEN relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v', 'm']::pg_catalog.\"char\"[]) THEN pg_catalog.pg_get_viewdef(oid) END,
            (SELECT pg_catalog.concat_ws(' ', seqtypid::pg_catalog.regtype, seqstart, seqincrement, seqmax, seqmin, seqcycle, seqcache)
             FROM pg_catalog.pg_sequence WHERE seqrelid OPERATOR(pg_catalog.=) oid),
            'OWNED BY ' OPERATOR(pg_catalog.||) (
                SELECT pg_catalog.concat(refobjid::pg_catalog.regclass, '.', attname)
                FROM pg_catalog.pg_depend
                    JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) refobjid AND attnum OPERATOR(pg_catalog.=) refobjsubid
                WHERE relkind OPERATOR(pg_catalog.=) 'S' AND classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND objid OPERATOR(pg_catalog.=) relations.oid
                    AND deptype OPERATOR(pg_catalog.=) ANY (ARRAY['a', 'i']::pg_catalog.\"char\"[])),
            'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(oid, 'pg_class'), 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(reltype, 'pg_type'))
    FROM relations WHERE relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['i', 'I']::pg_catalog.\"char\"[])
    UNION ALL
    SELECT 'index ' OPERATOR(pg_catalog.||) label, pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(oid),
        CASE WHEN NOT indisvalid THEN 'INVALID' END, CASE WHEN indisreplident THEN 'REPLICA IDENTITY' END,
        'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(oid, 'pg_class'))
    FROM relations JOIN pg_catalog.pg_index ON indexrelid OPERATOR(pg_catalog.=) oid
    UNION ALL
    SELECT 'column ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) attname, pg_catalog.concat_ws(' ', pg_catalog.format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN 'NOT NULL' END, CASE WHEN attidentity OPERATOR(pg_catalog.<>) '' THEN attidentity::pg_catalog.text END,
            CASE WHEN attgenerated OPERATOR(pg_catalog.<>) '' THEN attgenerated::pg_catalog.text END,
            pg_catalog.pg_get_expr(adbin, adrelid), {of_column},
            CASE WHEN attstattarget OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.concat('STATISTICS ', attstattarget) END,
            CASE WHEN attstorage OPERATOR(pg_catalog.<>) (
                    SELECT typstorage FROM pg_catalog.pg_type AS t WHERE t.oid OPERATOR(pg_catalog.=) atttypid)
                THEN pg_catalog.concat('STORAGE ', attstorage) END, attoptions::pg_catalog.text,
            (SELECT 'COLLATE ' OPERATOR(pg_catalog.||) collname FROM pg_catalog.pg_collation AS l
             WHERE l.oid OPERATOR(pg_catalog.=) attcollation AND collname OPERATOR(pg_catalog.<>) 'default'),
            'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.col_description(r.oid, attnum))
    FROM relations AS r JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) r.oid
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid OPERATOR(pg_catalog.=) r.oid AND adnum OPERATOR(pg_catalog.=) attnum
    WHERE attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped AND relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['i', 'I', 'S']::pg_catalog.\"char\"[])
    UNION ALL
    SELECT 'constraint ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) conname,
        pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), CASE WHEN NOT convalidated THEN 'NOT VALID' END,
            'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(k.oid, 'pg_constraint'))
    FROM pg_catalog.pg_constraint AS k JOIN relations AS r ON conrelid OPERATOR(pg_catalog.=) r.oid
    UNION ALL
    SELECT 'trigger ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) tgname,
        pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), tgenabled, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(t.oid, 'pg_trigger'))
    FROM pg_catalog.pg_trigger AS t JOIN relations AS r ON tgrelid OPERATOR(pg_catalog.=) r.oid WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) polname, pg_catalog.concat_ws(' ', polcmd, polpermissive, polroles::pg_catalog.text,
        pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid),
        'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(y.oid, 'pg_policy'))
    FROM pg_catalog.pg_policy AS y JOIN relations AS r ON polrelid OPERATOR(pg_catalog.=) r.oid
    UNION ALL
    SELECT 'rule ' OPERATOR(pg_catalog.||) label OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) rulename,
        pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(w.oid), ev_enabled, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(w.oid, 'pg_rewrite'))
    FROM pg_catalog.pg_rewrite AS w JOIN relations AS r ON ev_class OPERATOR(pg_catalog.=) r.oid WHERE rulename OPERATOR(pg_catalog.<>) '_RETURN'
    UNION ALL
    SELECT 'function ' OPERATOR(pg_catalog.||) space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) p.oid::pg_catalog.regprocedure,
        pg_catalog.concat_ws(' ', CASE WHEN prokind OPERATOR(pg_catalog.<>) 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END,
            (SELECT pg_catalog.concat_ws(' ', 'AGGREGATE', aggkind, proparallel, aggtransfn, aggtranstype::pg_catalog.regtype, aggtransspace,
                aggfinalfn, aggfinalextra, aggfinalmodify, aggcombinefn, aggserialfn, aggdeserialfn, aggsortop::pg_catalog.regoperator, agginitval,
                'MOVING', aggmtransfn, aggminvtransfn, aggmtranstype::pg_catalog.regtype, aggmtransspace, aggmfinalfn, aggmfinalextra,
                aggmfinalmodify, aggminitval) FROM pg_catalog.pg_aggregate WHERE aggfnoid OPERATOR(pg_catalog.=) p.oid),
            {of_function}, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(p.oid, 'pg_proc'))
    FROM pg_catalog.pg_proc AS p JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) pronamespace
    WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) p.oid)
    UNION ALL
    SELECT 'type ' OPERATOR(pg_catalog.||) space OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) typname, pg_catalog.concat_ws(' ', typtype, typdefault,
        (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
         FROM pg_catalog.pg_enum WHERE enumtypid OPERATOR(pg_catalog.=) t.oid),
        CASE WHEN typtype OPERATOR(pg_catalog.=) 'd' THEN pg_catalog.concat_ws(' ', pg_catalog.format_type(typbasetype, typtypmod),
            CASE WHEN typnotnull THEN 'NOT NULL' END,
            (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY conname)
             FROM pg_catalog.pg_constraint AS k WHERE contypid OPERATOR(pg_catalog.=) t.oid)) END,
        (SELECT pg_catalog.concat_ws(' ', 'RANGE OF', pg_catalog.format_type(rngsubtype, NULL), opcname, rngcanonical, rngsubdiff,
                (SELECT collname FROM pg_catalog.pg_collation AS l WHERE l.oid OPERATOR(pg_catalog.=) rngcollation))
         FROM pg_catalog.pg_range JOIN pg_catalog.pg_opclass AS o ON o.oid OPERATOR(pg_catalog.=) rngsubopc
         WHERE rngtypid OPERATOR(pg_catalog.=) t.oid),
        {of_type}, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(t.oid, 'pg_type'))
    FROM pg_catalog.pg_type AS t JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) typnamespace
    WHERE typtype OPERATOR(pg_catalog.=) ANY (ARRAY['e', 'd', 'r']::pg_catalog.\"char\"[]) AND NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) t.oid)
    UNION ALL
    SELECT pg_catalog.concat('statistics ', space, '.', stxname), pg_catalog.concat_ws(' ', pg_catalog.pg_get_statisticsobjdef(x.oid),
        CASE WHEN stxstattarget OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.concat('STATISTICS ', stxstattarget) END,
        'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(x.oid, 'pg_statistic_ext'))
    FROM pg_catalog.pg_statistic_ext AS x JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) stxnamespace
    WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) x.oid)
    UNION ALL
    SELECT pg_catalog.concat('collation ', space, '.', collname),
        pg_catalog.concat_ws(' ', pg_catalog.to_jsonb(l) OPERATOR(pg_catalog.-) ARRAY['oid', 'collname', 'collnamespace']::pg_catalog.text[],
            'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(l.oid, 'pg_collation'))
    FROM pg_catalog.pg_collation AS l JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) collnamespace
    WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) l.oid)
    UNION ALL
    SELECT pg_catalog.concat('event trigger ', evtname), pg_catalog.concat_ws(' ', evtevent, evtfoid::pg_catalog.regproc, evtenabled,
        evttags::pg_catalog.text, 'COMMENT ' OPERATOR(pg_catalog.||) pg_catalog.obj_description(e.oid, 'pg_event_trigger'))
    FROM pg_catalog.pg_event_trigger AS e WHERE NOT EXISTS (SELECT FROM made WHERE objid OPERATOR(pg_catalog.=) e.oid)
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'default privileges', pg_catalog.pg_get_userbyid(defaclrole), defaclobjtype, space), {by_default}
    FROM pg_catalog.pg_default_acl LEFT JOIN spaces ON spaces.oid OPERATOR(pg_catalog.=) defaclnamespace")
}

/// Tables with rows of their own; for a partitioned table, its partitions.
const COLUMNS: &str = "
    SELECT nspname, relname, attname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) relnamespace
        LEFT JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) c.oid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    WHERE relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'm']::pg_catalog.\"char\"[]) AND relispopulated AND nspname OPERATOR(pg_catalog.!~) '^pg_' AND nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'runner']::pg_catalog.name[])
        AND relname OPERATOR(pg_catalog.!~) '{tool}'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE deptype OPERATOR(pg_catalog.=) 'e' AND objid OPERATOR(pg_catalog.=) c.oid)
    ORDER BY nspname, relname, attnum";

/// A regular expression for runner's own tables in a schema of the application, their indexes and sequences.
fn tool_relations() -> String {
    let names: Vec<&str> = TOOL_TABLES.iter().chain(&LEASE_TABLES).copied().collect();
    format!("^({})(_|$)", names.join("|"))
}

pub(super) async fn read(session: &mut dyn Session) -> Result<Schema, DatabaseError> {
    let own = session.facts().schema.clone().unwrap_or_else(|| "public".to_owned());
    // As users write it, without the current schema.
    let own = format!("{own}.");
    let short = |label: &str| match label.split_once(' ') {
        Some((word, name)) => format!("{word} {}", name.strip_prefix(&own).unwrap_or(name)),
        None => label.to_owned(),
    };
    let mut schema = Schema::default();
    for [label, definition] in lines::<2>(session, &objects(), &[]).await? {
        schema.objects.insert(short(&label), vec![definition]);
    }
    for [space, name, column] in lines::<3>(session, &COLUMNS.replace("{tool}", &tool_relations()), &[]).await? {
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
