//! Whole runs on SQLite in memory, with SQL scripts and with scripts that misbehave.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::database::{ConnectOptions, DatabaseUrl, Dialect, QueryLimits, connect};
use crate::engine::Direction;
use crate::engine::script::{Script, ScriptSource};
use crate::engine::sql_script::SqlScript;
use crate::error::ErrorKind;
use crate::project::catalog::{Description, Kind, Migration, Mode};
use crate::project::sha256;

/// Notes the kinds of events.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl EventSink for Heard {
    fn emit(&self, event: &Event) {
        let text = match event {
            Event::MigrationStarted { revision, direction, .. } => format!("{direction} {revision}"),
            Event::MigrationFinished { revision, .. } => format!("done {revision}"),
            Event::MigrationFailed { revision, .. } => format!("failed {revision}"),
            Event::StepFinished { step, .. } => format!("step {step}"),
            Event::Retrying { reason, retry, of, .. } => format!("{reason}: {retry} of {of}"),
            Event::Log { message, .. } => message.clone(),
            _ => return,
        };
        self.0.lock().expect("not poisoned").push(text);
    }
}

pub(super) fn sql(revision: &str, up: &str, down: Option<&str>) -> Migration {
    let mode = if up.contains("no-transaction") { Mode::Stepwise } else { Mode::Auto };
    Migration {
        revision: revision.to_owned(),
        name: format!("m{revision}"),
        kind: Kind::Sql,
        sha256: sha256(up.as_bytes()),
        artifact: Artifact::Sql { up: up.to_owned(), down: down.map(str::to_owned) },
        description: Description { mode, ..Description::default() },
        locked: true,
    }
}

fn users() -> Migration {
    sql("1", "CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1), (2)", Some("DROP TABLE users"))
}

fn orders() -> Migration {
    sql("2", "CREATE TABLE orders (id INTEGER PRIMARY KEY)", Some("DROP TABLE orders"))
}

pub(super) async fn engine(migrations: Vec<Migration>) -> Engine {
    heard_engine(migrations, Arc::default()).await
}

async fn heard_engine(migrations: Vec<Migration>, events: Arc<Heard>) -> Engine {
    let url = DatabaseUrl::parse("sqlite::memory:", std::path::Path::new("/")).expect("a URL");
    let database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
    let loader: Arc<ScriptLoader> = Arc::new(|source: &ScriptSource| match source {
        ScriptSource::Sql { up, down } => {
            Ok(Box::new(SqlScript::new(up, down.as_deref(), Dialect::Sqlite)?) as Box<dyn Script>)
        }
        ScriptSource::Component { .. } => Err(Error::failed("no components here")),
    });
    Engine {
        database: Arc::new(tokio::sync::Mutex::new(database)),
        catalog: Arc::new(Catalog { migrations }),
        loader,
        pace: Arc::new(crate::engine::pace::Pace::free(events.clone(), StopSignal::default())),
        events,
        stop: StopSignal::default(),
        parameters: Arc::default(),
        identity: Identity::now(),
        stored_artifact_bytes: 1 << 20,
        stored_call_bytes: 1 << 20,
        retries: 3,
        rehearsal: None,
        backup: None,
        transforms: Arc::default(),
    }
}

impl Engine {
    /// The same database with another project, as a later run sees it.
    fn with(self, migrations: Vec<Migration>) -> Self {
        Self { catalog: Arc::new(Catalog { migrations }), identity: Identity::now(), ..self }
    }

    async fn act(&self, action: Action) -> Outcome {
        let request =
            Request { action, options: Options::default(), lock_wait: Duration::from_secs(1), dry_run: false };
        self.run(&request).await.expect("a plan")
    }

    async fn apply(&self) -> Outcome {
        self.act(Action::Apply(Target::Latest)).await
    }

    async fn refused(&self, action: Action) -> Error {
        let request =
            Request { action, options: Options::default(), lock_wait: Duration::from_secs(1), dry_run: false };
        self.run(&request).await.expect_err("refused")
    }

    /// The tables, and the rows of history as `revision state statements-done`.
    async fn state(&self) -> (Vec<String>, Vec<String>) {
        let mut database = self.database.lock().await;
        as_host(&mut **database);
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'runner_%' ORDER BY name";
        let tables = database.query(tables, &[], QueryLimits::NONE).await.expect("tables");
        let tables = tables.rows.iter().filter_map(|row| row[0].as_text().map(str::to_owned)).collect();
        let rows = history::read_all(&mut **database).await.expect("history");
        let rows = rows.iter().map(|row| format!("{} {} {}", row.revision, row.state.name(), row.steps_done)).collect();
        (tables, rows)
    }
}

#[tokio::test]
async fn up_down_and_up_again() {
    let engine = engine(vec![users(), orders()]).await;
    let outcome = engine.apply().await;
    assert_eq!(outcome.done.len(), 2);
    assert!(outcome.error.is_none() && outcome.not_run.is_empty());
    assert_eq!(outcome.done[0].rows_written, 2);
    assert!(engine.apply().await.is_up_to_date());

    let outcome = engine.act(Action::Rollback(Target::Base)).await;
    assert_eq!(outcome.done.iter().map(|done| &*done.revision).collect::<Vec<_>>(), ["2", "1"]);
    let (tables, rows) = engine.state().await;
    assert!(tables.is_empty());
    assert_eq!(rows, ["1 rolled-back 0", "2 rolled-back 0"]);

    engine.apply().await;
    let outcome = engine.act(Action::Redo).await;
    assert_eq!(
        outcome.done.iter().map(|done| (&*done.revision, done.direction)).collect::<Vec<_>>(),
        [("2", Direction::Down), ("2", Direction::Up)]
    );
    let (tables, rows) = engine.state().await;
    assert_eq!(tables, ["orders", "users"]);
    assert_eq!(rows, ["1 rolled-back 0", "2 rolled-back 0", "1 applied 0", "2 rolled-back 0", "2 applied 0"]);
}

#[tokio::test]
async fn a_failure_leaves_what_was_before_it() {
    let broken = sql("2", "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)", None);
    let engine = engine(vec![users(), broken, sql("3", "SELECT 1", None)]).await;
    let outcome = engine.apply().await;
    assert_eq!(outcome.done.len(), 1);
    assert_eq!(outcome.failed.map(|failed| (failed.step.revision, failed.took_effect)), Some(("2".to_owned(), None)));
    assert_eq!(outcome.not_run.len(), 1);
    let error = outcome.error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(error.places[0], ("migration", "2_m2".to_owned()));
    let (tables, rows) = engine.state().await;
    assert_eq!((tables, rows), (vec!["users".to_owned()], vec!["1 applied 0".to_owned()]));
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing() {
    let orphans = "CREATE TABLE children (user_id INTEGER REFERENCES users DEFERRABLE INITIALLY DEFERRED);
                   INSERT INTO children VALUES (99)";
    let engine = engine(vec![users(), sql("2", orphans, None)]).await;
    let outcome = engine.apply().await;
    let error = outcome.error.expect("the commit checks foreign keys");
    assert_eq!((error.kind, outcome.done.len()), (ErrorKind::Failed, 1));
    assert_eq!(engine.state().await, (vec!["users".to_owned()], vec!["1 applied 0".to_owned()]));
}

#[tokio::test]
async fn redo_goes_back_by_what_was_applied_and_up_by_what_is_there_now() {
    let engine = engine(vec![users(), orders()]).await;
    engine.apply().await;
    let changed = sql("2", "CREATE TABLE bills (id INTEGER PRIMARY KEY)", Some("DROP TABLE bills"));
    let engine = engine.with(vec![users(), changed]);
    let outcome = engine.act(Action::Redo).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await.0, ["bills", "users"]);
}

#[tokio::test]
async fn a_redo_that_does_not_come_back_says_where_it_stands() {
    let engine = engine(vec![users(), orders()]).await;
    engine.apply().await;
    let broken = sql("2", "INSERT INTO nowhere VALUES (1)", Some("SELECT 1"));
    let outcome = engine.with(vec![users(), broken]).act(Action::Redo).await;
    let error = outcome.error.expect("a failure");
    assert!(error.hints.iter().any(|hint| hint.starts_with("`2_m2` is rolled back now")), "{:?}", error.hints);
}

#[tokio::test]
async fn a_way_back_that_is_gone_was_stored_and_one_that_changed_is_told_of() {
    let heard = Arc::new(Heard::default());
    let with_down = |down| sql("2", "CREATE TABLE orders (id INTEGER PRIMARY KEY)", down);
    // The same SQL upwards, and another way back.
    let twin = |revision, down| sql(revision, "SELECT 1", Some(down));
    let twins = || vec![users(), orders(), twin("3", "CREATE TABLE three (a)"), twin("4", "CREATE TABLE four (a)")];
    let engine = heard_engine(twins(), heard.clone()).await;
    engine.apply().await;
    assert!(engine.act(Action::Rollback(Target::Back(2))).await.error.is_none());
    assert_eq!(engine.state().await.0, ["four", "orders", "three", "users"]);

    let warnings = || heard.0.lock().expect("heard").iter().filter(|text| text.contains(".down.sql")).count();
    let engine = engine.with(vec![users(), with_down(None)]);
    assert!(engine.act(Action::Rollback(Target::Back(1))).await.error.is_none());
    assert_eq!((engine.state().await.0, warnings()), (vec!["four".into(), "three".into(), "users".into()], 0));

    let engine = engine.with(vec![users(), orders()]);
    engine.apply().await;
    let engine = engine.with(vec![users(), with_down(Some("DROP TABLE users"))]);
    assert!(engine.act(Action::Rollback(Target::Back(1))).await.error.is_none());
    assert_eq!((engine.state().await.0, warnings()), (vec!["four".into(), "orders".into(), "three".into()], 1));
}

#[tokio::test]
async fn sql_that_cannot_be_split_is_found_before_anything_runs() {
    for (up, down, script, line) in
        [("SELECT 1;\n'open", None, "upgrade", "2"), ("SELECT 1", Some("'"), "downgrade", "1")]
    {
        let engine = engine(vec![users(), sql("2", up, down)]).await;
        let error = engine.refused(Action::Apply(Target::Latest)).await;
        assert_eq!(error.kind, ErrorKind::Usage);
        let places = [("migration", "2_m2"), ("script", script), ("line", line)];
        assert_eq!(error.places, places.map(|(label, place)| (label, place.to_owned())));
        assert_eq!(engine.state().await, (vec![], vec![]));
    }
}

#[tokio::test]
async fn an_artifact_that_is_too_large_is_not_kept() {
    let mut newer = engine(vec![users(), orders()]).await;
    newer.stored_artifact_bytes = 10;
    newer.apply().await;
    let older = newer.with(vec![users()]);
    let error = older.refused(Action::Rollback(Target::Back(1))).await;
    assert_eq!(error.kind, ErrorKind::Mismatch);
    assert!(error.message.contains("keeps no copy"), "{}", error.message);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let engine = engine(vec![users(), orders()]).await;
    let request = Request {
        action: Action::Apply(Target::Latest),
        options: Options::default(),
        lock_wait: Duration::ZERO,
        dry_run: true,
    };
    let outcome = engine.run(&request).await.expect("a plan");
    assert_eq!((outcome.done.len(), outcome.done[0].rows_written), (2, 2));
    assert_eq!(engine.state().await, (vec![], vec![]));
    let mut database = engine.database.lock().await;
    let tables = database.query("SELECT count(*) FROM sqlite_schema", &[], QueryLimits::NONE).await.expect("a count");
    assert_eq!(tables.rows[0][0].as_int64(), Some(0));
}

/// What a dry run says.
async fn rehearsed(engine: &Engine) -> Outcome {
    let request = Request {
        action: Action::Apply(Target::Latest),
        options: Options::default(),
        lock_wait: Duration::ZERO,
        dry_run: true,
    };
    engine.run(&request).await.expect("a plan")
}

#[tokio::test]
async fn a_dry_run_refuses_what_a_commit_would() {
    let rebuild = |revision: &str, up: &str| {
        let mut migration = sql(revision, up, None);
        migration.description.needs = vec!["table-rebuild".to_owned()];
        migration
    };
    let deferred = "CREATE TABLE children (user_id INTEGER REFERENCES users DEFERRABLE INITIALLY DEFERRED);
                    INSERT INTO children VALUES (99)";
    let immediate = "CREATE TABLE pets (user_id INTEGER REFERENCES users); INSERT INTO pets VALUES (99)";
    let mended = "CREATE TABLE children (user_id INTEGER REFERENCES users DEFERRABLE INITIALLY DEFERRED);
                  INSERT INTO children VALUES (99); INSERT INTO users VALUES (99)";
    for (case, second, third, done) in [
        ("deferred", sql("2", deferred, None), sql("3", "SELECT 1", None), 1),
        ("a rebuild behind it", sql("2", immediate, None), rebuild("3", "SELECT 1"), 1),
        ("a rebuild before it", rebuild("2", "SELECT 1"), sql("3", immediate, None), 2),
        ("the rebuild itself", rebuild("2", immediate), sql("3", "SELECT 1", None), 1),
        ("mended before the end", sql("2", mended, None), rebuild("3", "SELECT 1"), 3),
    ] {
        let engine = engine(vec![users(), second, third]).await;
        let outcome = rehearsed(&engine).await;
        assert_eq!((outcome.done.len(), outcome.error.is_none()), (done, done == 3), "{case}: {:?}", outcome.error);
        let outcome = engine.apply().await;
        assert_eq!((outcome.done.len(), outcome.error.is_none()), (done, done == 3), "{case}: {:?}", outcome.error);
    }
}

#[tokio::test]
async fn what_a_newer_release_applied_is_rolled_back_from_the_database() {
    let newer = engine(vec![users(), orders()]).await;
    newer.apply().await;
    let older = newer.with(vec![users()]);
    let error = older.refused(Action::Apply(Target::Latest)).await;
    assert_eq!(error.kind, ErrorKind::Mismatch);
    let outcome = older.act(Action::Rollback(Target::Revision("1".to_owned()))).await;
    assert_eq!(outcome.done.len(), 1);
    assert_eq!(older.state().await.0, ["users"]);
}

#[tokio::test]
async fn statements_outside_of_a_transaction_are_taken_up_where_they_broke() {
    let text =
        |third: &str| format!("-- runner:no-transaction\nCREATE TABLE a (x); CREATE TABLE b (x); {third}; SELECT 1");
    let engine = engine(vec![users(), sql("2", &text("INSERT INTO nowhere VALUES (1)"), None)]).await;
    let outcome = engine.apply().await;
    let failed = outcome.failed.expect("a failure");
    assert_eq!(failed.took_effect, Some(TookEffect { steps: 2, of: Some(4) }));
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Partial));
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 partial 2"]);

    // What took effect was changed: refused.
    let changed = text("SELECT 3").replace("TABLE b", "TABLE c");
    let engine = engine.with(vec![users(), sql("2", &changed, None)]);
    let outcome = engine.apply().await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Mismatch));
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 partial 2"]);

    // The broken statement was mended: it goes on there.
    let mended = sql("2", &text("INSERT INTO a VALUES (1)"), Some("DROP TABLE a; DROP TABLE b"));
    let digest = mended.sha256.clone();
    let engine = engine.with(vec![users(), mended]);
    let outcome = engine.apply().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 applied 4"]);
    let history = history::read(&mut **engine.database.lock().await).await.expect("history");
    assert_eq!(history.get("2").map(|row| &row.sha256), Some(&digest));
    assert!(engine.apply().await.is_up_to_date());

    let outcome = engine.act(Action::Rollback(Target::Back(1))).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await.0, ["users"]);
}

#[tokio::test]
async fn what_all_attempts_did_is_added_up() {
    let text = |third: &str| {
        format!("-- runner:no-transaction\nCREATE TABLE a (x); INSERT INTO a VALUES (1), (2); {third}; DELETE FROM a")
    };
    let down = |second: &str| format!("-- runner:no-transaction\nINSERT INTO a VALUES (1), (2); {second}");
    let one = |up: &str, down: &str| vec![sql("1", up, Some(down))];
    let broken = "INSERT INTO nowhere VALUES (1)";
    let engine = engine(one(&text(broken), &down(broken))).await;
    let rows = async |engine: &Engine| history::read_all(&mut **engine.database.lock().await).await.expect("history");
    assert!(engine.apply().await.error.is_some());
    let row = rows(&engine).await.remove(0);
    assert_eq!((row.steps, row.rows_written), (2, 2));
    let mended = text("INSERT INTO a VALUES (3)");
    let engine = engine.with(one(&mended, &down(broken)));
    assert!(engine.apply().await.error.is_none());
    let row = rows(&engine).await.remove(0);
    assert_eq!((row.steps, row.rows_written, row.rolled_back_rows_written), (4, 6, None));

    assert!(engine.act(Action::Rollback(Target::Back(1))).await.error.is_some());
    assert_eq!(rows(&engine).await[0].rolled_back_rows_written, Some(2));
    let engine = engine.with(one(&mended, &down("DELETE FROM a")));
    let outcome = engine.act(Action::Rollback(Target::Back(1))).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let row = rows(&engine).await.remove(0);
    assert_eq!((row.rows_written, row.rolled_back_rows_written), (6, Some(4)));
    assert!(row.rolled_back_duration_ms.is_some());
}

#[tokio::test]
async fn a_stop_signal_within_a_statement_outside_of_a_transaction_is_told_as_that() {
    use crate::database::stop::StopReason;
    let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let text = format!("-- runner:no-transaction\nCREATE TABLE a (x); {endless}");
    for (reason, kind, message) in [
        (StopReason::Interrupt, ErrorKind::Interrupted, "stopped by an interrupt"),
        (StopReason::Terminate, ErrorKind::Terminated, "stopped by a request to terminate"),
        (StopReason::WallTime, ErrorKind::Partial, "the run took longer than the limit `wall_time` allows"),
    ] {
        let engine = engine(vec![sql("1", &text, None)]).await;
        let stop = engine.stop.clone();
        let raiser = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            stop.raise(reason);
        });
        let error = engine.apply().await.error.expect("stopped");
        raiser.join().expect("raised");
        assert_eq!((error.kind, &*error.message), (kind, message));
        assert!(error.places.contains(&("statement", "2 of 2, line 2".to_owned())), "{:?}", error.places);
        assert_eq!(engine.state().await.1, ["1 partial 1"]);
    }
}

#[tokio::test]
async fn a_first_statement_that_fails_leaves_no_trace() {
    let engine =
        engine(vec![sql("1", "-- runner:no-transaction\nINSERT INTO nowhere VALUES (1); SELECT 1", None)]).await;
    let outcome = engine.apply().await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Failed));
    assert_eq!(engine.state().await, (vec![], vec![]));
}

#[tokio::test]
async fn an_unknown_statement_waits_for_the_operator() {
    let text = |third: &str| format!("-- runner:no-transaction\nCREATE TABLE a (x); VACUUM; {third}");
    let engine = engine(vec![sql("1", &text("INSERT INTO nowhere VALUES (1)"), None)]).await;
    assert!(engine.apply().await.error.is_some());
    // As a crash within the second statement leaves it.
    let crash = "UPDATE runner_journal SET state = 'intent', answer = NULL, ended_at = NULL WHERE step = 2";
    {
        let mut database = engine.database.lock().await;
        as_host(&mut **database);
        database.execute(crash, &[]).await.expect("changed");
    }
    let engine = engine.with(vec![sql("1", &text("CREATE TABLE b (x)"), None)]);
    assert_eq!(engine.state().await.1, ["1 partial 1"]);
    let error = engine.refused(Action::Apply(Target::Latest)).await;
    assert_eq!(error.kind, ErrorKind::Partial);
    for (at, kind) in [(1, Some(ErrorKind::Partial)), (4, Some(ErrorKind::Partial)), (3, None)] {
        let request = Request {
            action: Action::Apply(Target::Latest),
            options: Options { resume_at: Some(at), ..Options::default() },
            lock_wait: Duration::ZERO,
            dry_run: false,
        };
        match engine.run(&request).await {
            Ok(outcome) => assert!(outcome.error.is_none() && kind.is_none(), "{:?}", outcome.error),
            Err(error) => assert_eq!(Some(error.kind), kind),
        }
    }
    assert_eq!(engine.state().await, (vec!["a".to_owned(), "b".to_owned()], vec!["1 applied 3".to_owned()]));
}

#[tokio::test]
async fn a_stop_signal_rolls_back_and_keeps_what_was_finished() {
    /// Raises the signal in the middle of revision 2.
    struct Stops(Box<dyn Script>, StopSignal);

    #[async_trait]
    impl Script for Stops {
        async fn run(&self, direction: Direction, context: &RunContext) -> crate::error::Result<()> {
            if context.revision == "2" {
                self.1.raise(crate::database::stop::StopReason::Terminate);
            }
            self.0.run(direction, context).await
        }
    }

    let mut engine = engine(vec![users(), orders(), sql("3", "SELECT 1", None)]).await;
    let (inner, stop) = (engine.loader.clone(), engine.stop.clone());
    engine.loader = Arc::new(move |source| Ok(Box::new(Stops(inner(source)?, stop.clone())) as Box<dyn Script>));
    let outcome = engine.apply().await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Terminated));
    assert_eq!((outcome.done.len(), outcome.not_run.len()), (1, 1));
    assert_eq!(engine.state().await.1, ["1 applied 0"]);
}

#[tokio::test]
async fn the_history_of_a_newer_runner_is_left_alone() {
    let engine = engine(vec![users()]).await;
    engine.apply().await;
    {
        let mut database = engine.database.lock().await;
        as_host(&mut **database);
        database.execute("UPDATE runner_meta SET value = '2'", &[]).await.expect("changed");
    }
    let error = engine.refused(Action::Apply(Target::Latest)).await;
    assert_eq!(error.kind, ErrorKind::Mismatch);
    assert!(error.message.contains("newer runner"), "{}", error.message);
}

#[tokio::test]
async fn the_database_itself_refuses_a_second_application() {
    let engine = engine(vec![users()]).await;
    engine.apply().await;
    let mut database = engine.database.lock().await;
    as_host(&mut **database);
    let row = history::read(&mut **database).await.expect("history").live.remove(0);
    let error = history::insert(&mut **database, &row).await.expect_err("refused");
    assert!(error.message.contains("UNIQUE"), "{}", error.message);
}
