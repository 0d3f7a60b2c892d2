WITH spaces AS (
    SELECT oid, nspname AS space, nspowner, nspacl FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), made AS (
    -- By an extension, or with a range type.
    SELECT classid, objid FROM pg_depend
    WHERE deptype = 'e' OR deptype = 'i' AND classid IN ('pg_proc'::regclass, 'pg_cast'::regclass)
), comments AS NOT MATERIALIZED (
    SELECT classoid AS of_class, objoid AS of_object, objsubid AS of_part, description FROM pg_description
), relations AS (
    SELECT c.*, space, CASE relkind
            WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type'
            WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END AS kind
    FROM pg_class c JOIN spaces ON spaces.oid = relnamespace
    WHERE relkind <> 't' AND NOT EXISTS (SELECT FROM made WHERE classid = 'pg_class'::regclass AND objid = c.oid
        OR classid = 'pg_type'::regclass AND objid = c.reltype AND relkind = 'c')
), types AS (
    SELECT t.*, space FROM pg_type t JOIN spaces ON spaces.oid = typnamespace
    WHERE typtype = ANY (ARRAY['e', 'd', 'r']::"char"[])
        AND NOT EXISTS (SELECT FROM made WHERE classid = 'pg_type'::regclass AND objid = t.oid)
), functions AS (
    SELECT p.*, space, CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
        json_build_array(space, concat(proname, '(', oidvectortypes(proargtypes), ')')) AS path
    FROM pg_proc p JOIN spaces ON spaces.oid = pronamespace
    WHERE NOT EXISTS (SELECT FROM made WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
)
SELECT 'schema', json_build_array(space)::text, NULL::text,
    json_build_object('comment', nullif(description, 'standard public schema'))::text
FROM spaces LEFT JOIN comments ON of_class = 'pg_namespace'::regclass AND of_object = oid AND of_part = 0
UNION ALL
SELECT 'extension', json_build_array(extname)::text, NULL,
    json_build_object('version', extversion, 'schema', nullif(nspname, 'pg_catalog'))::text
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
UNION ALL
SELECT kind, json_build_array(space, relname)::text, NULL, json_build_object(
    'unlogged?', relpersistence = 'u',
    'options', reloptions,
    'access method', (SELECT nullif(amname, 'heap') FROM pg_am WHERE pg_am.oid = relam),
    'tablespace', (SELECT spcname FROM pg_tablespace s WHERE s.oid = reltablespace),
    'row level security?', relrowsecurity,
    'forced row level security?', relforcerowsecurity,
    'replica identity', CASE WHEN relreplident <> 'd' AND relkind IN ('r', 'p', 'm') THEN (ARRAY['full', 'nothing', 'index'])[
        array_position(ARRAY['f', 'n', 'i'], relreplident::text)] END,
    'inherits', (SELECT json_agg(inhparent::regclass::text ORDER BY inhseqno) FROM pg_inherits
        WHERE inhrelid = r.oid AND NOT relispartition),
    'partition of', (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = r.oid AND relispartition),
    'bounds=', pg_get_expr(relpartbound, r.oid),
    'partition by=', CASE WHEN relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
    'of type', CASE WHEN reloftype <> 0 THEN reloftype::regtype::text END,
    'unpopulated?', NOT relispopulated,
    'definition=', CASE WHEN relkind IN ('v', 'm') THEN btrim(pg_get_viewdef(r.oid)) END,
    'server', (SELECT srvname FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = r.oid),
    'server options', (SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = r.oid),
    'comment', description)::text
FROM relations r LEFT JOIN comments ON of_class = 'pg_class'::regclass AND of_object = r.oid AND of_part = 0
WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'column', json_build_array(space, relname, attname)::text, json_build_array(kind, space, relname)::text, json_build_object(
    '#', attnum,
    'type', format_type(atttypid, atttypmod),
    'not null?', attnotnull,
    'not null not valid?', NOT k.convalidated,
    'not null no inherit?', k.connoinherit,
    'collation', CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END,
    'default=', CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END,
    'generated=', CASE WHEN attgenerated <> '' THEN pg_get_expr(adbin, adrelid) END,
    'virtual?', attgenerated = 'v',
    'identity', CASE attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
    'statistics', CASE WHEN attstattarget >= 0 THEN attstattarget END,
    'storage', CASE WHEN attstorage <> typstorage THEN (ARRAY['plain', 'external', 'extended', 'main'])[
        array_position(ARRAY['p', 'e', 'x', 'm'], attstorage::text)] END,
    'compression', CASE {compression} WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
    'options', attoptions,
    'server options', attfdwoptions,
    'comment', description)::text
FROM relations r JOIN pg_attribute a ON attrelid = r.oid JOIN pg_type t ON t.oid = atttypid
    LEFT JOIN pg_attrdef ON adrelid = r.oid AND adnum = attnum
    LEFT JOIN pg_constraint k ON conrelid = r.oid AND contype = 'n' AND conkey[1] = attnum
    LEFT JOIN comments ON of_class = 'pg_class'::regclass AND of_object = r.oid AND of_part = attnum
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'sequence', json_build_array(r.space, r.relname)::text,
    CASE WHEN o.oid IS NOT NULL THEN json_build_array(o.kind, o.space, o.relname) END::text, json_build_object(
    'type', format_type(seqtypid, NULL), 'start', seqstart, 'increment', seqincrement, 'minimum', seqmin, 'maximum', seqmax,
    'cache', seqcache, 'cycle?', seqcycle, 'unlogged?', r.relpersistence = 'u', 'identity?', deptype = 'i',
    'owned by', attname, 'comment', description)::text
FROM relations r JOIN pg_sequence ON seqrelid = r.oid
    LEFT JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = r.oid AND deptype IN ('a', 'i')
        AND refclassid = 'pg_class'::regclass AND refobjsubid > 0
    LEFT JOIN relations o ON o.oid = refobjid
    LEFT JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    LEFT JOIN comments ON of_class = 'pg_class'::regclass AND of_object = r.oid AND of_part = 0
UNION ALL
SELECT 'constraint', json_build_array(space, relname, conname)::text, json_build_array(kind, space, relname)::text,
    json_build_object(
    'definition=', pg_get_constraintdef(k.oid),
    'options', (SELECT c.reloptions FROM pg_class c WHERE c.oid = conindid AND contype IN ('p', 'u', 'x')),
    'replica identity?', (SELECT indisreplident FROM pg_index WHERE indexrelid = conindid AND contype IN ('p', 'u', 'x')),
    'clustered?', (SELECT indisclustered FROM pg_index WHERE indexrelid = conindid AND contype IN ('p', 'u', 'x')),
    'tablespace', (SELECT spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE c.oid = conindid AND contype IN ('p', 'u', 'x')),
    'comment', description)::text
FROM relations r JOIN pg_constraint k ON conrelid = r.oid
    LEFT JOIN comments ON of_class = 'pg_constraint'::regclass AND of_object = k.oid
WHERE contype NOT IN ('t', 'n') AND conparentid = 0 AND (coninhcount = 0 OR conislocal)
UNION ALL
SELECT 'constraint', json_build_array(space, typname, conname)::text, json_build_array('type', space, typname)::text,
    json_build_object('definition=', pg_get_constraintdef(k.oid), 'comment', description)::text
FROM types t JOIN pg_constraint k ON contypid = t.oid
    LEFT JOIN comments ON of_class = 'pg_constraint'::regclass AND of_object = k.oid
WHERE contype <> 'n'
UNION ALL
SELECT 'index', json_build_array(r.space, r.relname)::text, json_build_array(o.kind, o.space, o.relname)::text, json_build_object(
    'table', quote_ident(o.space) || '.' || quote_ident(o.relname),
    'unique?', indisunique,
    'definition=', substr(definition, length(concat('CREATE ', CASE WHEN indisunique THEN 'UNIQUE ' END, 'INDEX ', quote_ident(r.relname),
        ' ON ', CASE WHEN o.relkind = 'p' THEN 'ONLY ' END, quote_ident(o.space), '.', quote_ident(o.relname), ' ')) + 1),
    'invalid?', NOT indisvalid AND o.relkind <> 'p',
    'replica identity?', indisreplident,
    'clustered?', indisclustered,
    'statistics', (SELECT json_agg(concat(attnum, ' ', attstattarget) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = r.oid AND attstattarget >= 0),
    'tablespace', (SELECT spcname FROM pg_tablespace s WHERE s.oid = r.reltablespace),
    'comment', description)::text
FROM relations r JOIN pg_index ON indexrelid = r.oid JOIN relations o ON o.oid = indrelid
    CROSS JOIN LATERAL pg_get_indexdef(r.oid) AS definition
    LEFT JOIN comments ON of_class = 'pg_class'::regclass AND of_object = r.oid AND of_part = 0
WHERE NOT r.relispartition AND NOT EXISTS (SELECT FROM pg_constraint k WHERE conindid = r.oid AND contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'trigger', json_build_array(space, relname, tgname)::text, json_build_array(kind, space, relname)::text, json_build_object(
    'definition=', pg_get_triggerdef(t.oid),
    'enabled', CASE tgenabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END,
    'comment', description)::text
FROM relations r JOIN pg_trigger t ON tgrelid = r.oid
    LEFT JOIN comments ON of_class = 'pg_trigger'::regclass AND of_object = t.oid
WHERE NOT tgisinternal AND coalesce((to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0
UNION ALL
SELECT 'rule', json_build_array(space, relname, rulename)::text, json_build_array(kind, space, relname)::text, json_build_object(
    'definition=', pg_get_ruledef(w.oid),
    'enabled', CASE ev_enabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END,
    'comment', description)::text
FROM relations r JOIN pg_rewrite w ON ev_class = r.oid
    LEFT JOIN comments ON of_class = 'pg_rewrite'::regclass AND of_object = w.oid
WHERE rulename <> '_RETURN'
UNION ALL
SELECT 'policy', json_build_array(space, relname, polname)::text, json_build_array(kind, space, relname)::text, json_build_object(
    'command', (ARRAY['select', 'insert', 'update', 'delete'])[array_position(ARRAY['r', 'a', 'w', 'd'], polcmd::text)],
    'restrictive?', NOT polpermissive,
    'roles', (SELECT json_agg(name ORDER BY name COLLATE "C") FROM (
        SELECT CASE WHEN role = 0 THEN 'public' ELSE pg_get_userbyid(role)::text END AS name FROM unnest(polroles) AS role) AS named
        WHERE polroles <> ARRAY[0::oid]),
    'using=', pg_get_expr(polqual, polrelid),
    'check=', pg_get_expr(polwithcheck, polrelid),
    'comment', description)::text
FROM relations r JOIN pg_policy y ON polrelid = r.oid
    LEFT JOIN comments ON of_class = 'pg_policy'::regclass AND of_object = y.oid
UNION ALL
SELECT 'type', json_build_array(space, typname)::text, NULL, json_build_object(
    'kind', CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range' END,
    'values', (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
    'type', CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) END,
    'collation', CASE WHEN typtype = 'd' AND typcollation <> (SELECT b.typcollation FROM pg_type b WHERE b.oid = t.typbasetype)
        THEN typcollation::regcollation::text END,
    'not null?', typnotnull,
    'default=', pg_get_expr(typdefaultbin, 0),
    'subtype', (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid),
    'operator class', (SELECT opcname FROM pg_range JOIN pg_opclass o ON o.oid = rngsubopc WHERE rngtypid = t.oid),
    'canonical', (SELECT rngcanonical::text FROM pg_range WHERE rngtypid = t.oid AND rngcanonical <> 0),
    'difference', (SELECT rngsubdiff::text FROM pg_range WHERE rngtypid = t.oid AND rngsubdiff <> 0),
    'subtype collation', (SELECT rngcollation::regcollation::text FROM pg_range WHERE rngtypid = t.oid AND rngcollation <> 0),
    'comment', description)::text
FROM types t LEFT JOIN comments ON of_class = 'pg_type'::regclass AND of_object = t.oid
UNION ALL
SELECT 'type', json_build_array(space, relname)::text, NULL, json_build_object('kind', 'composite', 'comment', description)::text
FROM relations LEFT JOIN comments ON of_class = 'pg_type'::regclass AND of_object = reltype
WHERE relkind = 'c'
UNION ALL
SELECT kind, path::text, NULL, json_build_object(
    'definition=', CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
    'result', CASE WHEN prokind = 'a' THEN pg_get_function_result(p.oid) END,
    'aggregate=', (SELECT (to_jsonb(g) - ARRAY['aggfnoid', 'aggtranstype', 'aggmtranstype', 'aggsortop'])
            || jsonb_build_object('aggtranstype', aggtranstype::regtype, 'aggmtranstype', aggmtranstype::regtype,
                'aggsortop', aggsortop::regoperator, 'proparallel', proparallel)
        FROM pg_aggregate g WHERE aggfnoid = p.oid)::text,
    'comment', description)::text
FROM functions p LEFT JOIN comments ON of_class = 'pg_proc'::regclass AND of_object = p.oid
UNION ALL
SELECT 'statistics', json_build_array(spaces.space, stxname)::text, json_build_array(o.kind, o.space, o.relname)::text, json_build_object(
    'definition=', pg_get_statisticsobjdef(x.oid),
    'statistics', CASE WHEN stxstattarget >= 0 THEN stxstattarget END,
    'comment', description)::text
FROM pg_statistic_ext x JOIN spaces ON spaces.oid = stxnamespace JOIN relations o ON o.oid = stxrelid
    LEFT JOIN comments ON of_class = 'pg_statistic_ext'::regclass AND of_object = x.oid
WHERE NOT EXISTS (SELECT FROM made WHERE classid = 'pg_statistic_ext'::regclass AND objid = x.oid)
UNION ALL
SELECT 'collation', json_build_array(space, collname)::text, NULL, json_build_object(
    'definition', jsonb_strip_nulls(to_jsonb(l) - ARRAY['oid', 'collname', 'collnamespace', 'collowner', 'collversion'])::text,
    'comment', description)::text
FROM pg_collation l JOIN spaces ON spaces.oid = collnamespace
    LEFT JOIN comments ON of_class = 'pg_collation'::regclass AND of_object = l.oid
WHERE NOT EXISTS (SELECT FROM made WHERE classid = 'pg_collation'::regclass AND objid = l.oid)
UNION ALL
SELECT 'event trigger', json_build_array(evtname)::text, NULL, json_build_object(
    'event', evtevent, 'function', evtfoid::regproc::text, 'tags', evttags,
    'enabled', CASE evtenabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END,
    'comment', description)::text
FROM pg_event_trigger e LEFT JOIN comments ON of_class = 'pg_event_trigger'::regclass AND of_object = e.oid
WHERE NOT EXISTS (SELECT FROM made WHERE classid = 'pg_event_trigger'::regclass AND objid = e.oid)
UNION ALL
SELECT 'unread', json_build_array(what)::text, NULL, json_build_object('count', count(*))::text
FROM (
    SELECT 'cast' AS what, 'pg_cast'::regclass AS class, oid FROM pg_cast
    UNION ALL SELECT 'operator', 'pg_operator'::regclass, oid FROM pg_operator
    UNION ALL SELECT 'operator class', 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'operator family', 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'access method', 'pg_am'::regclass, oid FROM pg_am
    UNION ALL SELECT 'conversion', 'pg_conversion'::regclass, oid FROM pg_conversion
    UNION ALL SELECT 'language', 'pg_language'::regclass, oid FROM pg_language
    UNION ALL SELECT 'transform', 'pg_transform'::regclass, oid FROM pg_transform
    UNION ALL SELECT 'base type', 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'b' AND typelem = 0
    UNION ALL SELECT 'text search configuration', 'pg_ts_config'::regclass, oid FROM pg_ts_config
    UNION ALL SELECT 'text search dictionary', 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    UNION ALL SELECT 'text search parser', 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
    UNION ALL SELECT 'text search template', 'pg_ts_template'::regclass, oid FROM pg_ts_template
    UNION ALL SELECT 'foreign-data wrapper', 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'foreign server', 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
    UNION ALL SELECT 'publication', 'pg_publication'::regclass, oid FROM pg_publication
    UNION ALL SELECT 'large object', 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata
    UNION ALL SELECT 'user mapping', 'pg_user_mapping'::regclass, umid FROM pg_user_mappings
) AS others
WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM made WHERE classid = class AND objid = oid)
GROUP BY what
