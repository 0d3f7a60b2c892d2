//! A lease as the lock: what its holder must do besides what every lock does, and what a run that has lost it must not.

use std::time::Duration;

use super::lock::shown;
use super::rights::tool_table;
use super::*;
use runner_database::UnitOfWork;
use runner_database::stop::StopSignal;
use runner_sql::Isolation;

/// A factory of connections with this choice of lock, as a URL spells it; empty for the server's own.
#[async_trait]
pub trait LeaseFactory: Send + Sync {
    async fn open_with(&self, lock: &str) -> Box<dyn Database>;
}

const LEASE: &str = "lock=lease";
const LONG: &str = "lock=lease&lock-lease=1h";
/// It is renewed every ten seconds.
const RENEWED: &str = "lock=lease&lock-lease=30s";
const NATIVE: &str = "";

/// Milliseconds to wait for a lock that is to be had, however busy the machine is.
const AT_LAST: u64 = 60_000;

async fn lock(database: &mut dyn Database, owner: &str, milliseconds: u64) -> Result<(), DatabaseError> {
    let request =
        LockRequest { wait: Duration::from_millis(milliseconds), run_id: owner.to_owned(), owner: owner.to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await
}

/// A statement about the tables of the lease: `@` becomes their schema.
async fn change(database: &mut dyn Database, statement: &str) {
    let statement = database.facts().placed(statement);
    run(database, &statement).await;
}

/// Opens a holder of the lease, and a table `t`.
async fn holder(factory: &dyn LeaseFactory) -> Box<dyn Database> {
    let mut holder = factory.open_with(LONG).await;
    lock(holder.as_mut(), "holder", AT_LAST).await.expect("the lock");
    run(holder.as_mut(), "CREATE TABLE t (id INT PRIMARY KEY)").await;
    holder
}

/// Gives the lease to another run, as if that had taken it while the holder was frozen.
async fn take_away(factory: &dyn LeaseFactory) {
    let mut other = factory.open_with(NATIVE).await;
    change(other.as_mut(), "UPDATE @.runner_lease SET token = token + 1").await;
    change(other.as_mut(), "UPDATE @.runner_heartbeat SET token = token + 1").await;
}

/// Lets the lease expire, as if its holder had not renewed it in time.
async fn expire(factory: &dyn LeaseFactory) {
    let mut other = factory.open_with(NATIVE).await;
    change(other.as_mut(), "UPDATE @.runner_heartbeat SET until_us = 1").await;
}

/// How many times the lease was renewed, and until when it is valid.
async fn renewals(database: &mut dyn Database) -> (i64, i64) {
    let table = tool_table(database, "runner_heartbeat");
    let found = rows(database, &format!("SELECT beats, until_us FROM {table}")).await;
    let number = |column: usize| found[0][column].as_int64().expect("a number");
    (number(0), number(1))
}

async fn is_empty(factory: &dyn LeaseFactory, table: &str) -> bool {
    let mut other = factory.open_with(NATIVE).await;
    rows(other.as_mut(), &format!("SELECT id FROM {table}")).await.is_empty()
}

/// Begins a transaction, lets `work` be done in it and `between` happen, and ends it; returns the first error.
async fn insert(
    holder: &mut dyn Database,
    options: TransactionOptions,
    between: impl Future<Output = ()>,
    finish: bool,
) -> Result<(), DatabaseError> {
    holder.begin(options).await?;
    holder.set_role(Role::SqlScript);
    run(holder, "INSERT INTO t VALUES (1)").await;
    holder.set_role(Role::Host);
    between.await;
    let ended = match finish {
        true => holder.commit(UnitOfWork::Migration(&[])).await.result(),
        false => holder.commit_or_roll_back().await,
    };
    if ended.is_err() {
        holder.rollback().await.expect("rolled back");
    }
    ended
}

/// Whatever way a transaction ends, it ends with a proof.
pub async fn fences_every_transaction(factory: &dyn LeaseFactory) {
    for finish in [false, true] {
        let mut holder = holder(factory).await;
        let options = TransactionOptions { for_migration: finish, ..TransactionOptions::default() };
        let error = insert(holder.as_mut(), options, take_away(factory), finish).await.expect_err("lost");
        assert!(error.is_lease_lost(), "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
        assert!(is_empty(factory, "t").await);
        // None begins without it, or none is committed.
        let again = insert(holder.as_mut(), TransactionOptions::default(), async {}, false).await.expect_err("lost");
        assert!(again.is_lease_lost(), "{again:?}");
        assert!(is_empty(factory, "t").await);
        run(factory.open_with(NATIVE).await.as_mut(), "DROP TABLE t").await;
        drop(holder);
        expire(factory).await;
    }
}

pub async fn fences_records_and_single_statements(factory: &dyn LeaseFactory) {
    let mut holder = holder(factory).await;
    take_away(factory).await;
    let change = ToolChange::of_any_rows("DELETE FROM @.runner_heartbeat WHERE scope = ?1", [Value::from("other")]);
    let error = holder.commit(UnitOfWork::Apart(&[change])).await.result().expect_err("lost");
    assert!(error.is_lease_lost(), "{error:?}");
    // One that cannot run in a transaction, where there is such a thing.
    let bare = match holder.facts().dialect {
        Dialect::Postgres => "CREATE INDEX CONCURRENTLY i ON t (id)",
        _ => "CREATE INDEX i ON t (id)",
    };
    for role in [Role::SqlScript, Role::Host] {
        for statement in ["INSERT INTO t VALUES (2)", "CREATE TABLE u (id INT PRIMARY KEY)", bare] {
            holder.set_role(role);
            let error = holder.execute(statement, &[]).await.expect_err(statement);
            assert!(error.is_lease_lost(), "{statement}: {error:?}");
        }
    }
    assert!(is_empty(factory, "t").await);
    let mut other = factory.open_with(NATIVE).await;
    run(other.as_mut(), "CREATE TABLE u (id INT PRIMARY KEY)").await;
    run(other.as_mut(), "CREATE INDEX i ON t (id)").await;
    // Reading is as good as before.
    assert!(rows(holder.as_mut(), "SELECT id FROM t").await.is_empty());
    let error = holder.reconnect().await;
    assert!(error.is_err_and(|error| error.is_lease_lost()), "the lock is not taken again");
}

/// A lease whose holder lives does not expire, and renewing it fails no transaction, whatever its isolation.
pub async fn is_renewed(factory: &dyn LeaseFactory) {
    let mut holder = factory.open_with(RENEWED).await;
    lock(holder.as_mut(), "holder", AT_LAST).await.expect("the lock");
    run(holder.as_mut(), "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let options = TransactionOptions { isolation: Some(Isolation::RepeatableRead), ..TransactionOptions::default() };
    let mut waiter = factory.open_with(RENEWED).await;
    let mut witness = factory.open_with(NATIVE).await;
    let between = async {
        // To wait for longer than the lease would show the same, but a short lease ends on a machine that is suspended.
        let two_renewals = async {
            let mut last = renewals(witness.as_mut()).await;
            for _ in 0..2 {
                let next = loop {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let now = renewals(witness.as_mut()).await;
                    if now.0 > last.0 {
                        break now;
                    }
                };
                assert!(next.1 > last.1, "{next:?} after {last:?}");
                last = next;
            }
        };
        tokio::time::timeout(5 * PATIENCE, two_renewals).await.expect("renewed");
        let error = lock(waiter.as_mut(), "waiter", 0).await.expect_err("held");
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
        assert!(error.message.contains("holder"), "{error}");
    };
    insert(holder.as_mut(), options, between, false).await.expect("committed");
    assert!(!is_empty(factory, "t").await);
    holder.unlock().await.expect("unlocked");
    lock(waiter.as_mut(), "waiter", 0).await.expect("free at once");
}

/// A lease that its holder does not renew is taken, and what the holder does afterwards is not kept.
pub async fn passes_on_when_it_expires(factory: &dyn LeaseFactory) {
    // It is not renewed while it is taken.
    for next in [LONG, NATIVE] {
        let mut holder = holder(factory).await;
        let mut taker = factory.open_with(next).await;
        let between = async {
            expire(factory).await;
            lock(taker.as_mut(), "taker", AT_LAST).await.expect("expired");
        };
        insert(holder.as_mut(), TransactionOptions::default(), between, false).await.expect_err("lost");
        assert!(is_empty(factory, "t").await);
        let again = holder.reconnect().await.expect_err("lost");
        assert!(again.is_lease_lost(), "{next}: {again:?}");
        // The one that has it can work.
        insert(taker.as_mut(), TransactionOptions::default(), async {}, false).await.expect("committed");
        holder.unlock().await.expect("nothing to release");
        let error = lock(factory.open_with(LEASE).await.as_mut(), "third", 0).await.expect_err("held");
        assert!(error.message.contains(shown(taker.as_ref(), "taker")), "{error}");
        taker.unlock().await.expect("unlocked");
        run(taker.as_mut(), "DROP TABLE t").await;
    }
}

/// Runs that use the server's own lock, and runs that use a lease.
pub async fn excludes_runs_with_the_other_lock(factory: &dyn LeaseFactory) {
    // Within the test no lease ends by itself.
    for (first, second) in [(NATIVE, LONG), (LONG, NATIVE), (NATIVE, LONG)] {
        let mut holder = factory.open_with(first).await;
        lock(holder.as_mut(), "the first", AT_LAST).await.expect("the lock");
        let mut waiter = factory.open_with(second).await;
        let error = lock(waiter.as_mut(), "the second", 300).await.expect_err("held");
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
        assert!(error.message.contains(shown(holder.as_ref(), "the first")), "{error}");
        // It is not taken for what a killed run has left.
        let error = lock(waiter.as_mut(), "the second", 1_500).await.expect_err("held");
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
        holder.begin(TransactionOptions::default()).await.expect("begun");
        holder.commit_or_roll_back().await.expect("committed");
        holder.unlock().await.expect("unlocked");
        lock(waiter.as_mut(), "the second", AT_LAST).await.expect("free");
        let error = lock(holder.as_mut(), "the first", 300).await.expect_err("held");
        assert!(error.message.contains(shown(waiter.as_ref(), "the second")), "{error}");
        waiter.unlock().await.expect("unlocked");
    }
}

/// What a migration may not change. If it is changed anyway, the lease is lost, and can be taken.
pub async fn is_protected(factory: &dyn LeaseFactory) {
    let mut holder = holder(factory).await;
    holder.set_role(Role::SqlScript);
    for table in ["runner_lease", "runner_heartbeat"] {
        let table = tool_table(holder.as_ref(), table);
        for statement in [format!("UPDATE {table} SET token = 1"), format!("DROP TABLE {table}")] {
            let error = holder.execute(&statement, &[]).await.expect_err(&statement);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error:?}");
        }
    }
    holder.set_role(Role::Host);
    let gone = async {
        let mut other = factory.open_with(NATIVE).await;
        change(other.as_mut(), "DELETE FROM @.runner_lease").await;
    };
    let error = insert(holder.as_mut(), TransactionOptions::default(), gone, false).await.expect_err("lost");
    assert!(error.is_lease_lost(), "{error:?}");
    let mut next = factory.open_with(LEASE).await;
    expire(factory).await;
    lock(next.as_mut(), "next", AT_LAST).await.expect("made anew");
    insert(next.as_mut(), TransactionOptions::default(), async {}, false).await.expect("committed");
}
