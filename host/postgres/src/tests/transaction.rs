//! Transactions, timeouts, session state, and lost connections.

use std::time::Duration;

use runner_tests::servers::{Bouncer, Proxy, Trap};

use super::*;
use runner_data::Value;
use runner_database::stop::StopReason;
use runner_database::{DatabaseErrorKind, LockRequest};

const NONE: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: false, is_tried: false };

#[tokio::test]
async fn an_aborted_transaction_is_never_committed() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    run(database.as_mut(), "CREATE TABLE t (id int PRIMARY KEY)").await;
    for rights in [Role::Host, Role::SqlScript] {
        database.begin(NONE).await.expect("begun");
        database.set_role(rights);
        run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
        assert!(database.execute("INSERT INTO t VALUES (1)", &[]).await.is_err());
        // A caller that ignores the error.
        let error = database.execute("INSERT INTO t VALUES (2)", &[]).await.expect_err("aborted");
        assert_eq!(error.code, "25P02", "{error}");
        assert!(error.detail.as_deref().is_some_and(|first| first.contains("t_pkey")), "{error}");
        assert!(database.in_transaction().await.is_err());
        database.set_role(Role::Host);
        assert!(database.commit_or_roll_back().await.is_err());
        assert_eq!(fresh.value("SELECT count(*) FROM t"), "0");
        run(database.as_mut(), "SELECT 1").await;
    }
}

#[tokio::test]
async fn a_guest_can_continue_after_handling_an_error() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    run(database.as_mut(), "CREATE TABLE t (id int PRIMARY KEY)").await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
    for wrong in ["INSERT INTO t VALUES (1)", "SELECT * FROM nowhere", "SELECT 1/0", "INSERT INTO t VALUES (2), (1)"] {
        assert!(database.execute(wrong, &[]).await.is_err(), "{wrong}");
        assert_eq!(database.in_transaction().await, Ok(true));
    }
    run(database.as_mut(), "INSERT INTO t VALUES (3)").await;
    database.set_role(Role::Host);
    run(database.as_mut(), "INSERT INTO t VALUES (4)").await;
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(fresh.sql("SELECT id FROM t ORDER BY id"), ["1", "3", "4"]);
}

#[tokio::test]
async fn a_transaction_in_place_of_ours_is_detected() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    run(database.as_mut(), "CREATE TABLE t (id int)").await;
    for end in ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"] {
        database.begin(NONE).await.expect("begun");
        assert_eq!(database.in_transaction().await, Ok(true));
        // The host can run what a script cannot.
        run(database.as_mut(), end).await;
        if end.ends_with("CHAIN") {
            run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
        }
        assert_eq!(database.in_transaction().await, Ok(false), "{end}");
        let error = database.commit_or_roll_back().await.expect_err(end);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{end}: {error}");
        assert_eq!(fresh.value("SELECT count(*) FROM t"), "0", "{end}");
    }
}

/// No other session is in the way, so trying again would not help.
#[tokio::test]
async fn a_table_that_waits_for_the_commit_is_not_busy() {
    let fresh = fresh();
    fresh
        .sql("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    let mut database = open(&fresh).await;
    database.begin(NONE).await.expect("begun");
    run(database.as_mut(), "INSERT INTO c VALUES (1)").await;
    let error = database.execute("ALTER TABLE c ADD COLUMN note text", &[]).await.expect_err("a check is to come");
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Other, "55006"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("SET CONSTRAINTS ALL IMMEDIATE")));
    database.rollback().await.expect("rolled back");
}

#[tokio::test]
async fn deferred_constraints_are_checked_and_stay_deferred() {
    let fresh = fresh();
    fresh.sql(
        "CREATE TABLE a (id int PRIMARY KEY); \
         CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED, c int REFERENCES a DEFERRABLE)",
    );
    let mut database = open(&fresh).await;
    for commit in [true, false] {
        database.begin(NONE).await.expect("begun");
        run(database.as_mut(), "INSERT INTO b (a) VALUES (7)").await;
        for _ in 0..2 {
            let error = database.check(runner_database::Check::Constraints).await.expect_err("violated");
            assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{error}");
            assert!(error.to_string().contains("(a)=(7)"), "{error}");
        }
        assert_eq!(database.in_transaction().await, Ok(true));
        if commit {
            run(database.as_mut(), "INSERT INTO a VALUES (7)").await;
            database.check(runner_database::Check::Constraints).await.expect("whole again");
            // Immediate constraints still apply at once.
            assert!(database.execute("INSERT INTO b (c) VALUES (8)", &[]).await.is_err());
            database.rollback().await.expect("rolled back");
        } else {
            let error = database.commit_or_roll_back().await.expect_err("violated");
            assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{error}");
        }
        assert_eq!(fresh.value("SELECT count(*) FROM b"), "0");
    }
}

#[tokio::test]
async fn timeouts_apply_to_migrations_only() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    let mut other = fresh.client().session();
    other.run("BEGIN; UPDATE t SET id = 2");
    // One connection for each timeout: on a busy machine, what does not sleep may take a second as well.
    let one_second = ConnectOptions { statement_timeout: Some(Duration::from_secs(1)), ..ConnectOptions::default() };
    let long = ConnectOptions {
        statement_timeout: Some(Duration::from_secs(3600)),
        lock_timeout: Some(Duration::from_millis(50)),
        ..ConnectOptions::default()
    };
    for (options, statement, kind, code) in [
        (&one_second, "SELECT pg_sleep(30)", DatabaseErrorKind::Timeout, "57014"),
        (&long, "UPDATE t SET id = 3", DatabaseErrorKind::Busy, "55P03"),
    ] {
        let mut database = open_with(&fresh.url(), options).await.expect("a connection");
        let database = database.as_mut();
        for in_transaction in [false, true] {
            for rights in [Role::SqlScript, Role::Component] {
                database.set_role(Role::Host);
                if in_transaction {
                    database.begin(NONE).await.expect("begun");
                }
                database.set_role(rights);
                let error = database.execute(statement, &[]).await.expect_err(statement);
                assert_eq!((error.kind, error.code.as_str()), (kind, code), "{error}");
                assert!(error.hint.is_some(), "{error}");
                database.rollback().await.expect("rolled back");
            }
            database.set_role(Role::Host);
            if in_transaction {
                database.begin(NONE).await.expect("begun");
            }
            if kind == DatabaseErrorKind::Timeout {
                run(database, "SELECT pg_sleep(1.2)").await;
            } else {
                if in_transaction {
                    database.set_role(Role::Component);
                    run(database, "SELECT 1").await;
                    database.set_role(Role::Host);
                }
                // What the component had is taken back for the host.
                let limit = rows(database, "SELECT current_setting('statement_timeout')").await;
                assert_eq!(limit, [[Value::from("0")]]);
            }
            database.rollback().await.expect("rolled back");
        }
    }
}

#[tokio::test]
async fn session_settings_of_a_script_last_across_transactions() {
    let fresh = fresh();
    let options = ConnectOptions { lock_timeout: Some(Duration::from_secs(3)), ..ConnectOptions::default() };
    let mut database = open_with(&fresh.url(), &options).await.expect("a connection");
    // The configuration of a server may call it `Etc/UTC`.
    let ask =
        "SELECT concat_ws(' ', current_setting('lock_timeout'), replace(current_setting('timezone'), 'Etc/', ''))";
    database.set_role(Role::SqlScript);
    assert_eq!(rows(database.as_mut(), ask).await, [[Value::from("3s UTC")]]);
    run(database.as_mut(), "SET lock_timeout = '7s'").await;
    run(database.as_mut(), "SET TIME ZONE 'Asia/Tokyo'").await;
    run(database.as_mut(), "VACUUM pg_class").await;
    assert_eq!(rows(database.as_mut(), ask).await, [[Value::from("7s Asia/Tokyo")]]);
    database.set_role(Role::Host);
    database.drop_temporary().await.expect("dropped");
    database.set_role(Role::SqlScript);
    assert_eq!(rows(database.as_mut(), ask).await, [[Value::from("3s UTC")]]);
}

#[tokio::test]
async fn no_session_state_survives_a_migration() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE SEQUENCE s");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let role = format!("role_{}", fresh.name());
    fresh.sql(&format!("CREATE ROLE {role}; GRANT {role} TO CURRENT_USER"));
    for in_transaction in [true, false] {
        if in_transaction {
            database.begin(NONE).await.expect("begun");
        }
        database.set_role(Role::SqlScript);
        for statement in [
            "CREATE TEMP TABLE t (id int PRIMARY KEY)",
            "CREATE TEMP TABLE u (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO u VALUES (1)",
            "CREATE TEMP VIEW v AS SELECT 1 AS one",
            "CREATE TEMP SEQUENCE z",
            "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "PREPARE p AS SELECT 1",
            "LISTEN channel",
            "SELECT pg_advisory_lock(7)",
            "SELECT nextval('s')",
            "SET search_path = nowhere",
            "SET timezone = 'Asia/Tokyo'",
            "SET runner.mine = 'x'",
            &format!("SET ROLE {role}"),
        ] {
            run(database, statement).await;
        }
        database.set_role(Role::Host);
        database.drop_temporary().await.expect("dropped");
        if in_transaction {
            run(database, "INSERT INTO a VALUES (1)").await;
            database.commit_or_roll_back().await.expect("committed");
        }
        let left = "SELECT concat_ws(' ', \
            (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()), \
            (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()), \
            (SELECT count(*) FROM pg_prepared_statements WHERE from_sql), \
            (SELECT count(*) FROM pg_listening_channels()), \
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
            current_setting('search_path'), current_setting('timezone'), current_setting('runner.mine', true), \
            session_user = current_user)";
        assert_eq!(rows(database, left).await, [[Value::from("0 0 0 0 0 \"$user\", public UTC  t")]]);
        assert!(database.execute("SELECT currval('s')", &[]).await.is_err(), "the sequence's last value is forgotten");
    }
    fresh.sql(&format!("DROP ROLE {role}"));
}

#[tokio::test]
async fn a_stop_signal_ends_the_statement_on_the_server() {
    let fresh = fresh();
    for rights in [Role::Host, Role::SqlScript, Role::Component] {
        for in_transaction in [true, false] {
            let mut database = open(&fresh).await;
            let stop = StopSignal::default();
            database.set_stop_signal(stop.clone());
            if in_transaction {
                database.begin(NONE).await.expect("begun");
            }
            database.assume_role(rights, &stop);
            let (result, ()) = tokio::join!(database.execute("SELECT pg_sleep(600)", &[]), async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stop.raise(StopReason::Interrupt);
            });
            assert_eq!(result.expect_err("stopped").kind, DatabaseErrorKind::Interrupted);
            // The server sends the error a moment before it shows the end. By itself the statement would continue for ten minutes.
            let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
            runner_tests::until("the statement ends", || fresh.value(left) == "0");
            database.rollback().await.expect("rolled back");
            database.set_stop_signal(StopSignal::default());
            run(database.as_mut(), "SELECT 1").await;
        }
    }
}

/// A pooler runs what has no transaction wherever it likes, also in a process other than that of the settings before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_signal_finds_a_statement_without_a_transaction_behind_a_pooler() {
    const SLEEPS: &str =
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    let fresh = fresh();
    let bouncer = Bouncer::with(servers::postgres(), 5, "pool_mode = transaction\nserver_round_robin = 1");
    let url = fresh.url_at(bouncer.port());
    let mut others = [open_url(&url).await.expect("a connection"), open_url(&url).await.expect("a connection")];
    let mut database = open_url(&url).await.expect("a connection");
    let request = LockRequest { wait: Duration::from_secs(5), run_id: "r1".to_owned(), owner: "me".to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
    // Several processes of the server, which are then used in turn.
    for other in &mut others {
        other.begin(NONE).await.expect("begun");
    }
    run(database.as_mut(), "SELECT 1").await;
    for other in &mut others {
        other.rollback().await.expect("rolled back");
    }
    let stop = StopSignal::default();
    database.assume_role(Role::SqlScript, &stop);
    let statement = "DO $$ BEGIN PERFORM pg_sleep(600); COMMIT; END $$";
    let (result, ()) = tokio::join!(database.execute(statement, &[]), async {
        while fresh.sql(SLEEPS).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.raise(StopReason::Interrupt);
    });
    let error = result.expect_err("stopped");
    assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
    assert!(fresh.sql(SLEEPS).is_empty(), "it goes on");
}

#[tokio::test]
async fn statements_that_refuse_a_transaction_are_reported_before_they_run() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id int)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for statement in ["VACUUM t", "CREATE INDEX CONCURRENTLY i ON t (id)", "REINDEX INDEX CONCURRENTLY i"] {
        database.begin(NONE).await.expect("begun");
        database.set_role(Role::SqlScript);
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("no-transaction")), "{error:?}");
        assert_eq!(database.in_transaction().await, Ok(true), "the statement was not run");
        database.rollback().await.expect("rolled back");
        run(database, statement).await;
        database.set_role(Role::Component);
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        database.set_role(Role::Host);
    }
}

#[tokio::test]
async fn a_lost_connection_is_replaced() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let request = LockRequest { wait: Duration::from_secs(5), run_id: "r".to_owned(), owner: "me".to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
    database.reconnect().await.expect("harmless");
    for end in ["application_name = 'runner:r'", "application_name LIKE 'runner%'"] {
        database.begin(NONE).await.expect("begun");
        run(database.as_mut(), "CREATE TABLE t (id int)").await;
        terminate(&fresh, &format!("pg_stat_activity WHERE {end} AND datname = current_database()"));
        let error = database.execute("SELECT 1", &[]).await.expect_err("lost");
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
        assert_eq!(database.begin(NONE).await.expect_err("still open").kind, DatabaseErrorKind::InvalidArgument);
        database.rollback().await.expect("the server rolls back by itself");
        assert_eq!(database.begin(NONE).await.expect_err("lost").kind, DatabaseErrorKind::Connection);
        database.reconnect().await.expect("anew");
        assert_eq!(fresh.value("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
        let mut other = open(&fresh).await;
        let quick = LockRequest { wait: Duration::ZERO, ..request.clone() };
        let error = other.lock(&quick, &StopSignal::default(), &|_| {}).await.expect_err("held again");
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    }
}

#[tokio::test]
async fn the_outcome_of_an_unanswered_commit_is_determined() {
    let server = servers::postgres();
    for (trap, rows) in [(Trap::Answer("COMMIT", 1), "1"), (Trap::Before("COMMIT", 1), "0")] {
        let fresh = server.database();
        fresh.sql("CREATE TABLE t (id int)");
        let proxy = Proxy::start(server.port());
        let mut database = open_url(&fresh.url_at(proxy.port())).await.expect("a connection");
        database.begin(NONE).await.expect("begun");
        run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
        proxy.set(trap);
        let error = database.commit_or_roll_back().await.expect_err("no answer");
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
        database.rollback().await.expect("harmless");
        database.reconnect().await.expect("anew");
        assert_eq!(fresh.value("SELECT count(*) FROM t"), rows);
        run(database.as_mut(), "INSERT INTO t VALUES (2)").await;
    }
}

#[tokio::test]
async fn the_answer_to_an_abandoned_statement_is_not_taken_for_anothers() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    run(database.as_mut(), "CREATE TABLE t (id int)").await;
    database.begin(NONE).await.expect("begun");
    let slow = database.execute("INSERT INTO t SELECT 1 FROM pg_sleep(600)", &[]);
    assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
    let error = database.execute("SELECT 1", &[]).await.expect_err("in the middle of something");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    assert!(database.commit_or_roll_back().await.is_err());
    database.reconnect().await.expect("anew");
    assert_eq!(rows(database.as_mut(), "SELECT id FROM t").await, Vec::<Vec<Value>>::new());
}
