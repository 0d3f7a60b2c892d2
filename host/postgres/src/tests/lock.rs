//! The lock with many runs, behind a pooler, and after killed runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runner_tests::servers::{Bouncer, Kind, Server};

use super::*;
use runner_contract::contract;
use runner_database::{DatabaseErrorKind, LockRequest};

/// Asks for the process that works for a run in this database, or 0.
fn active(run: &str) -> String {
    format!(
        "SELECT coalesce(max(pid), 0) FROM pg_stat_activity \
         WHERE application_name = 'runner:{run}' AND state = 'active' AND datname = current_database()"
    )
}

fn request(run: &str, seconds: u64) -> LockRequest {
    LockRequest { wait: Duration::from_secs(seconds), run_id: run.to_owned(), owner: format!("`{run}` */ of me") }
}

/// Runs this many clients at once, each with a transaction under the lock.
async fn crowd(url: &str, count: usize) {
    let inside = AtomicUsize::new(0);
    let one = |number: usize| {
        let inside = &inside;
        async move {
            let mut database = open_url(url).await.expect("a connection");
            let name = format!("run {number}");
            // For the turns of all the others.
            database.lock(&request(&name, 600), &StopSignal::default(), &|_| {}).await.expect("the lock");
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "{name} is not alone");
            database.begin(TransactionOptions::default()).await.expect("begun");
            run(database.as_mut(), "UPDATE counter SET n = n + 1").await;
            database.commit_or_roll_back().await.expect("committed");
            inside.fetch_sub(1, Ordering::SeqCst);
            database.unlock().await.expect("unlocked");
        }
    };
    futures_util::future::join_all((0..count).map(one)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_runs_are_serialised() {
    // Each takes two connections.
    let server = Server::private(Kind::Postgres).setting("max_connections", 130).start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
    crowd(&fresh.url(), 50).await;
    assert_eq!(fresh.value("SELECT n FROM counter"), "50");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_does_not_pass_the_lock_to_another_client() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
    // With fewer connections than runs, they would wait for each other in the pooler.
    let bouncer = Bouncer::start(servers::postgres(), 20);
    crowd(&fresh.url_at(bouncer.port()), 8).await;
    assert_eq!(fresh.value("SELECT n FROM counter"), "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_run_does_not_block_create_index_concurrently() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id int)");
    let mut holder = open(&fresh).await;
    holder.lock(&request("holder", 1), &StopSignal::default(), &|_| {}).await.expect("the lock");
    let stop = StopSignal::default();
    let waits = tokio::sync::Notify::new();
    let wait = async {
        let mut waiter = open(&fresh).await;
        waiter.lock(&request("waiter", 60), &stop, &|_| waits.notify_one()).await
    };
    let work = async {
        waits.notified().await;
        holder.set_role(Role::SqlScript);
        run(holder.as_mut(), "CREATE INDEX CONCURRENTLY i ON t (id)").await;
        holder.unlock().await.expect("unlocked");
    };
    let (waited, ()) = tokio::join!(wait, work);
    waited.expect("the lock");
    assert_eq!(fresh.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_of_a_killed_run_ends_before_the_next_run_starts() {
    let fresh = fresh();
    let mut killed = fresh.client().session();
    // This session never checks whether its client is alive, as no session does before 14.
    if since(&fresh, 14) {
        killed.run("SET client_connection_check_interval = 0");
    }
    killed.run("SET application_name = 'runner:killed'; CREATE TABLE t (id int)");
    killed.send("INSERT INTO t SELECT 1 FROM pg_sleep(600)");
    let working = &active("killed");
    while fresh.value(working) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(killed);
    let heard = Mutex::new(Vec::new());
    let hear = |who: &str| heard.lock().expect("no panic").push(who.to_owned());
    let mut database = open(&fresh).await;
    database.lock(&request("next", 1), &StopSignal::default(), &hear).await.expect("the lock");
    assert_eq!(fresh.value(working), "0");
    assert_eq!(fresh.value("SELECT count(*) FROM t"), "0");
    let heard = heard.lock().expect("no panic");
    assert!(matches!(&heard[..], [only] if only.contains("`killed`") && only.contains("pg_sleep(600)")), "{heard:?}");
}

/// As it may happen on a busy server, where a session that was asked to end gets no processor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_takes_its_time_to_end_is_waited_for() {
    // What creates or drops a database waits for every session of a server.
    let server = Server::private(Kind::Postgres).start();
    let fresh = server.database();
    let mut killed = fresh.client().session();
    killed.run("SET application_name = 'runner:killed'");
    killed.send("SELECT pg_sleep(600)");
    let working = &active("killed");
    runner_tests::until("it works", || fresh.value(working) != "0");
    let pid = fresh.value(working);
    signal("-STOP", &pid);
    let mut database = open_url(&fresh.url()).await.expect("a connection");
    let (request_next, stop) = (request("next", 1), StopSignal::default());
    let (locked, ()) = tokio::join!(database.lock(&request_next, &stop, &|_| {}), async {
        // It is asked after one second. One that must not be asked has five.
        tokio::time::sleep(Duration::from_secs(8)).await;
        signal("-CONT", &pid);
    });
    locked.expect("the lock");
    assert_eq!(fresh.value(working), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_may_not_be_terminated_is_named() {
    let fresh = fresh();
    let role = format!("role_{}", fresh.name());
    fresh.sql(&format!("CREATE ROLE {role} LOGIN"));
    let mut other = fresh.client().session();
    other.run("SET application_name = 'runner:other'");
    other.send("SELECT pg_sleep(600)");
    while fresh.value(&active("other")) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut database = open_url(&fresh.url_as(&role, "")).await.expect("a connection");
    let error = database.lock(&request("next", 1), &StopSignal::default(), &|_| {}).await.expect_err("not ours");
    assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    assert!(error.message.contains("`other`"), "{error}");
    assert!(error.detail.is_some(), "the server gives the reason: {error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("pg_terminate_backend(")), "{error:?}");
    drop((database, other));
    fresh.sql(&format!("DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_may_not_be_terminated_is_waited_for() {
    let fresh = fresh();
    let role = format!("role_{}", fresh.name());
    fresh.sql(&format!("CREATE ROLE {role} LOGIN"));
    let (mut gate, mut other) = (fresh.client().session(), fresh.client().session());
    gate.run("SELECT pg_advisory_lock(7)");
    other.run("SET application_name = 'runner:other'");
    // A role that does not own a session cannot see that it is idle: the session has to end.
    other.send("DO $$ BEGIN PERFORM pg_advisory_lock(7); PERFORM pg_terminate_backend(pg_backend_pid()); END $$");
    while fresh.value(&active("other")) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut database = open_url(&fresh.url_as(&role, "")).await.expect("a connection");
    let (request_next, stop) = (request("next", 1), StopSignal::default());
    let (locked, ()) = tokio::join!(database.lock(&request_next, &stop, &|_| {}), async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        gate.run("SELECT pg_advisory_unlock(7)");
    });
    locked.expect("the lock");
    // The refusal did not lose it the lock.
    let error = open(&fresh).await.lock(&request("third", 0), &StopSignal::default(), &|_| {}).await.expect_err("busy");
    assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    database.unlock().await.expect("unlocked");
    drop((database, other, gate));
    fresh.sql(&format!("DROP ROLE {role}"));
}

#[tokio::test]
async fn a_lost_lock_stops_the_next_transaction() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    database.lock(&request("holder", 1), &StopSignal::default(), &|_| {}).await.expect("the lock");
    database.begin(TransactionOptions::default()).await.expect("begun");
    database.commit_or_roll_back().await.expect("committed");
    terminate(&fresh, &format!("pg_locks WHERE locktype = 'advisory' AND granted AND {HERE}"));
    let error = database.begin(TransactionOptions::default()).await.expect_err("lost");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    assert!(error.message.contains("holds the lock"), "{error}");
    let mut other = open(&fresh).await;
    other.lock(&request("other", 0), &StopSignal::default(), &|_| {}).await.expect("free");
    // Every further attempt fails too: no transaction starts without the lock.
    for _ in 0..2 {
        let error = database.reconnect().await.expect_err("taken");
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
        assert!(database.begin(TransactionOptions::default()).await.is_err());
    }
    other.unlock().await.expect("unlocked");
    database.reconnect().await.expect("locked again");
    database.begin(TransactionOptions::default()).await.expect("begun");
    assert!(other.lock(&request("other", 0), &StopSignal::default(), &|_| {}).await.is_err());
}

mod pooled {
    //! The contract, run behind pgbouncer in transaction mode.

    use async_trait::async_trait;

    use super::*;
    use runner_contract::Factory;

    struct Pooled {
        database: TestDatabase,
        bouncer: Bouncer,
    }

    #[async_trait]
    impl Factory for Pooled {
        async fn open(&self) -> Box<dyn Database> {
            open_url(&self.database.url_at(self.bouncer.port())).await.expect("a connection")
        }
    }

    contract!(Pooled { bouncer: Bouncer::start(servers::postgres(), 20), database: fresh() });

    mod leased {
        //! A lease there, which keeps none of the pooler's connections open.

        use super::*;
        use runner_contract::lease::LeaseFactory;

        struct Leased(Pooled);

        #[async_trait]
        impl Factory for Leased {
            async fn open(&self) -> Box<dyn Database> {
                self.open_with("lock=lease").await
            }
        }

        #[async_trait]
        impl LeaseFactory for Leased {
            async fn open_with(&self, lock: &str) -> Box<dyn Database> {
                let url = self.0.database.url_at(self.0.bouncer.port());
                let sign = if url.contains('?') { '&' } else { '?' };
                open_url(&format!("{url}{sign}{lock}")).await.expect("a connection")
            }
        }

        contract!(lease of Leased(Pooled { bouncer: Bouncer::start(servers::postgres(), 20), database: fresh() }));
    }
}
