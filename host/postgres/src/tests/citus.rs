//! Databases with the extension Citus, played by a plain server that says of itself what they do. What Citus itself does was tried
//! by hand: see `docs/src/guide/engines.md`.

use runner_tests::servers::Citus;

use super::*;
use runner_data::Value;
use runner_database::{ConnectOptions, DatabaseErrorKind};

#[tokio::test]
async fn a_coordinator_is_recognised_and_a_database_without_cluster_too() {
    for (played, is_coordinator, workers) in
        [(Citus::COORDINATOR, true, 2), (Citus { version: "11.2-2", nodes: &[], ..Citus::COORDINATOR }, false, 0)]
    {
        let fresh = fresh();
        played.play(&fresh);
        let database = open(&fresh).await;
        let found = database.facts().citus.clone().expect("Citus");
        assert_eq!(
            (&*found.version, found.is_coordinator, found.workers),
            (played.version, is_coordinator, workers),
            "{played:?}"
        );
    }
    assert_eq!(open(&fresh()).await.facts().citus, None);
}

#[tokio::test]
async fn workers_and_old_versions_are_refused() {
    for (played, message, hint) in [
        (
            Citus { group: 3, nodes: &[0, 3], ..Citus::COORDINATOR },
            "the server is a worker of a Citus cluster (group 3)",
            "the URL of the coordinator, which the cluster knows as `node0.example:5432`",
        ),
        // A cluster need not know its coordinator.
        (
            Citus { group: 1, nodes: &[1], ..Citus::COORDINATOR },
            "a worker of a Citus",
            "give the URL of the coordinator",
        ),
        (
            Citus { version: "11.1-1", ..Citus::COORDINATOR },
            "the database has the extension Citus 11.1-1, and runner needs Citus 11.2 or later",
            "`ALTER EXTENSION citus UPDATE`",
        ),
    ] {
        let fresh = fresh();
        played.play(&fresh);
        let error = refusal(open_url(&fresh.url()).await);
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{error:?}");
    }
}

#[tokio::test]
async fn a_history_that_is_spread_over_the_cluster_is_refused() {
    let fresh = fresh();
    Citus::COORDINATOR.play(&fresh);
    fresh.sql(
        "CREATE SCHEMA runner; CREATE TABLE runner.runner_meta (key text); CREATE TABLE public.t (id int); \
         SET allow_system_table_mods = on; INSERT INTO pg_dist_partition VALUES ('public.t')",
    );
    assert!(open_url(&fresh.url()).await.is_ok(), "other tables may be spread");
    fresh.sql("SET allow_system_table_mods = on; INSERT INTO pg_dist_partition VALUES ('runner.runner_meta')");
    let error = refusal(open_url(&fresh.url()).await);
    assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
    assert!(error.message.contains("`runner.runner_meta`, a table of runner's own, is managed by Citus"), "{error:?}");
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("in the schema `runner`")), "{error:?}");
    // Only the schema, as an administrator has made it for runner.
    fresh.sql(
        "SET allow_system_table_mods = on; TRUNCATE pg_dist_partition; INSERT INTO pg_dist_schema VALUES ('runner'::regnamespace)",
    );
    let error = refusal(open_url(&fresh.url()).await);
    assert!(error.message.contains("the schema `runner` is distributed"), "{error:?}");
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("citus_schema_undistribute")), "{error:?}");
}

const ASK: &str = "SELECT concat_ws(' ', current_setting('citus.multi_shard_modify_mode'), \
    current_setting('citus.propagate_set_commands'), current_setting('timezone'), current_setting('lock_timeout'))";

/// A stand-in shows what is set on the coordinator; that it reaches workers was seen on real ones.
#[tokio::test]
async fn transactions_are_sequential_with_the_settings_of_any_other() {
    let fresh = fresh();
    fresh.sql(&format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", fresh.name()));
    fresh.sql(&format!("ALTER DATABASE {} SET citus.multi_shard_modify_mode = 'parallel'", fresh.name()));
    fresh.sql(&format!("ALTER DATABASE {} SET citus.propagate_set_commands = 'none'", fresh.name()));
    // What is set has no meaning without the extension, and is left alone.
    let mut plain = open(&fresh).await;
    assert_eq!(rows(plain.as_mut(), ASK).await, [[Value::from("parallel none UTC 0")]]);
    Citus::COORDINATOR.play(&fresh);
    let options = ConnectOptions { lock_timeout: Some(std::time::Duration::from_secs(7)), ..ConnectOptions::default() };
    let mut database = open_with(&fresh.url(), &options).await.expect("a connection");
    let expected = [[Value::from("sequential none UTC 0")]];
    assert_eq!(rows(database.as_mut(), ASK).await, expected, "in a transaction for one statement");
    database.begin(TransactionOptions::default()).await.expect("begun");
    assert_eq!(rows(database.as_mut(), ASK).await, expected, "as the host");
    database.set_role(Role::SqlScript);
    assert_eq!(rows(database.as_mut(), ASK).await, [[Value::from("sequential none Asia/Tokyo 7s")]], "as a script");
    // A script that wants another mode gets it.
    run(database.as_mut(), "SET LOCAL citus.multi_shard_modify_mode = 'parallel'").await;
    assert_eq!(rows(database.as_mut(), ASK).await, [[Value::from("parallel none Asia/Tokyo 7s")]]);
    for statement in [
        "SET LOCAL citus.propagate_set_commands = 'local'",
        "SELECT run_command_on_coordinator('DELETE FROM runner.runner_history')",
    ] {
        let denied = database.execute(statement, &[]).await.expect_err("denied");
        assert_eq!(denied.kind, DatabaseErrorKind::Denied, "{denied:?}");
    }
    database.rollback().await.expect("rolled back");
    // One that sets it for its session keeps it.
    run(database.as_mut(), "SET citus.multi_shard_modify_mode = 'parallel'").await;
    assert_eq!(rows(database.as_mut(), ASK).await, [[Value::from("parallel none Asia/Tokyo 7s")]]);
}

#[tokio::test]
async fn errors_of_citus_say_what_to_change() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    for (message, code, hint, expected) in [
        (
            "cannot execute DML on table \"kinds\" because there was a parallel DML access to distributed table \"events\" in the \
             same transaction",
            "XX000",
            "Try re-running the transaction with \"SET LOCAL citus.multi_shard_modify_mode TO 'sequential';\"",
            "begin each transaction with `SET LOCAL citus.multi_shard_modify_mode = 'sequential'`",
        ),
        (
            "modifying the partition value of rows is not allowed",
            "0A000",
            "",
            "leave the column out of what is written",
        ),
        ("anything else", "XX000", "Connect to the coordinator.", "Connect to the coordinator"),
    ] {
        let raise = format!(
            "DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = {}, ERRCODE = '{code}', HINT = {}; END $$",
            crate::host_sql::literal(message),
            crate::host_sql::literal(hint)
        );
        let error = database.execute(&raise, &[]).await.expect_err(message);
        assert_eq!((&*error.message, &*error.code), (message, code), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains(expected)), "{error:?}");
    }
}
