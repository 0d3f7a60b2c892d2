//! MariaDB and MySQL: the arenas and the attacks.

use super::super::class::{Attacker, Class, Mode, Verb};
use super::Ground;

pub(super) const MARIADB: Ground = Ground { make: MAKE, aged: &[], reset: RESET, state: STATE, classes: OF_MARIADB };

pub(super) const MYSQL: Ground = Ground { classes: OF_MYSQL, ..MARIADB };

const MAKE: &[&str] = &[
    "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), ssn VARCHAR(20), INDEX people_ssn (ssn))",
    "INSERT INTO people WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 50) \
     SELECT i, CONCAT('n', i), CONCAT('CANARY-', (i * 37) % 50) FROM g",
    "CREATE TABLE secret (id INT PRIMARY KEY, v VARCHAR(20))",
    "INSERT INTO secret VALUES (1, 'CANARY')",
    "CREATE VIEW seen AS SELECT * FROM secret",
    "CREATE TABLE outbox (id INT PRIMARY KEY)",
    "CREATE TABLE mine (id INT PRIMARY KEY)",
    "CREATE TABLE old (id INT PRIMARY KEY)",
    // What already exists.
    "CREATE PROCEDURE dynamic (statement TEXT) BEGIN SET @s = statement; PREPARE s FROM @s; EXECUTE s; DEALLOCATE PREPARE s; END",
];

const RESET: &[&str] = &[
    "DROP TABLE IF EXISTS made, mine, old, heir",
    "DROP EVENT IF EXISTS later",
    "CREATE TABLE mine (id INT PRIMARY KEY)",
    "CREATE TABLE old (id INT PRIMARY KEY)",
    "DELETE FROM outbox",
    "DELETE FROM people WHERE id > 50",
    "DELETE FROM runner_journal",
    "DELETE FROM runner_checkpoint",
    "DELETE FROM runner_head",
    "DELETE FROM runner_chunk",
    "DELETE FROM runner_evidence",
    "DELETE FROM runner_progress",
    "DELETE FROM runner_control",
    "DELETE FROM runner_artifact WHERE revision > '0001'",
    "DELETE FROM runner_history WHERE revision > '0001'",
];

macro_rules! whose {
    ($name:literal) => {
        concat!(
            "CASE WHEN ",
            $name,
            " LIKE 'runner\\_%' THEN 'tool' WHEN ",
            $name,
            " IN ('made', 'mine', 'old', 'outbox') THEN 'own' ELSE 'all' END"
        )
    };
}

/// What a row of the catalogue is not: the number of the next row, which counts on.
const STATE: &[&str] = &[
    concat!(
        "SELECT ",
        whose!("TABLE_NAME"),
        ", 'table', CONCAT_WS(' ', TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_COMMENT) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    ),
    concat!(
        "SELECT ",
        whose!("TABLE_NAME"),
        ", 'column', CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, \
            EXTRA, GENERATION_EXPRESSION) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
    ),
    concat!(
        "SELECT ",
        whose!("TABLE_NAME"),
        ", 'index', CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE) \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
    ),
    "SELECT 'tool', 'reference', CONCAT_WS(' ', TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME) \
     FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME LIKE 'runner\\_%'",
    concat!(
        "SELECT ",
        whose!("EVENT_OBJECT_TABLE"),
        ", 'trigger', CONCAT_WS(' ', EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT) \
         FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE()"
    ),
    // Here each of them would forge the history.
    "SELECT 'tool', 'event', CONCAT_WS(' ', EVENT_NAME, EVENT_DEFINITION) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()",
    "SELECT 'all', 'routine', CONCAT_WS(' ', ROUTINE_NAME, ROUTINE_DEFINITION) FROM information_schema.ROUTINES \
     WHERE ROUTINE_SCHEMA = DATABASE()",
    "SELECT 'all', 'row of people', CONCAT_WS(' ', id, name, ssn) FROM people WHERE id <= 50 \
     UNION ALL SELECT 'all', 'row of secret', CONCAT_WS(' ', id, v) FROM secret \
     UNION ALL SELECT 'own', 'row of people', CONCAT_WS(' ', id, name, ssn) FROM people WHERE id > 50 \
     UNION ALL SELECT 'own', 'row of outbox', CONCAT(id, '') FROM outbox \
     UNION ALL SELECT 'history', 'row', CONCAT_WS(' ', revision, name, state) FROM runner_history \
     UNION ALL SELECT 'tool', 'row', CONCAT_WS(' ', `key`, value) FROM runner_meta \
     UNION ALL SELECT 'tool', 'row', CONCAT_WS(' ', revision, sha256) FROM runner_artifact WHERE revision NOT IN ('0002', '0003') \
     UNION ALL SELECT 'tool', 'row', CONCAT_WS(' ', id, action) FROM runner_repair",
];

/// Statements with an assembled name.
const ASSEMBLED: &[(Verb, &str)] = &[(Verb::Execute, "EXECUTE IMMEDIATE CONCAT({it})")];

/// The same, by what a component may run.
const CALLED: &[(Verb, &str)] = &[(Verb::Execute, "CALL dynamic(CONCAT({it}))")];

const OBJECTS_OF_MARIADB: &[&str] = &[
    "'CREATE EVENT later ON SCHEDULE EVERY 1 DAY DO EXECUTE IMMEDIATE CONCAT(''UPDATE run'', ''ner_history SET name = ''''FORGED'''''')'",
    "'CREATE TABLE heir (id BIGINT, FOREIGN KEY (id) REFERENCES run', 'ner_history (id))'",
    "'CREATE TABLE run', 'ner_lease (id INT)'",
    "'CREATE VIEW run', 'ner_lease AS SELECT 1'",
    "'CREATE TABLE run', 'ner_heartbeat (id INT)'",
    "'CREATE SEQUENCE run', 'ner_lease'",
    "'CREATE TRIGGER t BEFORE INSERT ON run', 'ner_history FOR EACH ROW SET NEW.name = ''FORGED'''",
    "'ALTER TABLE run', 'ner_history ALTER name SET DEFAULT ''x'''",
    "'ALTER TABLE run', 'ner_history ADD CHECK (id > 0)'",
    "'ALTER TABLE run', 'ner_history AUTO_INCREMENT = 9223372036854775806'",
    "'CREATE INDEX i ON run', 'ner_history (name(10))'",
];

/// MySQL has no EXECUTE IMMEDIATE.
const PREPARED: &[(Verb, &str)] =
    &[(Verb::Execute, "SET @s = CONCAT({it})"), (Verb::Execute, "PREPARE s FROM @s"), (Verb::Execute, "EXECUTE s")];

const OBJECTS_OF_MYSQL: &[&str] = &[
    "'CREATE TABLE heir (id BIGINT, FOREIGN KEY (id) REFERENCES run', 'ner_history (id))'",
    "'CREATE TABLE run', 'ner_lease (id INT)'",
    "'CREATE VIEW run', 'ner_lease AS SELECT 1'",
    "'ALTER TABLE run', 'ner_history ALTER name SET DEFAULT (''x'')'",
    "'ALTER TABLE run', 'ner_history ADD CHECK (id > 0)'",
    "'CREATE INDEX i ON run', 'ner_history (name(10))'",
];

const WHAT: &str = "leave something among the objects of the tool, or that changes them";

const OF_MARIADB: &[Class] = &[
    Class { its: OBJECTS_OF_MARIADB, then: true, ..Class::new("objects", WHAT, Attacker::Component, CALLED) },
    Class { its: OBJECTS_OF_MARIADB, then: true, ..Class::new("objects_file", WHAT, Attacker::File, ASSEMBLED) },
    REACH,
    FILTER,
    ANSWERS,
];

const OF_MYSQL: &[Class] = &[
    Class { its: OBJECTS_OF_MYSQL, then: true, ..Class::new("objects", WHAT, Attacker::Component, CALLED) },
    Class { its: OBJECTS_OF_MYSQL, then: true, ..Class::new("objects_file", WHAT, Attacker::File, PREPARED) },
    REACH,
    FILTER,
    ANSWERS,
];

const REACH: Class = Class {
    its: REACHES,
    ..Class::new("reach", "read or change what it is not granted", Attacker::GrantedSql, &[(Verb::Query, "{it}")])
};

/// Filters whose errors would reveal what is not granted, also to a process that shares the work.
const FILTER: Class = Class {
    its: FILTERS,
    modes: &[Mode::Stepwise, Mode::Atomic],
    ..Class::new(
        "filter",
        "read what it is not granted",
        Attacker::Granted,
        &[(Verb::Transform, ""), (Verb::Transform, "{it}")],
    )
};

const FILTERS: &[&str] = &[
    "EXTRACTVALUE(id, CONCAT('~', (SELECT MAX(v) FROM secret))) IS NULL",
    "EXTRACTVALUE(id, CONCAT('~', ssn)) IS NULL",
    "EXTRACTVALUE(id, CONCAT('~', (SELECT MAX(ssn) FROM people p))) IS NULL",
    "EXTRACTVALUE(id, CONCAT('~', (SELECT MAX(v) FROM seen))) IS NULL",
];

/// What a server answers with more bytes than the process should take.
const ANSWERS: Class = Class {
    its: &[
        concat!("SELECT ", wide!()),
        "SELECT REPEAT('a', 15000000) FROM people LIMIT 20",
        concat!("SELECT ", wide!(), " FROM people LIMIT 3"),
    ],
    is_measured: true,
    ..Class::new("answers", "make the process run out of memory", Attacker::Component, &[(Verb::Query, "{it}")])
};

/// What the grants do not cover.
const REACHES: &[&str] = &[
    "SELECT * FROM secret",
    "SELECT MAX(ssn) FROM people",
    "SELECT id FROM people WHERE ssn = (SELECT MAX(ssn) FROM people)",
    "SELECT a.id FROM people a JOIN people b USING (ssn)",
    "SELECT id FROM people NATURAL JOIN (SELECT CONCAT('CANAR', 'Y-7') AS ssn) x",
    "SELECT * FROM seen",
    "TABLE secret",
    "SELECT * FROM secret INTO OUTFILE '/tmp/runner-attack'",
    "SELECT LOAD_FILE('/etc/hostname')",
    "HANDLER secret OPEN",
    "INSERT INTO outbox SELECT LENGTH(v) FROM secret",
    "INSERT INTO people (id, ssn) VALUES (61, 'x')",
    "UPDATE people SET name = 'x'",
    "DELETE FROM people WHERE id = 1",
    "REPLACE INTO people (id) VALUES (1)",
    "DELETE FROM secret",
    "DROP TABLE secret",
    "UPDATE runner_history SET name = 'FORGED'",
    "CREATE TRIGGER bomb AFTER INSERT ON outbox FOR EACH ROW DELETE FROM secret",
    "COMMIT",
];
