//! The lock between two runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use runner_database::stop::StopReason;

/// As long as the ids of real runs.
const RUN_ID: &str = "20260105T093000Z-deadbeef";

fn request(owner: &str, milliseconds: u64) -> LockRequest {
    LockRequest { wait: Duration::from_millis(milliseconds), run_id: RUN_ID.to_owned(), owner: owner.to_owned() }
}

/// How what others are shown of a holder begins. Where the lock cannot say who holds it, the row of its run's progress does; without
/// one, the session is named.
pub(crate) fn shown<'a>(holder: &dyn Database, name: &'a str) -> &'a str {
    if holder.facts().lock == LockKind::UserLocks { "connection " } else { name }
}

pub async fn excludes_other_runs(factory: &dyn Factory) {
    let inside = AtomicUsize::new(0);
    let run = |name: String| {
        let inside = &inside;
        async move {
            for _ in 0..5 {
                let mut database = factory.open().await;
                // For the turns of all the others.
                database.lock(&request(&name, 600_000), &StopSignal::default(), &|_| {}).await.expect("the lock");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "{name} is not alone");
                tokio::time::sleep(Duration::from_millis(2)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                database.unlock().await.expect("unlocked");
            }
        }
    };
    futures_util::future::join_all((0..5).map(|number| run(format!("run {number}")))).await;
}

pub async fn names_its_holder(factory: &dyn Factory) {
    let mut holder = factory.open().await;
    holder.lock(&request("run 7 on host x", 60_000), &StopSignal::default(), &|_| {}).await.expect("the lock");
    let heard = Mutex::new(Vec::new());
    let hear = |who: &str| heard.lock().expect("no panic").push(who.to_owned());
    let mut waiter = factory.open().await;
    let started = Instant::now();
    let error = waiter.lock(&request("run 8", 400), &StopSignal::default(), &hear).await.expect_err("busy");
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    let name = shown(holder.as_ref(), "run 7 on host x");
    assert!(error.message.contains(name), "{error}");
    assert!(error.hint.as_deref().unwrap_or_default().contains("wait longer with `--lock-timeout`"), "{error}");
    let heard = heard.into_inner().expect("no panic");
    assert!(heard.len() == 1 && heard[0].starts_with(name), "once: {heard:?}");
    let found = waiter.lock_holder().await.expect("an answer").expect("a holder");
    assert_eq!(
        (found.run_id.as_deref(), found.name.starts_with(name)),
        (name.starts_with("run").then_some(RUN_ID), true),
        "{found}"
    );
    holder.unlock().await.expect("unlocked");
    assert_eq!(waiter.lock_holder().await.expect("an answer"), None);
    holder.lock(&request("run 7 on host x", 60_000), &StopSignal::default(), &|_| {}).await.expect("the lock");
    let error = waiter.lock(&request("run 8", 0), &StopSignal::default(), &|_| {}).await.expect_err("busy");
    assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    assert!(!error.hint.as_deref().unwrap_or_default().contains("longer"), "no time was given: {error}");
}

pub async fn ends_with_its_owner(factory: &dyn Factory) {
    let mut holder = factory.open().await;
    holder.lock(&request("first", 60_000), &StopSignal::default(), &|_| {}).await.expect("the lock");
    // The lock outlasts transactions.
    holder.begin(TransactionOptions::default()).await.expect("begun");
    holder.commit_or_roll_back().await.expect("committed");
    let mut next = factory.open().await;
    assert!(next.lock(&request("second", 0), &StopSignal::default(), &|_| {}).await.is_err());
    drop(holder);
    next.lock(&request("second", 60_000), &StopSignal::default(), &|_| {}).await.expect("free again");
    next.lock(&request("second", 0), &StopSignal::default(), &|_| {}).await.expect("held already");
    next.unlock().await.expect("unlocked");
    next.unlock().await.expect("unlocking twice is harmless");
    let mut third = factory.open().await;
    third.lock(&request("third", 0), &StopSignal::default(), &|_| {}).await.expect("free again");
}

pub async fn stops_waiting_at_the_signal(factory: &dyn Factory) {
    let mut holder = factory.open().await;
    holder.lock(&request("first", 60_000), &StopSignal::default(), &|_| {}).await.expect("the lock");
    let stop = StopSignal::default();
    let raise = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        raise.raise(StopReason::Terminate);
    });
    let started = Instant::now();
    let mut waiter = factory.open().await;
    let error = waiter.lock(&request("second", 3_600_000), &stop, &|_| {}).await.expect_err("stopped");
    assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
    assert!(started.elapsed() < PATIENCE);
}
