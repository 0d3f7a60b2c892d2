//! Generated attacks: what hostile migrations do, each in many ways to write it, in many orders and modes, in real runs on real
//! databases. The verdict is a comparison of everything that the database holds before and after.
//!
//! A failure prints its seed; `RUNNER_TEST_SEED=7` repeats one. With `RUNNER_TEST_LONG=1` there are more than 100,000 attempts.

mod binary;
mod vary;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use runner_attack::Arena;
use runner_database::{ConnectOptions, DatabaseUrl};
use runner_tests::alone;
use runner_tests::servers::{self, Client, Kind, Server, TestDatabase};
use tempfile::TempDir;

/// A database of an arena.
#[allow(clippy::large_enum_variant, reason = "there are two at a time")]
enum Place {
    File(TempDir),
    /// On a server, with the host's own login and its URL.
    Server {
        database: Option<TestDatabase>,
        admin: Client,
        host: String,
        url: String,
    },
}

impl Place {
    fn file() -> Self {
        Self::File(TempDir::with_prefix("runner-test-").unwrap())
    }

    /// The host owns the database and may create roles.
    fn postgres() -> Self {
        Self::on(servers::postgres(), |name, host| {
            format!(
                "CREATE ROLE {host} LOGIN CREATEROLE PASSWORD 'host'; ALTER DATABASE {name} OWNER TO {host}; \
                 ALTER SCHEMA public OWNER TO {host}"
            )
        })
    }

    fn mariadb() -> Self {
        Self::on(servers::mariadb(), |name, host| {
            format!(
                "CREATE USER '{host}'@'%' IDENTIFIED BY 'host'; GRANT ALL ON `{name}`.* TO '{host}'@'%' WITH GRANT OPTION; \
                 GRANT CREATE USER ON *.* TO '{host}'@'%'; GRANT SELECT ON mysql.* TO '{host}'@'%'"
            )
        })
    }

    fn on(server: &Server, making: fn(&str, &str) -> String) -> Self {
        let database = server.database();
        let host = database.name().replace("runner_test_", "host_");
        database.sql(&making(database.name(), &host));
        let url = database.url_as(&host, "host");
        Self::Server { database: Some(database), admin: server.client().clone(), host, url }
    }

    fn url(&self) -> DatabaseUrl {
        let url = match self {
            Self::File(directory) => format!("sqlite://{}", directory.path().join("app.db").display()),
            Self::Server { url, .. } => url.clone(),
        };
        DatabaseUrl::parse(&url, std::path::Path::new("/")).unwrap()
    }

    async fn arena(&self) -> Arena {
        let made = Arena::make(&self.url(), &ConnectOptions::creating(), true).await;
        made.unwrap_or_else(|error| panic!("{error:#}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Server { database, admin, host, .. } = self {
            *database = None;
            let user = if admin.kind() == Kind::Postgres { host.clone() } else { format!("'{host}'@'%'") };
            let _ =
                admin.try_sql(&format!("DROP {} {user}", if admin.kind() == Kind::Postgres { "ROLE" } else { "USER" }));
        }
    }
}

/// Tries the attempts of that many seeds, by workers that have a database each.
fn try_out(place: fn() -> Place, workers: usize, rounds: (u64, u64)) {
    let rounds = if runner_tests::is_long() { rounds.1 } else { rounds.0 };
    let only: Option<u64> = std::env::var("RUNNER_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let (first, end) = only.map_or((0, rounds), |seed| (seed, seed + 1));
    let next = AtomicU64::new(first);
    let failed: Mutex<BTreeMap<&str, Vec<String>>> = Mutex::default();
    let tried = AtomicU64::new(0);
    let worker = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut field = place();
            let mut arena = field.arena().await;
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    break;
                }
                let (attempt, how) = vary::attempt(seed, &arena.classes(), field.url().dialect());
                let verdict = arena.try_out(&attempt, how).await;
                tried.fetch_add(1, Ordering::Relaxed);
                if only.is_some() {
                    println!("{} {how:?}\n    {}\n{verdict:#?}", attempt.class.name, attempt.shown().join("\n    "));
                }
                let broken = match &verdict {
                    Ok(verdict) => verdict.broken.clone(),
                    Err(error) => vec![format!("{error:#}")],
                };
                if !broken.is_empty() {
                    let told = attempt.shown().join("\n    ");
                    let text = format!(
                        "RUNNER_TEST_SEED={seed} {how:?}\n    {told}\n  {}\n  {verdict:?}",
                        broken.join("\n  ")
                    );
                    let mut failed = failed.lock().unwrap();
                    let texts = failed.entry(attempt.class.name).or_default();
                    if texts.is_empty() {
                        println!("{}: {text}\n", attempt.class.name);
                    }
                    texts.push(text);
                }
                if !broken.is_empty() || !arena.is_clean().await {
                    let _ = arena.discard().await;
                    field = place();
                    arena = field.arena().await;
                }
            }
            let _ = arena.discard().await;
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..if only.is_none() { workers } else { 1 } {
            // Futures that are not optimised are large.
            std::thread::Builder::new().stack_size(32 << 20).spawn_scoped(scope, worker).unwrap();
        }
    });
    let failed = failed.into_inner().unwrap();
    for (class, texts) in &failed {
        println!("{class}: {} of {}", texts.len(), tried.load(Ordering::Relaxed));
    }
    assert!(failed.is_empty(), "attempts of these classes got through: {:?}", failed.keys());
}

/// How many attempts there are on a server: each change meets three of a kind, of which two are named by a variable.
fn on_each(other: &str) -> u64 {
    if std::env::var_os(other).is_some() { 300 } else { 500 }
}

#[test]
fn nothing_gets_through_sqlite() {
    alone("attacks::nothing_gets_through_sqlite", || {
        // Out of memory is one of the errors after which SQLite rolls back, and the machine has more than a test should take.
        // SAFETY: the function takes a number, and may be called at any time.
        unsafe { rusqlite::ffi::sqlite3_hard_heap_limit64(96 << 20) };
        try_out(Place::file, 1, (1_000, 60_000));
    });
}

#[test]
fn nothing_gets_through_postgres() {
    alone("attacks::nothing_gets_through_postgres", || {
        try_out(Place::postgres, 2, (on_each("RUNNER_TEST_POSTGRES"), 25_000));
    });
}

#[test]
fn nothing_gets_through_mariadb() {
    alone("attacks::nothing_gets_through_mariadb", || {
        try_out(Place::mariadb, 2, (on_each("RUNNER_TEST_MYSQL"), 20_000));
    });
}

#[test]
fn nothing_gets_through_the_binary_on_sqlite() {
    binary::try_out(Place::file);
}

#[test]
fn nothing_gets_through_the_binary_on_postgres() {
    binary::try_out(Place::postgres);
}

#[test]
fn nothing_gets_through_the_binary_on_mariadb() {
    binary::try_out(Place::mariadb);
}
