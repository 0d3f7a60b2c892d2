//! The logins of components, where the database has them.

use std::sync::Arc;

use super::*;
use runner_database::logins::{LoginTask, Removal};
use runner_database::{DesiredLogin, Grants, LoginRequest};

/// Processes that share a transform, each of which sets a password of the one login.
pub async fn are_opened_at_the_same_moment(factory: &dyn Factory) {
    let mut first = factory.open().await;
    if !first.facts().separate_logins {
        return;
    }
    run(first.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    let tables = vec!["read t".parse().expect("a grant")];
    let grants = Arc::new(Grants { tables, component: "0001".to_owned(), ..Grants::default() });
    let wanted = vec![DesiredLogin { id: "0001_guest".to_owned(), grants: grants.clone(), is_early: false }];
    let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
    first.host().logins(&request).await.expect("in line");
    let process = || async {
        for _ in 0..4 {
            let mut database = factory.open().await;
            database.set_grants(Some(grants.clone())).expect("grants");
            database.begin(TransactionOptions::default()).await.expect("logged in");
            database.rollback().await.expect("rolled back");
        }
    };
    futures_util::future::join_all((0..6).map(|_| process())).await;
}
