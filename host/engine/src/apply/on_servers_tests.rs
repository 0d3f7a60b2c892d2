//! Runs on servers: what they roll back, what they leave, and connections that are lost.

use std::sync::Mutex;
use std::time::Duration;

use runner_tests::servers::{self, TestDatabase};

use super::tests::{engine, sql};
use super::*;
use crate::plan::PlanOptions;
use crate::script::{Script, ScriptSource};
use crate::sql_script::SqlScript;
use crate::target::Target;
use runner_base::error::ErrorKind;
use runner_database::{ConnectOptions, DatabaseUrl, TransactionOptions};
use runner_drivers::connect;
use runner_project::catalog::{Migration, Mode};

/// Records the events, and does something at a retry.
#[derive(Default)]
struct Told {
    texts: Mutex<Vec<String>>,
    at_retry: Mutex<Option<std::sync::mpsc::Sender<()>>>,
}

impl EventSink for Told {
    fn emit(&self, event: &Event) {
        let text = match event {
            Event::Retrying { reason, .. } => {
                self.at_retry.lock().expect("not poisoned").take();
                reason.clone()
            }
            Event::Log { message, .. } => message.clone(),
            _ => return,
        };
        self.texts.lock().expect("not poisoned").push(text);
    }
}

pub(super) async fn engine_on<E: EventSink + 'static>(
    database: &TestDatabase,
    events: &Arc<E>,
    migrations: Vec<Migration>,
) -> Engine {
    engine_at(&database.url(), events, migrations).await
}

pub(super) async fn engine_at<E: EventSink + 'static>(
    url: &str,
    events: &Arc<E>,
    migrations: Vec<Migration>,
) -> Engine {
    let url = DatabaseUrl::parse(url, std::path::Path::new("/")).expect("a URL");
    let options = ConnectOptions { lock_timeout: Some(Duration::from_millis(100)), ..ConnectOptions::default() };
    let connection = connect(&url, &options).await.expect("a connection");
    let dialect = connection.facts().dialect;
    let loader: Arc<dyn ScriptLoader> = Arc::new(move |source: &ScriptSource| match source {
        ScriptSource::Sql { up, down, .. } => {
            Ok(Box::new(SqlScript::new(up, down.as_ref(), dialect)?) as Box<dyn Script>)
        }
        _ => Err(Error::failed("no components here")),
    });
    let database = Arc::new(tokio::sync::Mutex::new(connection));
    Engine { database, loader, events: events.clone(), ..engine(migrations).await }
}

async fn act(engine: &Engine, action: Action) -> Outcome {
    let request = Request {
        action,
        options: PlanOptions::default(),
        lock_wait: Duration::from_secs(5),
        dry_run: false,
        accept: None,
    };
    engine.run(&request).await.expect("a plan")
}

pub(super) async fn apply(engine: &Engine) -> Outcome {
    act(engine, Action::Apply(Target::Latest)).await
}

fn table(revision: &str) -> Migration {
    let name = format!("t{revision}");
    sql(
        revision,
        &format!("CREATE TABLE {name} (a int); INSERT INTO {name} VALUES (1)"),
        Some(&format!("DROP TABLE {name}")),
    )
}

#[tokio::test]
async fn up_down_and_up_again_on_servers() {
    for database in [servers::postgres().database(), servers::mariadb().database()] {
        let engine = engine_on(&database, &Arc::<Told>::default(), vec![table("1"), table("2")]).await;
        let outcome = apply(&engine).await;
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        assert_eq!(outcome.done.len(), 2);
        assert!(apply(&engine).await.is_up_to_date());
        let outcome = act(&engine, Action::Rollback(Target::Base)).await;
        assert_eq!((outcome.done.len(), outcome.error.is_none()), (2, true), "{:?}", outcome.error);
        assert_eq!(apply(&engine).await.done.len(), 2);
        assert_eq!(database.value("SELECT count(*) FROM t1"), "1");
    }
}

#[tokio::test]
async fn a_busy_table_is_waited_for_in_bites() {
    let database = servers::postgres().database();
    database.sql("CREATE TABLE busy (a int)");
    let mut holder = connect(
        &DatabaseUrl::parse(&database.url(), std::path::Path::new("/")).expect("a URL"),
        &ConnectOptions::default(),
    )
    .await
    .expect("a connection");
    holder.host().begin(TransactionOptions::default()).await.expect("a transaction");
    holder.host().execute("LOCK TABLE busy IN ACCESS SHARE MODE", &[]).await.expect("a lock");
    let told = Arc::new(Told::default());
    let (sender, receiver) = std::sync::mpsc::channel();
    *told.at_retry.lock().expect("not poisoned") = Some(sender);
    // The lock is released when the first retry is reported: the sender is dropped then.
    let holding = tokio::spawn(async move {
        let _ = tokio::task::spawn_blocking(move || receiver.recv()).await;
        holder.rollback().await.expect("a rollback");
    });
    let migration = sql("1", "CREATE TABLE before (a int); ALTER TABLE busy ADD COLUMN b int", None);
    // As many as it takes until the holder has a turn.
    let engine = Engine { retries: 1000, ..engine_on(&database, &told, vec![migration]).await };
    let outcome = apply(&engine).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert!(outcome.done[0].retries >= 1);
    assert!(told.texts.lock().expect("not poisoned")[0].contains("55P03"));
    holding.await.expect("the holder");
}

#[tokio::test]
async fn a_step_that_met_a_lock_is_taken_up_again() {
    let database = servers::mariadb().database();
    database.sql("CREATE TABLE busy (a int PRIMARY KEY) ENGINE = InnoDB; INSERT INTO busy VALUES (1)");
    let url = DatabaseUrl::parse(&database.url(), std::path::Path::new("/")).expect("a URL");
    let mut holder = connect(&url, &ConnectOptions::default()).await.expect("a connection");
    holder.host().begin(TransactionOptions::default()).await.expect("a transaction");
    holder.host().execute("UPDATE busy SET a = 2", &[]).await.expect("a lock");
    let told = Arc::new(Told::default());
    let (sender, receiver) = std::sync::mpsc::channel();
    *told.at_retry.lock().expect("not poisoned") = Some(sender);
    let holding = tokio::spawn(async move {
        let _ = tokio::task::spawn_blocking(move || receiver.recv()).await;
        holder.rollback().await.expect("a rollback");
    });
    let migration = sql("1", "CREATE TABLE first (a int); UPDATE busy SET a = 3; CREATE TABLE last (a int)", None);
    // As many as it takes until the holder has a turn.
    let engine = Engine { retries: 1000, ..engine_on(&database, &told, vec![migration]).await };
    let outcome = apply(&engine).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert!(outcome.done[0].retries >= 1);
    assert_eq!(database.value("SELECT a FROM busy"), "3");
    assert_eq!(database.value("SELECT count(*) FROM runner_history WHERE state = 'applied'"), "1");
    holding.await.expect("the holder");
}

/// Of tables without transactions a rollback takes nothing back: another try would write to them twice.
#[tokio::test]
async fn what_a_rollback_leaves_is_told_and_not_written_twice() {
    let database = servers::mariadb().database();
    database.sql("CREATE TABLE busy (a int PRIMARY KEY) ENGINE = InnoDB; INSERT INTO busy VALUES (1)");
    database.sql("CREATE TABLE lasting (a int) ENGINE = MyISAM");
    let url = DatabaseUrl::parse(&database.url(), std::path::Path::new("/")).expect("a URL");
    let mut holder = connect(&url, &ConnectOptions::default()).await.expect("a connection");
    holder.host().begin(TransactionOptions::default()).await.expect("a transaction");
    holder.host().execute("UPDATE busy SET a = 2", &[]).await.expect("a lock");
    for (last, code) in [("UPDATE busy SET a = 3", "1205"), ("INSERT INTO nowhere VALUES (1)", "1146")] {
        let mut migration = sql("1", &format!("INSERT INTO lasting VALUES (1); {last}"), None);
        migration.description.mode = Mode::Atomic;
        let outcome = apply(&engine_on(&database, &Arc::<Told>::default(), vec![migration]).await).await;
        let error = outcome.error.expect("it fails");
        assert_eq!(error.kind, ErrorKind::Partial, "{error:?}");
        assert!(error.message.contains(code), "{error:?}");
        assert!(error.causes.iter().any(|cause| cause.contains("some tables keep what was written")), "{error:?}");
        assert!(error.hints.iter().any(|hint| hint.contains("check what remains in the database")), "{error:?}");
        assert_eq!(database.value("SELECT count(*) FROM lasting"), "1", "{error:?}");
        assert_eq!(database.value("SELECT count(*) FROM runner_history"), "0");
        database.sql("DELETE FROM lasting");
    }
}

#[tokio::test]
async fn what_a_procedure_committed_in_the_transaction_is_told() {
    let database = servers::mariadb().database();
    database.sql("CREATE TABLE t (a int)");
    database.sql("CREATE PROCEDURE ends() COMMIT");
    let mut migration = sql("1", "INSERT INTO t VALUES (1); CALL ends()", None);
    migration.description.mode = Mode::Atomic;
    let outcome = apply(&engine_on(&database, &Arc::<Told>::default(), vec![migration]).await).await;
    let error = outcome.error.expect("it fails");
    assert_eq!(error.kind, ErrorKind::Partial, "{error:?}");
    assert!(error.hints.iter().any(|hint| hint.contains("check in the database what was committed")), "{error:?}");
    assert_eq!(database.value("SELECT count(*) FROM t"), "1");
}

#[tokio::test]
async fn a_connection_lost_within_a_script_leaves_nothing() {
    let database = servers::postgres().database();
    let killing = sql("1", "CREATE TABLE t (a int); SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1", None);
    let engine = engine_on(&database, &Arc::<Told>::default(), vec![killing]).await;
    let outcome = apply(&engine).await;
    let error = outcome.error.expect("it is lost");
    assert!(
        error.places.iter().any(|(label, place)| *label == "statement" && place.starts_with("2 of 3")),
        "{error:?}"
    );
    assert!(error.causes.iter().any(|cause| cause.contains("the server has rolled back the migration")), "{error:?}");
    assert_eq!(database.value("SELECT count(*) FROM runner.runner_history"), "0");
    // The same connection works after it was reopened.
    let engine = Engine { catalog: Arc::new(Catalog { migrations: vec![table("1")], ..Catalog::default() }), ..engine };
    assert_eq!(apply(&engine).await.done.len(), 1);
}

#[tokio::test]
async fn a_connection_lost_in_the_commit_is_told_by_the_history() {
    let database = servers::postgres().database();
    let killing = "CREATE TABLE t (a int);
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die();
        INSERT INTO t VALUES (1)";
    let engine = engine_on(&database, &Arc::<Told>::default(), vec![sql("1", killing, None)]).await;
    let outcome = apply(&engine).await;
    assert!(outcome.done.is_empty());
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Failed));
    assert_eq!(database.value("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
}

#[tokio::test]
async fn an_index_that_was_not_finished_is_taken_away() {
    let database = servers::postgres().database();
    database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE TABLE other (a int)");
    database.sql("CREATE UNIQUE INDEX CONCURRENTLY other_a ON other (a)");
    let up = "-- runner:no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a)";
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    let told = Arc::new(Told::default());
    let engine = engine_on(&database, &told, vec![sql("1", up, None)]).await;
    assert!(apply(&engine).await.error.is_some());
    assert_eq!(database.value(invalid), "0");
    assert!(told.texts.lock().expect("not poisoned").iter().any(|text| text.contains("dropped the invalid index")));

    // An index that a killed run left.
    database.client().try_sql("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a)").expect_err("two rows are the same");
    assert_eq!(database.value(invalid), "1");
    database.sql("DELETE FROM t WHERE ctid = '(0,1)'");
    let outcome = apply(&engine).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(
        (database.value(invalid), database.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass")),
        ("0".into(), "1".into())
    );
}

#[tokio::test]
async fn a_dry_run_tries_what_can_be_taken_back() {
    let dry_run = async |database: &TestDatabase, migrations: Vec<Migration>| {
        let engine = engine_on(database, &Arc::<Told>::default(), migrations).await;
        let action = Action::Apply(Target::Latest);
        let request = Request {
            action,
            options: PlanOptions::default(),
            lock_wait: Duration::from_secs(5),
            dry_run: true,
            accept: None,
        };
        engine.run(&request).await
    };
    let database = servers::mariadb().database();
    database.sql("CREATE TABLE t (a int) ENGINE = InnoDB");
    let rows = sql("1", "INSERT INTO t VALUES (1), (2)", None);
    let outcome = dry_run(&database, vec![rows.clone()]).await.expect("a dry run");
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!((outcome.done.len(), database.value("SELECT count(*) FROM t")), (1, "0".into()));
    let error = dry_run(&database, vec![rows.clone(), table("2")]).await.expect_err("it would stay");
    assert!(error.message.contains("may commit the statement immediately"), "{}", error.message);
    assert_eq!(database.value("SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"), "1");
    database.sql("CREATE TABLE lasting (a int) ENGINE = MyISAM");
    let error = dry_run(&database, vec![rows]).await.expect_err("it would stay");
    assert!(error.message.contains("`lasting` of the engine MyISAM"), "{}", error.message);
}
