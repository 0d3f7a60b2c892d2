//! What a dry run leaves, and what it refuses.

use super::*;
use runner_project::catalog::Need;

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let engine = engine(vec![users(), orders()]).await;
    let request = Request {
        action: Action::Apply(Target::Latest),
        options: PlanOptions::default(),
        lock_wait: Duration::ZERO,
        dry_run: true,
        accept: None,
    };
    let outcome = engine.run(&request).await.expect("a plan");
    assert_eq!((outcome.done.len(), outcome.done[0].rows_written), (2, 2));
    assert_eq!(engine.state().await, (vec![], vec![]));
    let mut database = engine.database.lock().await;
    let tables =
        database.host().query("SELECT count(*) FROM sqlite_schema", &[], QueryLimits::NONE).await.expect("a count");
    assert_eq!(tables.rows[0][0].as_int64(), Some(0));
}

/// What a dry run says.
async fn dry_run_event(engine: &Engine) -> Outcome {
    let request = Request {
        action: Action::Apply(Target::Latest),
        options: PlanOptions::default(),
        lock_wait: Duration::ZERO,
        dry_run: true,
        accept: None,
    };
    engine.run(&request).await.expect("a plan")
}

#[tokio::test]
async fn a_dry_run_refuses_what_a_commit_would() {
    let rebuild = |revision: &str, up: &str| {
        let mut migration = sql(revision, up, None);
        migration.description.needs = vec![Need::TableRebuild];
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
        let outcome = dry_run_event(&engine).await;
        assert_eq!((outcome.done.len(), outcome.error.is_none()), (done, done == 3), "{case}: {:?}", outcome.error);
        let outcome = engine.apply().await;
        assert_eq!((outcome.done.len(), outcome.error.is_none()), (done, done == 3), "{case}: {:?}", outcome.error);
    }
}
