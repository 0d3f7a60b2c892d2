//! Connections that cannot be opened, and those that can.

use std::time::Duration;

use runner_tests::servers::{Bouncer, Kind, Proxy, Server, Tls};
use runner_tests::{Engine, EngineProject, for_each_server, project, until};

use super::{fill, shop};

const KINDS: [Kind; 2] = [Kind::Postgres, Kind::Mariadb];

/// Every command that needs a database reports an unreachable one in the same way.
fn unreachable(project: &EngineProject, url: &str, says: &[&str]) {
    for verb in ["apply", "status", "history"] {
        let output = project.run([verb, "-D", url]);
        assert!(matches!(output.exit_code(), Some(1 | 2 | 5 | 7)), "{output}");
        output.says(says).says(&["error:", "hint:"]).does_not_say(&["sEcReT"]);
    }
}

fn on(server: &Server) -> EngineProject {
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    fill(&project);
    project
}

for_each_server! {
    fn an_unreachable_server(engine) {
        let project = shop(engine);
        // Nobody listens there. The port of a closed listener could be given to another test.
        let port = 9;
        let url = project.server_database().url_at(port).replace('@', ":sEcReT@");
        unreachable(&project, &url, &[&format!("127.0.0.1:{port}")]);
        unreachable(&project, &url.replace("127.0.0.1", "nobody.invalid"), &["nobody.invalid"]);
        let v6 = url.replace("127.0.0.1", "[::1]");
        unreachable(&project, &v6, &["::1"]);
        project.run(["status", "-D", &v6]).does_not_say(&["lookup"]);
    }

    /// What the URL can say of the lock, the settings can say as well.
    fn the_lock_of_the_settings(engine) {
        let project = shop(engine);
        let lock = |arguments: &[&str]| {
            let output = project.run([&["doctor", "--format", "json"], arguments].concat());
            let told: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
            told["facts"]["lock"].as_str().unwrap_or_default().to_owned()
        };
        assert_ne!(lock(&[]), "lease");
        project.write("runner.toml", "[environments.leased]\nlock = \"lease\"\n[environments.plain]\n");
        assert_eq!(lock(&["-e", "leased"]), "lease");
        assert_ne!(lock(&["-e", "plain"]), "lease");
        project.write("runner.toml", "[database]\nlock = \"lease\"\n[environments.plain]\n");
        assert_eq!((lock(&[]), lock(&["-e", "plain"])), ("lease".to_owned(), "lease".to_owned()));
        project.runner("apply").succeeds();
        let leases = project.engine().history_table().replace("runner_history", "runner_lease");
        assert_eq!(project.value(&format!("SELECT count(*) FROM {leases}")), "1");
    }

    fn a_missing_database(engine) {
        let project = shop(engine);
        let database = project.server_database();
        let url = database.url().replace(database.name(), "runner_test_nowhere");
        unreachable(&project, &url, &["runner_test_nowhere", "CREATE DATABASE"]);
    }

    /// A listener that never sends anything.
    fn a_server_that_does_not_answer(engine) {
        let project = shop(engine);
        let proxy = Proxy::start(engine.server().unwrap().port());
        proxy.stall(true);
        let url = project.server_database().url_at(proxy.port());
        let mut run = runner_tests::Running::start(project.command(["status", "-D", &url]).stderr(std::process::Stdio::null()));
        std::thread::sleep(Duration::from_millis(500));
        run.signal("TERM");
        // It ended by the signal, or had given up.
        assert!(!run.wait().unwrap().success());
    }

    fn a_slow_network_works(engine) {
        let project = shop(engine);
        let proxy = Proxy::start(engine.server().unwrap().port());
        proxy.throttle(100_000);
        let url = project.server_database().url_at(proxy.port());
        project.run(["apply", "-D", &url]).succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
    }

    /// Each round trip to a distant server costs time.
    fn a_status_takes_few_round_trips(engine) {
        let project = shop(engine);
        project.run(["apply"]).succeeds();
        let proxy = Proxy::start(engine.server().unwrap().port());
        let url = project.server_database().url_at(proxy.port());
        project.run(["status", "-D", &url]).succeeds().says(&["3 applied"]);
        let most = match engine {
            // TLS negotiation, login, the server's facts, and all the rest.
            Engine::Postgres => 4,
            // Login, the driver's settings, the server's facts, ours, and all the rest.
            _ => 5,
        };
        assert!(proxy.turns() <= most, "{} trips", proxy.turns());
    }
}

#[test]
fn a_wrong_password_or_user() {
    for kind in KINDS {
        let server = Server::private(kind).passwords().start();
        let project = on(&server);
        let database = project.server_database();
        match kind {
            Kind::Postgres => database.sql(&format!(
                "CREATE ROLE ada LOGIN PASSWORD 'sEcReT'; ALTER DATABASE {} OWNER TO ada",
                database.name()
            )),
            Kind::Mariadb => database.sql(&format!(
                "CREATE USER ada@'%' IDENTIFIED BY 'sEcReT'; GRANT ALL ON {}.* TO ada@'%'",
                database.name()
            )),
        };
        unreachable(&project, &database.url_as("ada", "sEcReTs"), &["ada"]);
        unreachable(&project, &database.url_as("nobody", "sEcReT"), &["nobody"]);
        unreachable(&project, &database.url_as("ada", ""), &["ada"]);
        project.run(["apply", "-D", &database.url_as("ada", "sEcReT")]).succeeds().does_not_say(&["sEcReT"]);
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
    }
}

#[test]
fn tls_follows_the_url() {
    for kind in KINDS {
        let (mode, authority) = match kind {
            Kind::Postgres => ("sslmode", "sslrootcert"),
            Kind::Mariadb => ("ssl-mode", "ssl-ca"),
        };
        let (none, required, verified) = match kind {
            Kind::Postgres => ("disable", "require", "verify-full"),
            Kind::Mariadb => ("DISABLED", "REQUIRED", "VERIFY_IDENTITY"),
        };
        let server = Server::private(kind).tls(Tls::Required).start();
        let project = on(&server);
        let url = project.server_database().url();
        let ca = server.authority().display().to_string();
        unreachable(&project, &format!("{url}?{mode}={none}"), &[]);
        // The test's certificate authority is not among the trusted ones.
        unreachable(&project, &format!("{url}?{mode}={verified}"), &["certificate"]);
        project.run(["apply", "--target", "1", "-D", &format!("{url}?{mode}={required}")]).succeeds();
        project.run(["apply", "-D", &format!("{url}?{mode}={verified}&{authority}={ca}")]).succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
        unreachable(&project, &format!("{url}?{mode}={verified}&{authority}=/nowhere/ca.pem"), &["/nowhere/ca.pem"]);
        unreachable(&project, &format!("{url}?{mode}=nonsense"), &["nonsense"]);

        let plain = Server::private(kind).tls(Tls::Off).start();
        let project = on(&plain);
        unreachable(&project, &format!("{}?{mode}={required}", project.server_database().url()), &["TLS"]);
    }
}

#[test]
fn a_server_with_too_many_connections() {
    for kind in KINDS {
        let name = if kind == Kind::Postgres { "max_connections" } else { "max-connections" };
        // MariaDB's minimum.
        let server = Server::private(kind).setting(name, 10).start();
        let project = on(&server);
        let database = project.server_database();
        match kind {
            Kind::Postgres => database.sql("CREATE ROLE ada LOGIN"),
            Kind::Mariadb => {
                database.sql(&format!("CREATE USER ada@'%'; GRANT ALL ON {}.* TO ada@'%'", database.name()))
            }
        };
        let ada = database.client().as_user("ada", "");
        // PostgreSQL reserves three for administrators.
        let most = if kind == Kind::Postgres { 7 } else { 10 };
        let mut sessions = Vec::new();
        for _ in 0..most {
            // The server may not be done yet with the session of an earlier client.
            until("the server has room for a session", || {
                let mut session = ada.session();
                let is_admitted = session.try_run("SELECT 1");
                sessions.extend(is_admitted.then_some(session));
                is_admitted
            });
        }
        unreachable(&project, &database.url_as("ada", ""), &["connections"]);
        sessions.clear();
    }
}

/// What is on a replica can be read, and nothing runs there.
#[test]
fn a_read_replica() {
    for kind in KINDS {
        let server = Server::private(kind).start();
        let project = on(&server);
        project.runner("apply --target 1").succeeds();
        let database = project.server_database();
        let (url, _standby) = match kind {
            Kind::Postgres => {
                let standby = server.standby();
                (database.url_at(standby.port()), Some(standby))
            }
            Kind::Mariadb => {
                database.sql(&format!("CREATE USER ada@'%'; GRANT ALL ON {}.* TO ada@'%'", database.name()));
                database.sql("SET GLOBAL read_only = 1");
                (database.url_as("ada", ""), None)
            }
        };
        project.run(["status", "-D", &url]).succeeds().says(&["1 applied, 2 pending"]);
        let before = project.state();
        for verb in ["apply", "rollback", "redo"] {
            project.run([verb, "-D", &url]).exits(1).says(&["read-only", "hint:"]);
        }
        assert_eq!(project.state(), before);
        assert_eq!(project.history(), ["0001"]);
    }
}

#[test]
fn pgbouncer_in_transaction_mode() {
    let mut project = project!(runner_tests::Engine::Postgres);
    fill(&project);
    let bouncer = Bouncer::start(runner_tests::servers::postgres(), 4);
    let url = project.server_database().url_at(bouncer.port());
    project.by(&url);
    let empty = project.state();
    project.runner("apply").succeeds();
    assert_eq!(project.history(), ["0001", "0002", "0003"]);
    project.runner("status --exit-code").exits(0);
    project.runner("redo").succeeds();
    project.runner("rollback --all").succeeds();
    assert_eq!(project.state(), empty);
}

/// What a pooler cannot do is said at once, with the setting to change; nothing has run.
#[test]
fn pgbouncer_that_cannot_serve() {
    for (connections, settings, kind, hint) in [
        (4, "pool_mode = statement", 2, "set `pool_mode = transaction`"),
        (1, "pool_mode = transaction\nquery_wait_timeout = 1", 5, "a run needs two server connections of the pooler"),
    ] {
        let mut project = project!(runner_tests::Engine::Postgres);
        fill(&project);
        let empty = project.state();
        let bouncer = Bouncer::with(runner_tests::servers::postgres(), connections, settings);
        let url = project.server_database().url_at(bouncer.port());
        project.by(&url);
        project.runner("apply").exits(kind).says(&["hint:", hint]);
        assert_eq!(project.state(), empty);
    }
}
