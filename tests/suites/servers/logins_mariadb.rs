//! Components under grants on MariaDB and MySQL: each runs with a login of its own. What a login can do is tried on the server itself,
//! without the checks of the program; the verdict is a comparison of history, users and rows before and after.

use runner_tests::servers::{self, Client, Kind, Server, TestDatabase};
use runner_tests::{Output, TestProject, guests, project};

/// Settings before the grants.
pub(super) const PROJECT: &str = "[project]\nname = \"test\"\n";

/// What the component `granted` needs.
const COPY: &str = "allow = ['read people(id, name)', 'insert copies']";

/// A database whose owner, the host, may make users and has no rights on other databases; and a project on it.
pub struct Field {
    database: TestDatabase,
    admin: Client,
    host: String,
    project: TestProject,
}

impl Field {
    pub(super) fn new() -> Self {
        Self::on(servers::mariadb())
    }

    fn on(server: &Server) -> Self {
        let field = Self::bare(server);
        field
            .project
            .sql(
                "0001_people",
                &format!(
                    "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, card VARCHAR(100) NOT NULL);
                     CREATE TABLE copies (id INTEGER PRIMARY KEY, name VARCHAR(100));
                     CREATE TABLE others (id INTEGER PRIMARY KEY AUTO_INCREMENT, secret VARCHAR(100));
                     CREATE VIEW cards AS SELECT card FROM people;
                     CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
                     INSERT INTO people SELECT seq, CONCAT('person ', seq), CONCAT('card ', seq) FROM {};
                     INSERT INTO numbers SELECT seq, seq FROM {};
                     INSERT INTO others VALUES (1, 'secret');",
                    Kind::Mariadb.sequence(100),
                    Kind::Mariadb.sequence(4000)
                ),
                "DROP VIEW cards; DROP TABLE others, copies, people, numbers;",
            )
            .component("0002_granted", &guests::component("granted"));
        field.project.runner("apply --target 0001").succeeds();
        field
    }

    /// Without a migration.
    pub fn bare(server: &Server) -> Self {
        let database = server.database();
        let (name, host) = (database.name().to_owned(), database.name().replace("runner_test_", "host_"));
        let admin = server.client().clone();
        admin.sql(&format!(
            "CREATE USER '{host}'@'%' IDENTIFIED BY 'host'; GRANT ALL ON `{name}`.* TO '{host}'@'%' WITH GRANT OPTION; \
             GRANT CREATE USER ON *.* TO '{host}'@'%'; GRANT SELECT ON mysql.* TO '{host}'@'%'"
        ));
        let mut project = project!();
        project.set_url(&database.url_as(&host, "host"));
        Self { database, admin, host, project }
    }

    /// Its project.
    pub fn project(&self) -> &TestProject {
        &self.project
    }

    /// Its database, as an administrator uses it.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The login of the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn grants(&self, grants: &str) -> &Self {
        self.project.write("runner.toml", format!("{PROJECT}[grants.0002_granted]\n{grants}\n"));
        self
    }

    pub(super) fn run(&self, line: &str, parameters: &[&str]) -> Output {
        let mut command = self.project.command(line.split(' '));
        for parameter in parameters {
            command.args(["--parameter", parameter]);
        }
        self.project.finish(&mut command)
    }

    pub(super) fn sync(&self) -> &Self {
        self.run("grants sync", &[]).succeeds();
        self
    }

    pub(super) fn value(&self, query: &str) -> String {
        self.database.value(query)
    }

    /// The users that have rights on tables or procedures of a database, which are those of its components, as a query.
    pub fn users_of(database: &str) -> String {
        format!(
            "SELECT User FROM mysql.procs_priv WHERE Db = '{database}' UNION SELECT User FROM mysql.tables_priv WHERE Db = '{database}'"
        )
    }

    /// The only login of a component.
    pub(super) fn login(&self) -> String {
        self.admin.value(&Self::users_of(self.database.name()))
    }

    /// Everything that a component must not change: the history, the gate, users, settings, and rows that are not its own.
    pub(super) fn state(&self) -> Vec<String> {
        let db = self.database.name();
        let users = format!("(User = '{}' OR User IN (SELECT * FROM ({}) AS logins))", self.host, Self::users_of(db));
        // Their passwords change with each run.
        let of_server = match Kind::Mariadb.is_mysql() {
            true => format!(
                "SELECT 'users', User, max_user_connections, max_questions, max_updates, max_connections, plugin, account_locked, Super_priv, \
                     File_priv, User_attributes FROM mysql.user WHERE {users} ORDER BY User;
                 SELECT 'roles', COUNT(*) FROM mysql.role_edges WHERE {}",
                users.replace("(User =", "(TO_USER =").replace("OR User IN", "OR TO_USER IN")
            ),
            false => format!(
                "SELECT 'users', User, JSON_REMOVE(Priv, '$.authentication_string', '$.password_last_changed') FROM mysql.global_priv
                     WHERE {users} ORDER BY User;
                 SELECT 'roles', COUNT(*) FROM mysql.roles_mapping WHERE {users}"
            ),
        };
        self.database.sql(&format!(
            "CHECKSUM TABLE runner_history, runner_artifact, runner_meta, runner_journal, runner_evidence, runner_gate_login, people, others;
             SELECT 'copies', COUNT(*) FROM copies;
             SELECT 'numbers', SUM(n) FROM numbers;
             SELECT 'tables', TABLE_NAME, MAX(TABLE_TYPE), SHA2(GROUP_CONCAT(COLUMN_NAME, COLUMN_TYPE ORDER BY ORDINAL_POSITION), 256)
                 FROM information_schema.TABLES JOIN information_schema.COLUMNS USING (TABLE_SCHEMA, TABLE_NAME)
                 WHERE TABLE_SCHEMA = '{db}' GROUP BY TABLE_NAME ORDER BY TABLE_NAME;
             SELECT 'indexes', COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{db}';
             SELECT 'programs', ROUTINE_NAME, DEFINER, SHA2(ROUTINE_DEFINITION, 256), LAST_ALTERED FROM information_schema.ROUTINES
                 WHERE ROUTINE_SCHEMA = '{db}' ORDER BY 2;
             SELECT 'triggers', COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{db}';
             SELECT 'events', COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{db}';
             {of_server};
             SELECT 'databases', Db, User FROM mysql.db WHERE {users} ORDER BY 2, 3;
             SELECT 'rights', Table_name, User, Table_priv, Column_priv FROM mysql.tables_priv WHERE {users} ORDER BY 2, 3;
             SELECT 'columns', Table_name, Column_name, Column_priv FROM mysql.columns_priv WHERE {users} ORDER BY 2, 3;
             SELECT 'routines', Routine_name, User, Proc_priv FROM mysql.procs_priv WHERE {users} ORDER BY 2, 3;
             SELECT 'settings', @@GLOBAL.general_log, @@GLOBAL.max_connections, @@GLOBAL.event_scheduler, @@GLOBAL.sql_mode"
        ))
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        let logins = self.admin.try_sql(&Self::users_of(self.database.name())).unwrap_or_default();
        for user in logins.iter().chain(std::iter::once(&self.host)) {
            let _ = self.admin.try_sql(&format!("DROP USER IF EXISTS '{user}'@'%'"));
        }
    }
}

#[test]
fn a_component_does_what_it_is_granted_and_the_history_has_it() {
    let field = Field::new();
    field.grants(COPY);
    field.run("apply", &["transform=true"]).exits(7).says(&["is not there", "run `runner grants sync`"]);
    field.run("grants sync", &[]).succeeds().says(&["1 login in line"]);
    field.run("grants sync", &[]).succeeds().says(&["1 login in line already"]);
    field.run("grants list", &[]).succeeds().prints(&[
        "0002_granted  in line",
        &format!("SELECT (`name`) ON `{}`.`people`", field.database.name()),
        &format!("INSERT ON `{}`.`copies`", field.database.name()),
    ]);
    field.run("plan", &[]).succeeds().says(&["isolation: each component has a login of its own"]);
    field.run("doctor", &[]).succeeds().prints(&["each component has a login of its own"]);
    field.run("apply -v", &["transform=true"]).succeeds().says(&["isolation: each component has a login of its own"]);
    assert_eq!(field.value("SELECT CONCAT(COUNT(*), MAX(name)) FROM copies"), "100person 99");
    assert_eq!(
        field.value("SELECT CONCAT(state, ' ', rows_written) FROM runner_history WHERE revision = '0002'"),
        "applied 100"
    );
    field.run("verify", &[]).succeeds();
    // The downgrade is confined as well.
    field.run("rollback", &[]).exits(7).says(&["no grant to run statements of its own"]);
    field.grants("allow = ['read people', 'insert copies', 'read copies', 'delete copies']\nraw_sql = true");
    // A run brings the rights of an existing login in line with the settings.
    field.run("rollback", &[]).succeeds();
    assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "0");
    assert_eq!(field.value("SELECT COUNT(*) FROM runner_history WHERE revision = '0002' AND state = 'applied'"), "0");
}

/// The user has no privilege on the lease: the gate proves it in the component's transaction.
#[test]
fn a_lease_is_proven_through_the_gate() {
    let mut field = Field::new();
    let url = field.database.url_as(&field.host, "host");
    field.project.set_url(&format!("{url}{}lock=lease", if url.contains('?') { '&' } else { '?' }));
    field.grants(COPY);
    field.run("grants sync", &[]).succeeds();
    field.run("apply", &["transform=true"]).succeeds();
    assert_eq!(field.database.value("SELECT count(*) FROM copies"), "100");
    assert_ne!(field.database.value("SELECT proofs FROM runner_lease"), "0");
}

#[test]
fn what_a_user_is_not_granted_is_refused() {
    let field = Field::new();
    let raw = format!("{COPY}\nraw_sql = true");
    field.grants(&raw).sync();
    let before = field.state();
    for (grants, parameter, why) in [
        (COPY, "read=id\ncard", "has no column `card`"),
        (&*raw, "statements=UPDATE people SET name = 'x'", "denied"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nDELETE FROM others", "denied"),
        (&raw, "statements=INSERT INTO copies SELECT id, secret FROM others", "denied"),
        (&raw, "statements=INSERT INTO copies SELECT 1, card FROM cards", "denied"),
        (&raw, "statements=INSERT INTO copies SELECT 1, card FROM people", "denied"),
        (&raw, "statements=SELECT * FROM runner_history", "denied"),
        (&raw, "statements=SELECT * FROM runner_gate_ticket", "denied"),
        (&raw, "statements=INSERT INTO copies SELECT 1, LOAD_FILE(@@pid_file) FROM runner_meta", "LOAD_FILE"),
        // The server returns columns that are not granted to a HANDLER.
        (&raw, "statements=HANDLER people OPEN", "HANDLER"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nCREATE TABLE mine (id int)", "CREATE TABLE"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nDROP TABLE copies", "DROP TABLE"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nTRUNCATE copies", "TRUNCATE"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nCOMMIT", "COMMIT"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nBEGIN NOT ATOMIC COMMIT; END", "BEGIN"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nSET autocommit = 1", "SET"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nSET PASSWORD = 'x'", "SET"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nCALL runner_gate('x', 'COMMIT')", "runner_gate"),
        (&raw, "statements=INSERT INTO copies VALUES (1, 'a')\nCREATE TEMPORARY TABLE people (id int)", "CREATE"),
    ] {
        field.grants(grants);
        // A login is shown no columns that it is not granted.
        let code = if grants == COPY { 1 } else { 7 };
        field.run("apply", &[parameter]).exits(code).says(&["0002_granted", why]);
        assert_eq!(field.state(), before, "{parameter}");
    }
    // A refusal that the component handles does not let it through.
    field.grants(&raw);
    field
        .run(
            "apply -v",
            &[
                "statements=?DELETE FROM others\n?UPDATE runner_history SET name = 'x'\n?HANDLER people OPEN",
                "transform=true",
            ],
        )
        .succeeds()
        .says(&["refused: DELETE FROM others", "refused: UPDATE runner_history", "refused: HANDLER people"]);
    assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "100");
}

/// What the login tries by itself, in a session that no program of ours watches: `~` is its name, `^` the name of the host.
const ATTACKS: &[&str] = &[
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE TEMPORARY TABLE runner_history (id int)",
    "CREATE OR REPLACE TABLE copies (id int)",
    "CREATE DATABASE mine",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION f() RETURNS INT RETURN 1",
    "CREATE PROCEDURE p() SELECT 1",
    "CREATE OR REPLACE PROCEDURE runner_gate(a TEXT, b TEXT) SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON copies FOR EACH ROW DELETE FROM others",
    "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM others",
    "CREATE SEQUENCE s",
    "CREATE INDEX i ON copies (name)",
    "CREATE USER mine",
    "CREATE ROLE mine",
    "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
    "ALTER TABLE copies ADD COLUMN more TEXT",
    "ALTER TABLE people RENAME TO mine",
    "ALTER USER '^'@'%' IDENTIFIED BY 'mine'",
    "ALTER USER '~'@'%' WITH MAX_USER_CONNECTIONS 0",
    "ALTER DATABASE CHARACTER SET latin1",
    "ALTER PROCEDURE runner_gate SQL SECURITY INVOKER",
    "DROP TABLE people",
    "DROP TABLE runner_history",
    "DROP PROCEDURE runner_gate",
    "DROP USER '^'@'%'",
    "DROP VIEW cards",
    "RENAME TABLE people TO mine",
    "RENAME USER '~'@'%' TO mine",
    "TRUNCATE copies",
    "TRUNCATE runner_history",
    "GRANT ALL ON people TO '~'@'%'",
    "GRANT SELECT (card) ON people TO '~'@'%'",
    "GRANT PROXY ON '^'@'%' TO '~'@'%'",
    "REVOKE ALL PRIVILEGES, GRANT OPTION FROM '^'@'%'",
    "SET ROLE mine",
    "SET GLOBAL general_log = 1",
    "SET GLOBAL event_scheduler = 1",
    "SET PASSWORD FOR '^'@'%' = PASSWORD('mine')",
    "SET DEFAULT ROLE mine FOR '^'@'%'",
    "FLUSH PRIVILEGES",
    "FLUSH TABLES WITH READ LOCK",
    "LOCK TABLES runner_history WRITE",
    "LOCK TABLES people READ",
    "INSTALL SONAME 'ha_federatedx'",
    "SHUTDOWN",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE copies",
    "SELECT name FROM people INTO OUTFILE '/tmp/runner-evil'",
    "SELECT 1 INTO DUMPFILE '/tmp/runner-evil'",
    "SELECT Priv FROM mysql.global_priv",
    "SELECT * FROM mysql.user",
    "UPDATE mysql.global_priv SET Priv = '{}'",
    "SHOW GRANTS FOR '^'@'%'",
    "SHOW CREATE USER '^'@'%'",
    "SHOW CREATE TABLE runner_history",
    "SELECT * FROM runner_meta",
    "INSERT INTO runner_history (revision) VALUES ('9')",
    "UPDATE runner_history SET state = 'forged'",
    "DELETE FROM runner_history",
    "REPLACE INTO runner_gate_ticket (token_sha256, login, session) VALUES (x'00', '~', 1)",
    "SELECT * FROM runner_gate_ticket",
    "DELETE FROM runner_gate_login",
    "SELECT 1 FROM runner_history FOR UPDATE",
    "UPDATE people SET name = 'x'",
    "UPDATE people SET card = card",
    "SELECT card FROM people",
    "SELECT * FROM people",
    "SELECT name FROM people ORDER BY card",
    "SELECT * FROM cards",
    "SELECT COUNT(*) FROM others",
    "DELETE FROM copies",
    "INSERT INTO copies VALUES (1, 'a') ON DUPLICATE KEY UPDATE name = 'b'",
    "REPLACE INTO copies VALUES (1, 'a')",
    "INSERT INTO copies VALUES (1, 'a') RETURNING id",
    "INSERT INTO people (id, name, card) VALUES (1000, 'a', 'b')",
    "UPDATE copies, people SET copies.name = people.name",
    "DELETE others FROM others, people WHERE others.id = people.id",
    "EXECUTE IMMEDIATE CONCAT('UPDATE runner', '_history SET state = ''forged''')",
    "BEGIN NOT ATOMIC UPDATE runner_history SET state = 'forged'; END",
    "BEGIN NOT ATOMIC EXECUTE IMMEDIATE 'CREATE TABLE mine (id INT)'; END",
    "HANDLER runner_history OPEN",
    "HANDLER others OPEN",
    "ANALYZE TABLE people",
    "OPTIMIZE TABLE people",
    "CHECK TABLE others; SELECT 1 FROM others",
    "KILL USER '^'@'%'; SELECT 1 FROM others",
];

/// More of them.
const OF_MYSQL: &[&str] = &[
    "TABLE others",
    "SELECT * FROM sys.processlist",
    "SELECT sys.ps_is_consumer_enabled('x')",
    "SELECT * FROM performance_schema.events_statements_history",
    "SELECT * FROM performance_schema.prepared_statements_instances",
    "SELECT * FROM mysql.general_log",
    "SELECT user_attributes FROM mysql.user",
    "PREPARE s FROM 'UPDATE runner_history SET state = 1'",
    "SET @s = CONCAT('DELETE FROM oth', 'ers'); PREPARE s FROM @s; EXECUTE s",
    "SET PERSIST max_connections = 1",
    "SET PERSIST_ONLY max_connections = 1",
    "SET GLOBAL mandatory_roles = 'x'",
    "IMPORT TABLE FROM 'x.sdi'",
    "CLONE LOCAL DATA DIRECTORY = '/tmp/runner-evil'",
    "ALTER INSTANCE RELOAD TLS",
    "RESTART",
    "INSTALL COMPONENT 'file://component_validate_password'",
    "CREATE RESOURCE GROUP mine TYPE = USER",
    "LOCK INSTANCE FOR BACKUP",
    "GRANT SYSTEM_USER ON *.* TO '~'@'%'",
    "EXPLAIN FORMAT=JSON FOR CONNECTION 1",
    "CALL sys.execute_prepared_stmt('SELECT 1')",
    "START TRANSACTION; SET @runner_gate = 'x'; EXECUTE runner_gate",
];

/// Calls of the gate by somebody who does not know the token. `~` is the login.
const FORGERIES: &[&str] = &[
    "CALL runner_gate('wrong', 'DELETE FROM runner_history')",
    "CALL runner_gate(NULL, 'DELETE FROM runner_history')",
    "CALL runner_gate('', 'DELETE FROM runner_history')",
    "START TRANSACTION; CALL runner_gate('wrong', 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate(NULL, 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate('kept', 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate('other', 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate(x'00', 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate(0, 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate(' OR 1 = 1', 'DELETE FROM runner_history'); COMMIT",
    "START TRANSACTION; CALL runner_gate(UNHEX(SHA2('other', 256)), 'DELETE FROM runner_history'); COMMIT",
    "SET autocommit = 0; CALL runner_gate('wrong', 'DELETE FROM runner_history'); COMMIT",
    "SET sql_mode = 'ORACLE'; START TRANSACTION; CALL runner_gate('wrong', 'DELETE FROM runner_history')",
    "SET NAMES latin1; START TRANSACTION; CALL runner_gate('wrong', 'DELETE FROM runner_history')",
    "SET @@in_transaction = 1; CALL runner_gate('wrong', 'DELETE FROM runner_history')",
    "SET SESSION pseudo_thread_id = 1; START TRANSACTION; CALL runner_gate('other', 'DELETE FROM runner_history')",
    "XA START 'x'; CALL runner_gate('wrong', 'DELETE FROM runner_history')",
    "EXECUTE IMMEDIATE 'CALL runner_gate(?, ?)' USING 'wrong', 'DELETE FROM runner_history'",
];

#[test]
fn a_user_can_do_nothing_else_by_itself() {
    let field = Field::new();
    field.grants(&format!("{COPY}\nraw_sql = true")).sync();
    let login = field.login();
    field.admin.sql(&format!("ALTER USER '{login}'@'%' IDENTIFIED BY 'kept'"));
    let client = field.database.client().as_user(&login, "kept");
    assert_eq!(client.value("SELECT COUNT(name) FROM people"), "100", "it may read what it is granted");
    // Tickets of another session, and of another user in this one: neither is its own.
    field.database.sql(&format!(
        "INSERT INTO runner_gate_ticket (token_sha256, login, session) VALUES (UNHEX(SHA2('other', 256)), '{login}@localhost', 4000000000)"
    ));
    let is_mysql = Kind::Mariadb.is_mysql();
    let (of, place) = match is_mysql {
        true => ("authentication_string", "mysql.user"),
        false => ("JSON_VALUE(Priv, '$.authentication_string')", "mysql.global_priv"),
    };
    let password = || field.admin.value(&format!("SELECT HEX({of}) FROM {place} WHERE User = '{login}'"));
    let (before, kept) = (field.state(), password());
    let attacks: Vec<String> = ATTACKS
        .iter()
        .chain(if is_mysql { OF_MYSQL } else { &[] })
        .chain(FORGERIES)
        .map(|it| it.replace('~', &login).replace('^', &field.host))
        .collect();
    // 11.4.5 returns what was inserted to a user who may not read it, as the guide says; those before and after it refuse.
    let shows_inserted = field.admin.value("SELECT VERSION()").starts_with("11.4.");
    // The state is compared after several at once, to save time.
    for some in attacks.chunks(12) {
        for attack in some {
            if shows_inserted && attack.contains(" RETURNING ") {
                continue;
            }
            let tried = client.try_sql(attack);
            assert!(tried.is_err(), "{attack}: {tried:?}");
        }
        assert_eq!(field.state(), before, "{some:?}");
    }
    assert_eq!(password(), kept);
    assert!(!std::path::Path::new("/tmp/runner-evil").exists());
}

#[test]
fn grants_that_name_what_does_not_exist() {
    let field = Field::new();
    let db = field.database.name();
    for (line, says) in [
        ("read poeple", format!("there is no table `{db}.poeple` (did you mean `people`?)")),
        ("read people(nam)", format!("`{db}.people` has no column `nam` (did you mean `name`?)")),
        ("insert other.copies", "there is no table `other.copies`".to_owned()),
    ] {
        field.grants(&format!("allow = ['{line}']"));
        for command in ["grants sync", "grants sync --sql"] {
            field.run(command, &[]).exits(2).says(&[&says, "hint:"]);
        }
        field.run("grants list", &[]).succeeds().prints(&[&says]);
    }
    // What it may not create itself has to be there.
    field.grants("allow = ['create outbox_*', 'insert outbox']");
    field.run("grants sync", &[]).exits(2).says(&["there is no table", "outbox"]);
    for line in ["read runner_history", "update mysql.user", "insert runner_gate_ticket"] {
        field.grants(&format!("allow = ['{line}']"));
        field.run("grants sync", &[]).exits(7).says(&["cannot be granted", "hint:"]);
    }
    assert_eq!(
        field.value(&format!("SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{db}'")),
        "0"
    );
}

/// The statements for a database administrator do what `sync` does, and an interrupted `sync` is finished by the next.
#[test]
fn sync_can_be_interrupted_and_done_by_hand() {
    let field = Field::new();
    field.grants(COPY);
    let host = field.host.clone();
    let script = field.run("grants sync --sql", &[]).succeeds().stdout.clone();
    // Without the right to make users, `sync` says what to do.
    field.admin.sql(&format!("REVOKE CREATE USER ON *.* FROM '{host}'@'%'"));
    field.run("grants sync", &[]).exits(7).says(&["the logins cannot be brought in line", "runner grants sync --sql"]);
    field.run("apply", &["transform=true"]).exits(7).says(&["does not exist", "run `runner grants sync`"]);
    // Interrupted before each of its statements, and begun again.
    let statements: Vec<&str> = script.split_inclusive('\n').collect();
    for lines in 1..statements.len() {
        let part = statements[..lines].concat();
        if part.matches("DELIMITER //").count() == part.matches("DELIMITER ;").count() {
            field.database.sql(&part);
        }
    }
    field.run("apply", &["transform=true"]).exits(7);
    field.database.sql(&script);
    field.run("grants sync", &[]).succeeds().says(&["1 login in line already"]);
    // The run may not set a password; the operator's does.
    field.run("apply", &["transform=true"]).exits(7).says(&["may not set the password", "password_env"]);
    field.grants(&format!("{COPY}\npassword_env = 'GUEST_SECRET'"));
    field.run("apply", &["transform=true"]).exits(2).says(&["the variable `GUEST_SECRET`"]);
    let login = field.login();
    field.admin.sql(&format!("ALTER USER '{login}'@'%' IDENTIFIED BY 'kept'"));
    let mut command = field.project.command(["apply", "--parameter", "transform=true"]);
    let output = field.project.finish(command.env("GUEST_SECRET", "wr0ng-secret"));
    output.exits(7).says(&["does not let the login", "password_env"]);
    assert!(!output.to_string().contains("wr0ng-secret"), "{output}");
    // Who may not read the rights of others is told by the login itself what it has.
    field.admin.sql(&format!("REVOKE SELECT ON mysql.* FROM '{host}'@'%'"));
    field.admin.sql(&format!("GRANT SELECT ON {}.others TO '{login}'@'%'", field.database.name()));
    let mut command = field.project.command(["apply", "--parameter", "transform=true"]);
    field.project.finish(command.env("GUEST_SECRET", "kept")).succeeds();
    assert_eq!(field.value("SELECT COUNT(*) FROM copies"), "100");
    let more = format!("SELECT COUNT(*) FROM mysql.tables_priv WHERE User = '{login}' AND Table_name = 'others'");
    assert_eq!(field.admin.value(&more), "0", "what it had beyond its grants is gone");
}

#[test]
fn a_login_is_kept_in_line_and_removed() {
    let field = Field::new();
    field.grants(COPY).sync();
    let login = field.login();
    for spoilt in [
        "ALTER USER '~'@'%' ACCOUNT LOCK",
        "ALTER USER '~'@'%' WITH MAX_USER_CONNECTIONS 1",
        "DROP PROCEDURE runner_gate",
        "DROP PROCEDURE runner_gate; CREATE DEFINER = 'host'@'%' PROCEDURE runner_gate(IN p_token VARCHAR(64) CHARACTER SET ascii, \
             IN p_text LONGTEXT CHARACTER SET utf8mb4) DELETE FROM others",
        "CREATE TRIGGER t AFTER INSERT ON runner_gate_ticket FOR EACH ROW SET @a = 1",
        "CREATE ROLE ^; GRANT ^ TO '~'@'%'",
    ] {
        let role = field.host.replace("host_", "boss_");
        field
            .database
            .sql(&spoilt.replace('~', &login).replace('^', &role).replace("'host'", &format!("'{}'", field.host)));
        let output = field.run("apply", &["transform=true"]);
        output.exits(7);
        if spoilt.contains("TRIGGER") {
            // What is not its own is left alone.
            output.says(&["there is the trigger `t` on `runner_gate_ticket`", "find out who made it, and drop it"]);
            field.run("grants sync", &[]).exits(7);
            field.database.sql("DROP TRIGGER t");
        } else {
            output.says(&["run `runner grants sync`"]);
        }
        if spoilt.contains("ROLE") {
            field.admin.sql(&format!("DROP ROLE {role}"));
        }
        field.sync();
        field.run("grants list", &[]).succeeds().prints(&["0002_granted  in line"]);
    }
    // Rights of its tables alone are brought in line by the run.
    field.database.sql(&format!("GRANT SELECT ON others TO '{login}'@'%'; REVOKE INSERT ON copies FROM '{login}'@'%'"));
    field.run("grants list", &[]).succeeds().prints(&["it has SELECT ON", "it lacks INSERT"]);
    field.run("apply", &["transform=true"]).succeeds();
    let of = format!("SELECT COUNT(*) FROM mysql.tables_priv WHERE User = '{login}' AND Table_name = 'others'");
    assert_eq!(field.admin.value(&of), "0");
    field.project.write("runner.toml", PROJECT);
    field.run("grants list", &[]).succeeds().prints(&["it is to be removed"]);
    field.run("grants sync", &[]).succeeds();
    assert_eq!(field.admin.value(&format!("SELECT COUNT(*) FROM mysql.user WHERE User = '{login}'")), "0");
    field.run("grants remove", &[]).succeeds().says(&["there is no login to remove"]);
}

/// What no login prevents is told, and what would lead past it is refused.
#[test]
fn what_a_login_does_not_prevent_is_named() {
    let field = Field::new();
    field.database.sql("CREATE INDEX by_card ON people (card)");
    field.grants(COPY).sync();
    let told = ["can reveal `card` to", "through the index `by_card`"];
    field.run("grants list", &[]).succeeds().says(&told);
    field.admin.sql(&format!(
        "CREATE TRIGGER {db}.t AFTER INSERT ON {db}.copies FOR EACH ROW UPDATE {db}.runner_history SET name = 'x'",
        db = field.database.name()
    ));
    let output = field.run("apply", &["transform=true"]);
    output.exits(7).says(&["names a table of runner", "find out who made the trigger or the function, and drop it"]);
    field.database.sql("DROP TRIGGER t");
    field.run("apply", &["transform=true"]).succeeds();
}

/// A file that makes what runner would rely on later is found at once, and what it has made is before each run.
#[test]
fn what_a_file_makes_in_the_place_of_a_table_of_runner_is_named() {
    let field = Field::bare(servers::mariadb());
    field.project.sql(
        "0001_lease",
        "-- runner:no-transaction\nSET @s = CONCAT('CREATE VIEW runner_', 'lease AS SELECT 1 AS scope');\n\
         PREPARE s FROM @s;\nEXECUTE s;",
        "SELECT 1;",
    );
    let told = ["`runner_lease`, which is not a plain table of InnoDB", "find out who made it, and drop it"];
    let output = field.run("apply", &[]);
    assert_ne!(output.exit_code(), Some(0), "{output}");
    output.says(&told);
    field.run("apply", &[]).exits(7).says(&told);
    field.database.sql("DROP VIEW runner_lease");
    field.run("status", &[]).succeeds();
}

#[test]
fn root_is_refused_unless_it_is_allowed() {
    let field = Field::new();
    field.grants(COPY).sync();
    field.admin.sql(&format!("GRANT SUPER ON *.* TO '{}'@'%'", field.host));
    field.run("apply", &["transform=true"]).exits(7).says(&["may write everything", "superuser = true"]);
    field.grants(&format!("{COPY}\nsuperuser = true"));
    field.run("apply", &["transform=true"]).succeeds();
}

/// It is active as soon as the login connects.
#[test]
fn a_role_that_may_write_everything_counts() {
    let field = Field::new();
    field.grants(COPY).sync();
    let (host, role) = (&field.host, field.host.replace("host_", "boss_"));
    let to = if Kind::Mariadb.is_mysql() { "TO" } else { "FOR" };
    field.admin.sql(&format!(
        "CREATE ROLE `{role}`; GRANT FILE ON *.* TO `{role}`; GRANT `{role}` TO '{host}'@'%'; SET DEFAULT ROLE `{role}` {to} '{host}'@'%'"
    ));
    field.run("apply", &["transform=true"]).exits(7).says(&["may write everything", "superuser = true"]);
    field.run("doctor --format json", &[]).prints(&["\"write-files\""]);
    field.admin.sql(&format!("DROP ROLE `{role}`"));
    field.run("apply", &["transform=true"]).succeeds();
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
    field.run("plan", &[]).succeeds().says(&["isolation: none by the server for `0002_granted`"]);
    required(&format!("[grants.0002_granted]\n{COPY}\n"));
    field.sync();
    let before = field.state();
    let output = field.run("apply --dry-run -e production", &["transform=true"]);
    output.succeeds().prints(&["100 rows", "person 1"]);
    assert_eq!(field.state(), before, "{output}");
    let plan = field.run("plan -e production --format json", &[]);
    assert!(plan.succeeds().stdout.contains("\"isolation\": \"separate-logins\""), "{plan}");
    let run = field.run("apply -e production --format json", &["transform=true"]);
    assert!(run.succeeds().stdout.contains("\"isolation\": \"separate-logins\""), "{run}");
}

const ADD: &str = "allow = ['read numbers(id, n)', 'update numbers(n)']";

/// The sum that each row's one step makes.
const EXPECTED: &str = "8006000";

fn scaled(more: &str) -> Field {
    let field = Field::new();
    std::fs::remove_file(field.project.file("migrations/0002_granted.wasm")).unwrap();
    field.project.component("0004_scale", &guests::component("scale"));
    field.run("build", &[]);
    field.project.write("runner.toml", format!("{PROJECT}[grants.0004_scale]\n{ADD}\n{more}"));
    field.sync();
    field
}

/// Killed at many points, and resumed: each chunk commits together with its record, nothing is done twice, and nothing is left out.
#[test]
fn a_killed_run_resumes() {
    let field = scaled("");
    for moment in [2, 5, 8] {
        if !field.project.dies_at("apply --chunk-rows 500 --parameter table=numbers", moment) {
            break;
        }
    }
    field.run("apply --chunk-rows 500 --jobs 2", &["table=numbers"]).succeeds();
    assert_eq!(field.value("SELECT SUM(n) FROM numbers"), EXPECTED);
    assert_eq!(
        field.value("SELECT CONCAT(state, ' ', mode) FROM runner_history WHERE revision = '0004'"),
        "applied stepwise"
    );
    field.run("verify", &[]).succeeds();
}

/// The login loses a right half-way: what is committed stays, the error says what is missing, and the next run resumes.
#[test]
fn a_login_that_lost_its_rights_half_way() {
    let field = scaled("");
    let (login, db) = (field.login(), field.database.name().to_owned());
    field.database.sql("UPDATE numbers SET n = 90000 WHERE id = 3000");
    let settings = field.project.read("runner.toml");
    field.project.write("runner.toml", format!("{settings}[parameters]\nstumble = 90000\n"));
    field.run("apply --chunk-rows 500", &["table=numbers"]).exits(6).says(&["no way past 90000"]);
    field.project.write("runner.toml", settings);
    field.database.sql("UPDATE numbers SET n = 3000 WHERE id = 3000");
    // The host may no longer give the right.
    field.admin.sql(&format!(
        "REVOKE UPDATE (n) ON {db}.numbers FROM '{login}'@'%'; REVOKE GRANT OPTION ON `{db}`.* FROM '{}'@'%'",
        field.host
    ));
    let output = field.run("apply --chunk-rows 500", &["table=numbers"]);
    output.exits(6).says(&["does not have the rights", "run `runner grants sync`"]);
    assert_ne!(field.value("SELECT SUM(n) FROM numbers"), EXPECTED);
    field.admin.sql(&format!("GRANT ALL ON `{db}`.* TO '{}'@'%' WITH GRANT OPTION", field.host));
    field.run("grants sync", &[]).succeeds();
    field.run("apply --chunk-rows 500", &["table=numbers"]).succeeds();
    assert_eq!(field.value("SELECT SUM(n) FROM numbers"), EXPECTED);
}

#[test]
fn a_column_that_is_not_granted_is_refused_in_a_transform() {
    let field = scaled("raw_sql = true\n");
    let before = field.value("SELECT SUM(n) FROM numbers");
    // A condition is the component's own text, and asked with its rights.
    let output = field.run("apply", &["table=numbers", "filter=EXISTS (SELECT 1 FROM others)"]);
    assert_ne!(output.exit_code(), Some(0), "{output}");
    output.says(&["denied"]);
    field.project.write("runner.toml", format!("{PROJECT}[grants.0004_scale]\nallow = ['read numbers(id, n)']\n"));
    let output = field.run("apply", &["table=numbers"]);
    assert_ne!(output.exit_code(), Some(0), "{output}");
    output.says(&["denied"]);
    assert_eq!(field.value("SELECT SUM(n) FROM numbers"), before);
}

/// `doctor --attack` tries what components can do here: with a user of their own, nothing of the corpus.
#[test]
fn no_attack_succeeds_with_a_user_of_its_own() {
    // The users of the server are compared, and other tests make some.
    let server = Server::private(Kind::Mariadb).start();
    let field = Field::on(&server);
    field.grants(COPY).sync();
    // Scratch databases have names that are not known before.
    field.admin.sql(&format!("GRANT ALL ON *.* TO '{}'@'%' WITH GRANT OPTION", field.host));
    field
        .run("doctor --attack", &[])
        .succeeds()
        .prints(&["tried on a scratch database, with a login of the component's own: none would have succeeded"]);
    assert_eq!(field.admin.value("SELECT COUNT(*) FROM mysql.user WHERE User LIKE '%attacker%'"), "0");
}
