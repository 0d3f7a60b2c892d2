//! URLs, and servers that refuse connections.

use std::time::Duration;

use runner_tests::servers::{Kind, Proxy, Server};

use super::*;
use crate::link::watchdog::Watchdog;
use runner_database::Dialect;

async fn refused(url: &str) -> DatabaseError {
    match open_url(url).await {
        Ok(_) => panic!("{url} opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn errors_in_a_url_are_named() {
    use DatabaseErrorKind::Configuration;
    for (url, kind, part) in [
        ("mysql://me:secret@localhost", Configuration, "names no database"),
        ("mysql://me:secret@localhost/", Configuration, "names no database"),
        ("mysql://me:secret@localhost/db?sslmod=x", Configuration, "`sslmod`"),
        ("mysql://me:secret@localhost/db?timezone=x", Configuration, "`timezone`"),
        ("mysql://me:secret@localhost/db?charset=latin1", Configuration, "`charset=latin1`"),
        ("mysql://me:secret@localhost/db?ssl-mode=perhaps", Configuration, "perhaps"),
        ("mysql://me:secret@localhost/db?connect-timeout=soon", Configuration, "number of seconds"),
        ("mysql://me:secret@localhost/db?connect_timeout=0", Configuration, "`connect_timeout=0`"),
        ("mysql://me:secret@localhost:99999/db", Configuration, "is not a URL"),
    ] {
        let error = refused(url).await;
        assert_eq!(error.kind, kind, "{url}: {error}");
        assert!(error.message.contains(part), "{url}: {error}");
        assert!(error.hint.is_some(), "{url}: {error}");
        let text = format!("{error:?}");
        assert!(!text.contains("secret"), "{url}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_why() {
    let database = fresh();
    database.sql("CREATE USER IF NOT EXISTS 'my_connect'@'%' IDENTIFIED BY 'right'");
    for (url, kind, code, part) in [
        (database.url_as("my_connect", "wrong"), DatabaseErrorKind::Denied, "1045", "my_connect"),
        (database.url_as("my_connect", "right"), DatabaseErrorKind::Denied, "1044", "GRANT"),
        (
            database.url().replace(database.name(), "runner_nowhere"),
            DatabaseErrorKind::NotFound,
            "1049",
            "runner db create",
        ),
        (database.url_at(1), DatabaseErrorKind::Connection, "", "127.0.0.1:1"),
        ("mysql://me:wrong@host.invalid/db".to_owned(), DatabaseErrorKind::Connection, "", "host.invalid"),
        ("mysql://me:wrong@localhost/db?socket=/nowhere/s".to_owned(), DatabaseErrorKind::Connection, "", "/nowhere/s"),
    ] {
        let error = refused(&url).await;
        assert_eq!((error.kind, error.code.as_str()), (kind, code), "{url}: {error:?}");
        let text = format!("{error} {:?}", error.hint);
        assert!(text.contains(part), "{url}: {text}");
        assert!(!text.contains("wrong") && !text.contains("right"), "{url}: {text}");
        assert!(error.hint.is_some(), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unresponsive_server_times_out() {
    let database = fresh();
    let proxy = Proxy::start(servers::mariadb().port());
    proxy.stall(true);
    let options = ConnectOptions { connect_timeout: Duration::from_millis(300), ..ConnectOptions::default() };
    let error = open_with(&database.url_at(proxy.port()), &options).await.err().expect("no answer");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    assert!(error.message.contains("0.3 s"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_reported() {
    let server = Server::private(Kind::Mariadb).setting("max-connections", 1).start();
    let database = server.database();
    let mut held = Vec::new();
    let error = loop {
        match open_url(&database.url()).await {
            Ok(connection) => held.push(connection),
            Err(error) => break error,
        }
        assert!(held.len() < 20, "no connection was refused");
    };
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Connection, "1040"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("max_connections")));
}

/// A connection, as soon as there is room: a server counts those that have ended for a moment longer.
async fn open_at_last(url: &str) -> Box<dyn Database> {
    loop {
        match open_url(url).await {
            Ok(connection) => return connection,
            Err(error) => assert_eq!(error.code, "1040", "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_replaced_once_the_server_has_room() {
    let server = Server::private(Kind::Mariadb).setting("max-connections", 1).start();
    let database = server.database();
    let mut ours = open_at_last(&database.url()).await;
    let id = text_of(ours.as_mut(), "SELECT CONNECTION_ID()").await;
    let mut held = vec![open_at_last(&database.url()).await];
    while let Ok(connection) = open_url(&database.url()).await {
        held.push(connection);
    }
    run(held[0].as_mut(), &format!("KILL {id}")).await;
    // Another takes the place at once.
    while let Ok(connection) = open_url(&database.url()).await {
        held.push(connection);
    }
    let others = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(held);
    });
    ours.reconnect().await.expect("room, in the end");
    others.await.expect("ended");
    assert_ne!(text_of(ours.as_mut(), "SELECT CONNECTION_ID()").await, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_has_not_lost_the_session() {
    let database = fresh();
    let name = database.name();
    let user = format!("f_{}", &name[name.len() - 12..]);
    database.sql(&format!("CREATE USER {user}@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1"));
    database.sql(&format!("GRANT ALL ON {name}.* TO {user}@'%'"));
    let url = DatabaseUrl::parse(&database.url_as(&user, "x"), Path::new("/")).expect("a URL");
    let endpoint = Endpoint::new(&url, &ConnectOptions::default()).expect("an endpoint");
    let (connection, server) = endpoint.connect().await.expect("the only connection");
    let watch = Watchdog::new(endpoint.clone(), &server);
    let refused = endpoint.connect_as_itself().await.expect_err("no other");
    assert_eq!((refused.kind, refused.code.as_str()), (DatabaseErrorKind::Connection, "1226"), "{refused}");
    assert_eq!(watch.is_known().await, Ok(true), "a refusal is an answer");
    drop(connection);
    while watch.is_known().await != Ok(false) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    database.sql(&format!("DROP USER {user}@'%'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_follows_the_url() {
    let server = Server::private(Kind::Mariadb).tls(servers::Tls::Offered).start();
    let database = server.database();
    let plain = |mode: &str| {
        let url = database.url();
        format!("{url}{}ssl-mode={mode}", if url.contains('?') { "&" } else { "?" })
    };
    let cipher = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
    for (url, encrypted) in [
        (plain("disabled"), false),
        (plain("required"), true),
        (format!("{}&ssl-ca={}", plain("verify_ca"), server.authority().display()), true),
    ] {
        let mut opened = open_url(&url).await.expect(&url);
        assert_eq!(!text_of(opened.as_mut(), cipher).await.is_empty(), encrypted, "{url}");
    }
    let error = refused(&plain("verify_ca")).await;
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    assert!(error.message.starts_with("TLS with"), "{error}");
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("ssl-ca")), "{error:?}");
    let without = Server::private(Kind::Mariadb).tls(servers::Tls::Off).start();
    let error = refused(&format!("{}?ssl-mode=required", without.database().url())).await;
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_come_from_the_server() {
    let database = fresh();
    let opened = open_url(&database.url().replace("mysql://", "mariadb://")).await.expect("a connection");
    let facts = opened.facts();
    // DATABASE_URL may point to either.
    assert!(matches!(facts.dialect, Dialect::Mariadb | Dialect::Mysql));
    assert_eq!(facts.schema.as_deref(), Some(database.name()));
    assert!(!facts.transactional_ddl && !facts.read_only);
    let version = database.value("SELECT VERSION()");
    assert!(version.starts_with(&facts.version) && facts.version.split('.').count() == 3, "{version}");
    if let Some(url) = database.socket_url() {
        assert_eq!(
            text_of(open_url(&url).await.expect("a socket").as_mut(), "SELECT DATABASE()").await,
            database.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_detected() {
    let server = Server::private(Kind::Mariadb).setting("read-only", 1).start();
    let database = server.database();
    database.sql("CREATE USER reader@'%' IDENTIFIED BY 'x'");
    database.sql(&format!("GRANT ALL ON {}.* TO reader@'%'", database.name()));
    let mut opened = open_url(&database.url_as("reader", "x")).await.expect("a connection");
    assert!(opened.facts().read_only);
    assert_eq!(opened.begin(NONE).await.expect_err("read-only").kind, DatabaseErrorKind::ReadOnly);
    let error = error_of(opened.as_mut(), "CREATE TABLE t (a INT)").await;
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::ReadOnly, "1290"), "{error}");
}

/// Also in a dry run, whose transaction continues after a migration.
#[tokio::test(flavor = "multi_thread")]
async fn only_scripts_have_the_time_zone_of_the_server() {
    let server = Server::private(Kind::Mariadb).setting("default-time-zone", "+09:00").start();
    let fresh = server.database();
    let mut opened = open(&fresh).await;
    opened.begin(NONE).await.expect("begun");
    let zones =
        [(Role::Host, "+00:00"), (Role::SqlScript, "+09:00"), (Role::Host, "+00:00"), (Role::SqlScript, "+09:00")];
    for (role, zone) in zones {
        opened.set_role(role);
        assert_eq!(text_of(opened.as_mut(), "SELECT @@time_zone").await, zone, "{role:?}");
    }
    opened.drop_temporary().await.expect("the end of a migration");
    for role in [Role::Host, Role::Component] {
        opened.set_role(role);
        assert_eq!(text_of(opened.as_mut(), "SELECT @@time_zone").await, "+00:00", "{role:?}");
    }
}
