use super::*;

fn refused(dialect: Dialect, schema: Option<&str>, statement: &str) -> bool {
    let facts = Facts { schema: schema.map(str::to_owned), ..Facts::of_dialect(dialect) };
    let error = OfflineChecks::new(&facts, facts.transactional_ddl).refused(&Tokens::new(statement, dialect));
    assert!(error.as_ref().is_none_or(|error| error.hint.is_some()), "{statement}: {error:?}");
    error.is_some()
}

#[test]
#[cfg(feature = "sqlite")]
fn sqlite_is_asked() {
    for (statement, expected) in [
        ("PRAGMA synchronous = OFF", true),
        ("pragma main.Cache_Size(100)", true),
        ("PRAGMA synchronous", false),
        ("PRAGMA user_version = 7", false),
        ("PRAGMA journal_mode = off", true),
        ("SELECT 'PRAGMA synchronous = OFF'", false),
        ("DROP TABLE runner_history", true),
        ("DROP TABLE IF EXISTS \"Runner_History\"", true),
        ("DROP TABLE runner_histories", false),
        ("DROP TABLE IF EXISTS runner_lease", false),
        ("DELETE FROM main.runner_history WHERE id = 1", true),
        ("WITH a AS (SELECT 1) UPDATE runner_history SET revision = 'x'", true),
        ("INSERT INTO runner_history (id, revision) SELECT 1, 'x'", true),
        ("SELECT count(*) FROM runner_history", false),
        ("CREATE TABLE copy AS SELECT * FROM runner_history", true),
        ("CREATE TABLE t (a TEXT) -- not runner_history", true),
        ("INSERT INTO notes VALUES ('runner_history')", false),
        ("CREATE VIEW v AS SELECT * FROM runner_history", false),
        ("CREATE INDEX i ON runner_history (revision)", true),
        ("ALTER TABLE t RENAME TO runner_journal", true),
        ("CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM runner_history; END", true),
        ("CREATE TRIGGER IF NOT EXISTS g AFTER INSERT ON t BEGIN DELETE FROM runner_history; END", false),
        ("SELECT load_extension('x')", true),
        ("SELECT load_extension FROM t", false),
    ] {
        assert_eq!(refused(Dialect::Sqlite, None, statement), expected, "{statement}");
    }
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert!(refused(Dialect::Sqlite, None, &deep));
}

#[test]
#[cfg(feature = "postgres")]
fn postgres_is_asked() {
    for (statement, expected) in [
        ("DROP TABLE runner.runner_history", true),
        ("DROP SCHEMA runner CASCADE", true),
        ("SELECT * FROM runner.runner_history", false),
        ("COPY t FROM STDIN", true),
        ("copy (SELECT 1) to stdout", true),
        ("COPY \"stdin\" FROM '/tmp/t.csv'", false),
        ("COPY t FROM '/tmp/t.csv'", false),
        ("DO $$ BEGIN DELETE FROM runner.runner_history; END $$", true),
        ("INSERT INTO notes VALUES ('see runner_history')", false),
        ("SET lock_timeout = '1s'", false),
    ] {
        assert_eq!(refused(Dialect::Postgres, None, statement), expected, "{statement}");
    }
}

#[test]
#[cfg(feature = "mysql")]
fn mysql_is_asked() {
    for (schema, statement, expected) in [
        (None, "SET GLOBAL general_log = 1", true),
        (None, "DROP TABLE `runner_history`", true),
        (None, "SELECT * FROM runner_history", false),
        (None, "SELECT RELEASE_ALL_LOCKS()", true),
        (None, "USE shop", false),
        (None, "/*!40000 USE shop */", false),
        (Some("shop"), "USE shop", false),
        (Some("shop"), "USE other", true),
        (Some("shop"), "/*!40000 USE other */", true),
        (Some("shop"), "DROP DATABASE shop", true),
        (None, "DROP DATABASE shop", false),
    ] {
        for dialect in [Dialect::Mysql, Dialect::Mariadb] {
            assert_eq!(refused(dialect, schema, statement), expected, "{statement}");
        }
    }
}
