//! Statements that make SQLite call itself deeply: they run or are refused, and never end the process. The stack of a test's
//! thread is that of a guest's fiber, 2 MiB, and nothing is optimised but SQLite.

use super::*;
use runner_database::DatabaseErrorKind;

const ROLES: [Role; 3] = [Role::Host, Role::SqlScript, Role::Component];

/// What became of a statement: its rows, or the kind of its error.
async fn outcome(database: &mut dyn Database, statement: &str) -> Result<usize, DatabaseErrorKind> {
    let found = database.query(statement, &[], QueryLimits::NONE).await;
    found.map(|found| found.rows.len()).map_err(|error| {
        assert!(error.hint.is_some() || error.kind != DatabaseErrorKind::Limit, "{error:?}");
        error.kind
    })
}

fn nested(before: &str, levels: usize, inner: &str, after: &str) -> String {
    format!("{}{inner}{}", before.repeat(levels), after.repeat(levels))
}

#[tokio::test]
async fn deep_text_runs_or_is_refused() {
    let mut database = in_memory().await;
    for role in ROLES {
        database.set_role(role);
        for (before, after) in [
            ("SELECT * FROM (", ")"),
            ("SELECT*FROM(", ")"),
            ("SELECT a FROM (SELECT 1 AS a UNION ALL ", ")"),
            ("WITH a AS (", ") SELECT * FROM a"),
            ("SELECT a.* FROM (SELECT 1) b, (", ") a"),
        ] {
            for levels in [50, 300] {
                let statement = nested(before, levels, "SELECT 1 AS a", after);
                let found = outcome(database.as_mut(), &statement).await;
                // SQLite joins 64 tables at most.
                let is_join = before.contains(" b, (") && levels > 60;
                assert!(matches!(found, Ok(1..)) || is_join, "{role:?}: {levels} of {before}: {found:?}");
            }
            for levels in [600, 1_000, 2_000, 2_400, 3_000, 8_211, 60_000] {
                let statement = nested(before, levels, "SELECT 1 AS a", after);
                let found = outcome(database.as_mut(), &statement).await;
                let is_fine = matches!(
                    found,
                    // Others of SQLite's limits, such as that on tables in one join, are reported as syntax.
                    Ok(1..) | Err(DatabaseErrorKind::Limit | DatabaseErrorKind::Syntax)
                );
                assert!(is_fine, "{role:?}: {levels} of {before}: {found:?}");
                if levels > 2_400 && !before.contains(" b, (") {
                    assert_eq!(found, Err(DatabaseErrorKind::Limit), "{role:?}: {levels} of {before}");
                }
            }
        }
        for (before, inner, after) in [
            ("SELECT (", "SELECT 1", ")"),
            ("(", "1", ")"),
            ("NOT ", "1", ""),
            ("1 = NOT ", "1", ""),
            ("- ", "1", ""),
            ("1 + ", "1", ""),
            ("CASE WHEN 1 THEN ", "1", " END"),
            ("EXISTS (SELECT ", "1", ")"),
            ("abs(", "1", ")"),
            ("1 IN (SELECT ", "1", ")"),
        ] {
            for levels in [900, 1_001, 4_000, 100_000] {
                let statement = format!("SELECT {}", nested(before, levels, inner, after));
                let found = outcome(database.as_mut(), &statement).await;
                let is_fine = matches!(found, Ok(1) | Err(DatabaseErrorKind::Limit | DatabaseErrorKind::Syntax));
                assert!(is_fine, "{role:?}: {levels} of {before}: {found:?}");
            }
        }
        // The connection is as good as before.
        assert_eq!(outcome(database.as_mut(), "SELECT 1").await, Ok(1), "{role:?}");
    }
}

/// A database with a chain of triggers from `t0` to the last table. Its schema is written at once: SQLite looks through all of it
/// for each CREATE, which takes longer than the rest of these tests.
fn chained(file: &Path, length: usize) {
    let connection = rusqlite::Connection::open(file).expect("a file");
    let tables = (0..=length.min(CHAIN_WITH_TABLES)).map(|number| format!("CREATE TABLE t{number} (a);"));
    connection.execute_batch(&format!("BEGIN; {} COMMIT", tables.collect::<String>())).expect("tables");
    // Where nothing is ever written, tables may share their pages.
    let more = if length > CHAIN_WITH_TABLES {
        format!(
            "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) \
             WITH RECURSIVE n(i) AS (VALUES ({CHAIN_WITH_TABLES} + 1) UNION ALL SELECT i + 1 FROM n WHERE i < {length}) \
             SELECT 'table', 't' || i, 't' || i, (SELECT rootpage FROM sqlite_schema WHERE name = 't1'), \
             'CREATE TABLE t' || i || ' (a)' FROM n;"
        )
    } else {
        String::new()
    };
    connection
        .execute_batch(&format!(
            "PRAGMA writable_schema = ON; {more} \
             INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) \
             WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {length}) \
             SELECT 'trigger', 'r' || i, 't' || i, 0, 'CREATE TRIGGER r' || i || ' AFTER INSERT ON t' || i || \
             ' BEGIN INSERT INTO t' || (i + 1) || ' VALUES (new.a); END' FROM n;"
        ))
        .expect("the triggers");
    let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    assert_eq!(connection.query_row(triggers, [], |row| row.get(0)), Ok(length as i64));
}

/// Tables of a chain that have pages of their own.
const CHAIN_WITH_TABLES: usize = 3_000;

#[tokio::test]
async fn chains_of_triggers_run_or_are_refused() {
    for (length, runs) in [(900, true), (2_062, false), (12_000, false)] {
        let directory = directory();
        chained(&directory.path().join("chain.db"), length);
        let mut database = open_url(directory.path(), "sqlite://chain.db").await;
        database.begin(TransactionOptions::default()).await.expect("begun");
        for role in ROLES {
            database.set_role(role);
            let done = database.execute("INSERT INTO t0 VALUES (1)", &[]).await;
            assert_eq!(done.is_ok(), runs, "{role:?}: {length}: {done:?}");
            if length > 10_000 {
                assert_eq!(done.expect_err("too deep").kind, DatabaseErrorKind::Limit, "{role:?}");
            }
            database.set_role(Role::Host);
            let rows = rows(database.as_mut(), &format!("SELECT count(*) FROM t{length}")).await;
            assert_eq!(rows, [[Value::Int64(if runs { 1 } else { 0 })]], "{role:?}: {length}");
            run(database.as_mut(), &format!("DELETE FROM t{length}")).await;
        }
    }
}

#[tokio::test]
async fn cascades_run_or_are_refused() {
    for (length, runs) in [(900, true), (3_000, false)] {
        let mut database = in_memory().await;
        database.begin(TransactionOptions::default()).await.expect("begun");
        run(database.as_mut(), "CREATE TABLE t0 (a INTEGER PRIMARY KEY)").await;
        run(database.as_mut(), "INSERT INTO t0 VALUES (1)").await;
        for number in 1..=length {
            let before = number - 1;
            let column = format!("a INTEGER PRIMARY KEY REFERENCES t{before} ON DELETE CASCADE");
            run(database.as_mut(), &format!("CREATE TABLE t{number} ({column})")).await;
            run(database.as_mut(), &format!("INSERT INTO t{number} VALUES (1)")).await;
        }
        for role in [Role::Component, Role::SqlScript] {
            database.set_role(role);
            let done = database.execute("DELETE FROM t0", &[]).await;
            assert!(done.is_ok() || !runs, "{role:?}: {length}: {done:?}");
        }
        database.set_role(Role::Host);
        let rows = rows(database.as_mut(), &format!("SELECT count(*) FROM t{length}")).await;
        assert_eq!(rows, [[Value::Int64(if runs { 0 } else { 1 })]], "{length}");
    }
}

#[tokio::test]
async fn chains_of_views_run() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE VIEW v0 AS SELECT 1 AS a").await;
    for number in 1..=1_000 {
        run(database.as_mut(), &format!("CREATE VIEW v{number} AS SELECT a FROM v{}", number - 1)).await;
    }
    for role in ROLES {
        database.set_role(role);
        assert_eq!(outcome(database.as_mut(), "SELECT * FROM v1000").await, Ok(1), "{role:?}");
    }
}
