//! The corpus of MariaDB.

use super::{Attack, Corpus, Reach};

/// The corpus.
pub const CORPUS: Corpus = Corpus {
    history,
    field: &[FIELD, DYNAMIC],
    again: &[HISTORY],
    in_transaction: None,
    table: "",
    tampering: "CONCAT('UPDATE runner', '_history SET name = ''x''')",
    answers: &[
        ("{lock}", "SELECT CONCAT('runner:', SUBSTR(SHA2('{db}', 256), 1, 24))"),
        ("{holder}", "SELECT IFNULL(CAST(IS_USED_LOCK('{lock}') AS CHAR), '0')"),
        ("{worker}", "SELECT IFNULL(CAST(IS_USED_LOCK('{lock}:work') AS CHAR), '0')"),
    ],
    has_other: true,
    granted: &["read t", "insert t", "update t", "delete t"],
    harmless: "INSERT INTO {db}.t VALUES (1)",
    attacks: &[SHARED, ATTACKS],
    of_components: OF_COMPONENTS,
    state: STATE,
    reaches: REACHES,
};

fn history() -> Vec<String> {
    HISTORY.iter().map(|text| (*text).to_owned()).collect()
}

/// The history, as the tests of other rooms make it. Both servers take it.
const HISTORY: &[&str] = &[
    "DROP TABLE IF EXISTS {db}.runner_history, {db}.u, {db}.x, {db}.runner_meta",
    "DROP VIEW IF EXISTS {db}.runner_meta",
    "CREATE TABLE {db}.runner_history (id INT PRIMARY KEY AUTO_INCREMENT, name TEXT, data LONGBLOB)",
    "INSERT INTO {db}.runner_history (id, name) VALUES (1, 'a'), (2, NULL)",
    "DROP TRIGGER IF EXISTS {db}.x",
    "DROP PROCEDURE IF EXISTS {db}.mine",
];

/// Procedures with dynamic SQL, as this server alone spells it.
const DYNAMIC: &[&str] = &[
    "CREATE PROCEDURE {db}.dynamic(s TEXT) EXECUTE IMMEDIATE s",
    "CREATE PROCEDURE {other}.dynamic(s TEXT) EXECUTE IMMEDIATE s",
];

/// What is there before each attack, on both servers.
pub(super) const FIELD: &[&str] = &[
    "CREATE TABLE {db}.t (id INT)",
    "CREATE TABLE {db}.trap (id INT)",
    "CREATE TABLE {other}.trap (id INT)",
    "CREATE TABLE {other}.plain (id INT)",
    "CREATE VIEW {other}.h AS SELECT * FROM {db}.runner_history",
    "CREATE VIEW {db}.near AS SELECT * FROM {db}.runner_history",
    "CREATE VIEW {db}.far AS SELECT * FROM {other}.h",
    "CREATE PROCEDURE {db}.commits() BEGIN UPDATE {db}.runner_history SET name = 'x'; COMMIT; END",
    "CREATE TRIGGER {db}.spring AFTER INSERT ON {db}.trap FOR EACH ROW UPDATE {db}.runner_history SET name = 'x'",
    "CREATE TRIGGER {other}.spring AFTER INSERT ON {other}.trap FOR EACH ROW UPDATE {db}.runner_history SET name = 'x'",
    "CREATE FUNCTION {db}.forge() RETURNS INT DETERMINISTIC BEGIN UPDATE {db}.runner_history SET name = 'x'; RETURN 1; END",
    "CREATE FUNCTION {other}.forge() RETURNS INT DETERMINISTIC BEGIN UPDATE {db}.runner_history SET name = 'x'; RETURN 1; END",
    "CREATE FUNCTION {db}.free(l TEXT) RETURNS INT DETERMINISTIC RETURN RELEASE_LOCK(l)",
    "CREATE FUNCTION {other}.free(l TEXT) RETURNS INT DETERMINISTIC RETURN RELEASE_LOCK(l)",
    "CREATE FUNCTION {db}.settings() RETURNS INT DETERMINISTIC BEGIN SET foreign_key_checks = 0, sql_select_limit = 0; RETURN 1; END",
    "CREATE FUNCTION {other}.settings() RETURNS INT DETERMINISTIC BEGIN SET foreign_key_checks = 0, sql_select_limit = 0; RETURN 1; END",
];

/// What neither a script nor a component may do, as both servers spell it.
pub(super) const SHARED: &[Attack] = &[
    Attack::of(&["UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["UPDATE `RUNNER_history` SET name = 'x'"]),
    Attack::of(&["UPDATE {db} . `runner_history` SET name = 'x'"]),
    Attack::of(&["UPDATE t, runner_history h SET h.name = 'x'"]),
    Attack::of(&["UPDATE t JOIN runner_history h ON h.id > 0 SET h.name = 'x'"]),
    Attack::of(&["UPDATE 1.erunner_history SET name = 'x'"]),
    Attack::of(&["UPDATE --\x7f'\n runner_history SET name = 'x' --\x7f'"]),
    Attack::of(&["DELETE FROM runner_history"]),
    Attack::of(&["DELETE h FROM t, runner_history h"]),
    Attack::of(&["WITH a AS (SELECT 1) DELETE FROM runner_history"]),
    Attack::of(&["REPLACE INTO runner_history (id, name) VALUES (1, 'x')"]),
    Attack::of(&["LOAD DATA INFILE '/dev/null' REPLACE INTO TABLE runner_history"]),
    Attack::of(&["TRUNCATE TABLE runner_history"]),
    Attack::of(&["DROP TABLE IF EXISTS nothing, runner_history"]),
    Attack::of(&["RENAME TABLE runner_history TO x"]),
    Attack::of(&["ALTER TABLE runner_history ADD COLUMN x INT"]),
    Attack::of(&["ALTER TABLE t RENAME TO runner_meta"]),
    Attack::of(&["CREATE TABLE runner_meta (id INT)"]),
    Attack::of(&["CREATE OR REPLACE VIEW runner_meta AS SELECT 1"]),
    Attack::of(&["CREATE TEMPORARY TABLE runner_history (id INT)"]),
    Attack::of(&["CREATE INDEX i ON runner_history (name(10))"]),
    Attack::of(&["CREATE TRIGGER x BEFORE INSERT ON runner_history FOR EACH ROW SET NEW.name = 'x'"]),
    Attack::of(&["LOCK TABLES runner_history WRITE"]),
    Attack::of(&["LOCK TABLES t WRITE"]),
    Attack::of(&["HANDLER runner_history OPEN"]),
    Attack::of(&["/*!50000 UPDATE */ runner_history SET name = 'x'"]),
    Attack::of(&["UPDATE /*!99999 ' */ runner_history SET name = 'x' -- '"]),
    Attack::of(&["INSERT INTO trap VALUES (1)"]),
    Attack::of(&["INSERT INTO {other}.trap VALUES (1)"]),
    Attack::of(&["INSERT INTO `{other}` . trap VALUES (1)"]),
    Attack::of(&["USE {other}", "INSERT INTO trap VALUES (1)"]),
    Attack::of(&["UPDATE near SET name = 'x'"]),
    Attack::of(&["UPDATE far SET name = 'x'"]),
    Attack::of(&["UPDATE {other}.h SET name = 'x'"]),
    Attack::of(&["SELECT forge()"]),
    Attack::of(&["SELECT {other}.forge()"]),
    Attack::of(&["DO forge()"]),
    Attack::of(&["DO {other}.forge()"]),
    Attack::of(&["SET @x = forge()"]),
    Attack::of(&["INSERT INTO t SELECT {other}.forge()"]),
    Attack::of(&["CREATE TABLE u AS SELECT {other}.forge() AS a"]),
    Attack::of(&["CALL commits()"]),
    Attack::of(&["CALL dynamic({t})"]),
    Attack::of(&["CALL {other}.dynamic({t})"]),
    Attack::of(&["CALL sys.execute_prepared_stmt({t})"]),
    Attack::of(&["SET @x = {t}", "PREPARE s FROM @x", "EXECUTE s", "DEALLOCATE PREPARE s"]),
    Attack::of(&["DO RELEASE_ALL_LOCKS()"]),
    Attack::of(&["SELECT `RELEASE_LOCK` ('{lock}:work')"]),
    Attack::of(&["SELECT free('{lock}:work')"]),
    Attack::of(&["SELECT {other}.free('{lock}:work')"]),
    Attack::of(&["KILL {holder}"]),
    Attack::of(&["KILL CONNECTION {holder}"]),
    Attack::of(&["KILL {worker}"]),
    Attack::of(&["SELECT GET_LOCK('{lock}', 0)"]),
    Attack::of(&["SET autocommit = 0"]),
    Attack::of(&["SET @@session . autocommit = OFF"]),
    Attack::of(&["SET completion_type = 'CHAIN'"]),
    Attack::of(&["SET SESSION foreign_key_checks = 0"]),
    Attack::of(&["SET @@sql_select_limit = 0"]),
    Attack::of(&["SET SESSION max_error_count = 0, sql_safe_updates = 1, unique_checks = 0"]),
    Attack::of(&["SET time_zone = '+05:00', sql_mode = ''"]),
    Attack::of(&["DO {other}.settings()"]),
    Attack::of(&["SET NAMES latin1"]),
    Attack::of(&[
        "SET @@session.sql_mode = CONCAT('NO_BACKSLASH', '_ESCAPES')",
        r"UPDATE t, (SELECT '\' AS a) x, runner_history h SET h.name = '\'' -- '",
    ]),
    Attack::of(&["SET sql_mode = 'ANSI_QUOTES'", r#"UPDATE t AS "\", runner_history SET name = 'x' -- ""#]),
    Attack::of(&["COMMIT"]),
    Attack::of(&["START TRANSACTION"]),
    Attack::of(&["ROLLBACK AND CHAIN"]),
    Attack::beyond(&["XA START 'x'"]),
    Attack::beyond(&["SET GLOBAL general_log = 1"]),
    Attack::beyond(&["SET @a = 1, global max_connections = 5"]),
    Attack::of(&["DROP DATABASE {db}"]),
];

/// The same, as this server alone does.
const ATTACKS: &[Attack] = &[
    Attack::of(&["/*!99999 SELECT 1 */ EXECUTE IMMEDIATE CONCAT('UPDATE runner_', 'history SET name = ''x''')"]),
    Attack::of(&["/*!99999 CREATE TABLE y (a INT) */ EXECUTE IMMEDIATE CONCAT('DELETE FROM runner_', 'history')"]),
    Attack::of(&["INSERT INTO runner_history (name) SELECT 'x'"]),
    Attack::of(&["INSERT INTO runner_history (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'"]),
    Attack::of(&["CREATE OR REPLACE TABLE runner_history LIKE t"]),
    Attack::of(&[
        "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW DELETE FROM runner_history",
        "INSERT INTO t VALUES (9)",
    ]),
    Attack::of(&["EXPLAIN UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["ANALYZE UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["DESCRIBE UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["/*M!100000 UPDATE runner_history SET name = 'x' */"]),
    Attack::of(&["SET STATEMENT max_statement_time = 9 FOR UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["SET STATEMENT max_statement_time = 9 FOR CALL dynamic({t})"]),
    Attack::of(&["SET STATEMENT max_statement_time = 9 FOR TRUNCATE TABLE t"]),
    Attack::of(&["SET @x = {other} . forge()"]),
    Attack::of(&["CREATE PROCEDURE mine() EXECUTE IMMEDIATE {t}", "CALL mine()", "DROP PROCEDURE mine"]),
    Attack::of(&["EXECUTE IMMEDIATE {t}"]),
    Attack::of(&["PREPARE s FROM {t}", "EXECUTE s"]),
    Attack::of(&["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; END"]),
    Attack::of(&["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; COMMIT; END"]),
    Attack::of(&["BEGIN NOT ATOMIC EXECUTE IMMEDIATE {t}; COMMIT; START TRANSACTION; SAVEPOINT runner_1; END"]),
    Attack::of(&["IF 1 THEN EXECUTE IMMEDIATE {t}; END IF"]),
    Attack::of(&["CASE 1 WHEN 1 THEN EXECUTE IMMEDIATE {t}; END CASE"]),
    Attack::of(&["a: LOOP EXECUTE IMMEDIATE {t}; LEAVE a; END LOOP"]),
    Attack::of(&["a: WHILE 1 DO EXECUTE IMMEDIATE {t}; LEAVE a; END WHILE"]),
    Attack::of(&["a: REPEAT EXECUTE IMMEDIATE {t}; UNTIL 1 END REPEAT"]),
    Attack::of(&["FOR i IN 1..1 DO EXECUTE IMMEDIATE {t}; END FOR"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('CREATE TEMPORARY TABLE runner', '_history LIKE t')"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('ALTER TABLE runner', '_history ADD COLUMN x INT')"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('DO RELEASE', '_ALL_LOCKS()')"]),
    Attack::of(&["BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('DO RELEASE', '_ALL_LOCKS()'); END"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('KI', 'LL {holder}')"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('KI', 'LL HARD CONNECTION {worker}')"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('SET auto', 'commit = 0')"]),
    Attack::of(&["SELECT settings()"]),
    Attack::of(&[
        "SET @m = 'NO_BACKSLASH_ESCAPES', SESSION sql_mode = @m",
        r"DELETE FROM t WHERE '\' <> (SELECT COUNT(*) FROM runner_history) -- '",
    ]),
    Attack::of(&["SET sql_mode = 'ORACLE'", "BEGIN EXECUTE IMMEDIATE {t}; END"]),
    Attack::of(&["EXECUTE IMMEDIATE CONCAT('X', 'A START ''x''')"]),
    Attack::beyond(&["SET @@GLOBAL . max_connections = 5"]),
    Attack::of(&["CREATE OR REPLACE DATABASE `{db}`"]),
];

/// What a script may do, since its author may do so by hand.
const OF_COMPONENTS: &[Attack] = &[
    Attack::beyond(&["CREATE USER evil"]),
    Attack::beyond(&["GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION"]),
    Attack::beyond(&["REVOKE ALL ON *.* FROM CURRENT_USER"]),
    Attack::beyond(&["SET PASSWORD = PASSWORD('x')"]),
    Attack::beyond(&["ALTER USER root@localhost IDENTIFIED BY 'x'"]),
    Attack::beyond(&["CREATE ROLE evil"]),
    Attack::beyond(&["UPDATE mysql.global_priv SET Priv = '{}'"]),
    Attack::beyond(&["INSERT INTO `mysql` . `db` (Host, Db, User) VALUES ('%', 'x', 'x')"]),
    Attack::beyond(&["INSTALL SONAME 'ha_federatedx'"]),
    Attack::beyond(&["CREATE FUNCTION evil RETURNS STRING SONAME 'evil.so'"]),
    Attack::beyond(&["CREATE SERVER evil FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')"]),
    Attack::beyond(&["CREATE TABLE evil (a INT) ENGINE = CSV"]),
    Attack::beyond(&["SELECT 1 INTO OUTFILE '/tmp/runner-evil'"]),
    Attack::beyond(&["SELECT 1 INTO DUMPFILE '/tmp/runner-evil'"]),
    Attack::of(&["SELECT LOAD_FILE('/etc/passwd')"]),
    Attack::of(&["DROP DATABASE {other}"]),
    Attack::beyond(&["CREATE DATABASE evil"]),
    Attack::beyond(&["FLUSH PRIVILEGES"]),
    Attack::beyond(&["RESET QUERY CACHE"]),
    Attack::beyond(&["SHUTDOWN"]),
    Attack::beyond(&["CREATE EVENT evil ON SCHEDULE EVERY 1 SECOND DO EXECUTE IMMEDIATE {t}"]),
    Attack::of(&["CREATE PROCEDURE evil() BEGIN PREPARE s FROM 'SELECT 1'; EXECUTE s; END"]),
    Attack::beyond(&["EXECUTE IMMEDIATE 'CREATE USER evil'"]),
    Attack::beyond(&["BEGIN NOT ATOMIC EXECUTE IMMEDIATE 'CREATE USER evil'; END"]),
    Attack::beyond(&["CALL dynamic('CREATE USER evil')"]),
    Attack::beyond(&["CALL {other}.dynamic('SET GLOBAL max_connections = 5')"]),
    Attack::beyond(&["CALL sys.execute_prepared_stmt('CREATE USER evil')"]),
];

/// What an attack must not change: the history, the definitions of everything, users, settings of the server, events. Scratch databases
/// of others come and go.
const STATE: &[(&str, &str)] = &[
    ("the history", "SELECT GROUP_CONCAT(id, '=', IFNULL(name, '~') ORDER BY id) FROM {db}.runner_history"),
    (
        "the definitions of tables",
        "SELECT GROUP_CONCAT(table_schema, '.', table_name, '.', column_name ORDER BY 1) FROM information_schema.columns \
     WHERE table_schema = '{other}' \
     OR table_name LIKE 'runner%' AND (table_schema = '{db}' OR table_schema NOT REGEXP '^runner_scratch_')",
    ),
    (
        "databases",
        "SELECT GROUP_CONCAT(schema_name ORDER BY 1) FROM information_schema.schemata \
     WHERE schema_name IN ('{db}', '{other}') OR schema_name NOT REGEXP '^runner_scratch_'",
    ),
    ("logins and their rights", "SELECT GROUP_CONCAT(User, '@', Host, Priv ORDER BY 1) FROM mysql.global_priv"),
    ("logins and their rights", "SELECT GROUP_CONCAT(Host, Db, User ORDER BY 1, 2, 3) FROM mysql.db"),
    ("servers of other engines", "SELECT COUNT(*) FROM mysql.servers"),
    ("plugins", "SELECT COUNT(*) FROM mysql.plugin"),
    ("events", "SELECT COUNT(*) FROM mysql.event"),
    (
        "procedures and functions",
        "SELECT GROUP_CONCAT(db, '.', name ORDER BY 1) FROM mysql.proc WHERE db NOT IN ('sys', 'mysql') \
     AND (db IN ('{db}', '{other}') OR db NOT REGEXP '^runner_scratch_')",
    ),
    (
        "triggers",
        "SELECT GROUP_CONCAT(trigger_schema, '.', trigger_name ORDER BY 1) FROM information_schema.triggers \
     WHERE trigger_schema IN ('{db}', '{other}')",
    ),
    (
        "settings of the server",
        "SELECT COUNT(*), SUM(CRC32(CONCAT(variable_name, variable_value))) FROM information_schema.global_variables \
     WHERE variable_name NOT LIKE 'gtid%'",
    ),
];

const DROP: Option<&str> = Some("DROP USER IF EXISTS runner_attack");

const REACHES: &[Reach] = &[
    Reach::new("read files of the server's machine", "SELECT LENGTH(LOAD_FILE(@@pid_file))"),
    Reach::new("read files of the server's machine", "SELECT CHAR_LENGTH ( `LOAD_FILE` (@@pid_file))"),
    Reach::new("read the accounts of the server", "SELECT COUNT(*) FROM mysql.global_priv"),
    Reach::new("read the accounts of the server", "SELECT COUNT(*) FROM mysql.user"),
    Reach::new("read the digests of passwords", "SHOW CREATE USER CURRENT_USER"),
    Reach::new("read the digests of passwords", "SHOW GRANTS"),
    Reach::new("write the accounts of the server", "UPDATE mysql.db SET Host = Host WHERE FALSE"),
    Reach { undo: DROP, ..Reach::new("create logins", "CREATE USER runner_attack") },
    Reach { undo: DROP, ..Reach::new("create logins", "EXECUTE IMMEDIATE CONCAT('CREATE US', 'ER runner_attack')") },
    Reach {
        undo: DROP,
        ..Reach::new("create logins", "BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('CREATE US', 'ER runner_attack'); END")
    },
    Reach { undo: DROP, ..Reach::new("create logins", "CALL dynamic(CONCAT('CREATE US', 'ER runner_attack'))") },
    Reach::new("change settings of the server", "SET GLOBAL max_error_count = @@GLOBAL.max_error_count"),
    Reach::new(
        "change settings of the server",
        "EXECUTE IMMEDIATE CONCAT('SET GLO', 'BAL max_error_count = @@GLOBAL.max_error_count')",
    ),
    Reach::new(
        "change settings of the server",
        "CALL dynamic('SET GLOBAL max_error_count = @@GLOBAL.max_error_count')",
    ),
    Reach::new("read other databases", "SELECT COUNT(*) FROM {other}.plain"),
    Reach::new("write other databases", "INSERT INTO {other}.plain VALUES (1)"),
];
