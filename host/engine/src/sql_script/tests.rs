use runner_base::error::ErrorKind;
use runner_database::stop::StopReason;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::{EventSink, RunRecorder};
use runner_database::{ConnectOptions, DatabaseUrl, QueryLimits, SharedDatabase, StopSignal, TransactionOptions};
use runner_drivers::connect;

#[derive(Default)]
struct Heard(Mutex<Vec<(u64, String, u64)>>);

impl EventSink for Heard {
    fn emit(&self, event: &Event) {
        if let Event::StepFinished { step, statement, rows, .. } = event {
            self.0.lock().expect("heard").push((*step, statement.clone(), *rows));
        }
    }
}

async fn context(events: Arc<Heard>) -> RunContext {
    let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
    let mut database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
    database.host().begin(TransactionOptions::default()).await.expect("a transaction");
    let database: SharedDatabase = Arc::new(tokio::sync::Mutex::new(database));
    RunContext {
        database,
        control: Arc::new(crate::control::RunControl::unthrottled(events.clone(), StopSignal::default())),
        events,
        stop: StopSignal::default(),
        revision: "1".to_owned(),
        run_timestamp: 0,
        seed: 0,
        parameters: Arc::default(),
        recorder: Arc::new(RunRecorder::default()),
        execution: crate::script::Execution::Atomic,
        each_commits: false,
        trial: None,
        left_out: Default::default(),
        transforms: Arc::default(),
        server_version: None,
        grants: None,
        renames: Arc::default(),
    }
}

fn script(up: &str, down: Option<&str>) -> SqlScript {
    SqlScript::new(&up.into(), down.map(Sql::from).as_ref(), Dialect::Sqlite).expect("a script")
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_run_in_order_each_a_step() {
    let events = Arc::new(Heard::default());
    let context = context(events.clone()).await;
    let up = "CREATE TABLE a (b);\n-- three\nINSERT INTO a VALUES (1), (2), (3);\nSELECT * FROM a;";
    let script = script(up, Some("DROP TABLE a"));
    script.run(Direction::Up, &context).await.expect("up");
    assert_eq!((context.recorder.steps(), context.recorder.rows_written()), (3, 3));
    let heard = events.0.lock().expect("heard").clone();
    assert_eq!(heard[1], (2, "INSERT INTO a VALUES (1), (2), (3)".to_owned(), 3));
    script.run(Direction::Down, &context).await.expect("down");
    let found =
        context.database.lock().await.host().query("SELECT name FROM sqlite_schema", &[], QueryLimits::NONE).await;
    assert_eq!(found.expect("a schema").rows.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_which_statement_it_was() {
    let context = context(Arc::default()).await;
    let script = script("CREATE TABLE a (b);\n\nINSERT INTO a\n  VALUES (1, 2);", None);
    let failure = script.run(Direction::Up, &context).await.expect_err("two values for one column");
    let places = [
        ("script", "upgrade".to_owned()),
        ("statement", "2 of 2, line 3".to_owned()),
        ("text", "INSERT INTO a VALUES (1, 2)".to_owned()),
    ];
    assert_eq!(failure.places, places);
    assert!(failure.message.contains("table a has 1 columns but 2 values were supplied"), "{}", failure);
    let failure = script.run(Direction::Down, &context).await.expect_err("no downgrade");
    assert_eq!(failure.message, "the migration has no downgrade");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_told_by_its_place_in_the_file() {
    for (up, place) in [
        ("SELECT 1;\n\n  SELECT é FRM x, y;\n", "line 3, column 16, at `x, y`"),
        ("SELECT 1; SELECT\n\n  * FROM nowhere WHERE OR;", "line 3, column 24, at `OR`"),
    ] {
        let context = context(Arc::default()).await;
        let failure = script(up, None).run(Direction::Up, &context).await.expect_err(up);
        assert!(failure.message.contains(place), "{}", failure.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transaction_is_runners() {
    for (statement, hint) in [("COMMIT", "leave the statement out"), ("VACUUM", "-- runner:no-transaction")] {
        let context = context(Arc::default()).await;
        let failure = script(statement, None).run(Direction::Up, &context).await.expect_err(statement);
        assert!(failure.hints.iter().any(|it| it.contains(hint)), "{:?}", failure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_signal_ends_it_between_statements() {
    for (reason, kind) in [
        (StopReason::Interrupt, ErrorKind::Interrupted),
        (StopReason::Terminate, ErrorKind::Terminated),
        (StopReason::WallTime, ErrorKind::Denied),
    ] {
        let context = context(Arc::default()).await;
        context.stop.raise(reason);
        let failure = script("CREATE TABLE a (b)", None).run(Direction::Up, &context).await.expect_err("stopped");
        assert_eq!((failure.kind, context.recorder.steps()), (kind, 0));
    }
}

#[test]
fn a_text_that_cannot_be_split_is_refused_at_once() {
    let error = SqlScript::new(&"SELECT 1;\nSELECT 'a".into(), None, Dialect::Sqlite).expect_err("open");
    assert_eq!(error.places, [("script", "upgrade".to_owned()), ("line", "2".to_owned())]);
    assert_eq!(excerpt(&"é ".repeat(200)).chars().count(), 161);
}
