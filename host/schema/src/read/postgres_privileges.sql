SELECT 'schema', json_build_array(space)::text, NULL, json_build_object('owner', pg_get_userbyid(nspowner), 'privileges', (
    SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(coalesce(nspacl, acldefault('n', nspowner))) AS entry))::text
FROM spaces
UNION ALL
SELECT kind, json_build_array(space, relname)::text, NULL, json_build_object('owner', pg_get_userbyid(relowner), 'privileges', (
    SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(coalesce(
        CASE WHEN relkind = 'c' THEN (SELECT typacl FROM pg_type t WHERE t.oid = reltype) ELSE relacl END,
        acldefault(CASE relkind WHEN 'S' THEN 's' WHEN 'c' THEN 'T' ELSE 'r' END::"char", relowner))) AS entry))::text
FROM relations WHERE kind <> 'index'
UNION ALL
SELECT 'column', json_build_array(space, relname, attname)::text, json_build_array(kind, space, relname)::text, json_build_object(
    'privileges', (SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(attacl) AS entry))::text
FROM relations r JOIN pg_attribute ON attrelid = r.oid
WHERE attnum > 0 AND NOT attisdropped AND attacl IS NOT NULL AND kind <> 'index' AND relkind <> 'S'
UNION ALL
SELECT kind, path::text, NULL, json_build_object('owner', pg_get_userbyid(proowner), 'privileges', (
    SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(coalesce(proacl, acldefault('f', proowner))) AS entry))::text
FROM functions
UNION ALL
SELECT 'type', json_build_array(space, typname)::text, NULL, json_build_object('owner', pg_get_userbyid(typowner), 'privileges', (
    SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(coalesce(typacl, acldefault('T', typowner))) AS entry))::text
FROM types
UNION ALL
SELECT 'default privileges', json_build_array(pg_get_userbyid(defaclrole), coalesce((ARRAY['tables', 'sequences', 'functions', 'types', 'schemas', 'large objects'])[
        array_position(ARRAY['r', 'S', 'f', 'T', 'n', 'L'], defaclobjtype::text)], defaclobjtype::text), coalesce(nspname, ''))::text, NULL,
    json_build_object('privileges', (SELECT json_agg(entry::text ORDER BY entry::text COLLATE "C") FROM unnest(defaclacl) AS entry))::text
FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
