//! Whole runs on SQLite in memory, with SQL scripts and with scripts that misbehave.

mod dry_runs;
mod preload;
mod stepwise;

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::Direction;
use crate::plan::PlanOptions;
use crate::script::{RunContext, Script, ScriptSource};
use crate::sql_script::SqlScript;
use crate::target::Target;
use runner_base::error::ErrorKind;
use runner_database::{ConnectOptions, DatabaseUrl, Dialect, QueryLimits};
use runner_drivers::connect;
use runner_project::catalog::{Artifact, Description, Kind, Migration, Mode, SqlFiles};
use runner_project::settings::RequiredIsolation;
use runner_project::{WrittenSql, sha256};

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
        artifact: Artifact::Sql { texts: WrittenSql::new(up.into(), down.map(Into::into)), files: SqlFiles::default() },
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
    let loader: Arc<dyn ScriptLoader> = Arc::new(|source: &ScriptSource| match source {
        ScriptSource::Sql { up, down, .. } => {
            Ok(Box::new(SqlScript::new(up, down.as_ref(), Dialect::Sqlite)?) as Box<dyn Script>)
        }
        _ => Err(Error::failed("no components here")),
    });
    Engine {
        database: Arc::new(tokio::sync::Mutex::new(database)),
        catalog: Arc::new(Catalog { migrations, ..Catalog::default() }),
        loader,
        ahead: Preload::default(),
        control: Arc::new(crate::control::RunControl::unthrottled(events.clone(), StopSignal::default())),
        events,
        stop: StopSignal::default(),
        parameters: Arc::default(),
        grants: Arc::default(),
        limits: Arc::default(),
        isolation: RequiredIsolation::Any,
        identity: Identity::now(),
        stored_artifact_bytes: 1 << 20,
        stored_call_bytes: 1 << 20,
        retries: 3,
        dry_run: None,
        backup: None,
        transforms: Arc::default(),
    }
}

impl Engine {
    /// The same database with another project, as a later run sees it.
    pub(super) fn with(self, migrations: Vec<Migration>) -> Self {
        Self { catalog: Arc::new(Catalog { migrations, ..Catalog::default() }), identity: Identity::now(), ..self }
    }

    pub(super) async fn act(&self, action: Action) -> Outcome {
        let request = Request {
            action,
            options: PlanOptions::default(),
            lock_wait: Duration::from_secs(1),
            dry_run: false,
            accept: None,
        };
        self.run(&request).await.expect("a plan")
    }

    pub(super) async fn apply(&self) -> Outcome {
        self.act(Action::Apply(Target::Latest)).await
    }

    pub(super) async fn refused(&self, action: Action) -> Error {
        let request = Request {
            action,
            options: PlanOptions::default(),
            lock_wait: Duration::from_secs(1),
            dry_run: false,
            accept: None,
        };
        self.run(&request).await.expect_err("refused")
    }

    /// The tables, and the rows of history as `revision state statements-done`.
    pub(super) async fn state(&self) -> (Vec<String>, Vec<String>) {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'runner_%' ORDER BY name";
        let tables = database.query(tables, &[], QueryLimits::NONE).await.expect("tables");
        let tables = tables.rows.iter().filter_map(|row| row[0].as_text().map(str::to_owned)).collect();
        let rows = history::read_all(database).await.expect("history");
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
    assert!(error.hints.iter().any(|hint| hint.starts_with("`2_m2` is now rolled back")), "{:?}", error.hints);
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
    let engine = engine(vec![users(), sql("2", "SELECT 1;\n'open", None)]).await;
    let error = engine.refused(Action::Apply(Target::Latest)).await;
    assert_eq!(error.kind, ErrorKind::Usage);
    let places = [("migration", "2_m2"), ("file", "2_m2.up.sql"), ("line", "2")];
    assert_eq!(error.places, places.map(|(label, place)| (label, place.to_owned())));
    assert_eq!(engine.state().await, (vec![], vec![]));
}

#[tokio::test]
async fn a_downgrade_that_cannot_be_split_prevents_only_itself() {
    let engine = engine(vec![users(), sql("2", "SELECT 1", Some("SELECT 1;\n'"))]).await;
    engine.apply().await;
    let before = engine.state().await;
    let error = engine.refused(Action::Rollback(Target::Base)).await;
    let places = [("migration", "2_m2"), ("file", "2_m2.down.sql"), ("line", "2")];
    assert_eq!(error.places, places.map(|(label, place)| (label, place.to_owned())));
    assert_eq!(engine.state().await, before);
}

#[tokio::test]
async fn an_artifact_that_is_too_large_is_not_kept() {
    let mut newer = engine(vec![users(), orders()]).await;
    newer.stored_artifact_bytes = 10;
    newer.apply().await;
    let older = newer.with(vec![users()]);
    let error = older.refused(Action::Rollback(Target::Back(1))).await;
    assert_eq!(error.kind, ErrorKind::Mismatch);
    assert!(error.message.contains("the database has no copy of what was applied"), "{}", error.message);
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
async fn a_stop_signal_rolls_back_and_keeps_what_was_finished() {
    /// Raises the signal in the middle of revision 2.
    struct Stops(Box<dyn Script>, StopSignal);

    #[async_trait]
    impl Script for Stops {
        async fn run(&self, direction: Direction, context: &RunContext) -> runner_base::error::Result<()> {
            if context.revision == "2" {
                self.1.raise(runner_database::stop::StopReason::Terminate);
            }
            self.0.run(direction, context).await
        }
    }

    let mut engine = engine(vec![users(), orders(), sql("3", "SELECT 1", None)]).await;
    let (inner, stop) = (engine.loader.clone(), engine.stop.clone());
    engine.loader =
        Arc::new(
            move |source: &ScriptSource| Ok(Box::new(Stops(inner.load(source)?, stop.clone())) as Box<dyn Script>),
        );
    let outcome = engine.apply().await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Terminated));
    assert_eq!((outcome.done.len(), outcome.not_run.len()), (1, 1));
    assert_eq!(engine.state().await.1, ["1 applied 0"]);
}

#[tokio::test]
async fn the_history_of_another_format_is_left_alone() {
    let older = crate::schema::FORMAT - 1;
    for (format, message) in [
        ("999".to_owned(), "history was written by a newer runner (format 999; "),
        (older.to_string(), &*format!("history was written by an older runner (format {older}; ")),
        ("0".to_owned(), "history contains data that runner did not write"),
        ("x".to_owned(), "history contains data that runner did not write"),
    ] {
        let engine = engine(vec![users()]).await;
        engine.apply().await;
        {
            let mut database = engine.database.lock().await;
            let database = &mut database.host();
            database.execute("UPDATE runner_meta SET value = ?1", &[format.into()]).await.expect("changed");
        }
        let error = engine.refused(Action::Apply(Target::Latest)).await;
        assert_eq!(error.kind, ErrorKind::Mismatch);
        assert!(error.message.starts_with(message), "{}", error.message);
    }
}

#[tokio::test]
async fn the_database_itself_refuses_a_second_application() {
    let engine = engine(vec![users()]).await;
    engine.apply().await;
    let mut database = engine.database.lock().await;
    let database = &mut database.host();
    let row = history::read(database).await.expect("history").live.remove(0);
    let error = history::make(database, [history::inserted(&row)]).await.expect_err("refused");
    assert!(error.message.contains("UNIQUE"), "{}", error.message);
}
