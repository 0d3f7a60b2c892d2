//! Transactions, replaced sessions, and commits whose answer was lost.

use runner_tests::servers::{Proxy, Trap};

use super::*;
use runner_contract::{batch, integers, write};
use runner_database::WriteMode;

#[tokio::test(flavor = "multi_thread")]
async fn no_session_state_survives_a_migration() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    for in_transaction in [false, true] {
        let before = session_of(opened).await;
        if in_transaction {
            opened.begin(NONE).await.expect("begun");
        }
        opened.set_role(Role::SqlScript);
        run(opened, "CREATE TEMPORARY TABLE `a``b` (id INT)").await;
        run(opened, "CREATE TEMPORARY TABLE IF NOT EXISTS  scratch  (id INT)").await;
        run(opened, "SET @left = 1, sql_mode = ''").await;
        opened.set_role(Role::Host);
        opened.drop_temporary().await.expect("dropped");
        if in_transaction {
            assert_eq!(error_of(opened, "SELECT * FROM `a``b`").await.code, "1146");
            opened.commit_or_roll_back().await.expect("committed");
        }
        assert_eq!(rows(opened, "SELECT @left").await, [[Value::Null]]);
        assert!(text_of(opened, "SELECT @@sql_mode").await.contains("STRICT"));
        assert_eq!(error_of(opened, "SELECT * FROM scratch").await.code, "1146");
        assert_ne!(session_of(opened).await, before);
    }
    let before = session_of(opened).await;
    opened.drop_temporary().await.expect("nothing to drop");
    assert_eq!(session_of(opened).await, before, "a session that no migration used is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_commit_is_a_connection_error() {
    let database = fresh();
    for (trap, committed) in [(Trap::Answer("COMMIT", 1), "1"), (Trap::Before("COMMIT", 1), "0")] {
        database.sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id INT)");
        let proxy = Proxy::start(servers::mariadb().port());
        let mut opened = open_url(&database.url_at(proxy.port())).await.expect("a connection");
        let request =
            LockRequest { wait: std::time::Duration::from_secs(60), run_id: "r".to_owned(), owner: "o".to_owned() };
        opened.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
        opened.begin(NONE).await.expect("begun");
        run(opened.as_mut(), "INSERT INTO t VALUES (1)").await;
        proxy.set(trap);
        let error = opened.commit_or_roll_back().await.expect_err("lost");
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
        assert_eq!(proxy.sprung(), 1);
        opened.rollback().await.expect("nothing to roll back");
        opened.reconnect().await.expect("a new session");
        assert_eq!(text_of(opened.as_mut(), "SELECT COUNT(*) FROM t").await, committed);
        assert!(
            open(&database)
                .await
                .lock(&LockRequest { wait: std::time::Duration::ZERO, ..request }, &StopSignal::default(), &|_| {})
                .await
                .is_err()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_rolls_back() {
    let database = fresh();
    database.sql("CREATE TABLE t (id INT)");
    let proxy = Proxy::start(servers::mariadb().port());
    let mut opened = open_url(&database.url_at(proxy.port())).await.expect("a connection");
    opened.begin(NONE).await.expect("begun");
    run(opened.as_mut(), "INSERT INTO t VALUES (1)").await;
    proxy.cut();
    let error = error_of(opened.as_mut(), "INSERT INTO t VALUES (2)").await;
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    opened.rollback().await.expect("the server rolls back by itself");
    assert_eq!(opened.in_transaction().await, Ok(false));
    opened.reconnect().await.expect("a new session");
    assert_eq!(text_of(opened.as_mut(), "SELECT COUNT(*) FROM t").await, "0");
    proxy.refuse(true);
    proxy.cut();
    let error = opened.reconnect().await.expect_err("nobody there");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_rolled_back_is_reported() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT) ENGINE = MyISAM").await;
    opened.begin(NONE).await.expect("begun");
    run(opened, "INSERT INTO t VALUES (1)").await;
    let error = opened.rollback().await.expect_err("not undone");
    assert_eq!(error.code, "1196", "{error}");
    opened.begin(NONE).await.expect("the transaction is over");
    opened.rollback().await.expect("nothing to undo");
}

/// With `innodb_snapshot_isolation`, which newer MariaDB has on by default, a row that another session has changed meanwhile ends the
/// transaction. Rows that were written again by halves would commit one by one.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_transaction_is_gone_is_not_written_by_halves() {
    if is_mysql() {
        return;
    }
    let database = fresh();
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0), (4, 0)");
    for mode in [WriteMode::Update, WriteMode::Upsert] {
        let mut opened = open(&database).await;
        let opened = opened.as_mut();
        run(opened, "SET SESSION innodb_snapshot_isolation = 1").await;
        opened.begin(NONE).await.expect("begun");
        rows(opened, "SELECT * FROM t").await;
        database.sql("UPDATE t SET n = n + 7 WHERE id = 3");
        let before = database.sql("SELECT * FROM t");
        let all = batch(4, vec![integers("id", &[1, 2, 3, 4]), integers("n", &[5, 5, 5, 5])]);
        let error = write(opened, "t", mode, &[], &all).await.expect_err("changed meanwhile");
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Busy, "1020"), "{mode}: {error}");
        assert!(error.is_transient() && error.hint.is_some(), "{error:?}");
        opened.rollback().await.expect("rolled back");
        assert_eq!(database.sql("SELECT * FROM t"), before, "{mode}");
    }
}
