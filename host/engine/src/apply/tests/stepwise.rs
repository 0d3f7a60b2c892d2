//! Statements outside a transaction: what remains of them, and how they are resumed.

use super::*;
use runner_database::stop::StopReason;

#[tokio::test]
async fn statements_outside_of_a_transaction_are_taken_up_where_they_broke() {
    let text =
        |third: &str| format!("-- runner:no-transaction\nCREATE TABLE a (x); CREATE TABLE b (x); {third}; SELECT 1");
    let engine = engine(vec![users(), sql("2", &text("INSERT INTO nowhere VALUES (1)"), None)]).await;
    let outcome = engine.apply().await;
    let failed = outcome.failed.expect("a failure");
    assert_eq!(failed.took_effect, Some(TookEffect { steps: 2, of: Some(4), ..TookEffect::default() }));
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Partial));
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 partial 2"]);

    // What took effect was changed: refused.
    let changed = text("SELECT 3").replace("TABLE b", "TABLE c");
    let engine = engine.with(vec![users(), sql("2", &changed, None)]);
    let outcome = engine.apply().await;
    assert_eq!(outcome.error.map(|error| error.kind), Some(ErrorKind::Mismatch));
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 partial 2"]);

    // The broken statement was fixed: the run resumes there.
    let mended = sql("2", &text("INSERT INTO a VALUES (1)"), Some("DROP TABLE a; DROP TABLE b"));
    let digest = mended.sha256.clone();
    let engine = engine.with(vec![users(), mended]);
    let outcome = engine.apply().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(engine.state().await.1, ["1 applied 0", "2 applied 4"]);
    let history = history::read(&mut engine.database.lock().await.host()).await.expect("history");
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
    let rows =
        async |engine: &Engine| history::read_all(&mut engine.database.lock().await.host()).await.expect("history");
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

/// Stops the run a moment after it has begun a statement.
struct RaiseAt(u64, StopSignal, StopReason);

impl EventSink for RaiseAt {
    fn emit(&self, event: &Event) {
        if matches!(event, Event::StatementStarted { statement, .. } if *statement == self.0) {
            let (stop, reason) = (self.1.clone(), self.2);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                stop.raise(reason);
            });
        }
    }
}

#[tokio::test]
async fn a_stop_signal_within_a_statement_outside_of_a_transaction_is_told_as_that() {
    let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let text = format!("-- runner:no-transaction\nCREATE TABLE a (x); {endless}");
    for (reason, kind, message) in [
        (StopReason::Interrupt, ErrorKind::Interrupted, "stopped by an interrupt"),
        (StopReason::Terminate, ErrorKind::Terminated, "stopped by a request to terminate"),
        (StopReason::WallTime, ErrorKind::Partial, "the run took longer than the limit `wall_time` allows"),
    ] {
        let engine = engine(vec![sql("1", &text, None)]).await;
        let engine = Engine { events: Arc::new(RaiseAt(2, engine.stop.clone(), reason)), ..engine };
        let error = engine.apply().await.error.expect("stopped");
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
