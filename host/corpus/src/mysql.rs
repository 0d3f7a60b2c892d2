//! The corpus of MySQL, which has neither `EXECUTE IMMEDIATE` nor compound statements outside of programs.

use super::{Attack, Corpus, Reach};

/// The corpus.
pub const CORPUS: Corpus = Corpus {
    history: super::mariadb::CORPUS.history,
    field: &[super::mariadb::FIELD, DYNAMIC],
    again: super::mariadb::CORPUS.again,
    in_transaction: None,
    table: "",
    tampering: "CONCAT('UPDATE runner', '_history SET name = ''x''')",
    answers: super::mariadb::CORPUS.answers,
    has_other: true,
    granted: super::mariadb::CORPUS.granted,
    harmless: super::mariadb::CORPUS.harmless,
    attacks: &[super::mariadb::SHARED, ATTACKS],
    of_components: OF_COMPONENTS,
    state: STATE,
    reaches: REACHES,
};

/// Procedures with dynamic SQL, as this server spells it.
const DYNAMIC: &[&str] = &[
    "CREATE PROCEDURE {db}.dynamic(s TEXT) BEGIN SET @d = s; PREPARE d FROM @d; EXECUTE d; END",
    "CREATE PROCEDURE {other}.dynamic(s TEXT) BEGIN SET @d = s; PREPARE d FROM @d; EXECUTE d; END",
];

/// What neither a script nor a component may do, as this server alone spells it.
const ATTACKS: &[Attack] = &[
    Attack::of(&["UPDATE /*+ SET_VAR(foreign_key_checks = 0) */ runner_history SET name = 'x'"]),
    Attack::of(&["INSERT INTO runner_history (name) TABLE t"]),
    Attack::of(&["INSERT INTO runner_history (id) VALUES (1) AS new ON DUPLICATE KEY UPDATE name = 'x'"]),
    Attack::of(&["LOCK INSTANCE FOR BACKUP"]),
    Attack::of(&["EXPLAIN ANALYZE UPDATE runner_history SET name = 'x'"]),
    Attack::of(&["EXPLAIN FORMAT = JSON INTO @x SELECT forge()"]),
    Attack::of(&[
        "CREATE PROCEDURE mine() BEGIN SET @x = {t}; PREPARE s FROM @x; EXECUTE s; END",
        "CALL mine()",
        "DROP PROCEDURE mine",
    ]),
    Attack::of(&[
        "SET @x = CONCAT('ALTER TABLE runner', '_history ADD COLUMN x INT')",
        "PREPARE s FROM @x",
        "EXECUTE s",
    ]),
    Attack::of(&["SET @x = CONCAT('DO RELEASE', '_ALL_LOCKS()')", "PREPARE s FROM @x", "EXECUTE s"]),
    Attack::beyond(&["SET PERSIST max_connections = 5"]),
];

/// What a script may do, since its author may do so by hand.
const OF_COMPONENTS: &[Attack] = &[
    Attack::beyond(&["CREATE USER evil"]),
    Attack::beyond(&["GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION"]),
    Attack::beyond(&["ALTER USER root@localhost IDENTIFIED BY 'x'"]),
    Attack::beyond(&["CREATE ROLE evil"]),
    Attack::beyond(&["UPDATE mysql.user SET authentication_string = ''"]),
    Attack::beyond(&["INSTALL COMPONENT 'file://component_validate_password'"]),
    Attack::beyond(&["CREATE FUNCTION evil RETURNS STRING SONAME 'evil.so'"]),
    Attack::beyond(&["CREATE SERVER evil FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')"]),
    Attack::beyond(&["CREATE TABLE evil (a INT NOT NULL) ENGINE = CSV"]),
    Attack::beyond(&["SELECT 1 INTO OUTFILE '/tmp/runner-evil'"]),
    Attack::of(&["SELECT LOAD_FILE('/etc/passwd')"]),
    Attack::of(&["DROP DATABASE {other}"]),
    Attack::beyond(&["CREATE DATABASE evil"]),
    Attack::beyond(&["FLUSH PRIVILEGES"]),
    Attack::beyond(&["CLONE LOCAL DATA DIRECTORY = '/tmp/runner-evil'"]),
    Attack::beyond(&["SHUTDOWN"]),
    Attack::beyond(&["RESTART"]),
    Attack::of(&["CREATE PROCEDURE evil() BEGIN PREPARE s FROM 'SELECT 1'; EXECUTE s; END"]),
    Attack::beyond(&["CALL dynamic('CREATE USER evil')"]),
    Attack::beyond(&["CALL sys.execute_prepared_stmt('CREATE USER evil')"]),
];

/// What an attack must not change: the history, the definitions of everything, users, settings of the server, events. Scratch databases
/// of others come and go.
const STATE: &[(&str, &str)] = &[
    ("the history", "SELECT GROUP_CONCAT(id, '=', IFNULL(name, '~') ORDER BY id) FROM {db}.runner_history"),
    (
        "the definitions of tables",
        "SELECT GROUP_CONCAT(table_schema, '.', table_name, '.', column_name ORDER BY table_schema, table_name, column_name) FROM information_schema.columns \
     WHERE table_schema = '{other}' \
     OR table_name LIKE 'runner%' AND (table_schema = '{db}' OR table_schema NOT REGEXP '^runner_scratch_')",
    ),
    (
        "databases",
        "SELECT GROUP_CONCAT(schema_name ORDER BY 1) FROM information_schema.schemata \
     WHERE schema_name IN ('{db}', '{other}') OR schema_name NOT REGEXP '^runner_scratch_'",
    ),
    (
        "logins and their rights",
        "SELECT GROUP_CONCAT(User, '@', Host, plugin, IFNULL(SHA2(authentication_string, 256), ''), Super_priv, File_priv, Grant_priv, \
     account_locked ORDER BY User, Host) FROM mysql.user",
    ),
    ("logins and their rights", "SELECT GROUP_CONCAT(Host, Db, User ORDER BY 1, 2, 3) FROM mysql.db"),
    ("logins and their rights", "SELECT GROUP_CONCAT(FROM_USER, TO_USER ORDER BY 1, 2) FROM mysql.role_edges"),
    ("servers of other engines", "SELECT COUNT(*) FROM mysql.servers"),
    ("plugins", "SELECT COUNT(*) FROM mysql.plugin"),
    ("plugins", "SELECT COUNT(*) FROM mysql.component"),
    ("events", "SELECT COUNT(*) FROM information_schema.events"),
    (
        "procedures and functions",
        "SELECT GROUP_CONCAT(routine_schema, '.', routine_name ORDER BY routine_schema, routine_name) FROM information_schema.routines \
     WHERE routine_schema NOT IN ('sys', 'mysql') AND (routine_schema IN ('{db}', '{other}') \
     OR routine_schema NOT REGEXP '^runner_scratch_')",
    ),
    (
        "triggers",
        "SELECT GROUP_CONCAT(trigger_schema, '.', trigger_name ORDER BY trigger_schema, trigger_name) FROM information_schema.triggers \
     WHERE trigger_schema IN ('{db}', '{other}')",
    ),
    (
        "settings of the server",
        "SELECT COUNT(*), SUM(CRC32(CONCAT(variable_name, variable_value))) FROM performance_schema.global_variables \
     WHERE variable_name NOT LIKE 'gtid%'",
    ),
];

const DROP: Option<&str> = Some("DROP USER IF EXISTS runner_attack");

const REACHES: &[Reach] = &[
    Reach::new("read files of the server's machine", "SELECT LENGTH(LOAD_FILE(@@pid_file))"),
    Reach::new("read files of the server's machine", "SELECT CHAR_LENGTH ( `LOAD_FILE` (@@pid_file))"),
    Reach::new("read the accounts of the server", "SELECT COUNT(*) FROM mysql.user"),
    Reach::new("read the accounts of the server", "TABLE mysql.user"),
    Reach::new("read the digests of passwords", "SHOW CREATE USER CURRENT_USER"),
    Reach::new("write the accounts of the server", "UPDATE mysql.db SET Host = Host WHERE FALSE"),
    Reach::new("read what others run", "SELECT COUNT(*) FROM performance_schema.events_statements_history"),
    Reach { undo: DROP, ..Reach::new("create logins", "CREATE USER runner_attack") },
    Reach { undo: DROP, ..Reach::new("create logins", "CALL dynamic(CONCAT('CREATE US', 'ER runner_attack'))") },
    Reach::new("change settings of the server", "SET GLOBAL max_error_count = @@GLOBAL.max_error_count"),
    Reach::new(
        "change settings of the server",
        "CALL dynamic('SET GLOBAL max_error_count = @@GLOBAL.max_error_count')",
    ),
    Reach::new("read other databases", "SELECT COUNT(*) FROM {other}.plain"),
    Reach::new("write other databases", "INSERT INTO {other}.plain VALUES (1)"),
];
