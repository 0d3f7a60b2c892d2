//! SQLite: the arena and the attacks.

use super::super::class::{Attacker, Class, Verb};
use super::Ground;

pub(super) const GROUND: Ground = Ground { make: MAKE, aged: &[], reset: RESET, state: STATE, classes: CLASSES };

const MAKE: &[&str] = &[
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, ssn TEXT)",
    "CREATE INDEX people_ssn ON people (ssn)",
    "CREATE INDEX people_both ON people (ssn, id)",
    "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 50) \
     INSERT INTO people SELECT i, 'n' || i, 'CANARY-' || ((i * 37) % 50) FROM g",
    "CREATE TABLE secret (id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO secret VALUES (1, 'CANARY')",
    "CREATE VIEW seen AS SELECT * FROM secret",
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY)",
    "INSERT INTO outbox VALUES (1000)",
    "CREATE TABLE mine (id INTEGER PRIMARY KEY)",
    "CREATE TABLE old (id INTEGER PRIMARY KEY)",
];

const RESET: &[&str] = &[
    "DROP TABLE IF EXISTS made",
    "DROP TABLE IF EXISTS mine",
    "DROP TABLE IF EXISTS old",
    "CREATE TABLE mine (id INTEGER PRIMARY KEY)",
    "CREATE TABLE old (id INTEGER PRIMARY KEY)",
    "DELETE FROM outbox WHERE id <> 1000",
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

const STATE: &[&str] = &["\
    SELECT CASE WHEN tbl_name LIKE 'runner\\_%' ESCAPE '\\' THEN 'tool' WHEN tbl_name IN ('made', 'mine', 'old', 'outbox') THEN 'own' \
        ELSE 'all' END, 'object', concat(type, ' ', name, ' ', tbl_name, ' ', sql) FROM main.sqlite_schema \
    UNION ALL SELECT 'all', 'row of people', concat(id, ' ', name, ' ', ssn) FROM main.people WHERE id <= 50 \
    UNION ALL SELECT 'all', 'row of secret', concat(id, ' ', v) FROM main.secret \
    UNION ALL SELECT 'own', 'row of people', concat(id, ' ', name, ' ', ssn) FROM main.people WHERE id > 50 \
    UNION ALL SELECT 'own', 'row of outbox', concat(id) FROM main.outbox \
    UNION ALL SELECT 'history', 'row', concat(revision, ' ', name, ' ', state) FROM main.runner_history \
    UNION ALL SELECT 'tool', 'row', concat(key, ' ', value) FROM main.runner_meta \
    UNION ALL SELECT 'tool', 'row', concat(revision, ' ', sha256) FROM main.runner_artifact WHERE revision NOT IN ('0002', '0003') \
    UNION ALL SELECT 'tool', 'row', concat(id, ' ', action) FROM main.runner_repair"];

/// What makes SQLite roll back by itself, as a statement and as a filter.
const STATEMENTS: &[&str] = &[
    "INSERT OR ROLLBACK INTO outbox VALUES (1000)",
    "INSERT OR ROLLBACK INTO outbox SELECT 1000 UNION ALL SELECT 1001",
    "INSERT INTO outbox VALUES (1001) ON CONFLICT DO NOTHING RETURNING (SELECT length(group_concat(zeroblob(10000000))) FROM people)",
    "INSERT OR ROLLBACK INTO people (id) VALUES (1)",
    "INSERT OR ROLLBACK INTO people (id) VALUES (60), (60)",
];
const FILTERS: &[&str] = &[
    "(select length(group_concat(zeroblob(10000000))) from people) > 0",
    "length(zeroblob(999999999) || zeroblob(999999999)) > 0",
    "(select sum(length(printf('%.*c', 200000000, 'x') || id)) from people) > 0",
];

/// What is committed where the transaction has ended.
const AFTER: &[(Verb, &str)] = &[
    (Verb::Query, "{it}"),
    (Verb::Drop, "old"),
    (Verb::Create, "x"),
    (Verb::Add, "x"),
    (Verb::Execute, "INSERT INTO outbox VALUES (1002)"),
    (Verb::Fail, "enough"),
];
const AFTER_FILTER: &[(Verb, &str)] =
    &[(Verb::Filter, "{it}"), (Verb::Drop, "old"), (Verb::Create, "x"), (Verb::Transform, ""), (Verb::Fail, "enough")];

const WHAT: &str = "commit what is to be rolled back";

const CLASSES: &[Class] = &[
    Class {
        its: REACHES,
        ..Class::new("reach", "read or change what it is not granted", Attacker::GrantedSql, &[(Verb::Query, "{it}")])
    },
    Class { its: STATEMENTS, ..Class::new("rollback", WHAT, Attacker::GrantedSql, AFTER) },
    Class { its: STATEMENTS, ..Class::new("rollback_ungranted", WHAT, Attacker::Component, AFTER) },
    Class { its: FILTERS, ..Class::new("rollback_filter", WHAT, Attacker::Granted, AFTER_FILTER) },
];

/// What the grants do not cover.
const REACHES: &[&str] = &[
    "SELECT * FROM secret",
    "SELECT max(ssn) FROM people",
    "SELECT id FROM people WHERE ssn = (SELECT max(ssn) FROM people)",
    "SELECT a.id FROM people a JOIN people b USING (ssn)",
    "SELECT id FROM people NATURAL JOIN (SELECT 'CANAR' || 'Y-7' AS ssn)",
    "SELECT * FROM seen",
    "SELECT sql FROM sqlite_schema",
    "INSERT INTO outbox SELECT length(v) FROM secret RETURNING id",
    "INSERT INTO people (id, ssn) VALUES (61, 'x')",
    "UPDATE people SET name = 'x'",
    "DELETE FROM people WHERE id = 1",
    "REPLACE INTO people (id) VALUES (1)",
    "DELETE FROM secret",
    "DROP TABLE secret",
    "ALTER TABLE mine RENAME TO runner_lease",
    "CREATE TRIGGER bomb AFTER INSERT ON outbox BEGIN DELETE FROM secret; END",
    "UPDATE runner_history SET name = 'FORGED'",
    "PRAGMA writable_schema = ON",
    "COMMIT",
    "ATTACH ':memory:' AS other",
];
