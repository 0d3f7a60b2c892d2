//! Foreign keys that are off, deferred or violated.

use super::*;
use runner_contract::{batch, integers, write};
use runner_database::{DatabaseErrorKind, WriteMode};

const OFF: TransactionOptions =
    TransactionOptions { foreign_keys_off: true, isolation: None, for_migration: false, is_tried: false };

async fn family() -> Box<dyn Database> {
    let mut database = in_memory().await;
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE CASCADE)",
        "CREATE TABLE later (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO parent VALUES (1), (2)",
        "INSERT INTO child VALUES (10, 1), (20, 2)",
    ] {
        run(database.as_mut(), statement).await;
    }
    database
}

async fn foreign_keys(database: &mut dyn Database) -> Vec<Vec<Value>> {
    rows(database, "PRAGMA foreign_keys").await
}

#[tokio::test]
async fn a_table_can_be_rebuilt_without_losing_its_children() {
    let mut database = family().await;
    database.begin(OFF).await.expect("begun");
    assert_eq!(foreign_keys(database.as_mut()).await, [[Value::Int64(0)]]);
    database.set_role(Role::SqlScript);
    for statement in [
        "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO parent_new (id) SELECT id FROM parent",
        "DROP TABLE parent",
        "ALTER TABLE parent_new RENAME TO parent",
    ] {
        run(database.as_mut(), statement).await;
    }
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(foreign_keys(database.as_mut()).await, [[Value::Int64(1)]]);
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM child").await, [[Value::Int64(2)]]);
}

#[tokio::test]
async fn only_new_violations_prevent_the_commit() {
    let mut database = family().await;
    database.begin(OFF).await.expect("begun");
    run(database.as_mut(), "INSERT INTO child VALUES (30, 3)").await;
    let error = database.commit_or_roll_back().await.expect_err("violated");
    assert_eq!(
        (error.kind, error.code.as_str()),
        (DatabaseErrorKind::Constraint, "SQLITE_CONSTRAINT_FOREIGNKEY (787)")
    );
    assert_eq!(error.detail.as_deref(), Some("row 30 of `child` refers to no row of `parent`"));
    assert_eq!(foreign_keys(database.as_mut()).await, [[Value::Int64(1)]]);
    assert_eq!(database.in_transaction().await, Ok(false));
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM child").await, [[Value::Int64(2)]]);
    // An existing violation is not reported.
    run(database.as_mut(), "PRAGMA foreign_keys = OFF").await;
    run(database.as_mut(), "INSERT INTO child VALUES (40, 4)").await;
    database.begin(OFF).await.expect("begun");
    run(database.as_mut(), "INSERT INTO parent VALUES (5)").await;
    database.commit_or_roll_back().await.expect("only the old violation remains");
    database.begin(OFF).await.expect("begun");
    run(database.as_mut(), "DELETE FROM parent WHERE id = 2").await;
    let error = database.commit_or_roll_back().await.expect_err("violated");
    assert_eq!(error.detail.as_deref(), Some("row 20 of `child` refers to no row of `parent`"));
}

/// Rows or not: foreign keys follow a table that is renamed.
#[tokio::test]
async fn a_foreign_key_that_loses_its_table_prevents_the_commit() {
    let rename_first = [
        "ALTER TABLE parent RENAME TO parent_old",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "INSERT INTO parent SELECT id FROM parent_old",
        "DROP TABLE parent_old",
    ];
    let drop = ["DROP TABLE parent"];
    for (statements, detail, hint) in [
        (
            &rename_first[..],
            "`child` refers to `parent_old`; `later` refers to `parent_old`",
            "create the new table under",
        ),
        (
            &drop[..],
            "`child` refers to `parent`; `later` refers to `parent`",
            "keep `parent`, or in the same migration drop",
        ),
    ] {
        for emptied in [false, true] {
            let mut database = family().await;
            let database = database.as_mut();
            if emptied {
                run(database, "DELETE FROM child").await;
            }
            database.begin(OFF).await.expect("begun");
            for statement in statements {
                run(database, statement).await;
            }
            let error = database.check(runner_database::Check::Constraints).await.expect_err("seen by a dry run");
            assert_eq!(error.detail.as_deref(), Some(detail));
            let error = database.commit_or_roll_back().await.expect_err("lost");
            assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Constraint, Some(detail)));
            assert!(error.message.starts_with("a foreign key refers to a table that does not exist"), "{error}");
            assert!(error.hint.as_deref().is_some_and(|it| it.starts_with(hint)), "{error:?}");
            run(database, "INSERT INTO child VALUES (50, 1)").await;
        }
    }
}

#[tokio::test]
async fn a_table_that_was_missing_before_a_rebuild_may_be_missing_after_it() {
    let mut database = family().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE early (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES Nowhere)").await;
    database.begin(OFF).await.expect("begun");
    for statement in [
        "CREATE TABLE early_new (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES Nowhere)",
        "DROP TABLE early",
        "ALTER TABLE early_new RENAME TO early",
        // For a later migration to create.
        "CREATE TABLE other (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES soon)",
        "CREATE TABLE PARENT_NEW (id INTEGER PRIMARY KEY)",
        "INSERT INTO parent_new SELECT id FROM parent",
        "DROP TABLE parent",
        "ALTER TABLE parent_new RENAME TO PARENT",
    ] {
        run(database, statement).await;
    }
    database.commit_or_roll_back().await.expect("committed");
    database.begin(OFF).await.expect("begun");
    run(database, "DROP TABLE child").await;
    run(database, "DROP TABLE later").await;
    run(database, "DROP TABLE parent").await;
    database.commit_or_roll_back().await.expect("nothing refers to it");
}

#[tokio::test]
async fn foreign_keys_are_enforced_again_however_it_ends() {
    let mut database = family().await;
    database.begin(OFF).await.expect("begun");
    database.rollback().await.expect("rolled back");
    assert_eq!(foreign_keys(database.as_mut()).await, [[Value::Int64(1)]]);
    let directory = directory();
    let mut first = open_at(directory.path()).await;
    let mut second = open_url(directory.path(), "sqlite://app.db?busy_timeout=1").await;
    first.begin(TransactionOptions::default()).await.expect("begun");
    second.begin(OFF).await.expect_err("busy");
    assert_eq!(foreign_keys(second.as_mut()).await, [[Value::Int64(1)]]);
}

#[tokio::test]
async fn a_deferred_violation_is_named_and_rolled_back() {
    let mut database = family().await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    run(database.as_mut(), "INSERT INTO later VALUES (7, 99)").await;
    let error = database.commit_or_roll_back().await.expect_err("violated");
    assert_eq!(error.code, "SQLITE_CONSTRAINT_FOREIGNKEY (787)");
    assert_eq!(error.detail.as_deref(), Some("row 7 of `later` refers to no row of `parent`"));
    assert_eq!(database.in_transaction().await, Ok(false));
    assert!(rows(database.as_mut(), "SELECT * FROM later").await.is_empty());
}

#[tokio::test]
async fn a_statement_that_rolls_back_ends_everything() {
    let mut database = family().await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    run(database.as_mut(), "INSERT INTO parent VALUES (3)").await;
    database.set_role(Role::Component);
    assert!(database.execute("INSERT OR ROLLBACK INTO parent VALUES (3)", &[]).await.is_err());
    assert!(database.in_transaction().await.is_err());
    let error = database.execute("INSERT INTO parent VALUES (4)", &[]).await.expect_err("it would commit by itself");
    assert!(error.message.contains("rolled the transaction back"), "{error}");
    assert!(database.commit_or_roll_back().await.is_err());
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM parent").await, [[Value::Int64(2)]]);
}

/// The rows after it would each commit by themselves.
#[tokio::test]
async fn a_row_that_ends_the_transaction_ends_the_batch() {
    for (table, trigger) in [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER UNIQUE ON CONFLICT ROLLBACK)", None),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER)",
            Some(
                "CREATE TRIGGER once AFTER INSERT ON t WHEN (SELECT count(*) FROM t WHERE u = new.u) > 1 \
                  BEGIN SELECT RAISE(ROLLBACK, 'twice'); END",
            ),
        ),
    ] {
        let mut database = in_memory().await;
        let database = database.as_mut();
        run(database, table).await;
        if let Some(trigger) = trigger {
            run(database, trigger).await;
        }
        let ids: Vec<i64> = (1..=400).collect();
        let mut numbers = ids.clone();
        numbers[69] = numbers[9];
        let all = batch(ids.len(), vec![integers("id", &ids), integers("u", &numbers)]);
        database.begin(TransactionOptions::default()).await.expect("begun");
        let error = write(database, "t", WriteMode::Insert, &[], &all).await.expect_err("a number is there twice");
        assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{error}");
        assert!(database.commit_or_roll_back().await.is_err());
        assert_eq!(rows(database, "SELECT count(*) FROM t").await, [[Value::Int64(0)]]);
    }
}
