//! Connections, and those that cannot be opened.

use std::time::Duration;

use runner_tests::servers::{Kind, Server};

use super::*;
use runner_data::Value;
use runner_database::DatabaseErrorKind;

fn url(port: u16, user: &str, rest: &str) -> String {
    format!("postgres://{user}@127.0.0.1:{port}/{rest}")
}

#[tokio::test]
async fn the_servers_facts_are_read() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let facts = database.facts().clone();
    let number: u32 = fresh.value("SELECT current_setting('server_version_num')").parse().expect("a number");
    assert_eq!(facts.version, format!("{}.{}", number / 10_000, number % 10_000));
    assert_eq!((facts.dialect, facts.read_only), (runner_database::Dialect::Postgres, false));
    assert_eq!(facts.schema.as_deref(), Some("public"));
    assert_eq!(rows(database.as_mut(), "SELECT current_setting('application_name')").await, [[Value::from("runner")]]);
}

#[tokio::test]
async fn unix_sockets_and_parameters_are_supported() {
    let fresh = fresh();
    if let Some(url) = fresh.socket_url() {
        let mut database = open_url(&url).await.expect("a connection");
        assert_eq!(rows(database.as_mut(), "SELECT inet_client_addr() IS NULL AND 1 = 1").await.len(), 1);
    }
    fresh.sql("CREATE SCHEMA other");
    let url = format!("{}?application_name=mine&options=-c%20search_path%3Dother,public", fresh.url());
    let mut database = open_url(&url).await.expect("a connection");
    assert_eq!(database.facts().schema.as_deref(), Some("other"));
    assert_eq!(rows(database.as_mut(), "SELECT current_setting('application_name')").await, [[Value::from("mine")]]);
}

#[tokio::test]
async fn settings_apply_to_every_transaction() {
    let fresh = fresh();
    let has_transaction_timeout =
        fresh.value("SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'") == "1";
    fresh.sql(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); CREATE FUNCTION slow(int) RETURNS int IMMUTABLE \
         LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(1.8); RETURN $1; END'",
    );
    // The timeouts allow the statements that override them, on a busy machine too, and are shorter than what follows.
    fresh.sql(&format!(
        "ALTER DATABASE {0} SET timezone = 'Asia/Tokyo'; ALTER DATABASE {0} SET bytea_output = 'escape'; \
         ALTER DATABASE {0} SET statement_timeout = '3s'; ALTER DATABASE {0} SET idle_in_transaction_session_timeout = '3s'; \
         ALTER DATABASE {0} SET intervalstyle = 'iso_8601'; ALTER DATABASE {0} SET standard_conforming_strings = off; \
         ALTER DATABASE {0} SET lc_monetary = 'C.UTF-8'",
        fresh.name()
    ));
    if has_transaction_timeout {
        fresh.sql(&format!("ALTER DATABASE {} SET transaction_timeout = '3s'", fresh.name()));
    }
    let mut database = open(&fresh).await;
    let ask = "SELECT concat_ws(' ', current_setting('timezone'), current_setting('bytea_output'), \
        current_setting('intervalstyle'), current_setting('standard_conforming_strings'), \
        current_setting('lc_monetary'), pg_sleep(3.3))";
    let expected = [[Value::from("UTC hex postgres on C ")]];
    assert_eq!(rows(database.as_mut(), ask).await, expected);
    database.begin(TransactionOptions::default()).await.expect("begun");
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    assert_eq!(rows(database.as_mut(), ask).await, expected);
    database.commit_or_roll_back().await.expect("committed");
    // A statement that refuses our transaction is one to the server.
    database.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))", &[]).await.expect("an index");
    if has_transaction_timeout {
        let left =
            rows(database.as_mut(), "SELECT reset_val FROM pg_settings WHERE name = 'transaction_timeout'").await;
        assert_eq!(left, [[Value::from("3000")]]);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let fresh = fresh();
    let port = fresh.client().value("SELECT current_setting('port')").parse::<u16>().expect("a port");
    // Bound and closed again: the port has no listener.
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    for (url, kind, message, hint) in [
        (url(free, "me", "x"), DatabaseErrorKind::Connection, "nothing listens at", "whether the server is up"),
        (
            "postgres://me@no-such-host.invalid/x".to_owned(),
            DatabaseErrorKind::Connection,
            "the host `no-such-host.invalid` is not known",
            "look at",
        ),
        ("postgres:///x?host=/nowhere".to_owned(), DatabaseErrorKind::Connection, "no socket", "check the directory"),
        (
            url(port, "postgres", "no_such_database"),
            DatabaseErrorKind::NotFound,
            "`no_such_database`",
            "CREATE DATABASE",
        ),
        (url(port, "no_such_role", "postgres"), DatabaseErrorKind::Denied, "`no_such_role`", "pg_hba.conf"),
        (
            format!("{}?sslmode=require", url(port, "postgres", "postgres")),
            DatabaseErrorKind::Connection,
            "encrypted",
            "sslmode",
        ),
        (
            format!("{}?options=-c%20no_such_setting%3D1", url(port, "postgres", "postgres")),
            DatabaseErrorKind::Configuration,
            "no_such_setting",
            "`options`",
        ),
    ] {
        let error = refusal(open_url(&url).await);
        assert_eq!(error.kind, kind, "{url}: {error:?}");
        assert!(error.message.contains(message), "{url}: {error:?}");
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let options = ConnectOptions { connect_timeout: Duration::from_millis(200), ..ConnectOptions::default() };
    let error = refusal(open_with(&url(port, "me", "x"), &options).await);
    assert_eq!(error.kind, DatabaseErrorKind::Connection);
    assert!(error.message.contains("did not answer within 0.2 s"), "{error}");
}

#[tokio::test]
async fn another_kind_of_server_is_recognised() {
    use std::io::Write;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    std::thread::spawn(move || {
        listener.accept().map(|(mut client, _)| client.write_all(b"220 mail.example ESMTP\r\n"))
    });
    let error = refusal(open_url(&url(port, "me", "x")).await);
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    assert!(error.message.contains("does not use the PostgreSQL protocol"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("port")));
}

#[tokio::test]
async fn passwords_are_checked_and_never_shown() {
    let server = Server::private(Kind::Postgres).passwords().start();
    let fresh = server.database();
    fresh.sql(&format!("CREATE ROLE me LOGIN PASSWORD 'right'; GRANT ALL ON DATABASE {} TO me", fresh.name()));
    open_url(&fresh.url_as("me", "right")).await.expect("a connection");
    let error = refusal(open_url(&fresh.url_as("me", "s3cret")).await);
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Denied, "28P01"), "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("PGPASSWORD")), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    fresh.sql("ALTER ROLE me CONNECTION LIMIT 0");
    let error = refusal(open_url(&fresh.url_as("me", "right")).await);
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Busy, "53300"), "{error}");
    fresh.sql(&format!("ALTER ROLE me CONNECTION LIMIT 9; REVOKE ALL ON DATABASE {} FROM me, public", fresh.name()));
    let error = refusal(open_url(&fresh.url_as("me", "right")).await);
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("GRANT CONNECT")), "{error:?}");
}

#[tokio::test]
async fn waits_for_a_server_that_is_starting() {
    let server = Server::private(Kind::Postgres).start();
    let fresh = server.database();
    server.pause();
    let (opened, ()) = tokio::join!(open(&fresh), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.resume();
    });
    assert!(!opened.facts().read_only);
}

#[tokio::test]
async fn a_read_only_database_is_detected() {
    let fresh = fresh();
    fresh.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", fresh.name()));
    let mut database = open(&fresh).await;
    assert!(database.facts().read_only);
    let error = database.begin(TransactionOptions::default()).await.expect_err("read-only");
    assert_eq!(error.kind, DatabaseErrorKind::ReadOnly);
    let error = database.execute("CREATE TABLE t (x int)", &[]).await.expect_err("read-only");
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::ReadOnly, "25006"), "{error}");
    assert!(error.hint.is_some());
}

#[tokio::test]
async fn tls_is_requested_and_verified() {
    let server = Server::private(Kind::Postgres).tls(runner_tests::servers::Tls::Required).start();
    let fresh = server.database();
    let authority = server.authority();
    let encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for query in ["sslmode=require".to_owned(), format!("sslmode=verify-full&sslrootcert={}", authority.display())] {
        let url = format!("{}?{query}", fresh.url());
        let mut database = open_url(&url).await.expect("a connection");
        assert_eq!(rows(database.as_mut(), encrypted).await, [[Value::from("true")]], "{query}");
    }
    for (query, kind) in
        [("sslmode=disable", DatabaseErrorKind::Denied), ("sslmode=verify-full", DatabaseErrorKind::Connection)]
    {
        let error = refusal(open_url(&format!("{}?{query}", fresh.url())).await);
        assert_eq!(error.kind, kind, "{query}: {error:?}");
        assert!(error.hint.is_some(), "{query}: {error:?}");
    }
}

#[tokio::test]
async fn a_standby_is_read_only() {
    let server = Server::private(Kind::Postgres).start();
    let fresh = server.database();
    let standby = server.standby();
    let mut database = open_url(&fresh.url_at(standby.port())).await.expect("a connection");
    assert!(database.facts().read_only);
    assert_eq!(rows(database.as_mut(), "SELECT 1").await, [[Value::Int64(1)]]);
    let error = database.begin(TransactionOptions::default()).await.expect_err("read-only");
    assert_eq!(error.kind, DatabaseErrorKind::ReadOnly);
}
