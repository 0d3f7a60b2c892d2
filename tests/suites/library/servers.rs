//! Servers, by URL and by the options of a pool.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};

use runner::{Builder, ErrorKind, OnExisting, Project, Runner};
use runner_tests::servers::{Kind, Proxy, Server, Tls};
use runner_tests::{Engine, EngineProject, for_each_server, project, until};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::{SHOP, embedded};

fn by_options(engine: Engine, url: &str) -> Runner {
    with_options(Runner::builder().project(Project::embedded(SHOP)), engine, url).build().unwrap()
}

fn with_options(builder: Builder, engine: Engine, url: &str) -> Builder {
    match engine {
        Engine::Postgres => builder.database(url.parse::<PgConnectOptions>().unwrap()),
        _ => builder.database(url.replace("mariadb:", "mysql:").parse::<MySqlConnectOptions>().unwrap()),
    }
}

/// The round trips of connecting alone.
async fn trips_to_connect(project: &EngineProject, engine: Engine) -> usize {
    let proxy = Proxy::start(engine.server().unwrap().port());
    let url = runner_database::DatabaseUrl::parse(&project.server_database().url_at(proxy.port()), Path::new("/"));
    let options = runner_database::ConnectOptions::default();
    let database = runner_drivers::connect(&url.unwrap(), &options).await.unwrap();
    drop(database);
    proxy.turns()
}

for_each_server! {
    fn url_and_options_are_equivalent(engine) {
        let project: EngineProject = project!(engine);
        let url = project.server_database().url();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            assert_eq!(by_options(engine, &url).apply().await.unwrap().done.len(), 2);
            let by_url = embedded(&SHOP, &url).build().unwrap();
            assert!(by_url.apply().await.unwrap().is_up_to_date());
            assert_eq!(by_options(engine, &url).status().await.unwrap().pending(), 0);
        });
    }

    /// A program applies at every start, usually with nothing pending.
    fn nothing_pending_takes_one_round_trip(engine) {
        let project: EngineProject = project!(engine);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            embedded(&SHOP, &project.server_database().url()).build().unwrap().apply().await.unwrap();
            let to_connect = trips_to_connect(&project, engine).await;
            let proxy = Proxy::start(engine.server().unwrap().port());
            let url = project.server_database().url_at(proxy.port());
            assert!(embedded(&SHOP, &url).build().unwrap().apply().await.unwrap().is_up_to_date());
            let trips = proxy.turns() - to_connect;
            assert!(trips <= 1, "{trips} trips after connecting");
        });
    }
}

for_each_server! {
    /// The connection that watches a run, and the program that makes a backup before it, need the password and the encryption, too.
    fn a_run_by_options_with_a_password_is_backed_up_watched_and_cancelled(engine) {
        let kind = if engine == Engine::Postgres { Kind::Postgres } else { Kind::Mariadb };
        let server = Server::private(kind).tls(Tls::Required).passwords().start();
        let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        let (name, authority) = (project.server_database().name().to_owned(), server.authority());
        let (scheme, parameters, user, sleep) = match kind {
            Kind::Postgres => (
                "postgres",
                format!("sslmode=verify-ca&sslrootcert={}", authority.display()),
                "CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'p%2F#s'",
                "SELECT pg_sleep(600);",
            ),
            Kind::Mariadb => (
                "mysql",
                format!("ssl-mode=verify_ca&ssl-ca={}", authority.display()),
                "CREATE USER keeper@'%' IDENTIFIED BY 'p%2F#s'; GRANT ALL PRIVILEGES ON *.* TO keeper@'%'",
                "SELECT SLEEP(600);",
            ),
        };
        server.client().sql(user);
        let url = format!("{scheme}://keeper:p%252F%23s@127.0.0.1:{}/{name}?{parameters}", server.port());
        project.by(&url);
        project.sql("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "DROP TABLE a;");
        project.runner("apply").succeeds();
        project.sql("0002_long", sleep, "SELECT 1;").settings("[backup]\nto = \"kept\"");
        let runner = with_options(Runner::builder().project(project.root()), engine, &url).build().unwrap();
        assert!(!format!("{runner:?}").contains("p%252F"), "{runner:?}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let run = runtime.spawn(async move { runner.apply().await });
        // The row of an atomic migration is written by the watch.
        until("the run is seen", || {
            assert!(!run.is_finished());
            project.runner("status").succeeds().stdout.contains("running 0002_long")
        });
        assert!(project.file("kept").metadata().unwrap().len() > 0);
        project.run(["cancel", "--why", "too slow"]).succeeds();
        let error = runtime.block_on(run).unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Terminated, "{error:#}");
        assert!(error.causes.iter().any(|cause| cause.ends_with(": too slow")), "{error:#}");
    }
}

/// What each of a project's migrations took, except for what the first ones ask once for all.
struct Trips {
    each: Vec<usize>,
    time: Duration,
}

/// The trips of the work connection for each of some migrations with this body, in which `{n}` is the number. It has so many digits
/// that no digest contains it.
async fn trips(engine: Engine, body: &str) -> Trips {
    const NUMBERS: RangeInclusive<usize> = 900_000_001..=900_000_020;
    let project: EngineProject = project!(engine);
    project.execute("CREATE TABLE counters (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL)");
    let files = NUMBERS.map(|n| {
        let path: &'static str = format!("migrations/{n}_step.up.sql").leak();
        let body: &'static str = body.replace("{n}", &n.to_string()).leak();
        (path, body.as_bytes())
    });
    let files = Project::embedded(files);
    let proxy = Proxy::start(engine.server().unwrap().port());
    proxy.keep();
    let url = project.server_database().url_at(proxy.port());
    let builder = Runner::builder().project(files).database(url).on_existing(OnExisting::Apply);
    let runner = builder.build().unwrap();
    let began = Instant::now();
    assert_eq!(runner.apply().await.unwrap().done.len(), NUMBERS.count());
    let (time, sent) = (began.elapsed(), proxy.sent_at_work());
    let first = |n: usize| {
        let n = n.to_string();
        sent.iter().position(|sent| sent.windows(n.len()).any(|part| part == n.as_bytes())).unwrap()
    };
    let places: Vec<usize> = NUMBERS.map(first).collect();
    Trips { each: places.windows(2).skip(2).map(|pair| pair[1] - pair[0]).collect(), time }
}

/// Fails unless each migration takes so many trips. A look at what operators want is due once a second and takes some as well: so
/// many migrations may take more as seconds passed.
fn assert_trips(engine: Engine, body: &str, expected: usize) {
    const ATTEMPTS: usize = 5;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..ATTEMPTS {
        let Trips { each, time } = runtime.block_on(trips(engine, body));
        let looks = 1 + usize::try_from(time.as_secs()).unwrap();
        let more = each.iter().filter(|trips| **trips > expected).count();
        assert!(
            more <= looks && each.iter().all(|trips| *trips >= expected),
            "{body} {each:?}, not {expected}, in {time:?}"
        );
        if more < each.len() {
            return;
        }
    }
    panic!("{body} no migration of {ATTEMPTS} attempts took less than a second");
}

fn table_of(columns: usize) -> String {
    let columns: Vec<String> = (1..columns).map(|n| format!("column_{n} VARCHAR(40) DEFAULT 'a word'")).collect();
    format!("CREATE TABLE table_{{n}} (id INTEGER NOT NULL PRIMARY KEY, {});", columns.join(", "))
}

for_each_server! {
    /// Each is justified in `docs/design/0026-round-trips.md`. PostgreSQL: one for each statement, and two that begin and end
    /// the transaction of a migration. MariaDB, where a schema change commits: one for each statement, one before it that stores
    /// what is to be done, and what became of the statement before, and one at the end; a change of rows has a transaction around
    /// it.
    fn a_migration_takes_few_trips(engine) {
        let is_postgres = engine == Engine::Postgres;
        for (body, on_postgres, on_mariadb) in [
            (table_of(31).as_str(), 3, 3),
            ("CREATE TABLE a_{n} (id INTEGER); CREATE TABLE b_{n} (id INTEGER); ALTER TABLE a_{n} ADD b INTEGER;", 5, 7),
            ("INSERT INTO counters (id, n) VALUES ({n}, 1);", 3, 5),
            // Rows reach PostgreSQL together; on MariaDB, they are committed together, where every table can be rolled back.
            (
                "INSERT INTO counters (id, n) VALUES ({n}, 1); INSERT INTO counters (id, n) VALUES (1000 + {n}, 1); \
                 INSERT INTO counters (id, n) VALUES (2000 + {n}, 1);",
                3,
                9,
            ),
            ("INSERT INTO counters (id, n) VALUES ({n}, 1); UPDATE counters SET n = 2 WHERE id = {n};", 4, 8),
        ] {
            let expected = if is_postgres { on_postgres } else { on_mariadb };
            assert_trips(engine, body, expected);
        }
    }
}

/// Each is justified in `docs/design/0026-round-trips.md`. However many words the statement has.
#[test]
fn a_migration_outside_a_transaction_takes_few_trips() {
    let body =
        "-- runner:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_{n} ON counters (n, id) WHERE n > 0;";
    assert_trips(Engine::Postgres, body, 10);
    // No invalid index is looked for.
    let body = "-- runner:no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS by_{n};";
    assert_trips(Engine::Postgres, body, 9);
}
