//! Components under grants on PostgreSQL: each runs with a login of its own. What a login can do is tried on the server itself,
//! without the checks of the program; the verdict is a comparison of history, roles and rows before and after.

use runner_tests::servers::{self, Client, Kind, Server, TestDatabase};
use runner_tests::{Output, TestProject, guests, project, until};

/// Settings before the grants.
pub const PROJECT: &str = "[project]\nname = \"test\"\n";

/// What the component `granted` needs.
const COPY: &str = "allow = ['read people(id, name)', 'insert copies']";

/// A database whose owner, the host, is no superuser and may create roles; and a project on it.
pub struct Field {
    database: Option<TestDatabase>,
    admin: Client,
    host: String,
    project: TestProject,
}

impl Field {
    pub fn new() -> Self {
        Self::on(servers::postgres())
    }

    /// On this server.
    pub fn on(server: &Server) -> Self {
        let field = Self::bare(server);
        field
            .project
            .sql(
                "0001_people",
                "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL);
                 CREATE TABLE copies (id INTEGER PRIMARY KEY, name TEXT);
                 CREATE TABLE others (id SERIAL PRIMARY KEY, secret TEXT);
                 CREATE VIEW cards AS SELECT card FROM people;
                 INSERT INTO people SELECT i, 'person ' || i, 'card ' || i FROM generate_series(1, 100) AS n(i);
                 INSERT INTO others VALUES (1, 'secret');",
                "DROP TABLE others, copies, people CASCADE;",
            )
            .component("0002_granted", &guests::component("granted"));
        field.project.runner("apply --target 0001").succeeds();
        field
    }

    /// Without a migration.
    pub fn bare(server: &Server) -> Self {
        let database = server.database();
        let (name, host) = (database.name().to_owned(), database.name().replace("runner_test_", "host_"));
        database.sql(&format!(
            "CREATE ROLE {host} LOGIN CREATEROLE PASSWORD 'host'; ALTER DATABASE {name} OWNER TO {host}; \
             ALTER SCHEMA public OWNER TO {host}"
        ));
        let mut project = project!();
        project.set_url(&database.url_as(&host, "host"));
        Self { admin: server.client().clone(), database: Some(database), host, project }
    }

    /// Its project.
    pub fn project(&self) -> &TestProject {
        &self.project
    }

    /// The login of the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    pub fn grants(&self, grants: &str) -> &Self {
        self.project.write("runner.toml", format!("{PROJECT}[grants.0002_granted]\n{grants}\n"));
        self
    }

    pub fn run(&self, line: &str, parameters: &[&str]) -> Output {
        let mut command = self.project.command(line.split(' '));
        for parameter in parameters {
            command.args(["--parameter", parameter]);
        }
        self.project.finish(&mut command)
    }

    pub fn sync(&self) -> &Self {
        self.run("grants sync", &[]).succeeds();
        self
    }

    /// The only login of a component.
    pub fn login(&self) -> String {
        self.database().value(&format!(
            "SELECT rolname FROM pg_roles r WHERE shobj_description(oid, 'pg_authid') LIKE 'runner: \"{}\" %'",
            self.database().name()
        ))
    }

    /// Everything that a component must not change: the history, the gate, roles, settings, and rows that are not its own.
    pub fn state(&self) -> Vec<String> {
        let database = self.database();
        database.sql(
            "SELECT 'history', md5(string_agg(h::text, ',' ORDER BY id)) FROM runner.runner_history h
             UNION ALL SELECT 'artifact', md5(string_agg(a::text, ',' ORDER BY revision)) FROM runner.runner_artifact a
             UNION ALL SELECT 'meta', md5(string_agg(m::text, ',')) FROM runner.runner_meta m
             UNION ALL SELECT 'journal', md5(string_agg(j::text, ',' ORDER BY step)) FROM runner.runner_journal j
             UNION ALL SELECT 'evidence', count(*)::text FROM runner.runner_evidence
             UNION ALL SELECT 'underway', count(*)::text FROM runner_gate.underway
             UNION ALL SELECT 'people', md5(string_agg(p::text, ',' ORDER BY id)) FROM people p
             UNION ALL SELECT 'others', md5(string_agg(o::text, ',' ORDER BY id)) FROM others o
             UNION ALL SELECT 'copies', count(*)::text FROM copies
             UNION ALL SELECT 'objects', md5(string_agg(concat(relname, relowner, relacl, relkind, reloptions), ',' ORDER BY oid))
                 FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_toast')
             UNION ALL SELECT 'functions', md5(string_agg(concat(proname, prosrc, proowner, proacl), ',' ORDER BY oid))
                 FROM pg_proc WHERE oid >= 16384
             UNION ALL SELECT 'schemas', md5(string_agg(concat(nspname, nspowner, nspacl), ',' ORDER BY oid))
                 FROM pg_namespace WHERE nspname !~ '^pg_'
             UNION ALL SELECT 'types', count(*)::text FROM pg_type WHERE oid >= 16384
             UNION ALL SELECT 'defaults', count(*)::text FROM pg_default_acl
             UNION ALL SELECT 'large', count(*)::text FROM pg_largeobject_metadata
             UNION ALL SELECT 'extensions', count(*)::text FROM pg_extension
             UNION ALL SELECT 'database', concat(datdba, datacl) FROM pg_database WHERE datname = current_database()
             UNION ALL SELECT 'roles', md5(string_agg(concat(rolname, rolsuper, rolinherit, rolcreatedb, rolcreaterole, rolconfig, rolconnlimit), ','
                 ORDER BY oid)) FROM (SELECT a.*, s.setconfig AS rolconfig FROM pg_authid a
                     LEFT JOIN pg_db_role_setting s ON s.setrole = a.oid
                     WHERE a.rolname LIKE 'runner\\_' || left(regexp_replace(current_database(), '[^a-z0-9]', '', 'g'), 20) || '%'
                         OR a.rolname = replace(current_database(), 'runner_test_', 'host_')) r",
        )
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        let logins = self.database.as_ref().map(|database| {
            database.client().try_sql(&format!(
                "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE 'runner: \"{}\" %'",
                database.name()
            ))
        });
        self.database = None;
        for login in logins.and_then(Result::ok).unwrap_or_default() {
            let _ = self.admin.try_sql(&format!("DROP ROLE {login}"));
        }
        let _ = self.admin.try_sql(&format!("DROP ROLE {}", self.host));
    }
}

#[test]
fn a_component_does_what_it_is_granted_and_the_history_has_it() {
    let field = Field::new();
    field.grants(COPY);
    field.run("apply", &["transform=true"]).exits(7).says(&["does not exist", "run `runner grants sync`"]);
    let output = field.run("grants sync", &[]);
    output.succeeds().says(&["every role has TEMPORARY on the database", "1 login in line"]);
    field.run("grants sync", &[]).succeeds().says(&["1 login in line already"]);
    field.run("grants list", &[]).succeeds().prints(&[
        "0002_granted  in line",
        "SELECT (\"name\") ON TABLE \"public\".\"people\"",
        "INSERT ON TABLE \"public\".\"copies\"",
    ]);
    field.run("apply", &["transform=true"]).succeeds();
    let database = field.database();
    assert_eq!(database.value("SELECT count(*) || max(name) FROM copies"), "100person 99");
    assert_eq!(
        database.value("SELECT state || ' ' || rows_written FROM runner.runner_history WHERE revision = '0002'"),
        "applied 100"
    );
    // The rows were written by the login, the history by the owner of the gate.
    assert_eq!(database.value("SELECT count(*) FROM runner_gate.underway"), "0");
    field.run("verify", &[]).succeeds();
    // The downgrade is confined as well.
    field.run("rollback", &[]).exits(7).says(&["no grant to run statements of its own"]);
    field.grants("allow = ['read people', 'insert copies', 'read copies', 'delete copies']\nraw_sql = true");
    // A run brings the rights of an existing login in line with the settings.
    field.run("rollback", &[]).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM copies"), "0");
}

/// The login has no privilege on the lease: the gate proves it in the component's transaction.
#[test]
fn a_lease_is_proven_through_the_gate() {
    let mut field = Field::new();
    let url = field.database().url_as(&field.host, "host");
    field.project.set_url(&format!("{url}{}lock=lease", if url.contains('?') { '&' } else { '?' }));
    field.grants(COPY);
    field.run("grants sync", &[]).succeeds();
    // An application's trigger that runs as the host, in the middle of the transaction.
    let lost = format!(
        "CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
         EXECUTE 'UPDATE runner.runner_' || 'lease SET token = token + 1'; RETURN NULL; END $$; \
         ALTER FUNCTION public.take() OWNER TO {}; CREATE TRIGGER take AFTER INSERT ON public.copies EXECUTE FUNCTION public.take()",
        field.host
    );
    field.database().sql(&lost);
    field
        .run("apply", &["transform=true"])
        .exits(7)
        .says(&["one of runner's own tables (runner.runner_lease", "hint:"]);
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "0");
    field.database().sql("DROP TRIGGER take ON public.copies");
    field.run("apply", &["transform=true"]).succeeds();
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "100");
    assert_ne!(field.database().value("SELECT proofs FROM runner.runner_lease"), "0");
}

#[test]
fn what_is_not_granted_is_refused_by_the_server() {
    let field = Field::new();
    let raw = format!("{COPY}\nraw_sql = true");
    field.grants(&raw).sync();
    let before = field.state();
    for (grants, parameter, why) in [
        (COPY, "read=id\ncard", "permission denied"),
        (&*raw, "statements=UPDATE people SET name = 'x'", "permission denied"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nDELETE FROM others", "permission denied"),
        (&raw, "statements=INSERT INTO copies SELECT id, secret FROM others", "permission denied"),
        (&raw, "statements=INSERT INTO copies SELECT 1, card FROM cards", "permission denied"),
        (&raw, "statements=INSERT INTO copies SELECT 1, card FROM people", "permission denied"),
        (&raw, "statements=SELECT * FROM runner.runner_history", "permission denied"),
        (&raw, "statements=SELECT * FROM runner_gate.ticket", "permission denied"),
        (&raw, "statements=CREATE TABLE mine (id int)", "cannot run `CREATE TABLE"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nCOMMIT", "cannot run `COMMIT`"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nSELECT lo_create(0)", "has created something"),
    ] {
        field.grants(grants);
        field.run("apply", &[parameter]).exits(7).says(&["0002_granted", why]);
        assert_eq!(field.state(), before, "{parameter}");
    }
    // A refusal that the component handles does not let it through.
    field.grants(&raw);
    field
        .run(
            "apply -v",
            &["statements=?DELETE FROM others\n?UPDATE runner.runner_history SET name = 'x'", "transform=true"],
        )
        .succeeds()
        .says(&["refused: DELETE FROM others", "refused: UPDATE runner.runner_history"]);
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "100");
}

/// What the login tries by itself, in a session that no program of ours watches: `~` is its name, `%` the name of the host.
const ATTACKS: &[&str] = &[
    "CREATE TABLE public.mine (id int)",
    "CREATE TABLE mine AS SELECT 1",
    "SELECT 1 AS a INTO public.mine",
    "CREATE TEMP TABLE mine (id int)",
    "CREATE TEMPORARY VIEW mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "CREATE TYPE public.mine AS ENUM ('a')",
    "CREATE DOMAIN public.mine AS int",
    "CREATE SEQUENCE public.mine",
    "CREATE VIEW public.mine AS SELECT * FROM people",
    "CREATE MATERIALIZED VIEW public.mine AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON copies FOR EACH ROW EXECUTE FUNCTION runner_gate.guard()",
    "CREATE RULE r AS ON INSERT TO copies DO ALSO DELETE FROM others",
    "CREATE POLICY p ON copies USING (true)",
    "CREATE EXTENSION plpgsql",
    "CREATE EXTENSION dblink",
    "CREATE LANGUAGE c",
    "CREATE SERVER s FOREIGN DATA WRAPPER w",
    "CREATE PUBLICATION p FOR ALL TABLES",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE INDEX ON copies (name)",
    "ALTER TABLE copies ADD COLUMN more text",
    "ALTER TABLE people OWNER TO ~",
    "ALTER TABLE copies DISABLE TRIGGER ALL",
    "ALTER TABLE runner_gate.underway DISABLE TRIGGER guard",
    "ALTER SCHEMA runner_gate OWNER TO ~",
    "ALTER FUNCTION runner_gate.open(text) SECURITY INVOKER",
    "ALTER ROLE % PASSWORD 'mine'",
    "ALTER ROLE ~ SUPERUSER",
    "ALTER ROLE ~ CREATEROLE",
    "ALTER ROLE ~ VALID UNTIL 'infinity'",
    "ALTER ROLE ~ CONNECTION LIMIT -1",
    "ALTER SYSTEM SET log_statement = 'none'",
    "ALTER DATABASE CURRENT SET search_path = 'mine'",
    "DROP TABLE people",
    "DROP SCHEMA runner_gate CASCADE",
    "DROP ROLE %",
    "DROP OWNED BY %",
    "TRUNCATE copies",
    "TRUNCATE runner.runner_history",
    "GRANT ALL ON people TO ~",
    "GRANT % TO ~",
    "GRANT pg_read_server_files TO ~",
    "SET ROLE %",
    "SET SESSION AUTHORIZATION %",
    "SET session_replication_role = replica",
    "COPY copies TO '/tmp/runner-evil'",
    "COPY copies FROM '/etc/passwd'",
    "COPY copies TO PROGRAM 'touch /tmp/runner-evil'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/runner-evil')",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_reload_conf()",
    "SELECT * FROM pg_authid",
    "SELECT rolpassword FROM pg_shadow",
    "SELECT * FROM runner.runner_meta",
    "INSERT INTO runner.runner_history (revision) VALUES ('9')",
    "UPDATE runner.runner_history SET state = 'forged'",
    "DELETE FROM runner_gate.underway",
    "INSERT INTO runner_gate.ticket VALUES ('\\x00', '~', pg_backend_pid())",
    "LOCK TABLE runner.runner_history IN ACCESS EXCLUSIVE MODE",
    "LOCK TABLE people IN ACCESS EXCLUSIVE MODE",
    "UPDATE people SET name = 'x'",
    "UPDATE people SET card = card",
    "SELECT card FROM people",
    "SELECT people FROM people",
    "SELECT * FROM cards",
    "SELECT count(*) FROM others",
    "SELECT nextval('others_id_seq')",
    "DELETE FROM copies",
    "INSERT INTO copies SELECT 1, 'a' RETURNING *",
    "MERGE INTO copies USING people ON copies.id = people.id WHEN MATCHED THEN DELETE",
    "DO $$ BEGIN EXECUTE 'UPDATE runner.runner_' || 'history SET state = ''forged'''; END $$",
    "DO $$ BEGIN EXECUTE 'CREATE TABLE public.mine (id int)'; END $$",
    "SELECT query_to_xml('DELETE FROM others', true, true, '')",
    "SELECT query_to_xml('SELECT card FROM people', true, true, '')",
    "SELECT table_to_xml('runner.runner_history', true, true, '')",
    "REFRESH MATERIALIZED VIEW mine",
    "REINDEX TABLE people",
    "CLUSTER people USING people_pkey",
    "COMMENT ON TABLE people IS 'mine'",
    "SECURITY LABEL ON TABLE people IS 'mine'",
    "REASSIGN OWNED BY % TO ~",
    "IMPORT FOREIGN SCHEMA a FROM SERVER s INTO public",
    "LOAD '/tmp/evil'",
];

/// What the login may do by itself, and what the end of its transaction refuses.
const REFUSED_AT_THE_END: &[&str] = &[
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'mine')",
    "ALTER ROLE ~ PASSWORD 'mine'",
    "ALTER ROLE ~ SET search_path = 'mine'",
    "ALTER ROLE ~ RESET ALL",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
];

/// Calls of the gate by somebody who does not know the token, and transactions that are ended by the component. `~` is the login.
const FORGERIES: &[&str] = &[
    "SELECT runner_gate.open('wrong')",
    "SELECT runner_gate.open(NULL)",
    "SELECT runner_gate.open('')",
    "SELECT runner_gate.write('wrong', 'DELETE FROM runner.runner_history')",
    "SELECT runner_gate.write(NULL, 'DELETE FROM runner.runner_history')",
    "SELECT runner_gate.write('TOKEN', 'DELETE FROM runner.runner_history')",
    "SELECT runner_gate.read('wrong', 'c', 'SELECT * FROM runner.runner_history')",
    "SELECT runner_gate.read(NULL, 'c', 'SELECT * FROM runner.runner_history')",
    "SELECT runner_gate.seal('wrong')",
    "SELECT runner_gate.seal(NULL)",
    "SELECT runner_gate.finish('wrong')",
    "SELECT runner_gate.finish(NULL)",
    "SELECT runner_gate.admit('wrong', false)",
    "SELECT runner_gate.guard()",
    "SET search_path = pg_temp, public; SELECT runner_gate.open('wrong')",
    "SET client_encoding = 'SQL_ASCII'; SELECT runner_gate.open('wrong')",
    "BEGIN; SELECT runner_gate.open('wrong'); COMMIT",
    "BEGIN; INSERT INTO copies VALUES (7, 'x'); SELECT runner_gate.seal('wrong'); COMMIT",
];

#[test]
fn a_login_can_do_nothing_else_by_itself() {
    let field = Field::new();
    field.grants(&format!("{COPY}\nraw_sql = true")).sync();
    let login = field.login();
    // The shared server trusts everybody on this machine.
    let client = field.database().client().as_user(&login, "");
    assert_eq!(client.value("SELECT count(name) FROM people"), "100", "it may read what it is granted");
    field.admin.sql(&format!("ALTER ROLE {login} PASSWORD 'kept'"));
    let password = || field.admin.value(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{login}'"));
    let (before, kept) = (field.state(), password());
    let attacks: Vec<String> =
        ATTACKS.iter().chain(FORGERIES).map(|it| it.replace('~', &login).replace('%', &field.host)).collect();
    // The state is compared after several at once, to save time.
    for some in attacks.chunks(12) {
        for attack in some {
            let tried = client.try_sql(attack);
            assert!(tried.is_err(), "{attack}: {tried:?}");
        }
        assert_eq!(field.state(), before, "{some:?}");
    }
    assert_eq!(password(), kept);
    assert!(!std::path::Path::new("/tmp/runner-evil").exists());
    assert!(ATTACKS.len() >= 40 && FORGERIES.len() >= 15);
}

/// In a transaction of a run, with the token of its session: what `commit` does is done by hand.
#[test]
fn the_gate_refuses_what_a_transaction_must_not_leave() {
    let field = Field::new();
    field.grants(&format!("{COPY}\nraw_sql = true")).sync();
    let login = field.login();
    let client = field.database().client().as_user(&login, "");
    field.admin.sql(&format!("ALTER ROLE {login} PASSWORD 'kept'"));
    let password = || field.admin.value(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{login}'"));
    let (before, kept) = (field.state(), password());
    // `\gset` keeps the number of the session; the ticket is written by another one meanwhile.
    let ticket = |host: &str| {
        format!(
            "\\set QUIET on\nSELECT pg_backend_pid() AS pid \\gset\n\
             \\setenv PID :pid\n\\! psql -X -q '{host}' -c \"INSERT INTO runner_gate.ticket (token_sha256, login, pid) VALUES (sha256('token'), '{login}', $PID) ON CONFLICT (token_sha256) DO UPDATE SET pid = excluded.pid\"\n"
        )
    };
    let host = ticket(&field.database().url());
    let in_gate = |text: &str| {
        client.try_sql(&format!("{host}BEGIN;\nSELECT runner_gate.open('token');\n{text};\nSELECT runner_gate.seal('token');\nSET CONSTRAINTS ALL IMMEDIATE;\nSELECT runner_gate.finish('token');\nCOMMIT;\n"))
    };
    for attack in REFUSED_AT_THE_END {
        let attack = attack.replace('~', &login);
        let tried = in_gate(&attack);
        assert!(tried.is_err(), "{attack}: {tried:?}");
        assert_eq!((field.state(), password()), (before.clone(), kept.clone()), "{attack}");
    }
    for early in [
        "INSERT INTO copies VALUES (7, 'x');\nCOMMIT",
        "INSERT INTO copies VALUES (7, 'x');\nSET CONSTRAINTS ALL IMMEDIATE",
        "INSERT INTO copies VALUES (7, 'x');\nROLLBACK AND CHAIN;\nINSERT INTO copies VALUES (8, 'x')",
        "INSERT INTO copies VALUES (7, 'x');\nROLLBACK;\nBEGIN",
        "INSERT INTO copies VALUES (7, 'x');\nPREPARE TRANSACTION 'x'",
        "SELECT runner_gate.open('token')",
        "SELECT runner_gate.finish('token')",
        "SELECT runner_gate.seal('token')",
    ] {
        let tried = in_gate(early);
        assert!(tried.is_err(), "{early}: {tried:?}");
        assert_eq!(field.state(), before, "{early}");
    }
    // So does it commit what is as it should be.
    in_gate("INSERT INTO copies VALUES (7, 'x');\nSELECT runner_gate.write('token', 'UPDATE runner.runner_meta SET value = value')")
        .unwrap();
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "1");
}

#[test]
fn grants_that_name_what_does_not_exist() {
    let field = Field::new();
    for (line, says) in [
        ("read poeple", "there is no table `public.poeple` (did you mean `people`?)"),
        ("read people(nam)", "`public.people` has no column `nam` (did you mean `name`?)"),
        ("insert other.copies", "there is no table `other.copies`"),
    ] {
        field.grants(&format!("allow = ['{line}']"));
        for command in ["grants sync", "grants sync --sql"] {
            field.run(command, &[]).exits(2).says(&[says, "hint:"]);
        }
        field.run("grants list", &[]).succeeds().prints(&[says]);
    }
    // What it may not create itself has to be there.
    field.grants("allow = ['create outbox_*', 'insert outbox']");
    field.run("grants sync", &[]).exits(2).says(&["there is no table `public.outbox`"]);
    for line in ["read runner.runner_history", "update pg_catalog.pg_class", "insert runner_gate.ticket"] {
        field.grants(&format!("allow = ['{line}']"));
        field.run("grants sync", &[]).exits(7).says(&["cannot be granted", "hint:"]);
    }
    assert_eq!(field.database().value("SELECT count(*) FROM pg_namespace WHERE nspname = 'runner_gate'"), "0");
}

/// The statements for a database administrator do what `sync` does, and `sync` is all or nothing.
#[test]
fn sync_is_one_transaction_and_can_be_done_by_hand() {
    let field = Field::new();
    field.grants(COPY);
    let host = field.host.clone();
    // Without the right to create roles, nothing of it is done.
    field.admin.sql(&format!("ALTER ROLE {host} NOCREATEROLE"));
    let before = field.database().sql("SELECT nspname, nspacl FROM pg_namespace ORDER BY 1");
    field.run("grants sync", &[]).exits(7).says(&["the logins cannot be brought in line", "runner grants sync --sql"]);
    assert_eq!(field.database().sql("SELECT nspname, nspacl FROM pg_namespace ORDER BY 1"), before);
    // Killed half-way: the server rolls back what the session did.
    let script = field.run("grants sync --sql", &[]).succeeds().stdout.clone();
    let (start, _) = script.split_at(script.find("GRANT ").unwrap());
    let mut session = field.database().client().session();
    session.run(start.trim_end());
    drop(session);
    assert_eq!(field.database().sql("SELECT nspname, nspacl FROM pg_namespace ORDER BY 1"), before);
    field.database().sql(&script);
    field.run("grants sync", &[]).succeeds().says(&["1 login in line already"]);
    // The run may not set a password; the operator's does.
    field.run("apply", &["transform=true"]).exits(7).says(&["may not set the password", "password_env"]);
    field.grants(&format!("{COPY}\npassword_env = 'GUEST_SECRET'"));
    field.run("apply", &["transform=true"]).exits(2).says(&["the variable `GUEST_SECRET`"]);
    let login = field.login();
    field.admin.sql(&format!("ALTER ROLE {login} PASSWORD 'kept' VALID UNTIL 'infinity'"));
    let mut command = field.project.command(["apply", "--parameter", "transform=true"]);
    field.project.finish(command.env("GUEST_SECRET", "kept")).succeeds();
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "100");
}

#[test]
fn a_login_is_kept_in_line_and_removed() {
    let field = Field::new();
    field.grants(COPY).sync();
    let (database, login) = (field.database(), field.login());
    for spoilt in [
        "ALTER ROLE ~ CREATEDB",
        "ALTER ROLE ~ INHERIT",
        "ALTER ROLE ~ SET search_path = 'mine'",
        "ALTER ROLE ~ NOLOGIN",
        "GRANT pg_read_all_stats TO ~",
        "CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO ~",
        "DROP FUNCTION runner_gate.seal(text)",
        "CREATE OR REPLACE FUNCTION runner_gate.admit(p_token text, p_sealed boolean) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "ALTER FUNCTION runner_gate.admit(text, boolean) STRICT",
        "GRANT EXECUTE ON FUNCTION runner_gate.write(text, text) TO PUBLIC",
        "CREATE TABLE runner_gate.more (id int)",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "GRANT TEMPORARY ON DATABASE # TO PUBLIC",
    ] {
        let spoil = spoilt.replace('~', &login).replace('#', database.name());
        database.sql(&spoil);
        let told = match spoilt.contains("runner_gate.more") {
            true => "not as runner made them: the table `runner_gate.more`",
            false => "run `runner grants sync`",
        };
        field.run("apply", &["transform=true"]).exits(7).says(&[told]);
        if spoilt.contains("runner_gate.more") {
            // What is not its own is left alone.
            field.run("grants sync", &[]).exits(7);
            database.sql("DROP TABLE runner_gate.more");
        }
        if spoilt.contains("CREATEDB")
            && database.value("SELECT current_setting('server_version_num')").as_str() >= "160000"
        {
            // What the host may not do itself, it cannot take from others.
            field.run("grants sync", &[]).exits(7).says(&["runner grants sync --sql"]);
            database.sql(&format!("ALTER ROLE {login} NOCREATEDB"));
        }
        if spoilt.contains("NOLOGIN") || spoilt.contains("pg_read_all_stats") {
            database.sql(&format!("REVOKE pg_read_all_stats FROM {login}"));
        }
        field.sync();
        field.run("grants list", &[]).succeeds().prints(&["0002_granted  in line"]);
    }
    // Rights of its tables alone are brought in line by the run.
    database.sql(&format!("GRANT SELECT ON others TO {login}; REVOKE INSERT ON copies FROM {login}"));
    field
        .run("grants list", &[])
        .succeeds()
        .prints(&["it has SELECT ON TABLE \"public\".\"others\"", "it lacks INSERT"]);
    field.run("apply", &["transform=true"]).succeeds();
    assert_eq!(database.value(&format!("SELECT has_table_privilege('{login}', 'others', 'SELECT')")), "f");
    field.project.write("runner.toml", PROJECT);
    field.run("grants list", &[]).succeeds().prints(&["it is to be removed"]);
    field.run("grants sync", &[]).succeeds();
    assert_eq!(database.value(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{login}'")), "0");
    field.run("grants remove", &[]).succeeds().says(&["there is no login to remove"]);
}

#[test]
fn a_superuser_is_refused_unless_it_is_allowed() {
    let field = Field::new();
    field.grants(COPY).sync();
    field.admin.sql(&format!("ALTER ROLE {} SUPERUSER", field.host));
    field.run("apply", &["transform=true"]).exits(7).says(&["is a superuser", "superuser = true"]);
    field.grants(&format!("{COPY}\nsuperuser = true"));
    field.run("apply", &["transform=true"]).succeeds();
    field.admin.sql(&format!("ALTER ROLE {} NOSUPERUSER", field.host));
}

/// The secret is tried where the server asks for it.
#[test]
fn a_wrong_secret_is_told_and_passwords_last_for_minutes() {
    let server = Server::private(Kind::Postgres).passwords().start();
    let field = Field::on(&server);
    field.grants(COPY).sync();
    field.run("apply", &["transform=true"]).succeeds();
    let login = field.login();
    let left = field.database().value(&format!(
        "SELECT (rolvaliduntil BETWEEN now() AND now() + interval '2 minutes') || ' ' || (rolpassword LIKE 'SCRAM-SHA-256$4096:%') \
         FROM pg_authid WHERE rolname = '{login}'"
    ));
    assert_eq!(left, "true true");
    field.grants(
        "allow = ['read people', 'insert copies', 'read copies', 'delete copies']\nraw_sql = true\npassword_env = 'GUEST_SECRET'",
    );
    let mut command = field.project.command(["rollback"]);
    let output = field.project.finish(command.env("GUEST_SECRET", "wr0ng-secret"));
    output.exits(7).says(&["does not let the login", "password_env"]);
    assert!(!output.to_string().contains("wr0ng-secret"), "{output}");
}

/// What a view shows is granted with it; what it shows of is named.
#[test]
fn what_reaches_past_a_grant_is_named() {
    let field = Field::new();
    field.database().sql(
        "CREATE TABLE marks (copy INTEGER CONSTRAINT of_copy REFERENCES copies ON DELETE CASCADE ON UPDATE SET NULL, id INTEGER PRIMARY KEY);
         CREATE TABLE dots (mark INTEGER CONSTRAINT of_mark REFERENCES marks ON DELETE SET NULL);
         CREATE TABLE kept (copy INTEGER REFERENCES copies);
         CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
         CREATE FUNCTION plain() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER audited AFTER INSERT OR UPDATE ON copies FOR EACH ROW EXECUTE FUNCTION audit();
         CREATE TRIGGER followed AFTER INSERT ON copies FOR EACH ROW EXECUTE FUNCTION plain();
         CREATE RULE ruled AS ON DELETE TO copies DO ALSO DELETE FROM others;",
    );
    field.grants(
        "allow = ['read people(id, name)', 'insert copies', 'delete copies', 'update copies(name)', 'read cards']",
    );
    for line in ["grants sync", "grants list", "plan", "doctor"] {
        let output = field.run(line, &[]);
        output.says(&[
            "the view `public.cards` reads with the rights of its owner",
            "the foreign key `of_copy` deletes rows of `public.marks` with those of `public.copies`, and so does `0002_granted` through it",
            "the foreign key `of_mark` changes rows of `public.dots` with those of `public.marks`",
            "the trigger `audited` of `public.copies` runs with the rights of its owner",
            "the rule `ruled` of `public.copies` runs with the rights of its owner",
        ]);
        output.does_not_say(&["public.kept", "`followed`", "changes rows of `public.marks`"]);
    }
    for line in ["plan --format json", "doctor --format json"] {
        let output = field.run(line, &[]);
        let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert!(json["notes"].to_string().contains("the view `public.cards` reads"), "{output}");
        assert!(!output.stderr.contains("the view"), "{output}");
    }
}

/// A component is named as `list` shows it, or by its revision, also where only its login is left of it.
#[test]
fn a_login_is_removed_by_the_name_of_its_component() {
    let field = Field::new();
    let logins = || field.run("grants list", &[]).succeeds().stdout.clone();
    for name in ["0002_granted", "0002", "2"] {
        for is_in_project in [true, false] {
            field.grants(COPY).sync();
            let login = field.login();
            if !is_in_project {
                field.project.write("runner.toml", PROJECT);
                std::fs::rename(field.project.file("migrations/0002_granted.wasm"), field.project.file("away"))
                    .unwrap();
                std::fs::rename(field.project.file("runner.lock"), field.project.file("lock")).unwrap();
            }
            for nobody in ["nonsense", "9", "granted", "0003_granted"] {
                field
                    .run(&format!("grants remove {nobody}"), &[])
                    .exits(2)
                    .says(&[&format!("no component `{nobody}`"), "`runner grants list` shows them"]);
            }
            field.run(&format!("grants remove {name}"), &[]).succeeds().says(&["removed"]);
            let left = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{login}'");
            assert_eq!(field.database().value(&left), "0", "{name}: {}", logins());
            if !is_in_project {
                std::fs::rename(field.project.file("away"), field.project.file("migrations/0002_granted.wasm"))
                    .unwrap();
                std::fs::rename(field.project.file("lock"), field.project.file("runner.lock")).unwrap();
            }
        }
    }
    field.run("grants remove 0002_granted", &[]).succeeds().says(&["there is no login to remove"]);
}

#[test]
fn isolation_can_be_required() {
    let field = Field::new();
    let required = |more: &str| {
        let url = "[environments.production]\nisolation = \"required\"\n";
        field.project.write("runner.toml", format!("{PROJECT}{url}{more}"));
    };
    required("");
    for line in ["apply -e production", "plan -e production"] {
        field.run(line, &["transform=true"]).exits(7).says(&["isolation = \"required\"", "run `runner grants sync`"]);
    }
    let document = field.run("plan -e production --format json", &[]).exits(7).stdout.clone();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let error = document["error"].to_string();
    assert!(error.contains("run `runner grants sync`") && document["migrations"].is_array(), "{document}");
    field.run("plan", &[]).succeeds().says(&["isolation: none by the server for `0002_granted`"]);
    field.run("doctor", &[]).prints(&["none by the server"]);
    required(&format!("[grants.0002_granted]\n{COPY}\n"));
    field.sync();
    field.run("plan -e production", &[]).succeeds().says(&["isolation: each component has a login of its own"]);
    field.run("doctor -e production", &[]).succeeds().prints(&["each component has a login of its own"]);
    field
        .run("apply -v -e production", &["transform=true"])
        .succeeds()
        .says(&["isolation: each component has a login"]);
    field.project.write("runner.toml", format!("{PROJECT}[database]\nisolation = \"yes\"\n"));
    field.run("plan", &[]).exits(2).says(&["`database.isolation` must be `required` or `optional`"]);
}

/// A login is not kept from what concerns its session alone, and that ends with the session.
#[test]
fn what_a_login_may_do_within_its_session() {
    let field = Field::new();
    field.grants(&format!("{COPY}\nraw_sql = true")).sync();
    let mut other = field.database().client().session();
    other.run("LISTEN tidings");
    field
        .run(
            "apply",
            &["statements=INSERT INTO copies SELECT 1, pg_advisory_lock(77)::text\nSELECT pg_notify('tidings', 'from a component')\n\
               SELECT set_config('work_mem', '1MB', false)"],
        )
        .succeeds();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77";
    until("its session has ended", || field.database().value(locks) == "0");
    other.run("SELECT 1");
    assert_eq!(field.database().value("SELECT count(*) FROM copies"), "1");
}

/// `doctor --attack` tries what components can do here: with a login of their own, nothing of the corpus.
#[test]
fn no_attack_succeeds_with_a_login_of_its_own() {
    // What every new database has is changed.
    let server = Server::private(Kind::Postgres).start();
    let field = Field::on(&server);
    let host = &field.host;
    field.admin.sql(&format!("ALTER ROLE {host} CREATEDB"));
    let is_old = field.admin.value("SELECT current_setting('server_version_num')").as_str() < "150000";
    let hint = "let a superuser run `ALTER SCHEMA public OWNER TO …` in `template1`";
    if is_old {
        field.run("doctor --attack", &[]).exits(7).says(&["must be owner of schema public", hint]);
    }
    field.grants(COPY).sync();
    if is_old {
        field.run("doctor --attack", &[]).exits(7).says(&["the logins cannot be brought in line", hint]);
        server.client().of("template1").sql(&format!("ALTER SCHEMA public OWNER TO {host}"));
    }
    let roles = || field.admin.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE '%attacker%'");
    field
        .run("doctor --attack", &[])
        .succeeds()
        .prints(&["tried on a scratch database, with a login of the component's own: none would have succeeded"]);
    assert_eq!(roles(), [""; 0]);
}
