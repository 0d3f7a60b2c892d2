//! Guards: the session role while a guard is held, and after it is dropped.

use super::rights::{make_history, refused};
use super::*;
use runner_database::stop::StopReason;

/// Only the host may write to the tool's tables, and statements run only while no stop signal is raised.
async fn speaks_for_the_host(database: &mut dyn Database, history: &str) {
    // Without a guard, the session has the role that the last guard left.
    run(database, &format!("INSERT INTO {history} (id) VALUES (1)")).await;
    run(database, &format!("DELETE FROM {history}")).await;
}

async fn ends_early(database: &mut dyn Database, stop: &StopSignal) -> Result<(), DatabaseError> {
    let mut session = database.component(stop);
    session.execute("SELEC 1", &[]).await?;
    stop.raise(StopReason::Interrupt);
    session.execute("DELETE FROM t", &[]).await.map(drop)
}

async fn never_ends(database: &mut dyn Database, stop: &StopSignal) {
    let mut session = database.script(stop);
    session.execute("DELETE FROM t", &[]).await.expect("allowed");
    stop.raise(StopReason::Interrupt);
    std::future::pending().await
}

pub async fn are_returned(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    let history = make_history(database).await;
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    for in_transaction in [false, true] {
        if in_transaction {
            database.begin(TransactionOptions::default()).await.expect("begun");
        }
        let stop = StopSignal::default();
        {
            let mut session = database.component(&stop);
            session.execute("INSERT INTO t VALUES (1)", &[]).await.expect("allowed");
            stop.raise(StopReason::Interrupt);
            let error = session.execute("DELETE FROM t", &[]).await.expect_err("stopped");
            assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
        }
        speaks_for_the_host(database, &history).await;
        if in_transaction {
            // PostgreSQL ends a transaction at the first statement that fails.
            database.rollback().await.expect("rolled back");
            database.begin(TransactionOptions::default()).await.expect("begun");
        }
        // A failed statement of a component leaves the transaction usable.
        ends_early(database, &StopSignal::default()).await.expect_err("no such statement");
        speaks_for_the_host(database, &history).await;
        let stop = StopSignal::default();
        tokio::select! {
            () = never_ends(database, &stop) => panic!("its guard is no longer held"),
            // The statement was run.
            _ = stop.raised() => {}
        }
        speaks_for_the_host(database, &history).await;
        if in_transaction {
            database.rollback().await.expect("rolled back");
        }
    }
}

pub async fn last_while_a_guard_is_held(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let history = make_history(database.as_mut()).await;
    let write = format!("INSERT INTO {history} (id) VALUES (7)");
    let stop = StopSignal::default();
    // The host borrows the connection in between.
    let mut host = database.host();
    host.begin(TransactionOptions::default()).await.expect("begun");
    for _ in 0..2 {
        let mut session = host.connection().component(&stop);
        let error = session.execute(&write, &[]).await.expect_err("the tool's table");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        let error = session.execute("COMMIT", &[]).await.expect_err("transaction control");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    }
    host.execute(&write, &[]).await.expect("the host may");
    host.commit_or_roll_back().await.expect("committed");
    drop(host);
    database.set_role(Role::SqlScript);
    refused(database.as_mut(), &write).await;
    // A guard sets its own role, whatever the role was before.
    let found = database.host().query(&format!("SELECT id FROM {history}"), &[], QueryLimits::NONE).await;
    assert_eq!(found.expect("rows").rows, [[Value::Int64(7)]]);
}
