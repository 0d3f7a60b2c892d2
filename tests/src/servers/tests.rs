//! Tests of the servers themselves.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

fn both() -> [&'static Server; 2] {
    [postgres(), mariadb()]
}

#[test]
fn every_test_has_its_own_database() {
    for server in both() {
        let (one, other) = (server.database(), server.database());
        one.sql("CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1), (2)");
        assert_eq!(one.sql("SELECT id, id + 1 FROM a ORDER BY id"), ["1|2", "2|3"]);
        assert!(other.client().try_sql("SELECT * FROM a").unwrap_err().contains('a'));
        let name = one.name().to_owned();
        drop(one);
        let (list, column) = match server.kind() {
            Kind::Postgres => ("pg_database", "datname"),
            Kind::Mariadb => ("information_schema.schemata", "schema_name"),
        };
        let query = format!("SELECT count(*) FROM {list} WHERE {column} = '{name}'");
        assert_eq!(server.client().value(&query), "0");
    }
}

#[test]
fn a_crashed_server_restarts_with_the_committed_data() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).start();
        let database = server.database();
        database.sql("CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)");
        let mut session = database.client().session();
        session.run("BEGIN; INSERT INTO a VALUES (2)");
        server.crash();
        assert!(database.client().try_sql("SELECT 1").is_err());
        server.restart();
        assert_eq!(database.sql("SELECT id FROM a"), ["1"]);
        server.stop();
        server.restart();
        assert_eq!(database.sql("SELECT id FROM a"), ["1"]);
    }
}

#[test]
fn settings_passwords_and_certificates_are_applied() {
    for (kind, name, query) in [
        (Kind::Postgres, "max_connections", "SHOW max_connections"),
        (Kind::Mariadb, "max-connections", "SELECT @@max_connections"),
    ] {
        let server = Server::private(kind).setting(name, 17).tls(Tls::Required).passwords().start();
        assert_eq!(server.client().value(query), "17");
        assert!(server.authority().is_file());
        match kind {
            Kind::Postgres => assert_eq!(server.client().value("SHOW ssl"), "on"),
            Kind::Mariadb => assert_eq!(server.client().value("SELECT @@have_ssl"), "YES"),
        }
    }
}

#[test]
fn a_standby_replicates_and_is_read_only() {
    let server = Server::private(Kind::Postgres).start();
    let database = server.database();
    database.sql("CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1)");
    let standby = server.standby();
    let there = standby.client().of(database.name());
    assert_eq!(there.sql("SELECT id FROM a"), ["1"]);
    assert!(there.try_sql("INSERT INTO a VALUES (2)").unwrap_err().contains("read-only"));
}

#[test]
fn pgbouncer_changes_connections_between_transactions() {
    let server = postgres();
    let bouncer = Bouncer::start(server, 2);
    let database = server.database();
    let mut client = database.client().clone();
    (client.address.socket, client.address.port) = (None, bouncer.port());
    client.sql("CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1)");
    assert_eq!(database.sql("SELECT id FROM a"), ["1"]);
}

#[test]
fn the_proxy_cuts_connections_and_loses_answers() {
    for server in both() {
        let database = server.database();
        database.sql("CREATE TABLE a (id INTEGER PRIMARY KEY)");
        let proxy = Proxy::start(server.port());
        let mut client = database.client().clone();
        (client.address.socket, client.address.port) = (None, proxy.port());
        client.sql("INSERT INTO a VALUES (1)");
        for (trap, id) in [(Trap::Before("commit", 2), 2), (Trap::Answer("commit", 2), 3)] {
            proxy.set(trap);
            let twice =
                format!("BEGIN; INSERT INTO a VALUES ({id}); COMMIT; BEGIN; INSERT INTO a VALUES ({id}0); COMMIT;");
            client.try_sql(&twice).unwrap_err();
        }
        assert_eq!(proxy.sprung(), 2);
        assert_eq!(database.sql("SELECT id FROM a ORDER BY id"), ["1", "2", "3", "30"]);
        proxy.refuse(true);
        client.try_sql("SELECT 1").unwrap_err();
    }
}

/// Starts this test again as a separate process, whose servers must be gone after a kill that it cannot notice.
#[test]
fn nothing_outlives_a_killed_process() {
    const ROLE: &str = "RUNNER_TEST_GUARDED";
    if let Some(file) = std::env::var_os(ROLE) {
        let ports = both().map(|server| server.port().to_string()).join("\n");
        std::fs::write(file, format!("{}\n{ports}\n", guardian::directory().display())).unwrap();
        std::thread::sleep(Duration::from_secs(600));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("places");
    let name = "servers::tests::nothing_outlives_a_killed_process";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name]).env(ROLE, &file).env_remove("DATABASE_URL").stdout(Stdio::null());
    let mut child = child.spawn().unwrap();
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < crate::EVER, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let places = || std::fs::read_to_string(&file).unwrap_or_default();
    wait("the servers do not start", &|| places().lines().count() == 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let places = places();
    let mut lines = places.lines();
    let servers = std::path::PathBuf::from(lines.next().unwrap());
    for port in lines.map(|line| line.parse::<u16>().unwrap()) {
        wait("a server is still there", &|| std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }
    wait("the directory is still there", &|| !servers.exists());
}
