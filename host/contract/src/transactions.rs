//! The transaction of a migration.

use super::*;

const NONE: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: false, is_tried: false };

pub async fn commits_and_rolls_back(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let mut other = factory.open().await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    database.begin(NONE).await.expect("begun");
    run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
    assert!(rows(other.as_mut(), "SELECT id FROM t").await.is_empty());
    database.rollback().await.expect("rolled back");
    assert!(rows(database.as_mut(), "SELECT id FROM t").await.is_empty());
    database.begin(NONE).await.expect("begun again");
    run(database.as_mut(), "INSERT INTO t VALUES (2)").await;
    if database.facts().transactional_ddl {
        run(database.as_mut(), "CREATE TABLE u (id INTEGER PRIMARY KEY)").await;
    }
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(rows(other.as_mut(), "SELECT id FROM t").await, [[Value::Int64(2)]]);
    if database.facts().transactional_ddl {
        assert!(rows(other.as_mut(), "SELECT id FROM u").await.is_empty());
        database.begin(NONE).await.expect("begun");
        run(database.as_mut(), "DROP TABLE u").await;
        database.rollback().await.expect("rolled back");
        assert!(rows(database.as_mut(), "SELECT id FROM u").await.is_empty());
        database.begin(NONE).await.expect("begun");
        run(database.as_mut(), "INSERT INTO u VALUES (1)").await;
        drop(database);
        assert!(rows(other.as_mut(), "SELECT id FROM u").await.is_empty(), "dropped without commit");
    }
}

pub async fn knows_whether_it_is_open(factory: &dyn Factory) {
    let mut database = factory.open().await;
    assert_eq!(database.in_transaction().await, Ok(false));
    database.rollback().await.expect("nothing to roll back");
    assert!(database.commit_or_roll_back().await.is_err(), "nothing to commit");
    database.begin(NONE).await.expect("begun");
    assert_eq!(database.in_transaction().await, Ok(true));
    let error = database.begin(NONE).await.expect_err("begun twice");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    assert_eq!(database.in_transaction().await, Ok(true));
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(database.in_transaction().await, Ok(false));
}

pub async fn survives_a_failed_statement(factory: &dyn Factory) {
    let mut database = factory.open().await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    database.begin(NONE).await.expect("begun");
    run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
    assert!(database.execute("INSERT INTO t VALUES (1)", &[]).await.is_err());
    database.rollback().await.expect("rolled back");
    assert!(rows(database.as_mut(), "SELECT id FROM t").await.is_empty());
}

pub async fn closes_cursors_and_writers(factory: &dyn Factory) {
    let mut database = factory.open().await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    run(database.as_mut(), "INSERT INTO t VALUES (1), (2)").await;
    for commit in [true, false] {
        database.begin(NONE).await.expect("begun");
        let request = CursorRequest { statement: "SELECT id FROM t".to_owned(), ..CursorRequest::default() };
        let cursor = database.open_cursor(&request).await.expect("a cursor");
        let limits = BatchLimits { rows: 1, ..BatchLimits::default() };
        assert!(database.fetch(cursor, limits).await.expect("a row").is_some());
        let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Insert, key: Vec::new() };
        let writer = database.open_writer(&target).await.expect("a writer");
        if commit {
            database.commit_or_roll_back().await.expect("committed");
        } else {
            database.rollback().await.expect("rolled back");
        }
        let error = database.fetch(cursor, limits).await.expect_err("a closed cursor");
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
        let rows = batch(1, vec![integers("id", &[9])]);
        assert!(database.write(writer, &rows, WriteHint::default()).await.is_err());
        assert!(database.finish_writer(writer).await.is_err());
        database.close_cursor(cursor).await.expect("closing twice is harmless");
    }
}

/// A chunk of a transform asks whether it makes others wait.
pub async fn shows_that_others_wait_for_its_rows(factory: &dyn Factory) {
    let (mut database, mut other) = (factory.open().await, factory.open().await);
    let (database, other) = (database.as_mut(), other.as_mut());
    let server = database.facts().sql.server;
    if !database.facts().dialect.has_many_writers() {
        assert_eq!(server.others_wait(&mut database.host()).await, Ok(false));
        return;
    }
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)").await;
    run(database, "INSERT INTO t VALUES (1, 1)").await;
    database.begin(NONE).await.expect("begun");
    run(database, "UPDATE t SET v = 2 WHERE id = 1").await;
    let holds = async {
        while !server.others_wait(&mut database.host()).await.expect("an answer") {
            // MariaDB answers from a copy, which it does not refresh within 0.1 s after it was read.
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        }
        database.commit_or_roll_back().await.expect("committed");
    };
    tokio::join!(holds, run(other, "UPDATE t SET v = v + 1 WHERE id = 1"));
    assert_eq!(rows(database, "SELECT v FROM t").await, [[Value::Int64(3)]]);
}
