//! Statements that attack the history, the lock, the session, the server's users and its settings: in the roles of a
//! script and of a component, in a transaction and outside one. The verdict is what the server holds before and after,
//! read by another session; what runner says counts only where a script's change could not be prevented, and was found.

use super::*;
use crate::database::End;

/// Each case is one or more statements. `{t}` is a statement that rewrites the history, as an expression that assembles
/// it; `{lock}` the name of the lock, `{holder}` and `{worker}` the sessions that hold its two parts.
const OF_ANYONE: &[&[&str]] = &[
    &["UPDATE runner_history SET name = 'x'"],
    &["UPDATE `RUNNER_history` SET name = 'x'"],
    &["UPDATE app . `runner_history` SET name = 'x'"],
    &["UPDATE t, runner_history h SET h.name = 'x'"],
    &["UPDATE t JOIN runner_history h ON h.id > 0 SET h.name = 'x'"],
    &["UPDATE 1.erunner_history SET name = 'x'"],
    &["DELETE FROM runner_history"],
    &["DELETE h FROM t, runner_history h"],
    &["WITH a AS (SELECT 1) DELETE FROM runner_history"],
    &["REPLACE INTO runner_history (id, name) VALUES (1, 'x')"],
    &["INSERT INTO runner_history (name) SELECT 'x'"],
    &["INSERT INTO runner_history (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'"],
    &["LOAD DATA INFILE '/dev/null' REPLACE INTO TABLE runner_history"],
    &["TRUNCATE TABLE runner_history"],
    &["DROP TABLE IF EXISTS nothing, runner_history"],
    &["RENAME TABLE runner_history TO x"],
    &["ALTER TABLE runner_history ADD COLUMN x INT"],
    &["ALTER TABLE t RENAME TO runner_meta"],
    &["CREATE TABLE runner_meta (id INT)"],
    &["CREATE OR REPLACE TABLE runner_history LIKE t"],
    &["CREATE OR REPLACE VIEW runner_meta AS SELECT 1"],
    &["CREATE TEMPORARY TABLE runner_history (id INT)"],
    &["CREATE INDEX i ON runner_history (name(10))"],
    &["CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW DELETE FROM runner_history", "INSERT INTO t VALUES (9)"],
    &["CREATE TRIGGER x BEFORE INSERT ON runner_history FOR EACH ROW SET NEW.name = 'x'"],
    &["LOCK TABLES runner_history WRITE"],
    &["LOCK TABLES t WRITE"],
    &["HANDLER runner_history OPEN"],
    &["EXPLAIN UPDATE runner_history SET name = 'x'"],
    &["ANALYZE UPDATE runner_history SET name = 'x'"],
    &["DESCRIBE UPDATE runner_history SET name = 'x'"],
    &["/*!50000 UPDATE */ runner_history SET name = 'x'"],
    &["/*M!100000 UPDATE runner_history SET name = 'x' */"],
    &["UPDATE /*!99999 ' */ runner_history SET name = 'x' -- '"],
    &["SET STATEMENT max_statement_time = 9 FOR UPDATE runner_history SET name = 'x'"],
    &["SET STATEMENT max_statement_time = 9 FOR CALL dynamic({t})"],
    &["SET STATEMENT max_statement_time = 9 FOR TRUNCATE TABLE t"],
    // Programs of this database and of another one.
    &["INSERT INTO trap VALUES (1)"],
    &["INSERT INTO elsewhere.trap VALUES (1)"],
    &["INSERT INTO `ElseWhere` . trap VALUES (1)"],
    &["USE elsewhere", "INSERT INTO trap VALUES (1)"],
    &["UPDATE near SET name = 'x'"],
    &["UPDATE far SET name = 'x'"],
    &["UPDATE elsewhere.h SET name = 'x'"],
    &["SELECT forge()"],
    &["SELECT elsewhere.forge()"],
    &["DO forge()"],
    &["DO elsewhere.forge()"],
    &["SET @x = forge()"],
    &["SET @x = elsewhere . forge()"],
    &["INSERT INTO t SELECT elsewhere.forge()"],
    &["CREATE TABLE u AS SELECT elsewhere.forge() AS a"],
    &["CALL commits()"],
    &["CALL dynamic({t})"],
    &["CALL elsewhere.dynamic({t})"],
    &["CALL sys.execute_prepared_stmt({t})"],
    &["CREATE PROCEDURE mine() EXECUTE IMMEDIATE {t}", "CALL mine()", "DROP PROCEDURE mine"],
    // Text that is assembled when it runs.
    &["EXECUTE IMMEDIATE {t}"],
    &["PREPARE s FROM {t}", "EXECUTE s"],
    &["SET @x = {t}", "PREPARE s FROM @x", "EXECUTE s", "DEALLOCATE PREPARE s"],
    &["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; END"],
    &["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; COMMIT; END"],
    &["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; COMMIT; START TRANSACTION; SAVEPOINT runner_1; END"],
    &["IF 1 THEN EXECUTE IMMEDIATE {t}; END IF"],
    &["CASE 1 WHEN 1 THEN EXECUTE IMMEDIATE {t}; END CASE"],
    &["a: LOOP EXECUTE IMMEDIATE {t}; LEAVE a; END LOOP"],
    &["a: WHILE 1 DO EXECUTE IMMEDIATE {t}; LEAVE a; END WHILE"],
    &["a: REPEAT EXECUTE IMMEDIATE {t}; UNTIL 1 END REPEAT"],
    &["FOR i IN 1..1 DO EXECUTE IMMEDIATE {t}; END FOR"],
    &["EXECUTE IMMEDIATE CONCAT('CREATE TEMPORARY TABLE runner', '_history LIKE t')"],
    &["EXECUTE IMMEDIATE CONCAT('ALTER TABLE runner', '_history ADD COLUMN x INT')"],
    // The lock, and the sessions that hold it.
    &["DO RELEASE_ALL_LOCKS()"],
    &["SELECT `RELEASE_LOCK` ('{lock}:work')"],
    &["SELECT free('{lock}:work')"],
    &["SELECT elsewhere.free('{lock}:work')"],
    &["EXECUTE IMMEDIATE CONCAT('DO RELEASE', '_ALL_LOCKS()')"],
    &["BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('DO RELEASE', '_ALL_LOCKS()'); END"],
    &["KILL {holder}"],
    &["KILL CONNECTION {holder}"],
    &["EXECUTE IMMEDIATE CONCAT('KI', 'LL {holder}')"],
    &["KILL {worker}"],
    &["EXECUTE IMMEDIATE CONCAT('KI', 'LL HARD CONNECTION {worker}')"],
    &["SELECT GET_LOCK('{lock}', 0)"],
    // The session.
    &["SET autocommit = 0"],
    &["SET @@session . autocommit = OFF"],
    &["EXECUTE IMMEDIATE CONCAT('SET auto', 'commit = 0')"],
    &["SET completion_type = 'CHAIN'"],
    &["SET SESSION foreign_key_checks = 0"],
    &["SET @@sql_select_limit = 0"],
    &["SET SESSION max_error_count = 0, sql_safe_updates = 1, unique_checks = 0"],
    &["SET time_zone = '+05:00', sql_mode = ''"],
    &["SELECT settings()"],
    &["DO elsewhere.settings()"],
    &["SET NAMES latin1"],
    &[
        "SET @@session.sql_mode = CONCAT('NO_BACKSLASH', '_ESCAPES')",
        r"UPDATE t, (SELECT '\' AS a) x, runner_history h SET h.name = '\'' -- '",
    ],
    &[
        "SET @m = 'NO_BACKSLASH_ESCAPES', SESSION sql_mode = @m",
        r"DELETE FROM t WHERE '\' <> (SELECT COUNT(*) FROM runner_history) -- '",
    ],
    &["SET sql_mode = 'ANSI_QUOTES'", r#"UPDATE t AS "\", runner_history SET name = 'x' -- ""#],
    &["SET sql_mode = 'ORACLE'", "BEGIN EXECUTE IMMEDIATE {t}; END"],
    // Transactions, and the server.
    &["COMMIT"],
    &["START TRANSACTION"],
    &["ROLLBACK AND CHAIN"],
    &["XA START 'x'"],
    &["EXECUTE IMMEDIATE CONCAT('X', 'A START ''x''')"],
    &["SET GLOBAL general_log = 1"],
    &["SET @@GLOBAL . max_connections = 5"],
    &["SET @a = 1, global max_connections = 5"],
    &["DROP DATABASE app"],
    &["CREATE OR REPLACE DATABASE `app`"],
];

/// What a script may do, since its author may do so by hand.
const OF_COMPONENTS: &[&[&str]] = &[
    &["CREATE USER evil"],
    &["GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION"],
    &["REVOKE ALL ON *.* FROM CURRENT_USER"],
    &["SET PASSWORD = PASSWORD('x')"],
    &["ALTER USER root@localhost IDENTIFIED BY 'x'"],
    &["CREATE ROLE evil"],
    &["UPDATE mysql.global_priv SET Priv = '{}'"],
    &["INSERT INTO `mysql` . `db` (Host, Db, User) VALUES ('%', 'x', 'x')"],
    &["INSTALL SONAME 'ha_federatedx'"],
    &["CREATE FUNCTION evil RETURNS STRING SONAME 'evil.so'"],
    &["CREATE SERVER evil FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')"],
    &["CREATE TABLE evil (a INT) ENGINE = CSV"],
    &["SELECT 1 INTO OUTFILE '/tmp/runner-evil'"],
    &["SELECT 1 INTO DUMPFILE '/tmp/runner-evil'"],
    &["SELECT LOAD_FILE('/etc/passwd')"],
    &["DROP DATABASE elsewhere"],
    &["CREATE DATABASE evil"],
    &["FLUSH PRIVILEGES"],
    &["RESET QUERY CACHE"],
    &["SHUTDOWN"],
    &["CREATE EVENT evil ON SCHEDULE EVERY 1 SECOND DO EXECUTE IMMEDIATE {t}"],
    &["CREATE PROCEDURE evil() BEGIN PREPARE s FROM 'SELECT 1'; EXECUTE s; END"],
    &["EXECUTE IMMEDIATE 'CREATE USER evil'"],
    &["BEGIN NOT ATOMIC EXECUTE IMMEDIATE 'CREATE USER evil'; END"],
    &["CALL dynamic('CREATE USER evil')"],
    &["CALL elsewhere.dynamic('SET GLOBAL max_connections = 5')"],
    &["CALL sys.execute_prepared_stmt('CREATE USER evil')"],
];

/// What is there before each case.
const PROGRAMS: &[&str] = &[
    "CREATE TABLE app.t (id INT)",
    "CREATE TABLE app.trap (id INT)",
    "CREATE DATABASE elsewhere",
    "CREATE TABLE elsewhere.trap (id INT)",
    "CREATE TRIGGER app.spring AFTER INSERT ON app.trap FOR EACH ROW UPDATE app.runner_history SET name = 'x'",
    "CREATE TRIGGER elsewhere.spring AFTER INSERT ON elsewhere.trap FOR EACH ROW UPDATE app.runner_history SET name = 'x'",
    "CREATE VIEW elsewhere.h AS SELECT * FROM app.runner_history",
    "CREATE VIEW app.near AS SELECT * FROM app.runner_history",
    "CREATE VIEW app.far AS SELECT * FROM elsewhere.h",
    "CREATE FUNCTION app.forge() RETURNS INT BEGIN UPDATE app.runner_history SET name = 'x'; RETURN 1; END",
    "CREATE FUNCTION elsewhere.forge() RETURNS INT BEGIN UPDATE app.runner_history SET name = 'x'; RETURN 1; END",
    "CREATE FUNCTION app.free(l TEXT) RETURNS INT RETURN RELEASE_LOCK(l)",
    "CREATE FUNCTION elsewhere.free(l TEXT) RETURNS INT RETURN RELEASE_LOCK(l)",
    "CREATE FUNCTION app.settings() RETURNS INT BEGIN SET foreign_key_checks = 0, sql_select_limit = 0; RETURN 1; END",
    "CREATE FUNCTION elsewhere.settings() RETURNS INT BEGIN SET foreign_key_checks = 0, sql_select_limit = 0; RETURN 1; END",
    "CREATE PROCEDURE app.commits() BEGIN UPDATE app.runner_history SET name = 'x'; COMMIT; END",
    "CREATE PROCEDURE app.dynamic(s TEXT) EXECUTE IMMEDIATE s",
    "CREATE PROCEDURE elsewhere.dynamic(s TEXT) EXECUTE IMMEDIATE s",
];

/// The history, as the tests of other rooms make it.
const HISTORY: &[&str] = &[
    "CREATE OR REPLACE TABLE app.runner_history (id INT PRIMARY KEY AUTO_INCREMENT, name TEXT, data LONGBLOB)",
    "INSERT INTO app.runner_history (id, name) VALUES (1, 'a'), (2, NULL)",
    "DROP TABLE IF EXISTS app.u, app.x, app.runner_meta",
    "DROP TRIGGER IF EXISTS app.x",
    "DROP PROCEDURE IF EXISTS app.mine",
];

/// What an attack must not change: the history, the definitions of everything, users, settings of the server, events.
const STATE: &[&str] = &[
    "SELECT GROUP_CONCAT(id, '=', IFNULL(name, '~') ORDER BY id) FROM app.runner_history",
    "SELECT GROUP_CONCAT(table_schema, '.', table_name, '.', column_name ORDER BY 1) FROM information_schema.columns \
     WHERE table_name LIKE 'runner%' OR table_schema = 'elsewhere'",
    "SELECT GROUP_CONCAT(schema_name ORDER BY 1) FROM information_schema.schemata",
    "SELECT GROUP_CONCAT(User, '@', Host, Priv ORDER BY 1) FROM mysql.global_priv",
    "SELECT GROUP_CONCAT(Host, Db, User ORDER BY 1, 2, 3) FROM mysql.db",
    "SELECT COUNT(*) FROM mysql.servers",
    "SELECT COUNT(*) FROM mysql.plugin",
    "SELECT COUNT(*) FROM mysql.event",
    "SELECT GROUP_CONCAT(db, '.', name ORDER BY 1) FROM mysql.proc WHERE db NOT IN ('sys', 'mysql')",
    "SELECT GROUP_CONCAT(trigger_schema, '.', trigger_name ORDER BY 1) FROM information_schema.triggers \
     WHERE trigger_schema IN ('app', 'elsewhere')",
    "SELECT COUNT(*), SUM(CRC32(CONCAT(variable_name, variable_value))) FROM information_schema.global_variables \
     WHERE variable_name NOT LIKE 'gtid%'",
];

/// Settings of the host's session.
const SETTINGS: &str = "SELECT CONCAT_WS(',', @@sql_mode, @@time_zone, @@foreign_key_checks, @@unique_checks, \
     @@autocommit, @@completion_type, @@sql_select_limit, @@max_error_count, @@sql_safe_updates, \
     @@character_set_client, @@character_set_results, DATABASE())";

/// What rewrites the history; no part of it names the table.
const TAMPERING: &str = "CONCAT('UPDATE runner', '_history SET name = ''x''')";

struct Arena {
    _server: servers::Server,
    url: String,
    lock: String,
    /// The session that looks.
    witness: Box<dyn Database>,
}

impl Arena {
    async fn new() -> Self {
        let server = servers::Server::private(servers::Kind::Mariadb).start();
        server.client().sql("CREATE DATABASE app");
        let url = format!("mysql://root@127.0.0.1:{}/app", server.port());
        let mut witness = open_url(&url).await.expect("a connection");
        for text in HISTORY.iter().chain(PROGRAMS) {
            run(witness.as_mut(), text).await;
        }
        let digest = text_of(witness.as_mut(), "SELECT SUBSTR(SHA2('app', 256), 1, 24)").await;
        Self { _server: server, url, lock: format!("runner:{digest}"), witness }
    }

    async fn state(&mut self) -> Vec<Vec<Vec<Value>>> {
        let mut state = Vec::new();
        for ask in STATE {
            let limits = QueryLimits::NONE;
            // What is gone is a change as well.
            state.push(self.witness.query(ask, &[], limits).await.map(|found| found.rows).unwrap_or_default());
        }
        state
    }

    async fn restore(&mut self) {
        for text in HISTORY {
            run(self.witness.as_mut(), text).await;
        }
    }

    /// The sessions that hold the two parts of the lock.
    async fn holders(&mut self) -> [String; 2] {
        let ask = |part| format!("SELECT IFNULL(CAST(IS_USED_LOCK('{}{part}') AS CHAR), 'nobody')", self.lock);
        let asks = ["", ":work"].map(ask);
        [text_of(self.witness.as_mut(), &asks[0]).await, text_of(self.witness.as_mut(), &asks[1]).await]
    }

    fn fill(&self, text: &str, [holder, worker]: &[String; 2]) -> String {
        text.replace("{t}", TAMPERING)
            .replace("{lock}", &self.lock)
            .replace("{holder}", holder)
            .replace("{worker}", worker)
    }

    /// Runs a case as a migration; the answers of its statements, and of its end.
    async fn attack(
        database: &mut dyn Database,
        role: Role,
        in_transaction: bool,
        statements: &[String],
    ) -> Result<(), DatabaseError> {
        database.set_role(Role::Host);
        if in_transaction {
            database.begin(NONE).await.expect("begun");
        }
        database.set_role(role);
        let mut answer = Ok(());
        for statement in statements {
            let ran = database.execute(statement, &[]).await.map(drop);
            // A component may ignore an error.
            answer = answer.and(ran);
        }
        database.set_role(Role::Host);
        let ended = match in_transaction {
            true => database.finish(&[], End::Migration { next: None }).await,
            false => database.record(&[]).await,
        };
        if ended.is_err() {
            let _ = database.rollback().await;
        }
        answer.and(ended)
    }
}

/// The spellings of a case.
fn variants(statements: &[&str]) -> Vec<Vec<String>> {
    let each = |change: &dyn Fn(&str) -> String| statements.iter().map(|text| change(text)).collect();
    let swap = |text: &str| -> String {
        // The parts in braces, and the paths of files, stay.
        let mut keeps = false;
        text.chars()
            .enumerate()
            .map(|(at, c)| {
                keeps = (keeps || c == '{') && c != '}';
                match at % 2 {
                    _ if keeps => c,
                    0 => c.to_ascii_lowercase(),
                    _ => c.to_ascii_uppercase(),
                }
            })
            .collect()
    };
    vec![
        each(&|text| text.to_owned()),
        each(&swap),
        each(&|text| text.replacen(' ', "/* ' */\n-- ;\n# '\n", 1)),
        each(&|text| {
            text.replace("runner_history", "runner_h\u{131}story").replace("runner_meta", "runner\u{200b}_meta")
        }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_statements_change_nothing_or_are_found_out() {
    let mut arena = Arena::new().await;
    let before = arena.state().await;
    let mut tried = 0;
    for role in [Role::SqlScript, Role::Component] {
        let mut database = open_url(&arena.url).await.expect("a connection");
        take_lock(database.as_mut()).await;
        let settings = text_of(database.as_mut(), SETTINGS).await;
        let of_role = if role == Role::Component { OF_COMPONENTS } else { &[] };
        for case in OF_ANYONE.iter().chain(of_role) {
            for (at, variant) in variants(case).into_iter().enumerate() {
                for in_transaction in [true, false] {
                    // The other spellings differ in how a text is read, not in what it does.
                    if at > 0 && !in_transaction {
                        continue;
                    }
                    tried += 1;
                    // The session that the last case used is replaced before the next statement.
                    database.set_role(Role::Host);
                    run(database.as_mut(), "SELECT 1").await;
                    let held = arena.holders().await;
                    assert!(held.iter().all(|who| who != "nobody"), "{held:?}");
                    let statements: Vec<String> = variant.iter().map(|text| arena.fill(text, &held)).collect();
                    let mut answer = Arena::attack(database.as_mut(), role, in_transaction, &statements).await;
                    let what = format!("{role:?}, in a transaction: {in_transaction}: {statements:?}: {answer:?}");
                    let now = arena.state().await;
                    let finds = [DatabaseErrorKind::Denied, DatabaseErrorKind::Connection];
                    let is_found = answer.as_ref().is_err_and(|error| finds.contains(&error.kind));
                    // A component changes rows in a transaction only.
                    let may_remain = role == Role::SqlScript || !in_transaction;
                    assert!(now == before || (may_remain && is_found), "{what}\n{now:?}\n{before:?}");
                    if now != before {
                        arena.restore().await;
                        assert_eq!(arena.state().await, before, "the arena is as it was: {what}");
                    }
                    let is_held = arena.holders().await == held;
                    if !is_held && answer.is_ok() {
                        // A session ends a little later than the `KILL`: then the next step finds it.
                        answer = database.record(&[]).await;
                    }
                    let is_found = answer.as_ref().is_err_and(|error| finds.contains(&error.kind));
                    assert!(is_held || is_found, "the lock: {what}, {answer:?}");
                    if answer.is_ok() {
                        assert_eq!(text_of(database.as_mut(), SETTINGS).await, settings, "{what}");
                    }
                    let _ = database.drop_temporary().await;
                    if !is_held || answer.is_err_and(|error| error.kind == DatabaseErrorKind::Connection) {
                        drop(database);
                        database = open_url(&arena.url).await.expect("a connection");
                        take_lock(database.as_mut()).await;
                    }
                }
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

async fn take_lock(database: &mut dyn Database) {
    let request =
        LockRequest { wait: std::time::Duration::from_secs(30), run_id: "r".to_owned(), owner: "arena".to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
}

/// What an event does happens behind every proof.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_a_tool_table_is_refused() {
    let fresh = fresh();
    let name = fresh.name();
    fresh.sql("CREATE TABLE runner_history (id INT PRIMARY KEY)");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    fresh.sql("CREATE EVENT ours ON SCHEDULE EVERY 1 DAY DO DELETE FROM t");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::SqlScript);
    run(database, "INSERT INTO t VALUES (1)").await;
    database.set_role(Role::Host);
    database.commit().await.expect("committed");
    database.drop_temporary().await.expect("dropped");
    fresh.sql("CREATE EVENT theirs ON SCHEDULE EVERY 1 DAY DO DELETE FROM runner_history");
    let mut database = open(&fresh).await;
    database.set_role(Role::SqlScript);
    let error = error_of(database.as_mut(), "INSERT INTO t VALUES (2)").await;
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(error.message.contains(&format!("{name}.theirs")), "{error}");
}
