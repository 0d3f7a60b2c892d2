//! The end of a migration that the next one stores: who follows the run, and what fails.

use std::sync::Mutex;

use runner_tests::servers::{self, Kind as Make, Server, TestDatabase};

use super::on_servers_tests::{apply, engine_at};
use super::tests::sql;
use super::*;
use runner_base::error::ErrorKind;

/// Where statements commit by themselves: everywhere on MariaDB, and on PostgreSQL where a file asks for it.
fn both() -> [&'static Server; 2] {
    [servers::postgres(), servers::mariadb()]
}

/// Notes what is told of each migration, with the state that another session sees then.
struct Observed {
    database: Arc<TestDatabase>,
    told: Mutex<Vec<String>>,
}

impl Observed {
    fn new(server: &Server) -> Arc<Self> {
        Arc::new(Self { database: Arc::new(server.database()), told: Mutex::default() })
    }

    /// The table of history.
    fn history(&self) -> &'static str {
        if self.database.kind() == Make::Postgres { "runner.runner_history" } else { "runner_history" }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().expect("not poisoned"))
    }
}

impl EventSink for Observed {
    fn emit(&self, event: &Event) {
        let (what, revision) = match event {
            Event::MigrationStarted { revision, .. } => ("started", revision),
            Event::MigrationFinished { revision, .. } => ("finished", revision),
            Event::MigrationFailed { revision, .. } => ("failed", revision),
            _ => return,
        };
        let history = self.history();
        let state = self.database.sql(&format!("SELECT state FROM {history} WHERE revision = '{revision}'"));
        let text = [what, revision, &state.join("")].join(" ");
        self.told.lock().expect("not poisoned").push(text.trim_end().to_owned());
    }
}

async fn engine_with(observed: &Arc<Observed>, count: usize) -> Engine {
    let names = ["1", "2", "3", "4"];
    let apart = if observed.database.kind() == Make::Postgres { "-- runner:no-transaction\n" } else { "" };
    let migrations = names[..count].iter().map(|revision| {
        let up = format!(
            "{apart}CREATE TABLE t{revision} (a int); INSERT INTO t{revision} VALUES (1); \
             CREATE INDEX i{revision} ON t{revision} (a)"
        );
        sql(revision, &up, None)
    });
    engine_at(&observed.database.url(), observed, migrations.collect()).await
}

#[tokio::test]
async fn a_migration_is_called_finished_once_that_is_stored() {
    for server in both() {
        is_called_finished_once_that_is_stored(&Observed::new(server)).await;
    }
}

async fn is_called_finished_once_that_is_stored(observed: &Arc<Observed>) {
    let outcome = apply(&engine_with(observed, 3).await).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let done: Vec<&str> = outcome.done.iter().map(|done| &*done.revision).collect();
    assert_eq!(done, ["1", "2", "3"]);
    let told = observed.take();
    let finished = |told: &String| told.starts_with("finished");
    assert!(told.iter().filter(|told| finished(told)).all(|told| told.ends_with(" applied")), "{told:?}");
    let order: Vec<_> = told.iter().map(|told| told.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(order, ["started 1", "finished 1", "started 2", "finished 2", "started 3", "finished 3"]);
}

/// The next migration cannot even record that it begins.
#[tokio::test]
async fn what_the_next_migration_fails_to_store_is_stored_alone() {
    for server in both() {
        what_the_next_one_fails_to_store_is_stored_alone(&Observed::new(server)).await;
    }
}

async fn what_the_next_one_fails_to_store_is_stored_alone(observed: &Arc<Observed>) {
    let history = observed.history();
    apply(&engine_with(observed, 1).await).await;
    observed.database.sql(&format!("ALTER TABLE {history} ADD CONSTRAINT no_third CHECK (revision <> '3')"));
    observed.take();
    let outcome = apply(&engine_with(observed, 4).await).await;
    assert_eq!(outcome.done.iter().map(|done| &*done.revision).collect::<Vec<_>>(), ["2"]);
    let failed = outcome.failed.expect("a failure");
    assert_eq!((&*failed.step.revision, failed.took_effect.is_none()), ("3", true));
    assert_eq!(outcome.not_run.len(), 1);
    assert_eq!(observed.take(), ["started 2", "finished 2 applied", "started 3", "failed 3"]);
    let table = "SELECT count(*) FROM information_schema.tables WHERE table_name = 't3'";
    let table = if observed.database.kind() == Make::Postgres {
        table
    } else {
        &format!("{table} AND table_schema = database()")
    };
    assert_eq!(observed.database.value(table), "0");
}

/// The end itself cannot be stored, neither with the next migration nor alone.
#[tokio::test]
async fn an_end_that_cannot_be_stored_fails_its_own_migration() {
    for server in both() {
        an_end_that_cannot_be_stored_fails_its_own(&Observed::new(server)).await;
    }
}

async fn an_end_that_cannot_be_stored_fails_its_own(observed: &Arc<Observed>) {
    let history = observed.history();
    apply(&engine_with(observed, 1).await).await;
    let constraint = "CHECK (NOT (revision = '2' AND state = 'applied'))";
    observed.database.sql(&format!("ALTER TABLE {history} ADD CONSTRAINT never {constraint}"));
    observed.take();
    let outcome = apply(&engine_with(observed, 4).await).await;
    assert!(outcome.done.is_empty(), "{:?}", outcome.done);
    let (failed, error) = (outcome.failed.expect("a failure"), outcome.error.expect("an error"));
    assert_eq!((&*failed.step.revision, error.kind), ("2", ErrorKind::Partial));
    assert_eq!(failed.took_effect.expect("an effect").to_string(), "3 of 3 statements");
    assert_eq!(outcome.not_run.iter().map(|step| &*step.revision).collect::<Vec<_>>(), ["3", "4"]);
    observed.database.sql(&format!("ALTER TABLE {history} DROP CONSTRAINT never"));
    let outcome = apply(&engine_with(observed, 4).await).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.done.len(), 3);
    assert_eq!(observed.database.value(&format!("SELECT count(*) FROM {history} WHERE state = 'applied'")), "4");
}
