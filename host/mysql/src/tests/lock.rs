//! The lock, killed runs, and locks that servers refuse.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::*;

fn request(owner: &str, milliseconds: u64) -> LockRequest {
    LockRequest { wait: Duration::from_millis(milliseconds), run_id: "r".to_owned(), owner: owner.to_owned() }
}

async fn take(database: &mut dyn Database, owner: &str, milliseconds: u64) -> Result<Vec<String>, DatabaseError> {
    let heard = Mutex::new(Vec::new());
    let hear = |who: &str| heard.lock().expect("no panic").push(who.to_owned());
    database.lock(&request(owner, milliseconds), &StopSignal::default(), &hear).await?;
    Ok(heard.into_inner().expect("no panic"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_is_named_by_the_row_of_its_progress() {
    let database = fresh();
    let mut holder = open(&database).await;
    take(holder.as_mut(), "not published", 1_000).await.expect("the lock");
    let told = async || take(open(&database).await.as_mut(), "waiter", 0).await.expect_err("busy").message;
    assert!(told().await.contains("held by connection "), "{}", told().await);
    let facts = holder.facts().clone();
    for table in facts.sql.tool.create {
        holder.host().execute(&facts.placed(table), &[]).await.expect(table);
    }
    assert!(told().await.contains("held by connection "), "{}", told().await);
    let owner = format!("é😀 `runner apply` of me@host, {}", "ä".repeat(300));
    // The rows of others are those of runs that are dead.
    for (run_id, owner, holder_is) in [("dead", "another", ""), ("r", &*owner, "r")] {
        let row = "INSERT INTO @.runner_progress (run_id, owner, shares, revision, direction, mode, rows_done, is_estimate, chunks, \
                   retries, began_at, beat_at) VALUES (?, ?, 0, '1', 'upgrade', 'stepwise', 0, 0, 0, 0, 0, 0)";
        holder.host().execute(&facts.placed(row), &[run_id.into(), owner.into()]).await.expect(run_id);
        let found = open(&database).await.lock_holder().await.expect("an answer").expect("a holder");
        assert_eq!(found.run_id.as_deref(), Some(holder_is), "{}", found.name);
    }
    assert!(told().await.contains(&owner), "{}", told().await);
    let found = open(&database).await.lock_holder().await.expect("an answer").expect("a holder");
    assert_eq!((found.run_id.as_deref(), found.name), (Some("r"), owner));
    holder.unlock().await.expect("unlocked");
    assert_eq!(open(&database).await.lock_holder().await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_databases_have_separate_locks() {
    let (one, two) = (fresh(), fresh());
    let mut first = open(&one).await;
    take(first.as_mut(), "first", 0).await.expect("the lock");
    take(open(&two).await.as_mut(), "second", 0).await.expect("another lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_without_a_name_is_reported_by_its_connection() {
    let database = fresh();
    let mut reader = open(&database).await;
    let mut holder = open(&database).await;
    take(holder.as_mut(), "known", 0).await.expect("the lock");
    // A session that takes the lock by hand, under the name that a waiting run asks for.
    let mut lock = String::new();
    for row in rows(reader.as_mut(), "SELECT SUBSTR(SHA2(DATABASE(), 256), 1, 24)").await {
        lock = format!("runner:{}", row[0].as_text().expect("a text"));
    }
    holder.unlock().await.expect("unlocked");
    assert_eq!(text_of(holder.as_mut(), &format!("SELECT GET_LOCK('{lock}', 0)")).await, "1");
    let id = session_of(holder.as_mut()).await;
    let error = take(reader.as_mut(), "waiter", 1_500).await.expect_err("busy");
    assert!(error.message.contains(&format!("connection {id} of ")), "{error}");
}

/// A run whose process was killed while the server was working for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_is_killed_before_the_next_run_begins() {
    let database = fresh();
    let mut holder = open(&database).await;
    run(holder.as_mut(), "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let orphan = session_of(holder.as_mut()).await;
    take(holder.as_mut(), "killed", 0).await.expect("the lock");
    holder.begin(NONE).await.expect("begun");
    run(holder.as_mut(), "INSERT INTO t VALUES (1)").await;
    let endless = endless(holder.facts().dialect);
    let working = tokio::spawn(async move { holder.execute(endless, &[]).await.map(|_| ()) });
    let mut next = open(&database).await;
    // Not what the host may ask before it, nor its preparation: both end by themselves.
    let ask = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {orphan} AND INFO LIKE '%SHA2%' \
         AND COMMAND IN ('Query', 'Execute')"
    );
    while text_of(next.as_mut(), &ask).await == "0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Like the death of a process: the sockets close, and the server continues.
    working.abort();
    let _ = working.await;
    assert_eq!(text_of(next.as_mut(), &ask).await, "1", "the server has not noticed");
    let heard = take(next.as_mut(), "next", 60_000).await.expect("the lock");
    assert!(
        heard.iter().any(|text| text.contains(&format!("connection {orphan}")) && text.contains("SHA2")),
        "{heard:?}"
    );
    assert_eq!(text_of(next.as_mut(), &ask).await, "0");
    assert_eq!(text_of(next.as_mut(), "SELECT COUNT(*) FROM t").await, "0", "its transaction is undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_are_serialised() {
    let database = fresh();
    database.sql("CREATE TABLE t (n INT)");
    database.sql("INSERT INTO t VALUES (0)");
    let url = database.url();
    let runs = (0..20).map(|number| {
        let url = url.clone();
        tokio::spawn(async move {
            let mut opened = open_url(&url).await.expect("a connection");
            // For the turns of all the others.
            take(opened.as_mut(), &format!("run {number}"), 600_000).await.expect("the lock");
            // Between these two statements, another run would lose this one's count.
            let n = text_of(opened.as_mut(), "SELECT CAST(n AS CHAR) FROM t").await;
            run(opened.as_mut(), &format!("UPDATE t SET n = {n} + 1")).await;
            opened.unlock().await.expect("unlocked");
        })
    });
    for run in futures_util::future::join_all(runs).await {
        run.expect("no panic");
    }
    assert_eq!(database.value("SELECT n FROM t"), "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_keeps_the_lock() {
    let database = fresh();
    let mut holder = open(&database).await;
    take(holder.as_mut(), "holder", 0).await.expect("the lock");
    let before = session_of(holder.as_mut()).await;
    database.sql(&format!("KILL {before}"));
    let error = error_of(holder.as_mut(), "SELECT 1").await;
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    holder.reconnect().await.expect("a new session");
    assert_ne!(session_of(holder.as_mut()).await, before);
    holder.reconnect().await.expect("harmless");
    let started = Instant::now();
    let error = take(open(&database).await.as_mut(), "other", 200).await.expect_err("busy");
    assert!(error.message.contains("held by connection "), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(200));
    holder.unlock().await.expect("unlocked");
    take(open(&database).await.as_mut(), "other", 0).await.expect("free");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_is_taken_again_after_a_server_restart() {
    let server = servers::Server::private(servers::Kind::Mariadb).start();
    let database = server.database();
    let mut holder = open(&database).await;
    run(holder.as_mut(), "CREATE TABLE t (a INT)").await;
    take(holder.as_mut(), "holder", 5_000).await.expect("the lock");
    holder.begin(NONE).await.expect("begun");
    run(holder.as_mut(), "INSERT INTO t VALUES (1)").await;
    server.crash();
    server.restart();
    let error = holder.commit_or_roll_back().await.expect_err("lost");
    assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
    holder.reconnect().await.expect("a new session");
    assert_eq!(holder.in_transaction().await, Ok(false));
    assert_eq!(text_of(holder.as_mut(), "SELECT COUNT(*) FROM t").await, "0");
    assert!(take(open(&database).await.as_mut(), "other", 0).await.is_err(), "held again");
}
