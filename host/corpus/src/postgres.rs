//! The corpus of PostgreSQL.

mod state;

use super::{Attack, Corpus, InTransaction, Reach, RolledBack};
use runner_database::facts::TOOL_TABLES;

/// The corpus.
pub const CORPUS: Corpus = Corpus {
    history,
    field: &[FIELD],
    again: AGAIN,
    in_transaction: Some(&IN_TRANSACTION),
    table: "public.a",
    tampering: "",
    answers: &[("{user}", "SELECT pg_catalog.quote_ident(CURRENT_USER)")],
    has_other: false,
    granted: &["read a", "insert a", "update a", "delete a"],
    harmless: "UPDATE public.a SET id = 2",
    attacks: &[ATTACKS],
    of_components: &[],
    state: state::STATE,
    reaches: REACHES,
};

/// A table of the session needs nothing of the database but the right to make one. All else is in the schema `public`, where the
/// attacks look for it, and in a schema `runner` that is not there. The triggers of the database would run for each object, and what
/// they do may stay.
const IN_TRANSACTION: InTransaction = InTransaction {
    no_table: state::NO_TABLE,
    table: "CREATE TEMPORARY TABLE runner_attack (id int) ON COMMIT DROP",
    table_name: "pg_temp.runner_attack",
    no_field: state::NO_FIELD,
    at_once,
};

/// A block that runs these statements: one message instead of dozens.
fn at_once(statements: &[String]) -> String {
    let lines: Vec<String> = statements.iter().map(|text| format!("EXECUTE '{}';", text.replace('\'', "''"))).collect();
    format!("DO $field$ BEGIN {} END $field$", lines.join(" "))
}

/// What waits for the commit.
const AT_COMMIT: &str = "what it does happens when the transaction commits";

/// What a rollback does not undo.
const STAYS: &str = "a rollback does not undo it";

/// What only the locks on the tool's tables show. A transaction that has made the tables itself has those locks anyway.
const BY_LOCK: &str = "tables that the same transaction has made do not show it";

/// Tables with the names of the tool's.
fn history() -> Vec<String> {
    let mut statements = vec!["CREATE SCHEMA runner".to_owned()];
    for table in TOOL_TABLES {
        statements.push(format!("CREATE TABLE runner.{table} (id int PRIMARY KEY, state text)"));
        statements.push(format!("INSERT INTO runner.{table} VALUES (1, 'applied')"));
    }
    statements
}

/// What the attacker has made beforehand: code that forges the history, code that hides it, and doubles of the server's own
/// functions and operators, which count their calls in a sequence: no rollback resets it. (Those for integers would be found by
/// themselves; the suite `servers` has doubles of all.)
const FIELD: &[&str] = &[
    "CREATE TABLE public.a (id int, CHECK (id < 1000))",
    "INSERT INTO public.a VALUES (1)",
    "CREATE TABLE public.later (id int)",
    "CREATE SEQUENCE public.trapped",
    "CREATE FUNCTION public.hack() RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
     EXECUTE 'UPDATE runner.runner' || '_history SET state = ''forged'''; RETURN 1; END $$",
    "CREATE FUNCTION public.lies(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.hack(); RETURN $1; END $$",
    "CREATE FUNCTION public.hacks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.hack(); RETURN NEW; END $$",
    "CREATE FUNCTION public.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     SET CONSTRAINTS ALL DEFERRED; \
     IF NEW.id < 4 THEN INSERT INTO public.later VALUES (NEW.id + 1); ELSE PERFORM public.hack(); END IF; \
     RETURN NULL; END $$",
    "CREATE CONSTRAINT TRIGGER again AFTER INSERT ON public.later DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW EXECUTE FUNCTION public.again()",
    "CREATE FUNCTION public.sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     PERFORM set_config('search_path', 'public, pg_catalog', false), set_config('row_security', 'on', false); \
     RETURN NULL; END $$",
    "CREATE TABLE public.switch (id int)",
    "CREATE CONSTRAINT TRIGGER sets AFTER INSERT ON public.switch DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW EXECUTE FUNCTION public.sets()",
    "CREATE FUNCTION public.double(a text, b text) RETURNS boolean LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN a OPERATOR(pg_catalog.=) b; END $$",
    "CREATE FUNCTION public.double(a name, b name) RETURNS boolean LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN a OPERATOR(pg_catalog.=) b; END $$",
    "CREATE FUNCTION public.joined(a text, b text) RETURNS text LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN a OPERATOR(pg_catalog.||) b; END $$",
    "CREATE FUNCTION public.joined(a name, b text) RETURNS text LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN a OPERATOR(pg_catalog.||) b; END $$",
    "CREATE FUNCTION public.concat_ws(a text, b name, c oid, VARIADIC d text[]) RETURNS text LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN ''; END $$",
    "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_catalog.nextval('public.trapped'); RETURN pg_catalog.current_setting($1); END $$",
    "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.double)",
    "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.double)",
    "CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.joined)",
    "CREATE OPERATOR public.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = public.joined)",
];

const AGAIN: &[&[&str]] =
    &[&["ALTER DATABASE {db} RESET ALL", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"], FIELD];

const ATTACKS: &[Attack] = &[
    // The history, by names that are assembled.
    Attack::of(&["SELECT hack()"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'UPDATE runner.runner' || '_history SET state = ''forged'''; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE format('DELETE FROM %I.%I', 'runner', 'runner_' || 'history'); END $$"]),
    Attack::of(&[
        "DO $$ BEGIN EXECUTE convert_from(decode('44454c4554452046524f4d2072756e6e65722e72756e6e65725f6d657461', 'hex'), 'UTF8'); END $$",
    ]),
    Attack::committed(
        &[
            "DO $$ BEGIN EXECUTE 'TRUNCATE runner.runner' || '_repair'; EXCEPTION WHEN division_by_zero THEN NULL; END $$",
        ],
        BY_LOCK,
    ),
    Attack::of(&["UPDATE U&\"runner\".U&\"runner\\005fhistory\" SET state = 'forged'"]),
    Attack::of(&["UPDATE U&\"!0072unner\" UESCAPE '!' .U&\"runner!005fhistory\" UESCAPE '!' SET state = 'forged'"]),
    Attack::of(&["WITH x AS (SELECT hack()) INSERT INTO a SELECT 2 FROM x"]),
    Attack::of(&["CREATE TABLE copied AS SELECT hack() AS n"]),
    Attack::of(&["CREATE MATERIALIZED VIEW seen AS SELECT hack() AS n"]),
    Attack::of(&["INSERT INTO a SELECT 3 WHERE hack() = 1"]),
    Attack::of(&["EXPLAIN ANALYZE SELECT hack()"]),
    Attack::of(&["DO $$ BEGIN PERFORM query_to_xml('SELECT hack()', true, true, ''); END $$"]),
    Attack::of(&["DO $$ DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT hack()'; FETCH c INTO c; END $$"]),
    // Work that waits for the commit.
    Attack::committed(&["INSERT INTO later VALUES (1)"], AT_COMMIT),
    Attack::committed(&["INSERT INTO later VALUES (2)"], AT_COMMIT),
    Attack::committed(&["INSERT INTO later VALUES (3)"], AT_COMMIT),
    Attack::committed(&["INSERT INTO later VALUES (4)"], AT_COMMIT),
    Attack::committed(&["DO $$ BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO later VALUES (2); END $$"], AT_COMMIT),
    Attack::committed(
        &[
            "DO $$ DECLARE c refcursor := 'held'; BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT public.hack()'; END $$",
        ],
        AT_COMMIT,
    ),
    Attack::committed(&["DECLARE held CURSOR WITH HOLD FOR SELECT public.hack()"], AT_COMMIT),
    Attack::committed(&["DECLARE held CURSOR WITH HOLD FOR SELECT lies(id) FROM a"], AT_COMMIT),
    Attack::committed(&["INSERT INTO switch VALUES (1)"], AT_COMMIT),
    // Traps for others: the tool's own tables get nothing that runs.
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'CREATE TRIGGER t BEFORE INSERT ON runner.runner' || '_history FOR EACH ROW EXECUTE FUNCTION hacks()'; END $$",
    ]),
    Attack::committed(
        &[
            "DO $$ BEGIN EXECUTE 'CREATE RULE r AS ON UPDATE TO runner.runner' || '_history DO ALSO SELECT hack()'; END $$",
        ],
        BY_LOCK,
    ),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE INDEX i ON runner.runner' || '_history (lies(1))'; END $$"]),
    Attack::committed(
        &["DO $$ BEGIN EXECUTE 'CREATE POLICY p ON runner.runner' || '_history USING (hack() = 1)'; END $$"],
        BY_LOCK,
    ),
    Attack::committed(
        &["DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history ALTER state SET DEFAULT hack()::text'; END $$"],
        BY_LOCK,
    ),
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history ADD CHECK (lies(1) = 1) NOT VALID'; END $$",
    ]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE TABLE heir () INHERITS (runner.runner' || '_history)'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE STATISTICS s ON (lies(id)) FROM runner.runner' || '_history'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE STATISTICS s ON id, state FROM runner.runner' || '_history'; END $$"]),
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES runner.runner' || '_history'; END $$",
    ]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history RENAME TO gone'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history SET SCHEMA public'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'GRANT ALL ON runner.runner' || '_history TO PUBLIC'; END $$"]),
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'COMMENT ON SCHEMA run' || 'ner IS ''mine'''; EXECUTE 'ALTER SCHEMA run' || 'ner RENAME TO gone'; END $$",
    ]),
    // What is in the tool's schema besides tables, and what is named like one of them.
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA run' || 'ner GRANT ALL ON TABLES TO PUBLIC'; END $$",
    ]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE DOMAIN runner.runner' || '_lease AS int'; END $$"]),
    Attack::of(&[
        "DO $$ BEGIN EXECUTE 'CREATE FUNCTION run' || 'ner.f() RETURNS int LANGUAGE sql AS ''SELECT 1'''; END $$",
    ]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'CREATE SEQUENCE run' || 'ner.s'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'ALTER INDEX runner.runner' || '_history_pkey RENAME TO gone'; END $$"]),
    Attack::of(&["DO $$ BEGIN EXECUTE 'GRANT SELECT (id) ON runner.runner' || '_history TO PUBLIC'; END $$"]),
    Attack::of(&["CREATE INDEX i ON a (lies(id))"]),
    Attack::of(&["ALTER TABLE a ADD COLUMN b int GENERATED ALWAYS AS (lies(id)) STORED"]),
    // Names: the search path, doubles of functions and operators, and the session.
    Attack::of(&["SELECT set_config('search_path', 'public, pg_catalog', false)"]),
    Attack::of(&["SELECT set_config('search_path', 'public, pg_catalog', true)"]),
    Attack::of(&["DO $$ BEGIN PERFORM set_config('search_path', 'public, pg_catalog', false); END $$"]),
    Attack::of(&["SET search_path = public, pg_catalog"]),
    Attack::of(&["SET SESSION search_path TO public, pg_catalog"]),
    Attack::of(&["SET SCHEMA 'public'"]),
    Attack::beyond(&["ALTER ROLE {user} SET search_path = public, pg_catalog"]),
    Attack::beyond(&["ALTER ROLE CURRENT_USER IN DATABASE {db} SET search_path = public, pg_catalog"]),
    Attack::committed(&["ALTER DATABASE {db} SET search_path = public, pg_catalog"], AT_COMMIT),
    Attack::beyond(&["DO $$ BEGIN EXECUTE 'ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog'; END $$"]),
    Attack::of(&["SELECT set_config('runner.search_path', 'public, pg_catalog', false)"]),
    Attack::of(&["SELECT set_config('row_security', 'on', false), set_config('statement_timeout', '1', false)"]),
    Attack::of(&[
        "SELECT set_config('standard_conforming_strings', 'off', false), set_config('default_transaction_read_only', 'on', false)",
    ]),
    Attack::of(&[
        "SELECT set_config('check_function_bodies', 'off', false), set_config('default_transaction_isolation', 'serializable', false)",
    ]),
    Attack::of(&["SELECT set_config('application_name', 'psql', false)"]),
    Attack::of(&["CREATE TEMP TABLE pg_class AS SELECT * FROM pg_catalog.pg_class"]),
    Attack::of(&["CREATE TEMP TABLE pg_locks AS SELECT * FROM pg_catalog.pg_locks LIMIT 0"]),
    Attack::of(&["CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (VALUE <> 'applied')"]),
    Attack::of(&["CREATE FUNCTION pg_temp.concat(VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'"]),
    Attack::committed(&["SELECT pg_advisory_lock(1), pg_advisory_unlock_all()"], STAYS),
    Attack::committed(&["PREPARE sqlx_s_1 AS SELECT hack()"], STAYS),
    Attack::committed(&["LISTEN runner"], AT_COMMIT),
];

/// All of them run in a transaction that is rolled back.
const REACHES: &[Reach] = &[
    Reach::new("read files of the server's machine", "SELECT pg_catalog.pg_read_file('PG_VERSION')"),
    Reach::new("read files of the server's machine", "SELECT pg_catalog.count(*) FROM pg_catalog.pg_ls_dir('.')"),
    Reach::new("read files of the server's machine", "SELECT pg_catalog.lo_import('/etc/hostname')"),
    Reach::with_table(
        "read files of the server's machine",
        "DO $$ BEGIN EXECUTE 'COPY {table} FROM ''/dev/' || 'null'''; END $$",
    ),
    Reach::with_table("write files of the server's machine", "COPY {table} TO '/dev/null'"),
    Reach::with_table(
        "write files of the server's machine",
        "DO $$ BEGIN EXECUTE 'COPY {table} TO ''/dev/' || 'null'''; END $$",
    ),
    Reach::with_table("run programs on the server's machine", "COPY {table} FROM PROGRAM 'true'"),
    Reach::new(
        "run programs on the server's machine",
        "DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PRO' || 'GRAM ''true'''; END $$",
    ),
    Reach::new("create logins", "CREATE ROLE runner_attack_login LOGIN"),
    Reach::new("create logins", "DO $$ BEGIN EXECUTE 'CREATE RO' || 'LE runner_attack_login LOGIN'; END $$"),
    Reach::new("become a superuser", "DO $$ BEGIN EXECUTE 'CREATE RO' || 'LE runner_attack_login SUPERUSER'; END $$"),
    Reach::new("read the passwords of logins", "SELECT pg_catalog.count(*) FROM pg_catalog.pg_authid"),
    Reach::with_table(
        "load code into the server",
        "DO $$ BEGIN EXECUTE 'CREATE FUNC' || 'TION public.runner_attack_evil() RETURNS int LANGUAGE internal AS ''pg_backend_pid'''; END $$",
    ),
    Reach::new(
        "switch off triggers and foreign keys",
        "DO $$ BEGIN PERFORM pg_catalog.set_config('session_replication' || '_role', 'replica', true); END $$",
    ),
    Reach {
        rolled_back: RolledBack::Never(STAYS),
        ..Reach::new("change the server", "SELECT pg_catalog.pg_reload_conf()")
    },
];
