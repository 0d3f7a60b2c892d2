//! Runs inside other programs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runner::{Action, ErrorKind, Event, Runner, Target};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::{Files, SHOP, database, embedded};

/// A migration that takes long, and one after it.
const LONG: &Files = &[
    (
        "migrations/0001_long.up.sql",
        b"CREATE TABLE a AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
          SELECT max(i) AS i FROM n;",
    ),
    ("migrations/0001_long.down.sql", b"DROP TABLE a;"),
];

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn every_method_in_a_current_thread_runtime() {
    every_method().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_in_a_multi_thread_runtime() {
    tokio::spawn(every_method()).await.unwrap();
}

async fn every_method() {
    let (_directory, url) = database();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = seen.clone();
    let builder = embedded(&SHOP, &url).on_event(move |event| {
        if let Event::MigrationFinished { revision, direction, .. } = event {
            seeing.lock().unwrap().push(format!("{direction} {revision}"));
        }
    });
    let (builder, mut stream) = builder.event_stream();
    let runner = builder.lock_timeout(Duration::from_secs(5)).retries(1).jobs(1).build().unwrap();
    assert_eq!(is_send(runner.status()).await.unwrap().pending(), 2);
    assert_eq!(is_send(runner.plan()).await.unwrap().steps.len(), 2);
    assert_eq!(is_send(runner.apply_to(Target::Next)).await.unwrap().done.len(), 1);
    assert_eq!(is_send(runner.apply()).await.unwrap().done.len(), 1);
    assert!(runner.apply().await.unwrap().is_up_to_date());
    assert_eq!(runner.status().await.unwrap().current().as_deref(), Some("0002_orders"));
    assert!(is_send(runner.verify()).await.unwrap().is_empty());
    assert_eq!(is_send(runner.rollback(Target::Back(1))).await.unwrap().done.len(), 1);
    assert_eq!(runner.run(Action::Redo).await.unwrap().done.len(), 2);
    assert_eq!(runner.plan_to(Target::Base).await.unwrap().steps.len(), 1);
    let told = ["upgrade 0001", "upgrade 0002", "downgrade 0002", "downgrade 0001", "upgrade 0001"];
    assert_eq!(*seen.lock().unwrap(), told);
    drop(runner);
    let mut finished = 0;
    while let Some(event) = stream.next().await {
        finished += usize::from(matches!(event, Event::MigrationFinished { .. }));
    }
    assert_eq!(finished, told.len());
}

#[tokio::test]
async fn a_migration_that_fails_is_an_error() {
    let (_directory, url) = database();
    let broken: &Files = &[SHOP[0], SHOP[1], ("migrations/0002_broken.up.sql", b"SELECT nothing FROM nowhere;")];
    let runner = embedded(broken, &url).build().unwrap();
    let error: Box<dyn std::error::Error + Send + Sync> = runner.apply().await.unwrap_err().into();
    let error = error.downcast::<runner::Error>().unwrap();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(format!("{error:#}").contains("0002_broken.up.sql"), "{error:#}");
    let outcome = runner.run(Action::Apply(Target::Latest)).await.unwrap();
    assert_eq!(outcome.failed.unwrap().step.revision, "0002");
    assert!(outcome.error.is_some());
}

#[tokio::test]
async fn concurrent_instances_apply_once() {
    let (_directory, url) = database();
    let start = || {
        let runner = embedded(&SHOP, &url).build().unwrap();
        async move { runner.apply().await.unwrap().done.len() }
    };
    let (one, two, three) = tokio::join!(start(), start(), start());
    assert_eq!(one + two + three, 2);
}

/// The program continues while SQLite works, and a run whose future is dropped ends and leaves nothing.
#[tokio::test]
async fn a_run_does_not_block_the_program_and_can_be_stopped() {
    let (_directory, url) = database();
    let runner = embedded(LONG, &url).build().unwrap();
    let ticks = AtomicUsize::new(0);
    let ticking = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ticks.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! {
        ended = runner.apply() => panic!("it ended: {ended:?}"),
        () = ticking => {}
    }
    assert_eq!(ticks.load(Ordering::Relaxed), 20);
    let short: &Files = &[("migrations/0001_short.up.sql", b"CREATE TABLE a (i INTEGER);")];
    let began = Instant::now();
    embedded(short, &url).lock_timeout(Duration::from_secs(3600)).build().unwrap().apply().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_program_can_wait_for_the_end_of_a_stopped_run() {
    let (_directory, url) = database();
    let runner = embedded(LONG, &url).build().unwrap();
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        runner.stop();
    };
    let (ended, ()) = tokio::join!(runner.apply(), stopping);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Interrupted);
    let limited = embedded(LONG, &url).limit("wall_time", "100ms").build().unwrap();
    assert_eq!(limited.apply().await.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test]
async fn the_options_of_a_pool_suffice() {
    let (directory, _) = database();
    let options = SqliteConnectOptions::new().filename(directory.path().join("app.db")).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let builder = Runner::builder().project(runner::Project::embedded(SHOP)).database(pool.connect_options());
    builder.build().unwrap().apply().await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0);
}
