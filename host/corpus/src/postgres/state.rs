//! What no attack may change on PostgreSQL. The attacker's doubles are in the schema `public`, so nothing is resolved there.

/// What it is, and a query.
pub(super) const STATE: &[(&str, &str)] = &[
    ("the history", "SELECT pg_catalog.string_agg(h.state, ',' ORDER BY h.id) FROM runner.runner_history h"),
    ("the history", "SELECT pg_catalog.string_agg(m.state, ',' ORDER BY m.id) FROM runner.runner_meta m"),
    ("the history", "SELECT pg_catalog.string_agg(r.state, ',' ORDER BY r.id) FROM runner.runner_repair r"),
    (
        "the tables of the history",
        "SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', n.nspname, n.nspacl, c.relname, c.relkind, c.relacl, \
            c.relowner, c.reloptions, c.relchecks, c.relrowsecurity, c.relhassubclass, \
            pg_catalog.obj_description(n.oid, 'pg_namespace'), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attrdef d WHERE d.adrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits h WHERE h.inhparent OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid)), \
            ';' ORDER BY n.nspname, c.relname) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE n.nspname OPERATOR(pg_catalog.=) 'runner' OR c.relname OPERATOR(pg_catalog.~~) 'runner\\_%'",
    ),
    (
        "the tables of the history",
        "SELECT pg_catalog.concat_ws(' ', \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid \
                AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('runner')::pg_catalog.oid), \
            (SELECT pg_catalog.string_agg(a.attacl::pg_catalog.text, ' ' ORDER BY c.relname, a.attnum) \
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
                WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('runner')::pg_catalog.oid))",
    ),
    (
        "logins and roles",
        "SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb, \
            r.rolcanlogin, r.rolreplication, r.rolbypassrls), ';' ORDER BY r.rolname) FROM pg_catalog.pg_roles r \
         WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER OR r.rolname OPERATOR(pg_catalog.~~) 'runner\\_attack%'",
    ),
    (
        "the lock",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) l.database \
         WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
            AND l.locktype OPERATOR(pg_catalog.=) 'advisory'",
    ),
    ("the names that the host's statements use", "SELECT t.is_called FROM public.trapped t"),
];

/// Why not even a table of the session can be made for a moment. Statements about roles and databases set off no such trigger.
pub(super) const NO_TABLE: &str = "\
    SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_event_trigger t WHERE t.evtenabled OPERATOR(pg_catalog.<>) 'D') \
        THEN 'event triggers of the database would run for what it makes' END";

/// Why the field cannot be made.
pub(super) const NO_FIELD: &str = "\
    SELECT CASE \
        WHEN EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'runner') \
            THEN 'what it needs would take the place of the history that the database has' \
        WHEN coalesce(pg_catalog.current_schema() OPERATOR(pg_catalog.<>) 'public', true) \
            THEN 'the search path of the login does not begin with `public`' END";
