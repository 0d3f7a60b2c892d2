//! A PostgreSQL database in which every function, operator, type and table of the server has a double of the same name, first on
//! the search path (CVE-2018-1058). A double counts its calls and does what the original does, so whatever `runner` leaves
//! unqualified is found, wherever it is sent.

use runner_tests::{Engine, EngineProject, guests, project};

/// Makes the doubles. What cannot have one, such as a function with arguments of internal types, is left out.
const DOUBLES: &str = r#"
CREATE SEQUENCE public.calls;
CREATE FUNCTION public.called(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_catalog.nextval('public.calls'); RAISE LOG 'the double of % was called', what; RETURN true; END $$;
DO $do$
DECLARE it record; made integer := 0;
BEGIN
    FOR it IN
        SELECT p.oid, p.proname, p.pronargs, p.proretset,
            (SELECT coalesce(string_agg(format('pg_catalog.%I', t.typname), ', ' ORDER BY a.n), '')
                FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n) JOIN pg_type t ON t.oid = a.t) AS arguments,
            (SELECT coalesce(string_agg('$' || n, ', ' ORDER BY n), '') FROM generate_series(1, p.pronargs) n) AS given,
            (SELECT format('pg_catalog.%I', t.typname) FROM pg_type t WHERE t.oid = p.prorettype) AS result
        FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
            AND NOT p.proretset AND p.proname !~ '(in|out|recv|send|handler|support|sel)$'
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', it.proname, it.arguments, it.result,
                format('BEGIN PERFORM public.called(%L); RETURN pg_catalog.%I(%s); END', it.proname, it.proname, it.given));
            made := made + 1;
        EXCEPTION WHEN others THEN NULL;
        END;
    END LOOP;
    FOR it IN
        SELECT o.oid, o.oprname, l.typname AS lefttype, r.typname AS righttype, z.typname AS result
        FROM pg_operator o JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
            JOIN pg_type z ON z.oid = o.oprresult
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION public.%I(pg_catalog.%I, pg_catalog.%I) RETURNS pg_catalog.%I LANGUAGE plpgsql AS %L',
                'operator_' || it.oid, it.lefttype, it.righttype, it.result,
                format('BEGIN PERFORM public.called(%L); RETURN $1 OPERATOR(pg_catalog.%s) $2; END', it.oprname, it.oprname));
            EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = pg_catalog.%I, RIGHTARG = pg_catalog.%I, FUNCTION = public.%I)',
                it.oprname, it.lefttype, it.righttype, 'operator_' || it.oid);
            made := made + 1;
        EXCEPTION WHEN others THEN NULL;
        END;
    END LOOP;
    FOR it IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') LOOP
        BEGIN
            EXECUTE format('CREATE VIEW public.%I AS SELECT * FROM pg_catalog.%I WHERE public.called(%L)',
                it.relname, it.relname, it.relname);
            made := made + 1;
        EXCEPTION WHEN others THEN NULL;
        END;
    END LOOP;
    IF made < 2000 THEN RAISE EXCEPTION 'only % doubles were made', made; END IF;
END $do$;
CREATE FUNCTION public.counted(pg_catalog.int8) RETURNS pg_catalog.int8 LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.called('count'); RETURN $1 OPERATOR(pg_catalog.+) 1; END $$;
CREATE AGGREGATE public.count(*) (SFUNC = public.counted, STYPE = pg_catalog.int8, INITCOND = '0');
CREATE FUNCTION public.joined(pg_catalog.text, pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.called('string_agg'); RETURN pg_catalog.concat($1, $2, $3); END $$;
CREATE AGGREGATE public.string_agg(pg_catalog.text, pg_catalog.text) (SFUNC = public.joined, STYPE = pg_catalog.text);
CREATE FUNCTION public.concat_ws(pg_catalog.text, VARIADIC pg_catalog.text[]) RETURNS pg_catalog.text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.called('concat_ws'); RETURN pg_catalog.concat_ws($1, VARIADIC $2); END $$;
CREATE FUNCTION public.concat(VARIADIC pg_catalog.text[]) RETURNS pg_catalog.text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.called('concat'); RETURN pg_catalog.concat(VARIADIC $1); END $$;
CREATE FUNCTION public.unnest(pg_catalog.anyarray) RETURNS SETOF pg_catalog.anyelement LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.called('unnest'); RETURN QUERY SELECT pg_catalog.unnest($1); END $$;
"#;

/// Doubles of types, which change what is created: made last.
const TYPES: &str = r#"
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.called('the type text'));
CREATE DOMAIN public.bytea AS pg_catalog.bytea CHECK (public.called('the type bytea'));
CREATE DOMAIN public.int4 AS pg_catalog.int4 CHECK (public.called('the type int4'));
CREATE DOMAIN public.int8 AS pg_catalog.int8 CHECK (public.called('the type int8'));
CREATE DOMAIN public.name AS pg_catalog.name CHECK (public.called('the type name'));
CREATE DOMAIN public.oid AS pg_catalog.oid CHECK (public.called('the type oid'));
CREATE DOMAIN public.bool AS pg_catalog.bool CHECK (public.called('the type bool'));
"#;

fn project_of_doubles() -> EngineProject {
    let project = project!(Engine::Postgres);
    let name = project.server_database().name().to_owned();
    project.execute(&format!("{DOUBLES}{TYPES}ALTER DATABASE {name} SET search_path = public, pg_catalog"));
    // Only what needs no name of the server.
    project
        .sql(
            "0001_items",
            "CREATE TABLE public.items (id integer PRIMARY KEY, name character varying(100) NOT NULL, price double precision);\n\
             INSERT INTO public.items VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);\n\
             CREATE TABLE public.words (word character varying(20) PRIMARY KEY, n integer NOT NULL);\n\
             INSERT INTO public.words VALUES ('a', 1), ('b', 2), ('c', 3);",
            "DROP TABLE public.items; DROP TABLE public.words;",
        )
        .sql("0002_note", "ALTER TABLE public.items ADD COLUMN note character varying(10);", "ALTER TABLE public.items DROP COLUMN note;")
        .sql(
            "0003_index",
            "-- runner:no-transaction\nCREATE INDEX CONCURRENTLY by_price ON public.items (price);",
            "-- runner:no-transaction\nDROP INDEX CONCURRENTLY public.by_price;",
        );
    project
}

/// Runs a command, which must succeed and call no double.
#[track_caller]
fn calls_none(project: &EngineProject, line: &str) {
    let output = project.runner(line);
    output.succeeds();
    let called = project.value("SELECT is_called FROM public.calls");
    let log = Engine::Postgres.server().map(runner_tests::servers::Server::log).unwrap_or_default();
    let which: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("the double of") || line.contains("STATEMENT:"))
        .rev()
        .take(40)
        .collect();
    assert_eq!(called, "f", "`runner {line}` called doubles:\n{}", which.join("\n"));
}

#[test]
fn no_command_calls_a_double_of_a_function_operator_type_or_table() {
    let project = project_without_the_drivers();
    for line in [
        "status",
        "plan",
        "apply --dry-run --target 2",
        "apply",
        "status",
        "history",
        "current",
        "show 1",
        "verify",
        "plan",
        "rollback --target 1",
        "apply",
        "redo",
        "pause",
        "resume",
        "history",
        "rollback --all",
        "status",
    ] {
        calls_none(&project, line);
    }
}

/// Drops the doubles that the driver's own queries would call.
const WITHOUT_THE_DRIVERS: &str = r#"
DO $do$ DECLARE it record; BEGIN
    FOR it IN SELECT o.oid FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'public' AND o.oprname OPERATOR(pg_catalog.=) ANY (ARRAY['=', '>']::pg_catalog.name[])
            AND o.oprleft OPERATOR(pg_catalog.=) ANY (ARRAY[20, 21, 23, 26]::pg_catalog.oid[])
            AND o.oprright OPERATOR(pg_catalog.=) ANY (ARRAY[20, 21, 23, 26]::pg_catalog.oid[])
    LOOP EXECUTE pg_catalog.concat('DROP OPERATOR ', it.oid::pg_catalog.regoperator); END LOOP;
END $do$;
DROP DOMAIN public.text; DROP DOMAIN public.oid;
"#;

fn project_without_the_drivers() -> EngineProject {
    let project = project_of_doubles();
    project.execute(&format!("SET search_path = pg_catalog; {WITHOUT_THE_DRIVERS}"));
    project
}

/// What the driver asks when it describes a statement is not ours to qualify: such a database is refused before it asks.
#[test]
fn doubles_of_what_the_driver_uses_are_refused() {
    let project = project_of_doubles();
    for line in ["status", "plan", "apply --target 2", "status", "history"] {
        calls_none(&project, line);
    }
    project.sql("0003_index", "SELECT 1;", "SELECT 1;");
    project.component("0004_scale", &guests::component("scale"));
    let output = project.runner("apply --parameter table=words");
    output.exits(7).says(&["`public.", "would take the place of the server's own", "hint:"]);
    assert_eq!(project.value("SELECT is_called FROM public.calls"), "f");
}

#[test]
fn no_transform_calls_a_double() {
    let project = project_without_the_drivers();
    project.component("0004_scale", &guests::component("scale"));
    for line in [
        "apply --target 3",
        "apply --dry-run --parameter table=words",
        "apply --parameter table=words",
        "verify",
        "rollback --parameter table=words",
        "apply --parameter table=words --jobs 2",
        "status",
        "history",
    ] {
        calls_none(&project, line);
    }
    assert_eq!(project.value("SELECT n FROM public.words ORDER BY word LIMIT 1"), "2");
}
