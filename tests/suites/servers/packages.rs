//! Packages on servers: each of their migrations runs with a login of its own, which the database holds to what the operator
//! grants the package.

use runner_tests::Running;
use runner_tests::minisign::Keys;
use runner_tests::servers::{self, Client, Kind, Server, TestDatabase};
use runner_tests::{Engine, Output, TestProject, guests, project, until};

use super::{confined_mariadb, logins, logins_mariadb};

/// What the package of the component `granted` needs.
const COPY: &str = "allow = ['read people(id, name)', 'insert copies', 'delete copies', 'read copies']\nraw_sql = true";

/// What the package of the component `scale` needs.
pub const ADD: &str = "allow = ['read numbers(id, n)', 'update numbers(n)']";

/// What the outbox needs.
const OUTBOX: &str =
    "allow = ['create outbox*', 'alter outbox', 'drop outbox*', 'read outbox*', 'insert outbox*', 'delete outbox*']";

/// A database whose owner, the host, is no superuser, and a project on it.
pub enum Field {
    Postgres(logins::Field),
    Mariadb(logins_mariadb::Field),
}

impl Field {
    /// One for each server that has logins.
    pub fn each() -> Vec<Self> {
        let mariadb = logins_mariadb::Field::bare(servers::mariadb());
        vec![Self::Postgres(logins::Field::bare(servers::postgres())), Self::Mariadb(mariadb)]
    }

    /// With the package of one component, added after the tables of these numbers of rows.
    pub fn with(&self, guest: &str, grants: &str) -> &Self {
        self.project().sql("0001_tables", &self.tables(), "DROP TABLE others, numbers, copies, people;");
        self.project().runner("apply").succeeds();
        let author = project!();
        author.write("migrations/0001_work.wasm", guests::component(guest));
        author.settings(&format!("[grants.0001_work]\n{grants}")).runner("build").succeeds();
        let file = self.project().file("package.wasm");
        let line = format!("package 0001 --name acme/{guest} --version 1.0.0 --output {}", file.display());
        author.runner(&line).succeeds();
        self.project().runner("add package.wasm").succeeds();
        self.grant(&format!("acme/{guest}"), grants)
    }

    fn tables(&self) -> String {
        match self {
            Self::Postgres(_) => "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL);
                 CREATE TABLE copies (id INTEGER PRIMARY KEY, name TEXT);
                 CREATE TABLE others (id INTEGER PRIMARY KEY);
                 CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
                 INSERT INTO people SELECT i, 'person ' || i, 'card ' || i FROM generate_series(1, 100) AS n(i);
                 INSERT INTO numbers SELECT i, i FROM generate_series(1, 4000) AS n(i);
                 INSERT INTO others VALUES (1);"
                .to_owned(),
            Self::Mariadb(_) => format!(
                "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, card VARCHAR(100) NOT NULL);
                 CREATE TABLE copies (id INTEGER PRIMARY KEY, name VARCHAR(100));
                 CREATE TABLE others (id INTEGER PRIMARY KEY);
                 CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
                 INSERT INTO people SELECT seq, CONCAT('person ', seq), CONCAT('card ', seq) FROM {};
                 INSERT INTO numbers SELECT seq, seq FROM {};
                 INSERT INTO others VALUES (1);",
                servers::Kind::Mariadb.sequence(100),
                servers::Kind::Mariadb.sequence(4000)
            ),
        }
    }

    pub fn project(&self) -> &TestProject {
        match self {
            Self::Postgres(field) => field.project(),
            Self::Mariadb(field) => field.project(),
        }
    }

    pub fn database(&self) -> &TestDatabase {
        match self {
            Self::Postgres(field) => field.database(),
            Self::Mariadb(field) => field.database(),
        }
    }

    /// An administrator.
    pub fn admin(&self) -> &Client {
        self.database().client()
    }

    pub fn value(&self, query: &str) -> String {
        self.database().value(query)
    }

    /// The tables of the package in the database and, as MariaDB shows all databases of the server, in copies: those that other tests
    /// make go by themselves.
    fn tables_there(&self) -> Vec<String> {
        let mut query =
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE 'outbox%'".to_owned();
        if self.database().kind() == Kind::Mariadb {
            query.push_str(" AND (table_schema = DATABASE() OR table_schema LIKE 'runner\\_scratch%')");
        }
        self.database().sql(&query)
    }

    /// The name of a table of runner.
    pub fn own(&self, table: &str) -> String {
        match self {
            Self::Postgres(_) => format!("runner.{table}"),
            Self::Mariadb(_) => table.to_owned(),
        }
    }

    /// The logins of its components.
    pub fn logins(&self) -> Vec<String> {
        match self {
            Self::Postgres(field) => field.database().sql(&format!(
                "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE 'runner: \"{}\" %' ORDER BY 1",
                field.database().name()
            )),
            Self::Mariadb(field) => {
                let users = logins_mariadb::Field::users_of(field.database().name());
                field.database().sql(&format!("{users} ORDER BY 1"))
            }
        }
    }

    /// The only login of a component, as statements name it.
    pub fn login(&self) -> String {
        let logins = self.logins();
        assert_eq!(logins.len(), 1, "{logins:?}");
        self.account(&logins[0])
    }

    fn account(&self, login: &str) -> String {
        match self {
            Self::Postgres(_) => login.to_owned(),
            Self::Mariadb(_) => format!("'{login}'@'%'"),
        }
    }

    /// Replaces what a package is granted.
    fn grant(&self, name: &str, grants: &str) -> &Self {
        let settings = self.project().read("runner.toml");
        let (before, after) = settings.split_once(&format!("[packages.\"{name}\"]\n")).unwrap();
        let pins = after.lines().filter(|line| line.starts_with("key") || line.starts_with("version"));
        let pins = pins.collect::<Vec<_>>().join("\n");
        self.project().write("runner.toml", format!("{before}[packages.\"{name}\"]\n{pins}\n{grants}\n"));
        self
    }

    pub fn run(&self, line: &str, parameters: &[&str]) -> Output {
        self.run_with(line, parameters, None)
    }

    /// With the password of the logins.
    fn run_with(&self, line: &str, parameters: &[&str], secret: Option<&str>) -> Output {
        let mut command = self.project().command(line.split(' '));
        for parameter in parameters {
            command.args(["--parameter", parameter]);
        }
        self.project().finish(command.envs(secret.map(|secret| ("ACME_SECRET", secret))))
    }

    pub fn sync(&self) -> &Self {
        self.run("grants sync", &[]).succeeds();
        self
    }

    /// What must be left as it was by what is refused.
    pub fn state(&self) -> Vec<String> {
        let (history, journal) = (self.own("runner_history"), self.own("runner_journal"));
        self.database().sql(&format!(
            "SELECT CONCAT(name, state) FROM {history} ORDER BY id; SELECT COUNT(*) FROM {journal}; SELECT SUM(n) FROM numbers;
             SELECT COUNT(*) FROM people; SELECT COUNT(*) FROM copies; SELECT COUNT(*) FROM others;"
        ))
    }
}

#[test]
fn a_package_is_held_by_the_login_of_its_migration() {
    for field in Field::each() {
        field.with("granted", COPY);
        let before = field.state();
        field.run("apply", &["transform=true"]).exits(7).says(&["run `runner grants sync`"]);
        field.run("grants sync", &[]).succeeds().says(&["1 login in line"]);
        field.run("grants list", &[]).succeeds().prints(&["acme/granted:0001", "in line"]);
        let history = field.own("runner_history");
        for statement in [
            "DELETE FROM others",
            "INSERT INTO copies SELECT id, card FROM people",
            "UPDATE people SET name = 'x'",
            "INSERT INTO copies SELECT COUNT(*), 'x' FROM others",
        ] {
            let parameter = format!("statements=INSERT INTO copies VALUES (1, 'a')\n{statement}");
            // The word is the server's.
            let refused = field.run("apply", &[&parameter]);
            refused.exits(7).says(&["acme/granted:0001", "denied", "[packages.NAME]"]);
            assert_eq!(field.state(), before, "{statement}");
        }
        let output = field.run("apply -v", &["statements=?DELETE FROM others", "transform=true"]);
        output.succeeds().says(&["refused: DELETE FROM others"]);
        assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "100");
        assert_eq!(field.value("SELECT COUNT(*) FROM others"), "1");
        let last = format!("SELECT CONCAT(name, ' ', state) FROM {history} WHERE revision = '0002'");
        assert_eq!(field.value(&last), "acme/granted:0001 applied");
        field.run("verify", &[]).succeeds();
        // With the package goes its login.
        field.run("rollback", &[]).succeeds();
        field.run("remove acme/granted", &[]).succeeds();
        field.sync();
        assert_eq!(field.logins(), [""; 0]);
    }
}

/// Published by somebody else, with a signature, and three migrations.
#[test]
fn the_outbox_is_made_for_its_package() {
    for field in Field::each() {
        let project = field.project();
        project.sql("0001_customers", "CREATE TABLE customers (id INTEGER PRIMARY KEY);", "DROP TABLE customers;");
        project.runner("apply").succeeds();
        let published = guests::repository().join("examples/packages/published/acme_outbox_1.2.0.wasm");
        let key = Keys::new(7).public();
        project.runner(&format!("add {} --key {key}", published.display())).succeeds();
        field.run("apply", &[]).exits(7).says(&["needs more than it is granted", "[packages.\"acme/outbox\"]"]);
        field.grant("acme/outbox", OUTBOX);
        field.run("apply", &[]).exits(7).says(&["run `runner grants sync`"]);
        field.run("grants sync", &[]).succeeds().says(&["3 logins in line"]);
        // All of them are tried first: the tables of one are there for the next.
        let line = match &field {
            Field::Postgres(_) => "apply --dry-run",
            Field::Mariadb(field) => {
                confined_mariadb::may_copy(field, " WITH GRANT OPTION");
                "apply --dry-run --on-copy"
            }
        };
        let logins = field.logins();
        field.run(line, &[]).succeeds().prints(&["CREATE TABLE"]).says(&["tried 3 migrations"]);
        until("nothing of it is left", || field.tables_there().is_empty());
        assert_eq!(field.logins(), logins);
        field.run("apply", &[]).succeeds();
        let schema = match field.database().kind() {
            Kind::Postgres => "'public'",
            Kind::Mariadb => "DATABASE()",
        };
        assert_eq!(
            field.database().sql(&format!(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} AND table_name LIKE 'outbox%' \
                 ORDER BY 1"
            )),
            ["outbox", "outbox_dead"]
        );
        // What a login is not granted, the server refuses it in any session.
        for login in field.logins() {
            if field.database().kind() == Kind::Mariadb {
                field.admin().sql(&format!("ALTER USER '{login}'@'%' IDENTIFIED BY 'known'"));
            }
            let session = field.database().client().as_user(&login, "known");
            for statement in ["SELECT * FROM customers", "CREATE TABLE mine (id int)", "DROP TABLE outbox"] {
                let refused = session.try_sql(statement).unwrap_err();
                let says = ["permission denied", "must be owner", " command denied to user"];
                assert!(says.iter().any(|says| refused.contains(says)), "{refused}");
            }
        }
    }
}

/// Its login has rights for the tables under these names: in another schema, where there are schemas.
#[test]
fn a_package_gets_other_names_for_its_tables() {
    for field in Field::each() {
        let project = field.project();
        let database = field.database().name();
        let (first, prefix) = match field.database().kind() {
            Kind::Postgres => ("CREATE SCHEMA acme; CREATE TABLE outbox (id INTEGER);", "acme.".to_owned()),
            // A schema is a database there.
            Kind::Mariadb => ("CREATE TABLE outbox (id INTEGER);", format!("{database}.acme_")),
        };
        let tables = &format!("{prefix}outbox");
        project.sql("0001_first", first, "DROP TABLE outbox;");
        project.runner("apply").succeeds();
        let published = guests::repository().join("examples/packages/published/acme_outbox_1.2.0.wasm");
        let add = format!("add {} --key {} --prefix {prefix}", published.display(), Keys::new(7).public());
        let also = format!("here, `outbox*` is `{tables}*`");
        project.runner(&add).succeeds().says(&[&also, &format!("create {tables}")]);
        let named = format!("tables = {{ 'outbox*' = '{tables}*' }}\n{}", OUTBOX.replace("outbox", tables));
        field.grant("acme/outbox", &named).sync();
        let on_copy = match &field {
            Field::Postgres(_) => "",
            Field::Mariadb(field) => {
                confined_mariadb::may_copy(field, " WITH GRANT OPTION");
                " --on-copy"
            }
        };
        field.run(&format!("apply --dry-run{on_copy}"), &[]).succeeds();
        field.run("apply", &[]).succeeds();
        let count = |table: &str| field.value(&format!("SELECT COUNT(*) FROM {table}"));
        assert_eq!((count(&format!("{tables}_dead")), count("outbox")), ("0".to_owned(), "0".to_owned()));
        field.run(&format!("rollback --target 0001 --dry-run{on_copy}"), &[]).succeeds();
        assert_eq!(count(tables), "0");
        field.run("rollback --target 0001", &[]).succeeds();
        assert_eq!(count("outbox"), "0");
    }
}

/// It reads and writes what is there already, so every server can confine it.
#[test]
fn the_anonymiser_runs_with_a_login_on_each_server() {
    for field in Field::each() {
        let project = field.project();
        project.sql(
            "0001_customers",
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
             INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com'), (2, 'Grace', NULL);",
            "DROP TABLE customers;",
        );
        project.runner("apply").succeeds();
        let published = guests::repository().join("examples/packages/published/acme_anonymiser_1.0.0.wasm");
        project.runner(&format!("add {} --key {}", published.display(), Keys::new(7).public())).succeeds();
        field.grant("acme/anonymiser", "allow = ['read customers(id, email)', 'update customers(email)']").sync();
        field.run("apply", &[]).succeeds();
        assert_eq!(
            field.database().sql("SELECT CONCAT(name, ' ', COALESCE(email, '-')) FROM customers ORDER BY id"),
            ["Ada customer-1@example.invalid", "Grace -"]
        );
    }
}

/// The operator keeps the password in a variable. Where it is not set, nothing runs: not even an earlier migration.
#[test]
fn the_password_of_a_packages_login_may_be_the_operators() {
    let server = Server::private(Kind::Postgres).passwords().start();
    let fields = |guest: &str, grants: &str| {
        let mariadb = logins_mariadb::Field::bare(servers::mariadb());
        let fields = vec![Field::Postgres(logins::Field::bare(&server)), Field::Mariadb(mariadb)];
        for field in &fields {
            field.with(guest, grants);
        }
        fields
    };
    let cases = [("scale", ADD, "table=numbers"), ("granted", COPY, "transform=true")];
    for (guest, grants, parameter) in cases {
        for field in fields(guest, grants) {
            field.project().sql("0003_more", "CREATE TABLE more (id INTEGER PRIMARY KEY);", "DROP TABLE more;");
            field.grant(&format!("acme/{guest}"), &format!("{grants}\npassword_env = 'ACME_SECRET'")).sync();
            field.admin().sql(&match &field {
                Field::Postgres(_) => format!("ALTER ROLE {} PASSWORD 'kept' VALID UNTIL 'infinity'", field.login()),
                Field::Mariadb(_) => format!("ALTER USER {} IDENTIFIED BY 'kept'", field.login()),
            });
            let before = field.state();
            let unset = field.run("apply", &[parameter]);
            unset.exits(2).says(&["the variable `ACME_SECRET`", &format!("`acme/{guest}:0001`"), "password_env"]);
            assert_eq!(field.state(), before, "{guest}");
            let wrong = field.run_with("apply", &[parameter], Some("wr0ng-secret"));
            wrong.exits(7).says(&["does not let the login", "password_env", "[packages.NAME]"]);
            assert!(!wrong.to_string().contains("wr0ng-secret"), "{wrong}");
            assert_eq!(field.state(), before, "{guest}");
            field.run_with("apply", &[parameter], Some("kept")).succeeds();
            let done = match guest {
                "scale" => "SELECT SUM(n) - 8002000 FROM numbers",
                _ => "SELECT COUNT(*) * 40 FROM copies",
            };
            assert_eq!(field.value(done), "4000", "{guest}");
        }
    }
}

/// The host may do everything. Its package may not, once the operator has said that it runs all the same.
#[test]
fn a_package_is_held_where_the_host_is_a_superuser() {
    for field in Field::each() {
        field.with("granted", COPY).sync();
        let host = match &field {
            Field::Postgres(field) => field.host(),
            Field::Mariadb(field) => field.host(),
        };
        field.admin().sql(&match &field {
            Field::Postgres(_) => format!("ALTER ROLE {host} SUPERUSER"),
            Field::Mariadb(_) => format!("GRANT SUPER ON *.* TO '{host}'@'%'"),
        });
        let before = field.state();
        field.run("apply", &["transform=true"]).exits(7).says(&["acme/granted:0001", "superuser = true"]);
        assert_eq!(field.state(), before);
        field.grant("acme/granted", &format!("{COPY}\nsuperuser = true"));
        field.run("apply", &["statements=DELETE FROM others"]).exits(7).says(&["denied"]);
        assert_eq!(field.state(), before);
        field.run("apply", &["transform=true"]).succeeds();
        assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "100");
        if let Field::Postgres(_) = &field {
            field.admin().sql(&format!("ALTER ROLE {host} NOSUPERUSER"));
        }
    }
}

/// Somebody takes the right away while chunks are written: those that are committed stay, the next is refused by the server, and
/// once the right is back the next run does the rest.
#[test]
fn a_right_that_is_lost_during_a_run_stops_it_between_two_chunks() {
    for field in Field::each() {
        field.with("scale", ADD).sync();
        // The sixth chunk waits for this row.
        let mut session = field.admin().session();
        session.run("BEGIN; SELECT n FROM numbers WHERE id = 3000 FOR UPDATE");
        let line = "apply --jobs 1 --chunk-rows 500 --parameter table=numbers --table-lock-timeout none";
        let mut running = Running::start(&mut field.project().command(line.split(' ')));
        until("the run waits for the row", || match &field {
            Field::Postgres(_) => {
                let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
                field.value(waits) != "0"
            }
            Field::Mariadb(_) => {
                field.database().client().innodb_transactions().iter().any(|each| each.contains("LOCK WAIT"))
            }
        });
        field.admin().sql(&format!("REVOKE UPDATE (n) ON numbers FROM {}", field.login()));
        session.run("ROLLBACK");
        assert_eq!(running.wait().unwrap().code(), Some(6));
        let changed = "SELECT COUNT(*) FROM numbers WHERE n = id + 1";
        // MariaDB asks again where a statement goes on.
        assert_eq!(field.value(changed), if matches!(field, Field::Postgres(_)) { "3000" } else { "2500" });
        field.run("status", &[]).prints(&["acme/scale:0001", "partial"]);
        field.run("grants list", &[]).succeeds().prints(&["it lacks UPDATE"]);
        field.run("apply --jobs 1 --chunk-rows 500", &["table=numbers"]).succeeds();
        assert_eq!(field.value(changed), "4000");
    }
}

/// `sync` is killed while the server works on one of its statements. What is done by then differs between the servers; a second one
/// does the rest.
#[test]
fn a_killed_sync_is_repaired_by_the_next() {
    for field in Field::each() {
        field.with("granted", COPY);
        let before = field.state();
        let mut session = field.admin().session();
        let waits = match &field {
            Field::Postgres(field) => {
                // The owner of the database is noted in the row that the rights are noted in.
                session.run(&format!("BEGIN; GRANT CONNECT ON DATABASE {} TO postgres", field.database().name()));
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
            Field::Mariadb(_) => {
                session.run("LOCK TABLES people WRITE");
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE 'Waiting for table%'"
            }
        };
        let mut running = Running::start(&mut field.project().command(["grants", "sync"]));
        until("`sync` waits", || field.value(waits) != "0");
        running.kill().unwrap();
        running.wait().unwrap();
        kill(&field);
        drop(session);
        until("the server is done", || field.value(waits) == "0");
        field
            .run("grants list", &[])
            .succeeds()
            .prints(&["acme/granted:0001"])
            .does_not_say(&["acme/granted:0001  in line"]);
        match &field {
            Field::Postgres(_) => {
                assert_eq!(field.logins(), [""; 0], "it is one transaction");
                field.run("apply", &["transform=true"]).exits(7).says(&["run `runner grants sync`"]);
            }
            // A run would give the login what it lacks of its grants.
            Field::Mariadb(_) => assert_eq!(field.logins().len(), 1, "each of its statements commits"),
        }
        assert_eq!(field.state(), before);
        field.run("grants sync", &[]).succeeds().says(&["1 login in line"]);
        field.run("grants sync", &[]).succeeds().says(&["1 login in line already"]);
        field.run("apply", &["transform=true"]).succeeds();
        assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "100");
    }
}

/// The server may notice late that a client has gone: this ends its session as it would.
fn kill(field: &Field) {
    match field {
        Field::Postgres(_) => drop(field.admin().sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )),
        Field::Mariadb(field) => {
            let waiting = field.database().client().try_sql(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE 'Waiting for table%'",
            );
            for id in waiting.unwrap_or_default() {
                let _ = field.database().client().try_sql(&format!("KILL {id}"));
            }
        }
    }
}

/// Scratch databases have no logins. What a package declares to need is compared with what it is granted all the same.
#[test]
fn a_package_is_tested_on_a_scratch_database() {
    for (engine, first, back, prefix) in [
        (Engine::Postgres, "CREATE SCHEMA acme;", "DROP SCHEMA acme;", "acme."),
        (Engine::Mariadb, "CREATE TABLE outbox (id INTEGER);", "DROP TABLE outbox;", "acme_"),
        // The tables of another database are in the one scratch database too.
        (Engine::Mariadb, "CREATE TABLE mine (id INTEGER);", "DROP TABLE mine;", "acme."),
    ] {
        let (project, tables) = (project!(engine), format!("{prefix}outbox"));
        project.sql("0001_first", first, back);
        let published = guests::repository().join("examples/packages/published/acme_outbox_1.2.0.wasm");
        let add = format!("add {} --key {} --prefix {prefix}", published.display(), Keys::new(7).public());
        project.runner(&add).succeeds();
        let added = project.read("runner.toml");
        let test = || project.run(["test", "-D", &project.url()]);
        let create = format!("needs more than it is granted: create {tables}");
        test().exits(1).prints(&["`acme/outbox:0001`", &create, "[packages.\"acme/outbox\"]"]);
        let granted = OUTBOX.replace("outbox", &tables);
        project.write("runner.toml", added.replacen("allow = []", &granted, 1));
        test().succeeds().says(&["no logins for scratch databases"]).prints(&["acme/outbox:0001"]);
    }
}
