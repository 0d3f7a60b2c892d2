//! PostgreSQL: the arena and the attacks.

use super::super::class::{Attacker, Class, Mode, Verb};
use super::Ground;

pub(super) const GROUND: Ground =
    Ground { make: MAKE, reset: RESET, twist: TWIST, state: &[STATE], is_versioned: false, classes: CLASSES };

const MAKE: &[&str] = &[
    "CREATE TABLE public.people (id int PRIMARY KEY, name text, ssn text)",
    "CREATE INDEX people_ssn ON public.people (ssn)",
    "INSERT INTO public.people SELECT i, 'n' || i, 'CANARY-' || (i * 37) % 50 FROM generate_series(1, 50) AS g(i)",
    "CREATE TABLE public.secret (id int PRIMARY KEY, v text)",
    "INSERT INTO public.secret VALUES (1, 'CANARY')",
    "CREATE VIEW public.seen AS SELECT * FROM public.secret",
    "CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM public.secret",
    "CREATE SEQUENCE public.counter",
    "CREATE TABLE public.outbox (id int PRIMARY KEY)",
    "CREATE TABLE public.mine (id int PRIMARY KEY)",
    "CREATE TABLE public.old (id int PRIMARY KEY)",
    // What somebody has left in the database, and what others may make use of.
    "CREATE FUNCTION public.hack() RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
     EXECUTE 'UPDATE runner.runner' || '_history SET name = ''FORGED'''; RETURN 1; EXCEPTION WHEN insufficient_privilege THEN RETURN 0; END $$",
    "CREATE FUNCTION public.hack_time() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.hack(); RETURN now(); END $$",
    "CREATE FUNCTION public.hack_check(anyelement) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.hack(); RETURN true; END $$",
    "CREATE FUNCTION public.hack_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.hack(); RETURN NEW; END $$",
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC",
];

/// One message. What is dropped by a migration is made anew with the rights that a run gives.
const RESET: &[&str] = &["DO $reset$ BEGIN \
     DROP TABLE IF EXISTS public.made, public.stolen, public.heir, public.old, public.mine; \
     CREATE TABLE public.mine (id int PRIMARY KEY); CREATE TABLE public.old (id int PRIMARY KEY); \
     DELETE FROM public.outbox; DELETE FROM public.people WHERE id > 50; \
     REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC; REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC; \
     REVOKE ALL (id, v) ON public.secret FROM PUBLIC; REVOKE ALL (id, name, ssn) ON public.people FROM PUBLIC; \
     ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC; \
     PERFORM pg_catalog.setval('public.counter', 1, false); \
     DELETE FROM runner.runner_journal; DELETE FROM runner.runner_checkpoint; DELETE FROM runner.runner_head; \
     DELETE FROM runner.runner_chunk; DELETE FROM runner.runner_evidence; DELETE FROM runner.runner_progress; \
     DELETE FROM runner.runner_control; \
     DELETE FROM runner.runner_artifact WHERE revision > '0001'; DELETE FROM runner.runner_history WHERE revision > '0001'; \
     END $reset$"];

/// The order of the values, and nothing else of them.
const TWIST: &[&str] = &["UPDATE public.people SET ssn = 'CANARY-' || 49 - substr(ssn, 8)::int"];

const STATE: &str = "\
WITH tables AS (
    SELECT c.*, n.nspname,
        CASE WHEN n.nspname IN ('runner', 'runner_gate') THEN 'tool'
             WHEN n.nspname = 'public' AND c.relname ~ '^(made|mine|old|outbox)(_pkey)?$' THEN 'own' ELSE 'all' END AS whose
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), host AS (SELECT datdba AS oid FROM pg_database WHERE datname = current_database())
SELECT whose, what, line FROM (
    SELECT whose, 'relation' AS what, concat_ws(' ', nspname, relname, relkind, pg_get_userbyid(relowner), relpersistence,
        relrowsecurity, relforcerowsecurity, relreplident, reloptions) AS line FROM tables
    -- The rights of the attacker's own login follow from its grants, and are given by each run.
    UNION ALL SELECT whose, 'right', concat_ws(' ', relname, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END,
        x.privilege_type, x.is_grantable)
        FROM tables t, aclexplode(coalesce(t.relacl, acldefault(CASE t.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", t.relowner))) x
        WHERE t.whose <> 'own' AND t.relkind <> 'i'
    UNION ALL SELECT whose, 'right', concat_ws(' ', relname, attname, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END,
        x.privilege_type, x.is_grantable) FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid, aclexplode(a.attacl) x
        WHERE t.whose <> 'own'
    UNION ALL SELECT whose, 'column', concat_ws(' ', relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        attgenerated, attisdropped, pg_get_expr(d.adbin, d.adrelid)) FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum WHERE a.attnum > 0
    UNION ALL SELECT whose, 'constraint', concat_ws(' ', relname, conname, pg_get_constraintdef(k.oid)) FROM tables t
        JOIN pg_constraint k ON k.conrelid = t.oid
    UNION ALL SELECT whose, 'reference', concat_ws(' ', relname, conname) FROM tables t JOIN pg_constraint k ON k.confrelid = t.oid
    UNION ALL SELECT whose, 'index', pg_get_indexdef(indexrelid) FROM tables t JOIN pg_index i ON i.indrelid = t.oid
    UNION ALL SELECT whose, 'trigger', concat_ws(' ', pg_get_triggerdef(g.oid), tgenabled) FROM tables t
        JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL SELECT whose, 'rule', pg_get_ruledef(r.oid) FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
    UNION ALL SELECT whose, 'policy', concat_ws(' ', relname, polname) FROM tables t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL SELECT whose, 'heir', concat_ws(' ', relname, inhrelid::regclass) FROM tables t JOIN pg_inherits i ON i.inhparent = t.oid
    UNION ALL SELECT whose, 'statistics', concat_ws(' ', relname, stxname) FROM tables t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL SELECT whose, 'sequence', concat_ws(' ', relname, seqtypid, seqstart, seqincrement, seqmax, seqmin, seqcycle) FROM tables t
        JOIN pg_sequence s ON s.seqrelid = t.oid
    UNION ALL SELECT CASE WHEN n.nspname ~ '^runner' THEN 'tool' ELSE 'all' END, 'function',
        concat_ws(' ', n.nspname, proname, pg_get_userbyid(proowner), prosecdef, proconfig, proacl, md5(prosrc))
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL SELECT CASE WHEN n.nspname ~ '^runner' THEN 'tool' ELSE 'all' END, 'type', concat_ws(' ', n.nspname, typname, typtype)
        FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND y.typrelid = 0 AND y.typelem = 0
    UNION ALL SELECT CASE WHEN n.nspname ~ '^runner' THEN 'tool' ELSE 'all' END, 'operator', concat_ws(' ', n.nspname, oprname)
        FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE n.nspname !~ '^pg_'
    UNION ALL SELECT CASE WHEN n.nspname ~ '^runner' THEN 'tool' ELSE 'all' END, 'default right',
        concat_ws(' ', n.nspname, pg_get_userbyid(defaclrole), defaclobjtype, defaclacl)
        FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    UNION ALL SELECT CASE WHEN nspname ~ '^runner' THEN 'tool' ELSE 'all' END, 'schema',
        concat_ws(' ', nspname, pg_get_userbyid(nspowner), nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT 'all', 'database', concat_ws(' ', pg_get_userbyid(datdba), datacl) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'all', 'role', concat_ws(' ', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
        rolbypassrls, (SELECT string_agg(concat(setdatabase, setconfig), ',' ORDER BY setdatabase) FROM pg_db_role_setting WHERE setrole = r.oid),
        (SELECT string_agg(pg_get_userbyid(m.roleid), ',' ORDER BY m.roleid) FROM pg_auth_members m WHERE m.member = r.oid))
        FROM pg_roles r WHERE r.oid IN (SELECT oid FROM host)
            OR shobj_description(r.oid, 'pg_authid') LIKE 'runner: \"' || current_database() || '\" %'
    UNION ALL SELECT 'all', 'event trigger', evtname::text FROM pg_event_trigger
    UNION ALL SELECT 'all', 'extension', extname::text FROM pg_extension
    UNION ALL SELECT 'all', 'large object', concat_ws(' ', oid, lomacl) FROM pg_largeobject_metadata
    UNION ALL SELECT 'all', 'row of people', concat_ws(' ', id, name, ssn) FROM public.people WHERE id <= 50
    UNION ALL SELECT 'all', 'row of secret', concat_ws(' ', id, v) FROM public.secret
    UNION ALL SELECT 'all', 'value of counter', concat_ws(' ', last_value, is_called) FROM public.counter
    UNION ALL SELECT 'own', 'row of outbox', id::text FROM public.outbox
    UNION ALL SELECT 'own', 'row of people', concat_ws(' ', id, name, ssn) FROM public.people WHERE id > 50
    UNION ALL SELECT 'history', 'row', concat_ws(' ', revision, name, state) FROM runner.runner_history
    UNION ALL SELECT 'tool', 'row', concat_ws(' ', key, value) FROM runner.runner_meta
    UNION ALL SELECT 'tool', 'row', concat_ws(' ', revision, sha256, kind) FROM runner.runner_artifact WHERE revision NOT IN ('0002', '0003')
    UNION ALL SELECT 'tool', 'row', concat_ws(' ', id, action) FROM runner.runner_repair
) AS lines";

const STEPWISE: &[Mode] = &[Mode::Stepwise];

/// What a filter sets.
const ENCODING: &str = "set_config('client_encoding', '{charset}', {local}) IS NOT NULL";
const QUOTE: &str = "set_config('backslash_quote', '{quote}', {local}) IS NOT NULL";
/// What a statement sets.
const BOTH: &str =
    "SELECT set_config('client_encoding', '{charset}', false), set_config('backslash_quote', '{quote}', false)";
/// A default that leaves the literal in which the host writes it.
const BREAKOUT: &str = "{bait}\\'); {out}; --";
/// A statement whose text leaves the row of the journal in which the host writes it.
const SHOWN: &str = "SELECT 1 /* {bait}\\', $q$done$q$, 1, 0, $q$x$q$, NULL, $q$x$q$, $q$x$q$); {out}; -- */";

/// Runs a statement with a name that is assembled.
const ASSEMBLED: &[(Verb, &str)] = &[(Verb::Execute, "DO $$ BEGIN EXECUTE format('{it}'); END $$")];

const CLASSES: &[Class] = &[
    Class::new(
        "encoding",
        "run statements as the operator, by a character set",
        Attacker::Granted,
        &[(Verb::Filter, ENCODING), (Verb::Filter, QUOTE), (Verb::Create, BREAKOUT)],
    ),
    Class::new(
        "encoding_added",
        "run statements as the operator, by a character set",
        Attacker::Granted,
        &[(Verb::Transform, ENCODING), (Verb::Filter, QUOTE), (Verb::Add, BREAKOUT)],
    ),
    Class {
        modes: STEPWISE,
        ..Class::new(
            "encoding_journal",
            "write to the journal as the operator, by a character set",
            Attacker::GrantedSql,
            &[(Verb::Query, BOTH), (Verb::Query, SHOWN)],
        )
    },
    Class {
        modes: STEPWISE,
        ..Class::new(
            "encoding_ungranted",
            "forge the history, by a character set",
            Attacker::Component,
            &[(Verb::Query, BOTH), (Verb::Execute, SHOWN)],
        )
    },
    Class {
        modes: STEPWISE,
        ..Class::new(
            "encoding_file",
            "forge the history, by a character set",
            Attacker::File,
            &[
                (Verb::Execute, "SET client_encoding = '{charset}'"),
                (Verb::Execute, "SET backslash_quote = '{quote}'"),
                (Verb::Execute, SHOWN),
            ],
        )
    },
    Class {
        its: EVERYBODY,
        before: &["{it}"],
        ..Class::new(
            "everybody",
            "use rights that everybody has",
            Attacker::GrantedSql,
            &[
                (Verb::Query, "SELECT * FROM public.secret"),
                (Verb::Query, "SELECT v FROM public.secret"),
                (Verb::Query, "SELECT ssn FROM public.people"),
                (Verb::Read, "SELECT * FROM public.seen"),
                (Verb::Query, "SELECT * FROM public.kept"),
                (Verb::Query, "SELECT pg_catalog.setval('public.counter', 99)"),
                (Verb::Execute, "UPDATE public.secret SET v = 'x'"),
                (Verb::Execute, "DELETE FROM public.secret"),
            ],
        )
    },
    Class {
        its: GATE,
        then: true,
        ..Class::new("gate", "leave code that the tool runs later", Attacker::Component, ASSEMBLED)
    },
    Class {
        its: OBJECTS,
        then: true,
        ..Class::new("objects", "leave something among the objects of the tool", Attacker::Component, ASSEMBLED)
    },
    Class {
        its: OBJECTS,
        then: true,
        ..Class::new("objects_file", "leave something among the objects of the tool", Attacker::File, ASSEMBLED)
    },
    Class {
        its: SEQUENCES,
        then: true,
        ..Class::new(
            "sequence",
            "keep all further migrations from being applied",
            Attacker::Component,
            &[(Verb::Query, "{it}"), (Verb::Fail, "enough")],
        )
    },
    Class {
        its: SEQUENCES,
        then: true,
        ..Class::new(
            "sequence_file",
            "keep all further migrations from being applied",
            Attacker::File,
            &[(Verb::Execute, "{it}"), (Verb::Execute, "SELECT 1 / 0")],
        )
    },
];

/// Rights that somebody has given to everybody.
const EVERYBODY: &[&str] = &[
    "GRANT {right} ON public.secret TO PUBLIC",
    "GRANT SELECT (v) ON public.secret TO PUBLIC",
    "GRANT SELECT (ssn) ON public.people TO PUBLIC",
    "GRANT DELETE ON public.secret TO PUBLIC",
    "GRANT SELECT ON public.seen TO PUBLIC",
    "GRANT SELECT ON public.kept TO PUBLIC",
    "GRANT ALL ON SEQUENCE public.counter TO PUBLIC",
    "GRANT UPDATE ON public.secret TO PUBLIC",
];

/// Code on the tables of the gate, and rights on them.
const GATE: &[&str] = &[
    "ALTER TABLE runner_gate.%I ALTER opened_at SET DEFAULT public.hack_time()', 'ticket",
    "ALTER TABLE runner_gate.%I ADD CHECK (public.hack_check(sealed)) NOT VALID', 'underway",
    "ALTER TABLE runner_gate.%I ADD CONSTRAINT c CHECK (public.hack_check(pid))', 'ticket",
    "CREATE INDEX i ON runner_gate.%I (public.hack_check(pid))', 'ticket",
    "CREATE INDEX i ON runner_gate.%I (sealed) WHERE public.hack_check(sealed)', 'underway",
    "CREATE TABLE public.heir () INHERITS (runner_gate.%I)', 'ticket",
    "CREATE TRIGGER t BEFORE INSERT ON runner_gate.%I FOR EACH ROW EXECUTE FUNCTION public.hack_trigger()', 'ticket",
    "CREATE RULE r AS ON INSERT TO runner_gate.%I DO ALSO SELECT public.hack()', 'ticket",
    "GRANT ALL ON runner_gate.%I TO PUBLIC', 'ticket",
];

/// What must not be among the objects of the tool, or not otherwise.
const OBJECTS: &[&str] = &[
    "ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT ALL ON TABLES TO PUBLIC', 'runner",
    "CREATE DOMAIN runner.%I AS int', 'runner_lease",
    "CREATE TYPE runner.%I AS ENUM ()', 'runner_lease",
    "CREATE FUNCTION runner.%I() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'now",
    "CREATE TABLE runner.%I (id int)', 'runner_lease",
    "CREATE VIEW runner.%I AS SELECT 1', 'runner_heartbeat",
    "CREATE SEQUENCE runner.%I', 'more",
    "ALTER INDEX runner.%I RENAME TO other', 'runner_history_pkey",
    "ALTER SEQUENCE runner.%I MAXVALUE 2147483647', 'runner_history_id_seq",
    "ALTER SEQUENCE runner.%I INCREMENT 2', 'runner_history_id_seq",
    "ALTER TABLE runner.%I ALTER name SET DEFAULT ''x''', 'runner_history",
    "ALTER TABLE runner.%I ADD CHECK (public.hack_check(name)) NOT VALID', 'runner_history",
    "CREATE INDEX i ON runner.%I (public.hack_check(value))', 'runner_meta",
    "CREATE TABLE public.heir () INHERITS (runner.%I)', 'runner_history",
    "CREATE TABLE public.heir (id bigint REFERENCES runner.%I)', 'runner_history",
    "CREATE TRIGGER t BEFORE INSERT ON runner.%I FOR EACH ROW EXECUTE FUNCTION public.hack_trigger()', 'runner_artifact",
    "GRANT ALL ON runner.%I TO PUBLIC', 'runner_history",
    "GRANT USAGE ON SCHEMA %I TO PUBLIC', 'runner",
];

/// What a rollback does not undo.
const SEQUENCES: &[&str] = &[
    "SELECT setval(('runner.runner_' || 'history_id_seq')::regclass, 9223372036854775807)",
    "SELECT setval(('runner.runner_' || 'history_id_seq')::regclass, 1, false)",
    "SELECT nextval(('runner.runner_' || 'history_id_seq')::regclass) FROM generate_series(1, 1000)",
    "SELECT setval(('runner.runner_' || 'repair_id_seq')::regclass, 9223372036854775807)",
    "SELECT setval(pg_get_serial_sequence('runner.runner_' || 'history', 'id'), 9223372036854775806)",
];
