//! Interrupted upgrades: repaired, rolled back, or resumed with an artifact that has changed.

use async_trait::async_trait;

use super::tests::{engine, sql};
use super::*;
use crate::call::{Call, CallKind};
use crate::history::{Record, State};
use crate::journal::JournalStep;
use crate::repair::{self, RepairDecision, repair};
use crate::script::{Execution, RunContext, Script, ScriptSource};
use crate::target::Target;
use runner_base::error::ErrorKind;
use runner_database::{DatabaseUrl, QueryLimits};
use runner_drivers::connect;
use runner_project::catalog::{Kind, Migration};
use runner_tests::servers;

/// Three statements, of which the last fails until it is fixed.
fn broken(third: &str, down: &str) -> Migration {
    sql(
        "1",
        &format!("-- runner:no-transaction\nCREATE TABLE a (x); CREATE TABLE b (x); {third}"),
        Some(&format!("-- runner:no-transaction\n{down}")),
    )
}

const FAILS: &str = "INSERT INTO nowhere VALUES (1)";

async fn tell(engine: &Engine, statement: &str) -> Vec<Vec<Value>> {
    let mut database = engine.database.lock().await;
    let database = &mut database.host();
    database.query(statement, &[], QueryLimits::NONE).await.expect(statement).rows
}

/// Has the last statement that took effect look as if the process had died in it.
async fn forget_its_end(engine: &Engine) {
    let crash = "UPDATE runner_journal SET state = 'intent', answer = NULL, ended_at = NULL, text = 'CALL odd()' \
                 WHERE step = 2";
    tell(engine, crash).await;
    let head = "UPDATE runner_head SET seal = (SELECT seal FROM runner_journal WHERE step = 1)";
    tell(engine, head).await;
}

async fn says(engine: &Engine, action: repair::RepairAction, step: Option<u64>) -> Result<history::Repair> {
    let order = RepairDecision { action, step, why: "looked".to_owned() };
    let identity = Identity::now();
    let mut database = engine.database.lock().await;
    repair(&mut **database, Some("1"), &engine.catalog, &order, &identity).await
}

async fn row(engine: &Engine) -> Record {
    let mut database = engine.database.lock().await;
    let database = &mut database.host();
    history::read_all(database).await.expect("history").pop().expect("a row")
}

#[tokio::test]
async fn an_operator_says_what_became_of_a_statement() {
    for (action, again) in [
        (repair::RepairAction::Retry, true),
        (repair::RepairAction::MarkDone { rows: Some(3) }, false),
        (repair::RepairAction::Skip, false),
    ] {
        let broken_off = engine(vec![broken(FAILS, "")]).await;
        assert!(broken_off.apply().await.error.is_some());
        forget_its_end(&broken_off).await;
        let engine = broken_off.with(vec![broken("CREATE TABLE c (x)", "")]);
        let error = engine.refused(Action::Apply(Target::Latest)).await;
        assert_eq!(error.kind, ErrorKind::Partial);
        assert!(error.hints[0].contains("runner repair 1"), "{error:?}");
        let wrong = says(&engine, action, Some(3)).await.expect_err("another statement");
        assert_eq!((wrong.kind, &*wrong.message), (ErrorKind::Usage, "the unknown statement of `1_m1` is 2"));
        if again {
            tell(&engine, "DROP TABLE b").await;
        }
        let said = says(&engine, action, Some(2)).await.expect("recorded");
        assert_eq!((said.step, &*said.statement, &*said.why), (Some(2), "CALL odd()", "looked"));
        let none = says(&engine, action, None).await.expect_err("nothing is unknown");
        assert_eq!(none.kind, ErrorKind::Usage);
        let outcome = engine.apply().await;
        assert!(outcome.error.is_none(), "{action}: {:?}", outcome.error);
        assert_eq!(engine.state().await.0, ["a", "b", "c"]);
        let rows = tell(&engine, "SELECT row_count FROM runner_journal WHERE step = 2").await;
        assert_eq!(
            rows[0][0].as_int64(),
            Some(if action == (repair::RepairAction::MarkDone { rows: Some(3) }) { 3 } else { 0 })
        );
        let mut database = engine.database.lock().await;
        assert_eq!(history::read_repairs(&mut database.host()).await.expect("repairs"), [said]);
    }
}

#[tokio::test]
async fn an_operator_says_at_which_version_the_database_is() {
    for (action, state) in
        [(repair::RepairAction::AsApplied, State::Applied), (repair::RepairAction::AsNotApplied, State::RolledBack)]
    {
        let engine = engine(vec![broken(FAILS, "DROP TABLE a; DROP TABLE b")]).await;
        assert!(engine.apply().await.error.is_some());
        forget_its_end(&engine).await;
        let wrong = says(&engine, action, Some(2)).await.expect_err("it is about no statement");
        assert_eq!(wrong.kind, ErrorKind::Usage);
        says(&engine, action, None).await.expect("recorded");
        let row = row(&engine).await;
        assert_eq!((row.state, row.reason.as_deref()), (state, Some("looked")));
        assert!(says(&engine, action, None).await.expect_err("it is not partial").message.contains("not partial"));
        if state == State::Applied {
            assert!(engine.apply().await.is_up_to_date());
            let outcome = engine.act(Action::Rollback(Target::Base)).await;
            assert!(outcome.error.is_none(), "{:?}", outcome.error);
            assert!(engine.state().await.0.is_empty());
        } else {
            assert_eq!(row.steps, 1, "what history knew of it stays");
            tell(&engine, "DROP TABLE b").await;
            tell(&engine, "DROP TABLE a").await;
            let engine = engine.with(vec![broken("SELECT 1", "")]);
            assert!(engine.apply().await.error.is_none());
        }
    }
}

#[tokio::test]
async fn the_same_of_a_way_back_that_broke_off() {
    for (action, state) in
        [(repair::RepairAction::AsApplied, State::Applied), (repair::RepairAction::AsNotApplied, State::RolledBack)]
    {
        let engine = engine(vec![broken("SELECT 1", "DROP TABLE b; INSERT INTO nowhere VALUES (2)")]).await;
        assert!(engine.apply().await.error.is_none());
        assert!(engine.act(Action::Rollback(Target::Back(1))).await.error.is_some());
        assert_eq!(row(&engine).await.state, State::PartlyRolledBack);
        says(&engine, action, None).await.expect("recorded");
        let row = row(&engine).await;
        assert_eq!((row.state, row.was_whole(), row.reason.as_deref()), (state, true, Some("looked")));
        assert_eq!(row.rolled_back_at.is_some(), state == State::RolledBack);
        assert_eq!(engine.apply().await.is_up_to_date(), state == State::Applied);
    }
}

#[tokio::test]
async fn what_broke_off_is_rolled_back() {
    let tables = "DROP TABLE IF EXISTS c; DROP TABLE b; DROP TABLE a";
    let broken_off = engine(vec![broken(FAILS, tables)]).await;
    assert!(broken_off.apply().await.error.is_some());
    // The project has lost it: the copy that was kept when it began is taken.
    let engine = broken_off.with(vec![]);
    let outcome = engine.act(Action::Rollback(Target::Back(1))).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await, (vec![], vec!["1 rolled-back 2".to_owned()]));
    let row = row(&engine).await;
    assert_eq!((row.was_whole(), row.steps), (false, 2));
    let left = "SELECT count(*) FROM runner_journal WHERE answer IS NOT NULL";
    assert_eq!(tell(&engine, left).await[0][0].as_int64(), Some(0));
    assert_eq!(tell(&engine, "SELECT count(*) FROM runner_head").await[0][0].as_int64(), Some(0));
}

#[tokio::test]
async fn a_downgrade_that_meets_what_is_not_there_leaves_the_upgrade_partial() {
    let broken_off = engine(vec![broken(FAILS, "DROP TABLE c; DROP TABLE b; DROP TABLE a")]).await;
    assert!(broken_off.apply().await.error.is_some());
    let outcome = broken_off.act(Action::Rollback(Target::Back(1))).await;
    let error = outcome.error.expect("no such table");
    assert_eq!(error.kind, ErrorKind::Partial);
    assert!(error.hints.iter().any(|hint| hint.contains("IF EXISTS")), "{error:?}");
    assert_eq!(broken_off.state().await.1, ["1 partial 2"]);
    // The downgrade was fixed, although its upgrade was fixed too.
    let engine =
        broken_off.with(vec![broken("SELECT 7", "DROP TABLE b; INSERT INTO nowhere VALUES (2); DROP TABLE a")]);
    let outcome = engine.act(Action::Rollback(Target::Back(1))).await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Partial));
    assert_eq!(engine.state().await, (vec!["a".to_owned()], vec!["1 partly-rolled-back 1".to_owned()]));
    assert_eq!(row(&engine).await.steps, 2, "how far the upgrade had come");
    // From here on only the downgrade runs, and resumes where it stopped.
    let error = engine.refused(Action::Apply(Target::Latest)).await;
    assert_eq!((error.kind, error.hints.len()), (ErrorKind::Partial, 1));
    let engine = engine.with(vec![broken("SELECT 7", "DROP TABLE b; DROP TABLE a")]);
    let outcome = engine.act(Action::Rollback(Target::Back(1))).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await, (vec![], vec!["1 rolled-back 2".to_owned()]));
    assert!(engine.apply().await.error.is_none());
}

/// Does these statements, each a step, and something else in the next run.
struct Fickle(Vec<&'static str>);

#[async_trait]
impl Script for Fickle {
    async fn run(&self, _: Direction, context: &RunContext) -> Result<()> {
        let Execution::Journalled(journal) = &context.execution else { panic!("stepwise") };
        for statement in &self.0 {
            let call = Call { kind: CallKind::Execute, text: statement, parameters: "" };
            if let JournalStep::Live(mut live) = journal.begin::<u64>(&context.database, &call, 1).await? {
                let result = live.session().execute(statement, &[]).await;
                journal.finish(live, result).await?.map_err(Error::from)?;
            }
        }
        Ok(())
    }
}

fn fickle(statements: &[&'static str]) -> Arc<dyn ScriptLoader> {
    let statements = statements.to_vec();
    Arc::new(move |_: &ScriptSource| Ok(Box::new(Fickle(statements.clone())) as Box<dyn Script>))
}

#[tokio::test]
async fn a_component_that_does_something_else_is_refused_on_servers() {
    let (postgres, mariadb) = (servers::postgres().database(), servers::mariadb().database());
    for url in ["sqlite::memory:".to_owned(), postgres.url(), mariadb.url()] {
        let url = DatabaseUrl::parse(&url, std::path::Path::new("/")).expect("a URL");
        let options = runner_database::ConnectOptions::creating();
        let database = Arc::new(tokio::sync::Mutex::new(connect(&url, &options).await.expect("a connection")));
        let component = Migration { kind: Kind::Component, ..sql("1", "-- runner:no-transaction\nSELECT 1", None) };
        let mut engine = Engine { database, ..engine(vec![component]).await };
        let first = "CREATE TABLE t (a INT)";
        let (one, two) = ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)");
        engine.loader = fickle(&[first, one, two, FAILS]);
        assert_eq!(engine.apply().await.error.map(|error| error.kind), Some(ErrorKind::Partial));
        for (statements, now) in [
            (vec![first, two, one, FAILS], "now: execute `INSERT INTO t VALUES (2)`"),
            (vec![first, one], "now: the end of the migration"),
            (vec![one], "now: execute `INSERT INTO t VALUES (1)`"),
            (vec![], "now: the end of the migration"),
        ] {
            engine.loader = fickle(&statements);
            let error = engine.apply().await.error.expect("refused");
            assert_eq!(error.kind, ErrorKind::Mismatch, "{error:?}");
            assert_eq!((&*error.message, &*error.causes[1]), ("the component did not repeat its recorded steps", now));
            assert_eq!(row(&engine).await.state, State::PartlyApplied);
            assert_eq!(tell(&engine, "SELECT a FROM t").await.len(), 2, "nothing was done");
        }
        engine.loader = fickle(&[first, one, two, "INSERT INTO t VALUES (3)"]);
        let outcome = engine.apply().await;
        assert!(outcome.error.is_none(), "what failed and was not handled may be another: {:?}", outcome.error);
    }
}
