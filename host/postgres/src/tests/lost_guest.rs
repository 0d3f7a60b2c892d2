//! The session of a component whose connection is lost.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use runner_database::logins::{LoginTask, Removal};
use runner_database::{DatabaseErrorKind, DesiredLogin, Grants, LoginRequest};
use runner_tests::servers::{Kind, Server};

/// What it sent may still be committed. So each attempt to connect again waits until the server has finished with it, not the first alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_waited_for_by_each_attempt_to_connect_again() {
    // A database of a server that others use waits for every session when it is created.
    let server = Server::private(Kind::Postgres).start();
    let fresh = server.database();
    let mut database = open(&fresh).await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    let tables = vec!["read t".parse().expect("a grant")];
    let grants = Arc::new(Grants { tables, component: "0001".to_owned(), ..Grants::default() });
    let wanted = vec![DesiredLogin { id: "0001_guest".to_owned(), grants: grants.clone(), is_early: false }];
    let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
    database.host().logins(&request).await.expect("in line");
    database.set_grants(Some(grants)).expect("grants");
    database.begin(TransactionOptions::default()).await.expect("logged in");

    let open = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()";
    let pid = fresh.value(open);
    signal("-STOP", &pid);
    let error = database.reconnect().await.expect_err("the session cannot end");
    assert_eq!(error.kind, DatabaseErrorKind::Busy, "{error}");
    let mut again = std::pin::pin!(database.reconnect());
    let waited = tokio::time::timeout(Duration::from_secs(2), again.as_mut()).await;
    assert!(waited.is_err(), "it did not wait: {waited:?}");
    signal("-CONT", &pid);
    again.await.expect("the session has ended");
}
