//! Histories in several places of one database.

use std::time::Duration;

use super::rights::{make_history, refused};
use super::*;
use runner_database::HistoryPlace;

/// A factory of connections to one database with the history in different places.
#[async_trait]
pub trait PlaceFactory: Factory {
    /// Opens another connection to the database, for the history in this place.
    async fn open_in(&self, place: HistoryPlace) -> Box<dyn Database>;
}

/// A place of this name on every database. On PostgreSQL it is a schema of the application.
pub fn place(name: &str) -> HistoryPlace {
    HistoryPlace { schema: Some(name.to_owned()), prefix: Some(format!("{name}_")) }
}

/// Two runs with a history each do not wait for each other, unless the file is one for both; two with one history do.
pub async fn has_a_lock_of_its_own(factory: &dyn PlaceFactory) {
    let request = |wait| LockRequest { wait, run_id: "run".to_owned(), owner: "somebody".to_owned() };
    let lock = async |database: &mut dyn Database| {
        database.lock(&request(Duration::ZERO), &StopSignal::default(), &|_| {}).await
    };
    let [mut first, mut other, mut again] =
        [factory.open_in(place("a")).await, factory.open_in(place("b")).await, factory.open_in(place("a")).await];
    lock(first.as_mut()).await.expect("the lock");
    let is_free = lock(other.as_mut()).await.is_ok();
    assert_eq!(is_free, first.facts().lock != LockKind::File);
    assert_eq!(lock(again.as_mut()).await.expect_err("held").kind, DatabaseErrorKind::Busy);
    // What the other does not have, it does not end either.
    run(first.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    first.begin(TransactionOptions::default()).await.expect("begun");
    run(first.as_mut(), "INSERT INTO t VALUES (1)").await;
    if is_free {
        other.unlock().await.expect("unlocked");
        lock(other.as_mut()).await.expect("the lock again");
    }
    first.commit_or_roll_back().await.expect("committed");
}

/// No migration reaches the tables of either place, whatever its own is.
pub async fn protects_the_others(factory: &dyn PlaceFactory) {
    let mut other = factory.open_in(place("b")).await;
    let history = make_history(other.as_mut()).await;
    run(other.as_mut(), &format!("INSERT INTO {history} VALUES (1)")).await;
    let mut database = factory.open_in(place("a")).await;
    make_history(database.as_mut()).await;
    for rights in [Role::SqlScript, Role::Component] {
        database.set_role(rights);
        for statement in ["DELETE FROM @", "INSERT INTO @ VALUES (2)", "UPDATE @ SET id = 2", "DROP TABLE @"] {
            refused(database.as_mut(), &statement.replace('@', &history)).await;
        }
    }
    assert_eq!(rows(other.as_mut(), &format!("SELECT id FROM {history}")).await, [[Value::Int64(1)]]);
}
