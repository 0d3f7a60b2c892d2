//! The session's settings, the stop signal and time limits.

use std::time::Duration;

use runner_tests::servers::{Kind, Server};

use super::*;
use runner_database::facts::UnreadMode;
use runner_database::stop::StopReason;
use runner_database::{ToolChange, UnitOfWork};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_the_same_settings_on_every_server() {
    let server = Server::private(Kind::Mariadb)
        .setting(
            "sql-mode",
            match is_mysql() {
                true => "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH",
                false => "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH",
            },
        )
        .setting("default-time-zone", "+05:00")
        .setting("autocommit", 0)
        .setting("completion-type", "CHAIN")
        .setting("transaction-isolation", "SERIALIZABLE")
        .setting("wait-timeout", 5)
        .setting("character-set-server", "latin1")
        .start();
    let database = server.database();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    let unread = [UnreadMode::NoBackslashEscapes, UnreadMode::EmptyStringIsNull];
    assert_eq!(opened.facts().unread_modes, unread[..if is_mysql() { 1 } else { 2 }]);
    for (ask, answer) in [
        ("SELECT @@sql_mode", "STRICT_TRANS_TABLES"),
        ("SELECT @@time_zone", "+00:00"),
        ("SELECT @@character_set_client", "utf8mb4"),
        ("SELECT @@character_set_results", "utf8mb4"),
        (if is_mysql() { "SELECT @@transaction_isolation" } else { "SELECT @@tx_isolation" }, "REPEATABLE-READ"),
        ("SELECT IF(@@autocommit, 'on', 'off')", "on"),
        ("SELECT @@completion_type", "NO_CHAIN"),
        ("SELECT CAST(@@wait_timeout AS CHAR)", "2147483"),
        (r"SELECT CONCAT('a\'b', ':')", "a'b:"),
        ("SELECT IF('' IS NULL, 'NULL', 'empty')", "empty"),
    ] {
        assert_eq!(text_of(opened, ask).await, answer, "{ask}");
    }
    opened.set_role(Role::SqlScript);
    assert_eq!(
        text_of(opened, "SELECT @@sql_mode").await,
        "ANSI_QUOTES,STRICT_TRANS_TABLES",
        "of the server, for scripts"
    );
    opened.set_role(Role::Host);
    run(opened, "CREATE TABLE c (a CHAR(5))").await;
    run(opened, "INSERT INTO c VALUES ('x')").await;
    assert_eq!(text_of(opened, "SELECT a FROM c").await, "x");
    run(opened, "CREATE TABLE t (a TINYINT)").await;
    let error = error_of(opened, "INSERT INTO t VALUES (1000)").await;
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Conversion, "1264"), "strict: {error}");
    assert!(error.message.contains("'a'"), "{error}");
    let plain = fresh();
    let mut opened = open(&plain).await;
    let mode = text_of(opened.as_mut(), "SELECT @@sql_mode").await;
    assert!(!mode.contains("PIPES_AS_CONCAT") && !mode.contains("IGNORE_SPACE"), "what the driver adds: {mode}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_survives_a_stopped_statement() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    let id = session_of(opened).await;
    run(opened, "CREATE TABLE t (a INT)").await;
    let endless = endless(opened.facts().dialect);
    for reason in [StopReason::Interrupt, StopReason::WallTime] {
        let stop = StopSignal::default();
        opened.set_stop_signal(stop.clone());
        opened.begin(NONE).await.expect("begun");
        run(opened, "INSERT INTO t VALUES (1)").await;
        let raise = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            raise.raise(reason);
        });
        let error = error_of(opened, endless).await;
        assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
        assert_eq!(opened.in_transaction().await, Ok(true));
        opened.rollback().await.expect("rolled back");
        opened.set_stop_signal(StopSignal::default());
        assert_eq!(text_of(opened, "SELECT COUNT(*) FROM t").await, "0");
        assert_eq!(session_of(opened).await, id, "the same session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_killed_by_another_session_is_interrupted() {
    let database = fresh();
    let mut opened = open(&database).await;
    let id = session_of(opened.as_mut()).await;
    let endless = endless(opened.facts().dialect);
    let running = tokio::spawn(async move { error_of(opened.as_mut(), endless).await });
    let mut killer = open(&database).await;
    loop {
        let state = format!(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id} AND INFO LIKE '%SHA2%' AND INFO NOT LIKE '%PROCESSLIST%'"
        );
        if text_of(killer.as_mut(), &state).await == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run(killer.as_mut(), &format!("KILL {id}")).await;
    let error = running.await.expect("no panic");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_have_a_time_limit() {
    let database = fresh();
    let options = ConnectOptions { statement_timeout: Some(Duration::from_secs(1)), ..ConnectOptions::default() };
    let mut opened = open_with(&database.url(), &options).await.expect("a connection");
    let opened = opened.as_mut();
    let endless = endless(opened.facts().dialect);
    opened.set_role(Role::SqlScript);
    // A function that is killed may return a wrong answer without an error.
    for statement in [endless, "SELECT SLEEP(100)", "SELECT BENCHMARK(1000000000000, SHA2('x', 512))"] {
        let error = error_of(opened, statement).await;
        assert_eq!(error.kind, DatabaseErrorKind::Timeout, "{error}");
        assert!(error.hint.is_some());
    }
    // A script can raise the server's own limit, but not ours.
    run(opened, if is_mysql() { "SET max_execution_time = 0" } else { "SET max_statement_time = 0" }).await;
    assert_eq!(error_of(opened, endless).await.kind, DatabaseErrorKind::Timeout);
}

/// A migration limits its own statements, not those of the host: an entry that waits for a lock is not cut off, and nothing that
/// follows a COMMIT says that it failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_migrations_time_limit_is_not_the_hosts() {
    let (set, limit, theirs, ours) = match is_mysql() {
        true => ("SET max_execution_time = 3000", "SELECT CONCAT(@@max_execution_time)", "3000", "0"),
        false => ("SET max_statement_time = 3", "SELECT CONCAT(@@max_statement_time)", "3.000000", "0.000000"),
    };
    let database = fresh();
    let (mut opened, mut other) = (open(&database).await, open(&database).await);
    let (opened, other) = (opened.as_mut(), other.as_mut());
    run(opened, "CREATE TABLE entries (id INT PRIMARY KEY)").await;
    opened.set_role(Role::SqlScript);
    run(opened, set).await;
    opened.set_role(Role::Host);
    assert_eq!(text_of(opened, limit).await, ours);
    opened.set_role(Role::SqlScript);
    assert_eq!(text_of(opened, limit).await, theirs);

    opened.begin(NONE).await.expect("begun");
    other.begin(NONE).await.expect("begun");
    run(other, "INSERT INTO entries VALUES (1)").await;
    let entry = [ToolChange::of_one_row("INSERT INTO entries VALUES (?1)", [Value::Int64(1)])];
    let end = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        other.rollback().await
    };
    let (finished, ended) = tokio::join!(opened.commit(UnitOfWork::Step(&entry)), end);
    ended.expect("rolled back");
    finished.result().expect("finished");
    assert_eq!(text_of(opened, limit).await, theirs);
}

/// A block that catches the request to end continues; its session does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_catches_its_end_loses_its_session() {
    let database = fresh();
    let options = ConnectOptions { statement_timeout: Some(Duration::from_secs(1)), ..ConnectOptions::default() };
    let mut opened = open_with(&database.url(), &options).await.expect("a connection");
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT)").await;
    let block = "BEGIN DECLARE i INT DEFAULT 0; DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; \
                WHILE i < 60 DO SET i = i + 1; DO SLEEP(1); SELECT SLEEP(1); END WHILE; END";
    run(opened, &format!("CREATE PROCEDURE deaf() {block}")).await;
    let deaf = "CALL deaf()";
    for in_transaction in [true, false] {
        let id = session_of(opened).await;
        if in_transaction {
            opened.begin(NONE).await.expect("begun");
            // As the host, since the time limit is not for it.
            run(opened, "INSERT INTO t VALUES (1)").await;
        }
        opened.set_role(Role::SqlScript);
        let error = error_of(opened, deaf).await;
        assert_eq!(error.kind, DatabaseErrorKind::Timeout, "{error}");
        if in_transaction {
            let error = error_of(opened, "INSERT INTO t VALUES (2)").await;
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "it would autocommit: {error}");
        }
        opened.set_role(Role::Host);
        opened.rollback().await.expect("rolled back");
        assert_ne!(session_of(opened).await, id);
        let gone = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id}");
        while text_of(opened, &gone).await != "0" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(text_of(opened, "SELECT COUNT(*) FROM t").await, "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_row_locks_is_limited() {
    let database = fresh();
    let options = ConnectOptions { lock_timeout: Some(Duration::from_millis(300)), ..ConnectOptions::default() };
    let mut first = open(&database).await;
    let mut second = open_with(&database.url(), &options).await.expect("a connection");
    run(first.as_mut(), "CREATE TABLE t (id INT PRIMARY KEY, n INT)").await;
    run(first.as_mut(), "INSERT INTO t VALUES (1, 1), (2, 1)").await;
    first.begin(NONE).await.expect("begun");
    run(first.as_mut(), "UPDATE t SET n = 2 WHERE id = 1").await;
    for statement in ["UPDATE t SET n = 3 WHERE id = 1", "ALTER TABLE t ADD COLUMN m INT"] {
        let error = error_of(second.as_mut(), statement).await;
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Busy, "1205"), "{statement}: {error}");
        assert!(error.hint.is_some(), "{error}");
    }
    second.begin(NONE).await.expect("begun");
    run(second.as_mut(), "UPDATE t SET n = 4 WHERE id = 2").await;
    first.set_role(Role::Component);
    second.set_role(Role::Component);
    // Whichever of the two the server rolls back must not count as committed.
    let (a, b) = tokio::join!(
        first.execute("UPDATE t SET n = 5 WHERE id = 2", &[]),
        second.execute("UPDATE t SET n = 5 WHERE id = 1", &[])
    );
    let lost = [&a, &b].into_iter().filter_map(|it| it.as_ref().err()).collect::<Vec<_>>();
    assert!(lost.iter().all(|error| error.kind == DatabaseErrorKind::Busy), "{lost:?}");
    assert!(!lost.is_empty());
    for (connection, answer) in [(&mut first, a), (&mut second, b)] {
        if answer.as_ref().is_err_and(|error| error.code == "1213") {
            assert_eq!(connection.in_transaction().await, Ok(false), "a deadlock ends the transaction");
            let error = error_of(connection.as_mut(), "UPDATE t SET n = 9").await;
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "further statements would autocommit: {error}");
            assert!(!error.has_ended_transaction(), "the server has rolled it back");
            let error = connection.commit_or_roll_back().await.expect_err("gone");
            assert_eq!((error.kind, error.has_ended_transaction()), (DatabaseErrorKind::Denied, false));
        }
        connection.rollback().await.expect("rolled back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scripts_settings_do_not_affect_the_host() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE history (t VARCHAR(20), at TIMESTAMP NULL)").await;
    for in_transaction in [false, true] {
        if in_transaction {
            opened.begin(NONE).await.expect("begun");
        }
        opened.set_role(Role::SqlScript);
        run(opened, "SET NAMES latin1").await;
        run(opened, "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+05:00', foreign_key_checks = 0")
            .await;
        run(opened, "SELECT 1").await;
        opened.set_role(Role::Host);
        run(opened, r"INSERT INTO history VALUES ('ä😀\'', '2026-01-01 00:00:00')").await;
        assert!(text_of(opened, "SELECT @@sql_mode").await.contains("STRICT"));
        opened.set_role(Role::SqlScript);
        assert_eq!(
            text_of(opened, "SELECT @@sql_mode").await,
            "NO_BACKSLASH_ESCAPES",
            "the script's settings are restored"
        );
        assert_eq!(text_of(opened, "SELECT @@time_zone").await, "+05:00");
        assert_eq!(text_of(opened, "SELECT IF(@@foreign_key_checks, 'on', 'off')").await, "off");
        assert_eq!(text_of(opened, "SELECT @@character_set_client").await, "utf8mb4", "scripts are UTF-8");
        opened.set_role(Role::Host);
        opened.drop_temporary().await.expect("dropped");
        if in_transaction {
            opened.commit_or_roll_back().await.expect("committed");
        }
    }
    for text in ["SELECT t FROM history LIMIT 1", "SELECT DISTINCT t FROM history"] {
        assert_eq!(text_of(opened, text).await, "ä😀'");
    }
    assert_eq!(text_of(opened, "SELECT DISTINCT CAST(at AS CHAR) FROM history").await, "2026-01-01 00:00:00");
}

/// What follows such an answer would be taken for the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_answer_that_cannot_be_read_nothing_is_believed() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'x')");
    // In the text protocol, a cell of so many bytes begins like the end of a result; what follows looks like answers.
    let row = "SELECT '', '', '', X'0000', ''";
    let long = format!("SELECT REPEAT('a', 16777216), '', '', X'0000', '' {}", format!("UNION ALL {row} ").repeat(9));
    let mut cases = vec![(Role::SqlScript, long)];
    if is_mysql() {
        let vector = "SELECT TO_VECTOR('[1,2]') a, 1 b, 2 c, 3 d".to_owned();
        cases.extend([(Role::SqlScript, vector.clone()), (Role::Component, vector)]);
    }
    for (role, statement) in cases {
        let mut database = open(&fresh).await;
        let database = database.as_mut();
        database.begin(NONE).await.expect("begun");
        database.set_role(role);
        run(database, "UPDATE t SET name = 'y'").await;
        let error = error_of(database, &statement).await;
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{statement}: {error}");
        // A migration may handle the error and continue.
        for _ in 0..12 {
            error_of(database, "UPDATE t SET name = 'z'").await;
        }
        database.set_role(Role::Host);
        assert!(!database.in_transaction().await.unwrap_or_default(), "{statement}");
        database.commit_or_roll_back().await.expect_err("it is over");
        let _ = database.rollback().await;
        assert_eq!(text_of(database, "SELECT name FROM t").await, "x", "another session: {statement}");
    }
}
